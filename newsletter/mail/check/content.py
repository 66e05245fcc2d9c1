"""What every digest has to say, in each part: who sends it and why, the way out, and no finding without its limit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from newsletter.mail.check.expected import Expected, one_line
from newsletter.mail.check.finding import Flaw, quoted
from newsletter.mail.check.page import Page
from newsletter.model import Digest, Item, Place, Status

_OPENING = 200  #: characters that machines summarise
_BEGINNING = 40  #: characters by which a sentence is known again
_GONE = frozenset({Status.RETRACTED, Status.WITHDRAWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    """How the sentences that must be there are known in one language."""

    reason: re.Pattern[str]
    privacy: re.Pattern[str]
    disclaimer: re.Pattern[str]


_ENGLISH = _Words(
    reason=re.compile(r"\bbecause you\b|(?<!what )\byou (?:get|receive|are getting|asked)\b", re.IGNORECASE),
    privacy=re.compile(
        r"\b(?:no|not|never|nobody|without)\b[^.]*\b(?:track|count|pixel|follow|know if)", re.IGNORECASE
    ),
    disclaimer=re.compile(r"\b(?:not|no)\b[^.]*\bmedical advice\b", re.IGNORECASE),
)
_GERMAN = _Words(
    reason=re.compile(
        r"\bweil (?:sie|du)\b|(?<!was )\b(?:sie erhalten|sie bekommen|du bekommst|du erhältst)\b", re.IGNORECASE
    ),
    privacy=re.compile(
        r"\b(?:kein\w*|nicht|nie|niemand|ohne)\b[^.]*(?:track|zähl|pixel|verfolg|wissen)"
        r"|(?:track|zähl|verfolg|wissen)\w*[^.]*\b(?:nicht|nie|niemand)\b",
        re.IGNORECASE,
    ),
    disclaimer=re.compile(r"\b(?:kein\w*|nicht)\b[^.]*\b(?:rat|beratung|arzt|ärzt\w*|medizinisch\w*)\b", re.IGNORECASE),
)
_LANGUAGES = {"en": _ENGLISH, "de": _GERMAN}
_MINUTES = re.compile(r"\d+\s*-?\s*min", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Edition:
    """One part as one line of words, with the places of the ways out and of links to articles, counted alike."""

    name: str
    words: str
    unsubscribe: tuple[int, ...]
    articles: tuple[int, ...]
    links: frozenset[str]


def content_flaws(
    page: Page | None, text: str | None, expected: Expected | None, unsubscribe: str | None, language: str
) -> Iterator[Flaw]:
    urls = _article_urls(page, expected)
    editions = [_of_page(page, urls, unsubscribe)] if page is not None else []
    editions += [_of_text(text, urls, unsubscribe)] if text is not None else []
    words = _LANGUAGES.get(_primary(language))
    if words is None:
        yield Flaw("M-UNJUDGED", "message", f"the language is {quoted(language)}")
    for edition in editions:
        yield from _way_out_flaws(edition, expected)
        yield from _sentence_flaws(edition, words, expected)
        if expected is not None:
            yield from _action_flaws(edition, expected)
            yield from _sender_flaws(edition, expected)
            yield from _choice_flaws(edition, expected, unsubscribe)
            if expected.digest is not None:
                yield from _article_flaws(edition, expected, expected.digest)
    if editions and expected is not None and expected.digest is not None and not expected.newsletter.discreet:
        yield from _opening_flaws(editions[0], expected.digest)


def judged(language: str) -> bool:
    """Whether the sentences that must be there are known in this language."""
    return _primary(language) in _LANGUAGES


def _primary(language: str) -> str:
    return language.partition("-")[0].lower()


def _article_urls(page: Page | None, expected: Expected | None) -> frozenset[str]:
    """Where the articles' own links lead; without the digest, where the headings do."""
    if expected is not None and expected.digest is not None:
        return frozenset(expected.site.article_url(article.slug) for article in expected.articles)
    return frozenset(heading.href for heading in page.headings if heading.href) if page is not None else frozenset()


def _of_page(page: Page, urls: frozenset[str], unsubscribe: str | None) -> _Edition:
    places = {node: place for place, node in enumerate(page.nodes)}
    return _Edition(
        name="HTML",
        words=one_line(page.words),
        unsubscribe=tuple(places[link.element] for link in page.links if link.href == unsubscribe),
        articles=tuple(places[link.element] for link in page.links if link.href in urls),
        links=frozenset(link.href for link in page.links),
    )


def _of_text(text: str, urls: frozenset[str], unsubscribe: str | None) -> _Edition:
    line = one_line(text)
    return _Edition(
        name="text",
        words=line,
        unsubscribe=tuple(_places(line, unsubscribe)) if unsubscribe else (),
        articles=tuple(place for url in urls for place in _places(line, url)),
        links=frozenset(line.split()),
    )


def _places(line: str, url: str) -> Iterator[int]:
    """Where a URL stands, not as the beginning of a longer one."""
    return (found.start() for found in re.finditer(rf"{re.escape(url)}(?=\s|$)", line))


def _way_out_flaws(edition: _Edition, expected: Expected | None) -> Iterator[Flaw]:
    """Where no article has a page, between the two ways out is what people came to read. A note is short: one will do."""
    ways = edition.unsubscribe
    if expected is not None and expected.is_note:
        leaving = [link for link in edition.links if link.startswith(expected.site.url("unsubscribe/"))]
        if expected.on_list and not ways:
            yield Flaw("M-UNSUBSCRIBE", edition.name, "there is no unsubscribe link")
        elif leaving and not expected.on_list:
            yield Flaw("M-OFF-LIST", edition.name, f"there is {quoted(leaving[0], 100)}")
        return
    between = edition.articles or ((min(ways) + max(ways)) / 2 if ways else 0,)
    if not any(place < min(between) for place in ways):
        yield Flaw("M-UNSUBSCRIBE", f"top of the {edition.name}", "there is no unsubscribe link")
    if not any(place > max(between) for place in ways):
        yield Flaw("M-UNSUBSCRIBE", f"footer of the {edition.name}", "there is no unsubscribe link")


