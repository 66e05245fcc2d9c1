from __future__ import annotations

import re
from dataclasses import replace

from builders import make_article, make_newsletter, make_site
from feeds.examples import make_digest
from pages.page_check import problems

from newsletter.model import Site, Status, Topic
from newsletter.pages.digest import digest_page
from newsletter.pages.feeds import feeds_page
from newsletter.pages.front import front_page
from newsletter.templating import Templates

SITE = make_site(base_url="https://example.org/digest")
HOSTILE_SITE = make_site(
    title='A <b>"site"</b> & \ud83e', author="<i>", description="<script>", contact="https://x.example.org/?a&b"
)
TEMPLATES = Templates()
TOPICS = [Topic(slug=f"t{number}", name=f"Topic {number}", articles=number) for number in range(1, 15)]
TOPICS.append(Topic(slug="fatigue", name="Fatigue", articles=99))
DAILY = make_newsletter("daily", title="Daily", description="Each morning.")


def front(site: Site = SITE) -> str:
    digest = make_digest(make_article())
    recent = [make_article("b", title="The Newer"), make_article("a", title="The Older", status=Status.RETRACTED)]
    page = front_page([(digest.newsletter, digest), (DAILY, None)], recent, site, TEMPLATES).decode()
    assert problems(page, site.base_url) == []
    return page


def feeds(site: Site = SITE) -> str:
    page = feeds_page([make_newsletter(), DAILY], site, TEMPLATES).decode()
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
    page = front_page([], [], make_site(description=""), TEMPLATES).decode()
    assert problems(page, make_site().base_url) == []
    assert "Plain-language summaries of research on multiple sclerosis (MS)." in page
    assert "Our newsletters" not in page


def test_the_feeds_page_offers_every_feed_in_every_format() -> None:
    page = feeds_page([make_newsletter(), DAILY], SITE, TEMPLATES, TOPICS).decode()
    for path in ("articles", "notices", "newsletters/caregiver-weekly", "newsletters/daily", "topics/fatigue"):
        for suffix in ("atom", "rss", "json"):
            assert page.count(f'href="../feeds/{path}.{suffix}"') == 1
    for path in ("articles", "notices", "newsletters/caregiver-weekly", "newsletters/daily"):
        assert f'<p class="address">https://example.org/digest/feeds/{path}.atom</p>' in page
    assert 'href="../feeds/feeds.opml"' in page


def test_every_link_to_a_feed_says_to_which_one_it_leads() -> None:
    page = feeds_page([make_newsletter(), DAILY], SITE, TEMPLATES, TOPICS).decode()
    links = re.findall(r'<a href="[^"]+\.(?:atom|rss|json)">(.*?)</a>', page)
    assert 'Atom<span class="unseen"> feed of Caregiver Weekly</span>' in links
    assert len(set(links)) == len(links) == 3 * (2 + 2 + len(TOPICS))


def test_the_feeds_page_without_newsletters_offers_the_articles() -> None:
    page = feeds_page([], SITE, TEMPLATES).decode()
    assert "articles.atom" in page
    assert "Our newsletters" not in page


def test_the_front_page_leads_to_the_largest_topics_by_name() -> None:
    page = front_page([], [], SITE, TEMPLATES, TOPICS).decode()
    assert problems(page, SITE.base_url) == []
    shown = re.findall(r'href="\./topics/([^/"]+)/"', page)
    assert shown == ["fatigue", *sorted(f"t{number}" for number in range(4, 15))]
    assert 'href="./topics/"' in page
    assert "Topics</h2>" not in front_page([], [], SITE, TEMPLATES).decode()


def test_the_pages_for_all_name_the_default_feed_first() -> None:
    for page in (front(), feeds()):
        found = re.findall(r'<link rel="alternate" type="application/atom\+xml" title="[^"]+" href="([^"]+)">', page)
        assert found[0] == "https://example.org/digest/feeds/articles.atom"
        assert all(address.endswith(".atom") for address in found)
        assert {each.rpartition("/")[2] for each in found} >= {"caregiver-weekly.atom", "daily.atom"}
        assert page.count('rel="alternate"') == len(found)


def test_hostile_names_of_the_site_are_shown_as_they_are() -> None:
    for page in (front(HOSTILE_SITE), feeds(HOSTILE_SITE)):
        assert page.count("<script") == ("ld+json" in page)
        assert "A &lt;b&gt;&#34;site&#34;&lt;/b&gt; &amp; \ufffd" in page
        assert 'href="https://x.example.org/?a&amp;b"' in page


def test_the_same_site_gives_the_same_pages() -> None:
    assert (front(), feeds()) == (front(), feeds())


def test_all_lead_to_the_sign_up_page_while_it_is_open() -> None:
    opened = replace(SITE, sign_up=True)
    digest = make_digest()
    assert 'href="./subscribe"' in front(opened)
    assert "write to" not in front(opened).partition("<footer>")[0]
    assert 'href="../subscribe"' in feeds(opened)
    told = digest_page(digest.newsletter, digest, opened, TEMPLATES).decode()
    assert f'subscribe?newsletter={digest.newsletter.slug}"' in told
    for closed in (front(), feeds(), digest_page(digest.newsletter, digest, SITE, TEMPLATES).decode()):
        assert "subscribe" not in re.sub(r"<style>.*?</style>", "", closed, flags=re.DOTALL)
