"""RSS, Atom and JSON Feed."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any

import pytest
from feed_examples import DATE, HTML, TEXT, atom, entry, item, json_feed, json_item, rss
from hypothesis import given
from hypothesis import strategies as st
from timing import processor_seconds

from newsletter.errors import DocumentError
from newsletter.model import DateOrigin, Document, Facts, Rating, Summary
from newsletter.sources import base
from newsletter.sources.base import BYTES_LIMIT, Raw, Source
from newsletter.sources.feed import Feed, read_moment
from newsletter.sources.places import Stream


def split(data: bytes) -> list[Raw]:
    return list(Feed().split(Raw(key="news", name="folder/news.xml", data=data)))


def parse(raw: Raw) -> Document:
    return Source("test", Stream(None), Feed()).parse(raw)  # type: ignore[arg-type]


def one(data: bytes) -> Document:
    (raw,) = split(data)
    return parse(raw)


def refusal(data: bytes) -> DocumentError:
    """The refusal of the first entry, or of the whole file."""
    with pytest.raises(DocumentError) as refused:
        parse(split(data)[0])
    assert refused.value.message.startswith("folder/news.xml")
    return refused.value


def codes(document: Document) -> list[str]:
    return [warning.code for warning in document.warnings]


@pytest.mark.parametrize(
    ("data", "key"), [(rss(item()), "g1"), (atom(entry()), "urn:uuid:1"), (json_feed(json_item()), "j1")]
)
def test_an_entry_with_all_sections_is_an_article(data: bytes, key: str) -> None:
    assert one(data) == Document(
        key=key,
        summary=Summary(
            title="Walking Faster",
            key_takeaway="A training at home helped people with MS to walk.",
            what_they_found=("Forty people trained.", "They walked 8% faster."),
            who_should_care=("• People with MS.", "• Caregivers."),
            considerations=("The study was small.",),
            credibility=Rating(value=4),
            topics=("Gait", "Exercise"),
        ),
        facts=Facts(
            published=datetime(2026, 11, 18, 8, tzinfo=UTC),
            published_origin=DateOrigin.PAGE,
            source_url="https://example.org/walking",
        ),
    )


@pytest.mark.parametrize(
    "data",
    [
        json_feed(json_item(content_html=None, content_text=TEXT)),
        json_feed(json_item(content_html=None, content_text=TEXT.replace("\n", "\r\n"))),
        atom(entry(f'<content type="text">{TEXT}</content>')),
    ],
)
def test_plain_text_is_divided_as_html_is(data: bytes) -> None:
    summary = one(data).summary
    assert summary.key_takeaway == "A training at home helped."
    assert summary.what_they_found == ("Forty people trained.", "They walked faster.")
    assert summary.who_should_care == ("People with MS.",)
    assert summary.considerations == ("The study was small.",)


def test_xhtml_is_html() -> None:
    xhtml = HTML.replace("&amp;", "&#38;")
    content = f'<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">{xhtml}</div></content>'
    assert one(atom(entry(content))).summary == one(rss(item())).summary


def test_a_summary_alone_may_hold_the_article() -> None:
    data = rss(item()).replace(b"content:encoded", b"description")
    assert one(data).summary.considerations == ("The study was small.",)


def test_the_content_goes_before_the_summary() -> None:
    assert one(rss(item(rest="<description>A teaser…</description>"))).summary.considerations == (
        "The study was small.",
    )


@pytest.mark.parametrize(
    ("html", "code", "says"),
    [
        ("<p>Just a teaser.</p>", base.E_NO_TAKEAWAY, "'Key Takeaway'"),
        (HTML.replace("Important Considerations", "Other"), base.E_STRAY_TEXT, "Other"),
        (HTML.replace("<h3>Important Considerations</h3>", ""), base.E_HEADING_MISSING, "'Important Considerations'"),
        (HTML.replace("<p>The study was small.</p>", ""), base.E_EMPTY_SECTION, "'Important Considerations'"),
        (HTML + HTML, base.E_HEADING_TWICE, "'Key Takeaway'"),
        (HTML.replace("small.", "sm…"), base.E_CUT, "breaks off"),
        (HTML.replace("small.", "sm [...]"), base.E_CUT, "breaks off"),
        (HTML.replace("small.", "sm… Continue reading Walking"), base.E_CUT, "breaks off"),
        (HTML + "<a href='x'>Read more</a>", base.E_CUT, "breaks off"),
        ("", base.E_NO_TAKEAWAY, "no content"),
        ("<i>" * 70_000, base.E_TOO_LARGE, "tags"),
    ],
)
def test_an_entry_that_is_not_whole_costs_itself(html: str, code: str, says: str) -> None:
    data = rss(item(html), item(guid="g2"))
    refused = refusal(data)
    assert (refused.code, says in refused.message) == (code, True), refused.message
    assert "entry 1 ('g1')" in refused.message
    assert parse(split(data)[1]).key == "g2"


@pytest.mark.parametrize("title", ["", " ", "<p></p>"])
def test_an_entry_without_a_title_is_refused(title: str) -> None:
    assert refusal(rss(item(title=title))).code == base.E_NO_TITLE


def test_a_title_is_plain_text() -> None:
    assert one(rss(item(title="Walking <b>Faster</b> &amp; Longer"))).summary.title == "Walking Faster & Longer"
    assert one(json_feed(json_item(title="p < 0.05 {{ x }}"))).summary.title == "p < 0.05 {{ x }}"


def test_a_title_repeated_in_the_text_is_no_news_and_other_text_is_told() -> None:
    assert not codes(one(rss(item(f"<h1>Walking faster:</h1>{HTML}"))))
    document = one(rss(item(f"<p>By the editors.</p>{HTML}")))
    assert codes(document) == [base.W_STRAY_TEXT]
    assert "By the editors." in document.warnings[0].message


def test_what_a_site_appends_to_every_entry_is_no_consideration() -> None:
    footer = "<p>The post <a href='x'>Walking Faster</a> appeared first on <a href='y'>T</a>.</p>"
    document = one(rss(item(HTML + footer)))
    assert document.summary.considerations == ("The study was small.",)
    assert codes(document) == [base.W_STRAY_TEXT]


def test_topics_in_the_text_serve_where_there_are_no_categories() -> None:
    topics = "<h3>Article Topics:</h3><ul><li>T cells</li><li>gait</li></ul>"
    document = one(json_feed(json_item(content_html=HTML + topics, tags=None)))
    assert document.summary.topics == ("T cells", "gait")
    assert document.topics_raw == "• T cells\n• gait"
    document = one(json_feed(json_item(content_html=HTML + topics)))
    assert document.summary.topics == ("Gait", "Exercise")


def test_glued_topics_come_apart_or_are_told() -> None:
    topics = "<h3>Article Topics:</h3><p>gaitqzxvwkpain</p>"
    assert base.W_TOPICS_UNCERTAIN in codes(one(json_feed(json_item(content_html=HTML + topics, tags=None))))


def test_no_topics_are_told() -> None:
    assert codes(one(json_feed(json_item(tags=["", " "])))) == [base.W_NO_TOPICS]


def test_other_parts_of_a_page_are_told_and_left_out() -> None:
    rest = "<h3>You May Also Like</h3><p>Another one</p><h3>Understanding MS Research</h3><p>Closing.</p>"
    document = one(rss(item(HTML + rest)))
    assert document.summary == one(rss(item())).summary
    assert codes(document) == [base.W_STRAY_TEXT, base.W_STRAY_TEXT]


# -- keys, links and dates --------------------------------------------------------------------------------------------


def test_the_link_is_the_key_where_there_is_no_guid() -> None:
    (raw,) = split(rss(item()).replace(b"<guid isPermaLink='false'>g1</guid>", b""))
    assert raw.key == "https://example.org/walking"


def test_an_entry_without_any_key_is_refused() -> None:
    assert refusal(json_feed(json_item(id=None, url=None))).code == base.E_NO_KEY


def test_a_page_elsewhere_is_the_source() -> None:
    url = "https://doi.example.org/10.5555/1"
    assert one(json_feed(json_item(external_url=url))).facts.source_url == url


def test_a_link_that_is_no_web_address_is_refused() -> None:
    refused = refusal(json_feed(json_item(url="javascript:alert(1)")))
    assert (refused.code, "https://" in refused.message) == (base.E_FIELD, True)


def test_what_is_carried_changes_with_the_entry_alone() -> None:
    first, second = split(rss(item(), item(guid="g2")))
    again_second, again_first = split(rss(item(guid="g2"), item()))
    assert (first.data, second.data) == (again_first.data, again_second.data)
    assert split(rss(item(HTML.replace("small", "tiny"))))[0].data != first.data


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        (DATE, datetime(2026, 11, 18, 8, tzinfo=UTC)),
        ("18 Nov 2026 09:00 GMT", datetime(2026, 11, 18, 9, tzinfo=UTC)),
        ("Wed, 18 Nov 2026 09:00:00 EST", datetime(2026, 11, 18, 14, tzinfo=UTC)),
        ("2026-11-18T09:00:00-05:00", datetime(2026, 11, 18, 14, tzinfo=UTC)),
        ("2026-11-18", date(2026, 11, 18)),
        ("Wed, 18 Nov 2026", date(2026, 11, 18)),
        ("Wed, 18 Nov 2026 09:00:00", None),
        ("Wed, 18 Nov 2026 09:00:00 XYZ", None),
        ("2026-11-18T09:00:00", None),
        ("Wed, 18 Nov 2026 09:00:00 -0000", None),
        ("Wed, 18 Nov 26 09:00:00 GMT", None),
        ("2026-11", None),
        ("2026", None),
        ("18/11/2026", None),
        ("Wed, 31 Feb 2026", None),
        ("Wed, 31 Feb 2026 09:00:00 GMT", None),
        ("Wed, 18 Nov 2026 25:00:00 GMT", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("Sat, 01 Jan 0001 00:00:00 +1400", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_date_is_read_or_is_unknown(text: str, moment: object) -> None:
    assert read_moment(text) == moment


@given(
    st.text(max_size=40)
    | st.from_regex(r"[A-Z][a-z]{2}, [0-9]{1,3} [A-Z][a-z]{2} [0-9]{1,12} [0-9:]{1,9} [A-Z+0-9-]{1,9}")
)
def test_any_date_is_read_or_is_unknown(text: str) -> None:
    read_moment(text)


def test_a_date_that_is_not_known_is_told() -> None:
    document = one(rss(item(date="last Tuesday")))
    assert document.facts.published is None
    assert codes(document) == [base.W_BADDATE]


def test_the_moment_of_an_update_is_no_publication() -> None:
    data = atom(entry()).replace(b"<published>2026-11-18T08:00:00Z</published>", b"")
    assert one(data).facts.published is None
    assert not codes(one(data))


# -- broken and hostile files -----------------------------------------------------------------------------------------

_LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
_BOMB = f'<!DOCTYPE rss [<!ENTITY l0 "ha">{_LAUGHS}]><rss version="2.0"><channel><title>&l11;</title></channel></rss>'
_QUADRATIC = f'<!DOCTYPE r [<!ENTITY a "{"a" * 50_000}">]><rss version="2.0"><channel>{"&a;" * 50_000}</channel></rss>'
_OUTSIDE = '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss version="2.0"><channel>&x;</channel></rss>'


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", base.E_EMPTY),
        (b" \n", base.E_EMPTY),
        (b"/etc/passwd", base.E_NOT_XML),
        (b"https://example.org/feed.xml", base.E_NOT_XML),
        (b"<html><body>404</body></html>", base.E_NOT_FEED),
        (b"<!doctype html><html><br></html>", base.E_NOT_XML),
        (rss(item())[:-20], base.E_NOT_XML),
        (rss(item()).replace(b"Gait", b"Gait & Posture"), base.E_NOT_XML),
        (rss(item()).replace(b"Gait", b"Gait&nbsp;"), base.E_NOT_XML),
        (rss(item()).replace(b"utf-8", b"utf-99"), base.E_NOT_XML),
        (rss(item()).replace(b"utf-8", b"shift_jis"), base.E_NOT_XML),
        (rss(item()).replace(b"Gait", b"Ga\xff"), base.E_NOT_XML),
        (_BOMB.encode(), base.E_NOT_XML),
        (_QUADRATIC.encode(), base.E_NOT_XML),
        (_OUTSIDE.encode(), base.E_NOT_XML),
        (b"{", base.E_NOT_JSON),
        (b'{"version": 1, "items": []}', base.E_NOT_FEED),
        (b'{"version": "https://jsonfeed.org/version/1.1", "items": {}}', base.E_NOT_FEED),
        (b'{"caf\xe9": 1}', base.E_NOT_TEXT),
        (b" " * (BYTES_LIMIT + 1), base.E_TOO_LARGE),
        (rss("<a>" * 200_000 + "</a>" * 200_000), base.E_NOT_XML),
        (rss("<item/>" * 10_001), base.E_TOO_LARGE),
        (json_feed(*[1] * 10_001), base.E_TOO_LARGE),
    ],
)
def test_what_is_no_feed_is_refused_whole(data: bytes, code: str) -> None:
    begun = time.perf_counter()
    refused = refusal(data)
    assert refused.code == code, refused.message
    assert "root:" not in refused.message
    assert time.perf_counter() - begun < 2


@pytest.mark.parametrize("data", [rss(), atom(), json_feed()])
def test_a_feed_without_entries_holds_nothing(data: bytes) -> None:
    assert split(data) == []


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1"])
def test_the_encoding_is_the_files_own(encoding: str) -> None:
    text = rss(item(title="Café")).decode().replace("utf-8", encoding.removesuffix("-sig"))
    assert one(text.encode(encoding)).summary.title == "Café"


@pytest.mark.parametrize(
    ("item", "code"),
    [
        (1, base.E_NOT_FEED),
        ([], base.E_NOT_FEED),
        (json_item(title=7), base.E_FIELD),
        (json_item(content_html=[HTML]), base.E_FIELD),
        (json_item(date_published=20261118), base.E_FIELD),
        (json_item(url=["https://example.org/"]), base.E_FIELD),
        (json_item(tags="Gait"), base.E_FIELD),
        (json_item(tags=[7]), base.E_FIELD),
        (json_item(content_html="a\ud800" + HTML, content_text=None, title="\ud800"), base.E_NOT_TEXT),
        (json_item(content_html=None, content_text="a\ud800"), base.E_NOT_TEXT),
        (json_item(content_html=None), base.E_NO_TAKEAWAY),
        (json_item(title=None), base.E_NO_TITLE),
    ],
)
def test_an_item_that_is_none_costs_itself(item: Any, code: str) -> None:
    data = json_feed(item, json_item(id="j2"))
    assert refusal(data).code == code
    assert parse(split(data)[1]).key == "j2"


def test_a_name_given_twice_costs_its_item() -> None:
    data = json_feed(json_item()).replace(b'"title": "Walking Faster"', b'"title": "A", "title": "B"')
    assert refusal(data).code == base.E_FIELD


def test_hostile_content_is_inert() -> None:
    bad = "<script>alert(1)</script><style>p{}</style><!-- x --><p onclick='x'>{{ x }} ]]&gt; =1+1</p>"
    assert one(rss(item(HTML + bad))).summary.considerations == ("The study was small.", "{{ x }} ]]> =1+1")


@pytest.mark.parametrize(
    "data",
    [
        rss("<item/>" * 10_000),
        rss(*[item("<p>x</p>", guid=str(n)) for n in range(4_000)]),
        rss(item("<div>" * 60_000)),
        rss(item(title="x" * 1_900_000)),
        rss(f"<item>{'<category>x</category>' * 80_000}</item>"),
    ],
    ids=["items", "many", "nested", "title", "categories"],
)
def test_a_large_feed_is_quick(data: bytes) -> None:
    def read() -> None:
        with suppress(DocumentError):
            for raw in split(data):
                with suppress(DocumentError):
                    parse(raw)

    assert processor_seconds(read) < 5


def test_an_entry_says_nothing_but_what_it_says() -> None:
    """So that a hash of what is carried changes only where the entry does."""
    (raw,) = split(rss(item(rest="<dc:creator>A</dc:creator><comments>https://example.org/c</comments>")))
    assert set(json.loads(raw.data)) == {"id", "link", "title", "html", "published", "topics"}


@given(
    st.binary(max_size=60),
    st.integers(0, 900),
    st.integers(0, 40),
    st.sampled_from([rss(item()), atom(entry()), json_feed(json_item())]),
)
def test_any_damage_gives_articles_or_a_refusal(junk: bytes, start: int, cut: int, good: bytes) -> None:
    data = good[:start] + junk + good[start + cut :]
    with suppress(DocumentError):
        for raw in split(data):
            with suppress(DocumentError):
                parse(raw)


def test_a_name_space_with_a_blank_costs_the_file_and_not_the_run() -> None:
    data = rss(item(guid="g1")).replace(b"/rss/1.0/", "/rss/\u00a01.0/".encode(), 1)
    assert refusal(data).code == base.E_NOT_XML