def _action_flaws(edition: _Edition, expected: Expected) -> Iterator[Flaw]:
    """A note has the link that it is for, and no other email has one of that kind."""
    kinds = (
        ("M-CONFIRM", "confirm/", expected.confirm_url),
        ("M-PREFERENCES", "preferences/", expected.preferences_url),
    )
    for code, path, url in kinds:
        there = [link for link in edition.links if link.startswith(expected.site.url(path))]
        if there != ([url] if url else []):
            told = ", ".join(quoted(link, 100) for link in sorted(there)) or "no such link"
            yield Flaw(code, edition.name, f"there is {told}")


def _sentence_flaws(edition: _Edition, words: _Words | None, expected: Expected | None) -> Iterator[Flaw]:
    """A note tells of no finding and is read at once, so it needs neither a disclaimer nor its minutes."""
    is_note = expected is not None and expected.is_note
    if words is not None:
        needed = {"M-REASON": words.reason, "M-PRIVACY": words.privacy, "M-DISCLAIMER": words.disclaimer}
        for code, pattern in needed.items():
            if code == "M-DISCLAIMER" and is_note:
                continue
            if not pattern.search(edition.words):
                yield Flaw(code, edition.name, "there is no such sentence")
    if not is_note and not _MINUTES.search(edition.words):
        yield Flaw("M-READING-TIME", edition.name, "no minutes are told")


def _sender_flaws(edition: _Edition, expected: Expected) -> Iterator[Flaw]:
    site = expected.site
    if not any(one_line(name) in edition.words for name in (site.author, site.title) if name.strip()):
        yield Flaw("M-SENDER", edition.name, f"there is neither {quoted(site.author)} nor {quoted(site.title)}")
    lines = [one_line(line) for line in site.postal_address.splitlines() if line.strip()]
    missing = [line for line in lines if line not in edition.words]
    if missing or not lines:
        yield Flaw("M-POSTAL", edition.name, f"there is no {quoted(missing[0] if missing else 'postal address')}")


def _choice_flaws(edition: _Edition, expected: Expected, unsubscribe: str | None) -> Iterator[Flaw]:
    """Where a reader learns what we keep, and changes what they get: on a part of the page that is the way out."""
    if expected.site.privacy not in edition.links:
        yield Flaw("M-PRIVACY-LINK", edition.name, f"there is no link to {quoted(expected.site.privacy)}")
    if expected.is_note or not unsubscribe:
        return
    if not any(link.startswith(f"{unsubscribe}#") for link in edition.links):
        yield Flaw("M-CHANGE", edition.name, "there is no such link")


def _article_flaws(edition: _Edition, expected: Expected, digest: Digest) -> Iterator[Flaw]:
    digest_url = expected.site.digest_url(digest.newsletter.slug, digest.planned.period)
    shown = [placed.article for placed in digest.placed if placed.place is not Place.TITLE]
    shown += [item.article for item in digest.notices]
    if digest_url not in edition.links:  # titles beyond the cap stand on that page
        shown += digest.titles
    for title in dict.fromkeys(one_line(article.title) for article in shown):
        if title not in edition.words:
            yield Flaw("M-ARTICLES", edition.name, f"there is no {quoted(title)}")
    yield from _caveat_flaws(edition, digest)


def _caveat_flaws(edition: _Edition, digest: Digest) -> Iterator[Flaw]:
    told = _findings(edition, digest)
    for number, (place, item) in enumerate(told, 1):
        end = told[number][0] if number < len(told) else len(edition.words)
        limits = [*filter(None, map(one_line, (*item.caveat, *item.article.summary.considerations)))]
        if not any(limit in edition.words[place:end] for limit in limits):
            yield Flaw(
                "M-CAVEAT" if limits else "M-NO-CAVEAT",
                edition.name,
                f"there is none with {quoted(item.article.title)}",
            )


def _findings(edition: _Edition, digest: Digest) -> list[tuple[int, Item]]:
    """Where the finding of each article is told, in order. The first words may tell one before, so the last place counts.

    Two articles with the same takeaway are told one after the other.
    """
    told: dict[str, list[Item]] = {}
    for item in digest.items:
        if _takeaway(item) and item.article.status not in _GONE:
            told.setdefault(_takeaway(item), []).append(item)
    places: list[tuple[int, Item]] = []
    for takeaway, items in told.items():
        starts = [found.start() for found in re.finditer(re.escape(takeaway), edition.words)][-len(items) :]
        places += zip(starts, items, strict=False)
    return sorted(places, key=lambda pair: pair[0])


def _takeaway(item: Item) -> str:
    return one_line(item.article.summary.key_takeaway)


def _opening_flaws(edition: _Edition, digest: Digest) -> Iterator[Flaw]:
    findings = [item.article.summary.key_takeaway for item in digest.items if item.article.status not in _GONE]
    findings += [text for item in digest.notices for text in (item.notice.text, item.article.title)]
    beginnings = [one_line(text)[:_BEGINNING] for text in findings if text.strip()]
    opening = edition.words[:_OPENING]
    if beginnings and not any(beginning in opening for beginning in beginnings):
        yield Flaw("M-OPENING", edition.name, f"the first words are {quoted(opening, 100)}")
