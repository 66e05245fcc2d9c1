"""The example articles keep the capture format and hold every special case that the demo and the tests rely on.

Nothing here uses the product's own parser: the layout is checked line by line from its description.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
SEEDS = ROOT / "seeds"
REAL = Path(os.environ.get("NEWSLETTER_REAL_SEEDS") or ROOT.parent / "shared" / "seeds")
CAPTURES = sorted(SEEDS.glob("*.txt"))
SIDECARS = sorted(SEEDS.glob("*.toml"))
TOPICS: dict[str, list[str]] = json.loads((ROOT / "tests" / "data" / "seed_topics.json").read_text(encoding="utf-8"))

HEADINGS = ("Key Takeaway", "What They Found", "Who Should Care and Why", "Important Considerations")
RATING = re.compile(r"[0-5](?:\.5)?/5")
PAGE_DATE = re.compile(r"([1-9]|1[0-2])/([1-9]|[12][0-9]|3[01])/(20[0-9]{2})")
JOURNAL = re.compile(r"medical journals like (.+?) often range from")
CLINICIANS = re.compile(r"clinician|doctor|neurologist|nurse|therapist|psychologist|dietitian", re.IGNORECASE)
KEYS = {
    "published": (date, datetime),
    "publish_after": (datetime,),
    "status": (str,),
    "status_date": (datetime,),
    "notice": (str,),
    "source_url": (str,),
    "doi": (str,),
    "pmid": (str,),
    "issue_date": (date,),
    "topics": (list,),
}

each_capture = pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
each_sidecar = pytest.mark.parametrize("path", SIDECARS, ids=lambda path: path.stem)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One related article of a page."""

    title: str
    date: date
    teaser: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The parts of a capture, by their place alone."""

    title: str
    ratings: tuple[str | None, str | None]
    sections: tuple[str, ...]
    glued: str
    related: tuple[Block, ...]
    closing: tuple[str, ...]


def take(lines: Iterator[str], *expected: str) -> None:
    for line in expected:
        assert next(lines) == line


def read_ratings(lines: Iterator[str]) -> tuple[str | None, str | None]:
    """Read the two labels, bare or with a value on the same or the next line, and the first heading after them."""
    head = []
    while (line := next(lines)) != HEADINGS[0]:
        head.append(line)
    joined = re.fullmatch(r"Credibility(?:[ \n](\S+))?\nInterest(?:[ \n](\S+))?", "\n".join(head))
    assert joined, head
    return joined[1], joined[2]


def read_block(lines: Iterator[str], title: str) -> Block:
    take(lines, title, "")
    found = PAGE_DATE.fullmatch(next(lines))
    assert found, title
    take(lines, "")
    teaser = next(lines)
    take(lines, "", "Read More")
    return Block(title=title, date=date(int(found[3]), int(found[1]), int(found[2])), teaser=teaser)


def read_page(text: str) -> Page:
    lines = iter(text.split("\n"))
    title = next(lines)
    take(lines, "", title)
    ratings = read_ratings(lines)
    sections = []
    for following in (*HEADINGS[1:], "Article Topics:"):
        take(lines, "")
        sections.append(next(lines))
        take(lines, "", following)
    glued = next(lines)
    take(lines, "", "You May Also Like", "")
    related = tuple(read_block(lines, next(lines)) for _ in range(6))
    take(lines, "Understanding MS Research")
    closing = []
    for _ in range(3):
        take(lines, "")
        closing.append(next(lines))
    assert next(lines, None) is None, "text after the closing paragraphs"
    return Page(
        title=title, ratings=ratings, sections=tuple(sections), glued=glued, related=related, closing=tuple(closing)
    )


def sentences(paragraph: str) -> list[str]:
    return re.split(r"(?<=[.?!]) (?=[A-Z])", paragraph)


def facts(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def all_facts() -> dict[str, dict[str, Any]]:
    return {path.stem: facts(path) for path in SIDECARS}


def day(moment: date | datetime) -> date:
    """Give the day in UTC."""
    return moment.astimezone(UTC).date() if isinstance(moment, datetime) else moment


def published_days() -> list[date]:
    return sorted(day(known["published"]) for known in all_facts().values() if "published" in known)


def pages() -> dict[str, Page]:
    return {path.stem: read_page(path.read_text(encoding="utf-8")) for path in CAPTURES}


# -- files ------------------------------------------------------------------------------------------------------------


def test_twenty_six_captures_have_names_with_gaps_in_their_numbers() -> None:
    numbers = [int(path.name[:3]) for path in CAPTURES]
    assert len(CAPTURES) == 26
    assert all(re.fullmatch(r"[0-9]{3}_[0-9a-f]{16}", path.stem) for path in CAPTURES)
    assert len(set(numbers)) == 26
    assert max(numbers) - min(numbers) > 26


def test_every_sidecar_belongs_to_a_capture_and_one_capture_has_none() -> None:
    captures = {path.stem for path in CAPTURES}
    sidecars = {path.stem for path in SIDECARS}
    assert sidecars < captures
    assert len(captures - sidecars) == 1


def test_the_folder_holds_nothing_else() -> None:
    assert {path.name for path in SEEDS.iterdir()} == {path.name for path in (*CAPTURES, *SIDECARS)} | {"README.md"}


def test_the_readme_has_one_row_for_each_capture_and_says_that_studies_are_invented() -> None:
    readme = (SEEDS / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([^`]+)` \|", readme, re.MULTILINE) == [path.stem for path in CAPTURES]
    assert "Every study here is invented" in readme


@each_capture
def test_bytes_are_plain_utf8_without_a_final_newline(path: Path) -> None:
    text = path.read_bytes().decode("utf-8")
    assert unicodedata.is_normalized("NFC", text)
    assert not set(text) & set("\ufeff\r\t\0")
    assert not text.endswith("\n")
    assert "\n\n\n" not in text
    assert all(line == line.strip() and "  " not in line for line in text.split("\n"))


@each_capture
def test_only_the_closing_paragraphs_leave_ascii(path: Path) -> None:
    body, closing = path.read_text(encoding="utf-8").split("\nUnderstanding MS Research\n")
    assert body.isascii()
    assert Counter(letter for letter in closing if not letter.isascii()) == {"\u2019": 1, "\u2014": 4}


# -- layout -----------------------------------------------------------------------------------------------------------


@each_capture
def test_sections_have_the_length_and_the_readers_of_the_real_pages(path: Path) -> None:
    takeaway, found, audience, considerations = read_page(path.read_text(encoding="utf-8")).sections
    assert [len(sentences(section)) for section in (takeaway, found, audience, considerations)] == [1, 5, 5, 3]
    assert len(takeaway.split()) <= 22
    assert 66 <= len(found.split()) <= 92
    assert 60 <= len(audience.split()) <= 110
    assert 45 <= len(considerations.split()) <= 80
    for reader in (re.compile(r"\bMS\b"), re.compile(r"\bcaregivers\b", re.IGNORECASE), CLINICIANS):
        assert any(reader.search(sentence) for sentence in sentences(audience)), reader.pattern


@each_capture
def test_considerations_send_the_reader_to_the_people_who_treat_them(path: Path) -> None:
    considerations = read_page(path.read_text(encoding="utf-8")).sections[3]
    assert re.search(r"care team|your doctor", sentences(considerations)[-1])


@each_capture
def test_findings_are_hedged(path: Path) -> None:
    page = read_page(path.read_text(encoding="utf-8"))
    assert re.search(r"\bmay\b", page.sections[0])


@each_capture
def test_ratings_are_bare_labels_or_values_out_of_five(path: Path) -> None:
    for value in read_page(path.read_text(encoding="utf-8")).ratings:
        assert value is None or RATING.fullmatch(value)


def test_ratings_are_missing_in_most_and_stand_on_either_line_in_some() -> None:
    rated = {stem: page.ratings for stem, page in pages().items() if any(page.ratings)}
    texts = [path.read_text(encoding="utf-8") for path in CAPTURES]
    assert len(rated) == 9
    assert sum("\nCredibility\nInterest\nKey Takeaway\n" in text for text in texts) == 17
    assert sum(bool(re.search(r"\nCredibility \S+\nInterest \S+\n", text)) for text in texts) == 5
    assert sum(bool(re.search(r"\nCredibility\n\S+/5\nInterest\n\S+/5\n", text)) for text in texts) == 3
    assert [bool(interest) for _, interest in rated.values()].count(False) == 1


@each_capture
def test_glued_topics_are_the_true_list_in_code_point_order(path: Path) -> None:
    topics = TOPICS[path.stem]
    assert read_page(path.read_text(encoding="utf-8")).glued == "".join(topics)
    assert topics == sorted(set(topics))
    assert 4 <= len(topics) <= 10


def test_the_true_lists_cover_each_capture_and_recur_in_three_styles() -> None:
    assert list(TOPICS) == [path.stem for path in CAPTURES]
    styles = Counter(style_of(topics) for topics in TOPICS.values())
    assert min(styles["sentence"], styles["mixed"], styles["lower"]) >= 6
    counts = Counter(topic.lower() for topics in TOPICS.values() for topic in topics)
    assert sum(count >= 2 for count in counts.values()) >= 12
    assert {len(topics) for topics in TOPICS.values()} >= {4, 10}


def style_of(topics: list[str]) -> str:
    capitals = [not topic[0].islower() for topic in topics]
    if all(capitals):
        return "sentence"
    return "mixed" if any(capitals) else "lower"


@each_capture
def test_related_blocks_are_newest_first_and_cut_at_one_hundred_code_points(path: Path) -> None:
    page = read_page(path.read_text(encoding="utf-8"))
    dates = [block.date for block in page.related]
    assert dates == sorted(dates, reverse=True)
    assert [len(block.teaser) for block in page.related] == [100] * 6
    titles = [block.title for block in page.related]
    assert len(set(titles)) == 6
    assert page.title not in titles


def test_a_related_title_has_one_date_and_one_teaser_everywhere() -> None:
    blocks = {block for page in pages().values() for block in page.related}
    assert len({block.title for block in blocks}) == len(blocks)
    issue_dates = [block.date for block in blocks]
    assert sum(issued.day == 1 for issued in issue_dates) > 0.9 * len(issue_dates)


@each_capture
def test_the_closing_paragraphs_are_the_same_but_for_the_journal(path: Path) -> None:
    page = read_page(path.read_text(encoding="utf-8"))
    first = read_page(CAPTURES[0].read_text(encoding="utf-8"))
    journal, other = JOURNAL.search(page.closing[0]), JOURNAL.search(first.closing[0])
    assert journal
    assert other
    assert page.closing[0].replace(journal[1], "") == first.closing[0].replace(other[1], "")
    assert page.closing[1:] == first.closing[1:]
    assert "More Details section above" in page.closing[1]


def test_journal_names_come_in_the_shapes_of_the_medical_library() -> None:
    names = {found[1] for page in pages().values() if (found := JOURNAL.search(page.closing[0]))}
    assert len(names) >= 20
    assert names >= {"Multiple sclerosis (Houndmills, Basingstoke, England)", "Neurology", "Journal of neurology"}
    assert any(name.startswith("medRxiv : ") for name in names)
    assert any(name.count(" : ") == 2 for name in names)
    assert any(". " in name for name in names)


def test_titles_that_look_like_headings_are_there() -> None:
    titles = {page.title for page in pages().values()}
    related = Counter(block.title for page in pages().values() for block in page.related)
    assert "Understanding MS Research Registries" in titles
    assert related["Understanding MS Research Registries"] >= 3
    assert any(title.startswith("What They Found ") for title in titles)
    assert len(titles) == 26


def test_a_teaser_holds_the_words_that_end_a_block() -> None:
    assert any("Read More" in block.teaser for page in pages().values() for block in page.related)


def test_the_odd_phrase_of_real_pages_occurs_in_two_or_three() -> None:
    bodies = [" ".join((page.title, *page.sections)) for page in pages().values()]
    assert 2 <= sum("MS patients" in body or "MS Patients" in body for body in bodies) <= 3


def test_no_title_says_that_an_article_was_retracted() -> None:
    assert not any("retract" in page.title.lower() for page in pages().values())


# -- sidecars ---------------------------------------------------------------------------------------------------------


@each_sidecar
def test_a_sidecar_says_what_it_is_and_uses_known_keys_of_the_right_type(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith(f"# Facts beside the invented article {path.stem}.txt:")
    for key, value in facts(path).items():
        assert isinstance(value, KEYS[key]), key
        if isinstance(value, datetime):
            assert value.utcoffset() is not None, key


@each_sidecar
def test_addresses_and_identifiers_are_those_kept_for_examples(path: Path) -> None:
    known = facts(path)
    assert known.get("source_url", "https://doi.example.org/").startswith("https://doi.example.org/")
    assert known.get("doi", "10.5555/").startswith("10.5555/")


@each_sidecar
def test_a_status_comes_with_its_date_and_a_notice(path: Path) -> None:
    known = facts(path)
    assert len({"status", "status_date", "notice"} & known.keys()) in {0, 3}
    if "status" in known:
        assert day(known["published"]) < day(known["status_date"])
        assert 1 <= len(sentences(known["notice"])) <= 2


def test_dates_spread_over_three_months_and_include_the_crowded_days() -> None:
    days = published_days()
    counts = Counter(days)
    assert len(days) == 23
    assert (days[0], days[-1]) == (date(2026, 8, 24), date(2026, 11, 19))
    assert days[-1] - days[0] >= timedelta(days=80)
    assert counts[date(2026, 11, 18)] == 2
    assert counts[date(2026, 11, 19)] == 2
    assert max(counts.values()) >= 3


def test_the_last_two_weeks_are_full_and_one_week_is_empty() -> None:
    weeks = Counter(day.isocalendar()[:2] for day in published_days())
    assert weeks[2026, 46] == 3
    assert weeks[2026, 46] + weeks[2026, 47] >= 5
    assert weeks[2026, 45] == 0


def test_month_boundaries_are_crossed_by_days_and_by_zones() -> None:
    moments = [known["published"] for known in all_facts().values() if "published" in known]
    zoned = [moment for moment in moments if isinstance(moment, datetime)]
    assert {date(2026, 9, 30), date(2026, 10, 1)} <= {moment for moment in moments if moment not in zoned}
    assert len(zoned) >= 5
    assert sum(moment.date().month != day(moment).month for moment in zoned) == 2


def test_two_articles_have_no_date_at_all() -> None:
    known = all_facts()
    undated = [path.stem for path in CAPTURES if not {"published", "publish_after"} & known.get(path.stem, {}).keys()]
    assert len(undated) == 2
    assert [stem in known for stem in undated].count(True) == 1


def test_one_article_is_held_back_and_no_other_page_gives_it_away() -> None:
    held = {stem: known["publish_after"] for stem, known in all_facts().items() if "publish_after" in known}
    assert [moment.year for moment in held.values()] == [2027]
    read = pages()
    (title,) = (read[stem].title for stem in held)
    assert all(block.title != title for page in read.values() for block in page.related)


def test_one_issue_date_lies_long_after_the_article() -> None:
    """An issue date holds nothing back: the article itself was published months before."""
    late = [known for known in all_facts().values() if known.get("issue_date") == date(2026, 12, 31)]
    assert [day(known["published"]) for known in late] == [date(2026, 10, 1)]


def test_one_study_is_corrected_and_one_is_retracted() -> None:
    known = {facts["status"]: facts for facts in all_facts().values() if "status" in facts}
    assert sorted(known) == ["corrected", "retracted"]
    assert known["corrected"]["status_date"] == datetime(2026, 11, 19, 9, tzinfo=UTC)
    assert day(known["corrected"]["published"]).month == 9
    assert day(known["retracted"]["status_date"]) == date(2026, 11, 12)
    assert day(known["retracted"]["published"]).month == 10


def test_the_retracted_study_stands_in_related_blocks_of_others() -> None:
    read = pages()
    (title,) = (read[stem].title for stem, known in all_facts().items() if known.get("status") == "retracted")
    assert sum(block.title == title for page in read.values() for block in page.related) >= 2


def test_topics_of_a_sidecar_are_the_true_ones() -> None:
    given = {stem: known["topics"] for stem, known in all_facts().items() if "topics" in known}
    assert len(given) == 1
    assert all(TOPICS[stem] == topics for stem, topics in given.items())


# -- own words --------------------------------------------------------------------------------------------------------


def runs(text: str) -> set[tuple[str, ...]]:
    """Give every run of eight words, without case and punctuation."""
    words = re.findall(r"[a-z0-9]+(?:'[a-z]+)?", text.lower().replace("\u2019", "'"))
    return {tuple(words[start : start + 8]) for start in range(len(words) - 7)}


@pytest.mark.skipif(not any(REAL.glob("*.txt")), reason="the real captures are not beside this checkout")
def test_no_eight_words_in_a_row_are_those_of_a_real_page() -> None:
    real = set().union(*(runs(path.read_text(encoding="utf-8")) for path in REAL.glob("*.txt")))
    shared = {path.stem: real & runs(path.read_text(encoding="utf-8")) for path in CAPTURES}
    assert {stem: found for stem, found in shared.items() if found} == {}
