"""Our own words: subject, preheader, headings and the lines around the articles. Grade 8 at most, and no hype.

The articles' own sentences are never changed here.
"""

from __future__ import annotations

import re
from datetime import date
from math import ceil

from newsletter.model import Article, Audience, Digest, Newsletter, Status
from newsletter.templating import short_date, status_words

ADVICE_HEADINGS = {
    Audience.GENERAL: "Who should care, and why",
    Audience.CAREGIVER: "For caregivers",
    Audience.PERSON_WITH_MS: "For people with MS",
    Audience.CLINICIAN: "For clinicians",
}
NEUTRAL_HEADING = "Why this may matter"
CAVEAT_HEADING = "Keep in mind"
CONTENTS_HEADING = "In this digest"
NOTICES_HEADING = "Corrections and notices"
LATE_HEADING = "Also new to us"
TITLES_HEADING = "More new summaries"
ABOUT_HEADING = "About this email"

ABOUT_SUMMARIES = "Plain-language summaries of research on multiple sclerosis (MS)."
NOTICE_CARE = "Do not change treatment because of a notice without talking with your care team."
CARE = "Talk with your care team before you act on this."
RATINGS = "Credibility and interest are our own ratings of a study."
NO_TRACKING = (
    "No tracking: this email has no pictures and no hidden pixels. Its links do not count you. "
    "We do not know if you open it."
)
DISCLAIMER = (
    "This digest explains research in plain words. It is not medical advice. "
    "Talk with your care team before you change your treatment."
)
PREPRINT = "Preprint: not yet peer reviewed"

_NOTICE_NOUNS = {
    Status.OK: ("notice", "notices"),
    Status.CORRECTED: ("correction", "corrections"),
    Status.CONCERN: ("expression of concern", "expressions of concern"),
    Status.RETRACTED: ("retraction", "retractions"),
    Status.WITHDRAWN: ("withdrawal", "withdrawals"),
}
_NOTICE_TEXTS = {
    Status.CORRECTED: "This study, or our summary of it, has been corrected.",
    Status.CONCERN: "The journal has raised a concern about this study. Read it with care.",
    Status.RETRACTED: "This study has been taken back. Do not rely on what it found.",
    Status.WITHDRAWN: "We have taken this summary back. Do not rely on it.",
}
_PREPRINT_SERVERS = ("medrxiv", "biorxiv", "arxiv", "research square", "preprints", "ssrn")
_NAMES_THE_CONDITION = re.compile(r"\bMS\b|sclerosis", re.IGNORECASE)
_PREHEADER_LIMIT = 130
_WORDS_A_MINUTE = 180  # slower than an average reader: many of ours are tired


def counted(number: int, one: str, many: str) -> str:
    """`1 title`, `2 titles`."""
    return f"{number} {one if number == 1 else many}"


def days_words(first: date, last: date) -> str:
    """`9 to 15 November 2026`; what both dates share is said once. Both days are included."""
    if first == last:
        return short_date(last)
    shared = 1 if (first.year, first.month) == (last.year, last.month) else 2 if first.year == last.year else 3
    start = " ".join(short_date(first).split()[:shared])
    return f"{start} to {short_date(last)}"


def counts(digest: Digest) -> str:
    """`1 correction and 3 new summaries`: what the digest holds."""
    statuses = {item.notice.status for item in digest.notices}
    one, many = _NOTICE_NOUNS[statuses.pop() if len(statuses) == 1 else Status.OK]
    notices = [counted(len(digest.notices), one, many)] if digest.notices else []
    number = len(digest.items) + len(digest.titles)
    summaries = [counted(number, "new summary", "new summaries")] if number else []
    return " and ".join(notices + summaries)


def period_words(digest: Digest) -> str:
    """The days of a digest; a catch-up digest says that it covers them."""
    days = days_words(digest.first_day, digest.last_day)
    return f"Covers {days}" if digest.planned.catch_up else days


def subject(digest: Digest) -> str:
    """Counts and dates alone, so a lock screen tells nothing of anybody's health."""
    days = period_words(digest)
    return f"{counts(digest)}, {days[:1].lower()}{days[1:]}"


def preheader(digest: Digest) -> str:
    """The line that mail lists show after the subject: the first finding, or nothing telling where discreet."""
    items, first = digest.items, next(iter((*(item.article for item in digest.items), *digest.titles)), None)
    if digest.newsletter.discreet or (first is None and not digest.notices):
        return f"Your digest of {days_words(digest.first_day, digest.last_day)} is ready to read."
    if digest.notices:
        notice = digest.notices[0]
        return shortened(article_heading(notice.article, notice.notice.status), _PREHEADER_LIMIT)
    if items and items[0].article.status in {Status.OK, Status.CORRECTED}:
        return shortened(items[0].article.summary.key_takeaway, _PREHEADER_LIMIT)
    return shortened(article_heading(first), _PREHEADER_LIMIT) if first else ""


def shortened(text: str, limit: int) -> str:
    """At most `limit` characters, cut between words, with an ellipsis where something is missing."""
    if len(text) <= limit:
        return text
    return text[: limit - 1].rsplit(" ", 1)[0].rstrip(" ,;:.") + "…"


def from_name(newsletter: Newsletter) -> str:
    """The sender's name. A discreet newsletter shows none that names the condition; the address then stands alone."""
    telling = newsletter.discreet and _NAMES_THE_CONDITION.search(newsletter.from_name)
    return "" if telling else newsletter.from_name


def article_heading(article: Article, status: Status | None = None) -> str:
    """The title; what has become of the study stands before it, once. A correction does not change the title."""
    words = status_words(article.status if status is None else status)
    named = article.title.casefold().startswith(words.casefold())
    if not words or named or (status is None and article.status is Status.CORRECTED):
        return article.title
    return f"{words}: {article.title}"


def notice_text(article: Article) -> str:
    """What stands first in an item whose study did not stay as it was; empty for the others."""
    return "" if article.status is Status.OK else article.facts.notice or _NOTICE_TEXTS[article.status]


def advice_heading(audience: Audience, *, found: bool) -> str:
    """Who is spoken to; where the article has no sentence for them, a neutral heading for the takeaway."""
    if not found:
        return "" if audience is Audience.GENERAL else NEUTRAL_HEADING
    return ADVICE_HEADINGS[audience]


def journal_words(journal: str) -> str:
    """A journal's name as people say it: no subtitle after ` : `, no place in parentheses; preprints are labelled."""
    name = journal.partition(" : ")[0]
    name = re.sub(r"\s*\([^()]*\)\s*$", "", name) or journal
    preprint = name.casefold().startswith(_PREPRINT_SERVERS)
    return f"{name} ({PREPRINT})" if preprint else name


def reading_words(digest: Digest, words: int) -> str:
    """`3 new summaries, about 4 minutes to read`. `words` is what the email asks somebody to read."""
    return f"{counts(digest)}, about {counted(max(1, ceil(words / _WORDS_A_MINUTE)), 'minute', 'minutes')} to read"


def rest_words(number: int) -> str:
    return f"Read {counted(number, 'more title', 'more titles')} of this digest on the web"
