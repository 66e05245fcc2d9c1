from __future__ import annotations

from builders import make_article, make_newsletter, make_site
from feeds.examples import make_digest
from pages.page_check import problems

from newsletter.model import Site, Status
from newsletter.pages.feeds import feeds_page
from newsletter.pages.front import front_page
from newsletter.templating import Templates

SITE = make_site(base_url="https://example.org/digest")
HOSTILE_SITE = make_site(
    title='A <b>"site"</b> & \ud83e', author="<i>", description="<script>", contact="https://x.example.org/?a&b"
)
TEMPLATES = Templates()
DAILY = make_newsletter("daily", title="Daily", description="Each morning.")


def front(site: Site = SITE) -> str:
    digest = make_digest(make_article())
    recent = [make_article("b", title="The Newer"), make_article("a", title="The Older", status=Status.RETRACTED)]
    page = front_page([(digest.newsletter, digest), (DAILY, None)], recent, site, TEMPLATES)
    assert problems(page, site.base_url) == []
    return page


def feeds(site: Site = SITE) -> str:
    page = feeds_page([make_newsletter(), DAILY], site, TEMPLATES)
    assert problems(page, site.base_url) == []
    return page


def test_the_front_page_leads_to_the_newest_digests_and_articles() -> None:
    page = front()
    parts = [
        "Caregiver Weekly</h3>",
        "./digests/caregiver-weekly/2026-W47/",
        "16 to 22 November 2026",
        "Daily</h3>",
        "Each morning.",
        "There is no digest yet.",
        "mailto:editors@example.org",
        "./feeds/",
        "./articles/b/",
        "The Newer",
        "Short walks made everyday",
        "17 November 2026",
        "Retracted: The Older",
        "Do not rely on what it found.",
        "not medical advice",
    ]
    body = page[page.index("<main") :]
    places = [0]
    for part in parts:
        places.append(body.index(part, places[-1]))


def test_a_front_page_of_a_new_site_is_good_too() -> None:
    page = front_page([], [], make_site(description=""), TEMPLATES)
    assert problems(page, make_site().base_url) == []
    assert "Plain-language summaries of research on multiple sclerosis (MS)." in page
    assert "Our newsletters" not in page


def test_the_feeds_page_offers_every_feed_by_link_and_by_address() -> None:
    page = feeds()
    for path in ("articles", "newsletters/caregiver-weekly", "newsletters/daily"):
        address = f"https://example.org/digest/feeds/{path}.atom"
        assert f'<a class="alone" href="../feeds/{path}.atom">' in page
        assert f'<p class="address">{address}</p>' in page


def test_the_feeds_page_without_newsletters_offers_the_articles() -> None:
    page = feeds_page([], SITE, TEMPLATES)
    assert "articles.atom" in page
    assert "Our newsletters" not in page


def test_hostile_names_of_the_site_are_shown_as_they_are() -> None:
    for page in (front(HOSTILE_SITE), feeds(HOSTILE_SITE)):
        assert "<script" not in page
        assert "A &lt;b&gt;&#34;site&#34;&lt;/b&gt; &amp; \ufffd" in page
        assert 'href="https://x.example.org/?a&amp;b"' in page


def test_the_same_site_gives_the_same_pages() -> None:
    assert (front(), feeds()) == (front(), feeds())
