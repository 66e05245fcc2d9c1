"""The contract of a feed format: the same cases for every module of the folder that is one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from feeds.examples import HOSTILE, make_entry, make_feed

from newsletter import feeds
from newsletter.feeds import FORMATS, Format, atom

ROOT = Path(__file__).resolve().parents[2]
WRITE = """
from newsletter.feeds import FORMATS
from feeds.examples import make_entry, make_feed
import sys
for each in FORMATS:
    sys.stdout.buffer.write(each.write(make_feed(make_entry(2), make_entry(1))))
"""

each_format = pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.SUFFIX)


def test_every_format_of_the_folder_is_found() -> None:
    folder = Path(feeds.__file__).parent
    offering = [path for path in folder.glob("*.py") if re.search(r"^SUFFIX = ", path.read_text("utf-8"), re.MULTILINE)]
    assert len(FORMATS) == len(offering)
    assert atom in FORMATS


def test_no_two_formats_write_the_same_file() -> None:
    assert len({form.SUFFIX for form in FORMATS}) == len(FORMATS)


@each_format
def test_it_says_what_it_is(form: Format) -> None:
    assert re.fullmatch(r"[a-z]+", form.SUFFIX)
    assert re.fullmatch(r"[a-z]+/[a-z0-9.+-]+", form.MEDIA_TYPE)


@each_format
def test_an_empty_feed_can_be_written(form: Format) -> None:
    assert form.write(make_feed())


@each_format
def test_every_entry_is_written_in_order(form: Format) -> None:
    document = form.write(make_feed(make_entry(2), make_entry(1))).decode()
    assert 0 < document.index("article/2") < document.index("article/1")


@each_format
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_makes_it_fail(form: Format, text: str) -> None:
    document = form.write(make_feed(make_entry(title=text, summary=text, content=text), make_entry(2), title=text))
    assert "article/2" in document.decode("utf-8")


@each_format
def test_the_bytes_do_not_depend_on_process_or_time(form: Format) -> None:
    feed = make_feed(make_entry(2), make_entry(1))
    for seed in ("1", "2"):
        environment = os.environ | {
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}",
            "TZ": "Asia/Tokyo",
        }
        done = subprocess.run([sys.executable, "-c", WRITE], env=environment, capture_output=True, check=True, cwd=ROOT)
        assert form.write(feed) in done.stdout
