"""Our own server does what the table says, to the letter."""

from __future__ import annotations

import pytest
from http_table import TABLE, Case, differences
from web_site import Served


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case.name)
def test_our_server_does_what_the_table_says(case: Case, served: Served) -> None:
    assert differences(case, served.ask) == []


def test_the_table_names_each_case_once() -> None:
    assert len({case.name for case in TABLE}) == len(TABLE)
