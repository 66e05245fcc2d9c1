"""What docs/feeds.md says of tests and names is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from feeds.examples import FACTS, KINDS, make_entry, make_feed

from newsletter.feeds import FORMATS, atom, jsonfeed

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "feeds.md").read_text("utf-8")
TESTS = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests" / "feeds").glob("test_*.py"))


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(test_\w+)`", DOCUMENT))))
def test_every_test_that_is_named_is_there(name: str) -> None:
    assert f"def {name}(" in TESTS


@pytest.mark.parametrize("place", sorted(set(re.findall(r"`(tests/[\w./]*)`", DOCUMENT))))
def test_every_file_that_is_named_is_there(place: str) -> None:
    assert (ROOT / place).exists()


def test_every_namespace_is_explained() -> None:
    written = "".join(atom.write(make_feed(make_entry(facts=FACTS), **kind)).decode() for kind in KINDS.values())
    for prefix, namespace in set(re.findall(r'xmlns:(\w+)="([^"]+)"', written)):
        assert re.search(rf"\| `{prefix}` \| `{re.escape(namespace)}`", DOCUMENT), prefix


def test_every_field_of_our_own_is_explained() -> None:
    written = "".join(jsonfeed.write(make_feed(make_entry(facts=FACTS), **kind)).decode() for kind in KINDS.values())
    for part in re.findall(r'"_newsletter":(\{(?:[^{}]|\{[^{}]*\})*\})', written):
        for field in re.findall(r'"(\w+)":', part):
            assert re.search(rf"[`\"]{field}[`\"]", DOCUMENT), field


def test_every_format_is_named() -> None:
    assert all(f"`.{form.SUFFIX}`" in DOCUMENT for form in FORMATS)
