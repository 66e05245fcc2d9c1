from __future__ import annotations

from datetime import UTC, datetime
from urllib.robotparser import RobotFileParser

import pytest
from builders import make_site
from lxml import etree

from newsletter.pages.sitemap import MOST_URLS, robots, sitemap, sitemap_index

CHANGED = datetime(2026, 11, 20, 9, 5, 7, 123456, tzinfo=UTC)
#: What sitemaps.org says of version 0.9, in RELAX NG.
SCHEMA = etree.RelaxNG(
    etree.fromstring(
        """
<grammar xmlns="http://relaxng.org/ns/structure/1.0" ns="http://www.sitemaps.org/schemas/sitemap/0.9"
    datatypeLibrary="http://www.w3.org/2001/XMLSchema-datatypes">
  <start>
    <choice>
      <element name="urlset"><zeroOrMore><element name="url"><ref name="place"/></element></zeroOrMore></element>
      <element name="sitemapindex">
        <zeroOrMore><element name="sitemap"><ref name="place"/></element></zeroOrMore>
      </element>
    </choice>
  </start>
  <define name="place">
    <element name="loc">
      <data type="anyURI"><param name="pattern">https?://.+</param><param name="maxLength">2048</param></data>
    </element>
    <optional><element name="lastmod"><choice><data type="dateTime"/><data type="date"/></choice></element></optional>
  </define>
</grammar>"""
    )
)


def places(data: bytes) -> list[tuple[str, str | None]]:
    tree = etree.fromstring(data)
    SCHEMA.assertValid(tree)
    names = {"s": "http://www.sitemaps.org/schemas/sitemap/0.9"}
    return [(each.findtext("s:loc", None, names), each.findtext("s:lastmod", None, names)) for each in tree]


@pytest.mark.parametrize("write", [sitemap, sitemap_index])
def test_every_address_comes_back_with_its_moment(write: object) -> None:
    told = [("https://example.org/?a=1&b=<2>", CHANGED), ("https://example.org/feeds/", None)]
    assert places(write(told)) == [  # type: ignore[operator]  # both take the same
        ("https://example.org/?a=1&b=<2>", "2026-11-20T09:05:07Z"),
        ("https://example.org/feeds/", None),
    ]


def test_an_empty_one_is_valid() -> None:
    assert places(sitemap([])) == []


def test_the_root_says_what_it_is() -> None:
    assert etree.fromstring(sitemap([])).tag.endswith("}urlset")
    assert etree.fromstring(sitemap_index([])).tag.endswith("}sitemapindex")


def test_no_file_holds_more_than_the_protocol_allows() -> None:
    address = ("https://example.org/", None)
    assert len(places(sitemap([address] * MOST_URLS))) == MOST_URLS
    with pytest.raises(ValueError, match="at most 50000 addresses, not 50001"):
        sitemap([address] * (MOST_URLS + 1))


def test_robots_may_read_everything_and_find_the_sitemap() -> None:
    text = robots(make_site(base_url="https://example.org/digest"))
    parser = RobotFileParser()
    parser.parse(text.splitlines())
    assert parser.can_fetch("anybody", "https://example.org/digest/articles/a/")
    assert parser.site_maps() == ["https://example.org/digest/sitemap.xml"]
