"""Links and everything else that leads out of the page: where to, in which words, and whether somebody counts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from urllib.parse import parse_qsl, unquote, urlsplit

from newsletter.mail.check.expected import Expected
from newsletter.mail.check.finding import Flaw, quoted
from newsletter.mail.check.page import Link, Page

_EMPTY_WORDS = re.compile(
    r"(?:(?:please )?(?:click|tap|press)(?: here| this| below)?|here|this(?: link| page| article)?|link|more|details|go"
    r"|(?:read|learn|see|find out|view|know) more|continue(?: reading)?|read(?: on| this| it| now)?|view|open|learn|info"
    r"|(?:full )?(?:story|article|post|text)|hier(?: klicken)?|klicken sie hier|mehr(?: lesen| erfahren| dazu)?"
    r"|weiter(?:lesen)?|jetzt lesen|details|artikel|\W*)\W*",
    re.IGNORECASE,
)
_TRACKERS = re.compile(
    r"utm_\w+|mc_(?:cid|eid)|fbclid|gclid|dclid|msclkid|twclid|igshid|yclid|_hs(?:enc|mi)|hsctatracking|mkt_tok"
    r"|vero_(?:id|conv)|oly_(?:enc|anon)_id|_openstat|wickedid|s_cid|trk\w*|ml_subscriber\w*|ck_subscriber_id|bbeml|rb_clickid",
    re.IGNORECASE,
)
_REDIRECTS = re.compile(
    r"/(?:clicks?|track(?:ing)?|redirect|redir|ls/click|wf/click|cl[0-9]|e/c|link/click)(?:/|$)", re.IGNORECASE
)
_LOADING = ("src", "srcset", "background", "poster", "data", "lowsrc", "dynsrc", "xlink:href")
_SHORTEST_TOKEN = 16
_STUDIES = frozenset(("doi.org", "dx.doi.org"))


def link_flaws(page: Page, expected: Expected | None, own_host: str, unsubscribe: str | None) -> Iterator[Flaw]:
    """`own_host` is the site's, `unsubscribe` the address in the header; empty or None where nobody knows it."""
    yield from _token_flaws(page.links, unsubscribe or "")
    yield from _token_flaws(page.links, expected.confirm_url if expected is not None else "")
    yield from _token_flaws(page.links, expected.preferences_url if expected is not None else "")
    yield from _word_flaws(page.links, " \n ".join(expected.sources) if expected is not None else "")
    yield from _remote_flaws(page)
    studies = _study_links(expected)
    for link in page.links:
        yield from _target_flaws(link, studies)
    if own_host and expected is not None and (expected.digest is not None or expected.is_note):
        yield from _host_flaws(page.links, expected, own_host, studies)


def host_of(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").casefold()
    except ValueError:
        return ""


def token_of(unsubscribe: str) -> str:
    """What tells readers apart in an unsubscribe address; empty where that is too short to be any."""
    token = unsubscribe.partition("?")[0].rstrip("/").rpartition("/")[2]
    return token if len(token) >= _SHORTEST_TOKEN else ""


def _word_flaws(links: tuple[Link, ...], sources: str) -> Iterator[Flaw]:
    """A title is its source's: it cannot be mended here, and one article must not hold back all others."""
    targets: dict[str, str] = {}
    for link in links:
        place, theirs = f"link {quoted(link.words)}", link.words != "" and link.words in sources
        if _EMPTY_WORDS.fullmatch(link.words) and not theirs:
            yield Flaw("M-LINK-WORDS", place, f"the words are {quoted(link.words)}")
            continue
        first = targets.setdefault(link.words.casefold(), link.href)
        if first != link.href:
            code = "M-SAME-TITLE" if theirs else "M-LINK-TARGET"
            yield Flaw(code, place, f"it leads to {quoted(first)} and {quoted(link.href)}")


def _token_flaws(links: tuple[Link, ...], own: str) -> Iterator[Flaw]:
    """`own` is the one link that may hold its token."""
    token = token_of(own)
    for link in links:
        if token and token in link.href and link.href.partition("#")[0] != own:
            yield Flaw("M-TOKEN", f"link {quoted(link.words)}", "the reader's token stands in the link")


def _remote_flaws(page: Page) -> Iterator[Flaw]:
    for element in page.elements:
        for name in _LOADING:
            value = element.attributes.get(name, "").strip()
            if value and not value.lower().startswith(("cid:", "data:", "javascript:")):
                yield Flaw("M-REMOTE", element.tag, f"{element.tag} has {name}={quoted(value)}")
        if element.tag == "link":
            yield Flaw("M-REMOTE", "link", f"there is an element link to {quoted(element.attributes.get('href'))}")
    styled = [each.attributes.get("style", "") for each in page.elements]
    for text in (*page.style_blocks, *styled):
        for found in re.findall(r"@import[^;]*|@font-face|url\([^)]*\)", text, re.IGNORECASE):
            yield Flaw("M-REMOTE", "style", f"there is {quoted(found)}")
    for comment in page.comments:
        for found in re.findall(r"\ssrc\s*=\s*[\"']?([^\"'\s>]+)|url\(([^)]*)\)|@import", comment, re.IGNORECASE):
            yield Flaw("M-REMOTE", "Outlook's comment", f"there is {quoted(''.join(found))}")


def _study_links(expected: Expected | None) -> frozenset[str]:
    """The addresses that sources gave for their studies, and their hosts."""
    urls = [article.facts.source_url or "" for article in expected.articles] if expected is not None else []
    return frozenset(filter(None, (*urls, *map(host_of, urls)))) | _STUDIES


def _target_flaws(link: Link, studies: frozenset[str]) -> Iterator[Flaw]:
    try:
        parts = urlsplit(link.href)
        query = parse_qsl(parts.query)
    except ValueError:
        return
    trackers = [name for name, _ in query if _TRACKERS.fullmatch(name)]
    elsewhere = [value for _, value in query if re.match(r"https?://", unquote(value))]
    place = f"link {quoted(link.words)}"
    if trackers or elsewhere or _REDIRECTS.search(parts.path):
        what = f"the parameter {trackers[0]}" if trackers else "a redirect"
        code = "M-SOURCE-LINK" if link.href in studies else "M-TRACKING"
        yield Flaw(code, place, f"{quoted(link.href, 100)} holds {what}")


def _host_flaws(links: tuple[Link, ...], expected: Expected, own_host: str, studies: frozenset[str]) -> Iterator[Flaw]:
    known = studies | {own_host} | {host_of(url) for url in _configured_urls(expected)}
    for link in links:
        scheme = link.href.partition(":")[0].lower()
        web = scheme in {"http", "https"}
        if (web and host_of(link.href) not in known) or (not web and scheme not in {"mailto", "tel"}):
            yield Flaw("M-HOST", f"link {quoted(link.words)}", f"it leads to {quoted(link.href, 100)}")


def _configured_urls(expected: Expected) -> Iterator[str]:
    """What the operator wrote into the configuration is the operator's own."""
    for noun in (expected.site, expected.newsletter):
        for field in fields(noun):
            value = getattr(noun, field.name)
            if isinstance(value, str) and value.startswith(("https://", "http://")):
                yield value
