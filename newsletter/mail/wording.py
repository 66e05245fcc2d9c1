"""Our own words: subject, preheader, headings and the lines around the articles. Grade 8 at most, and no hype.

The articles' own sentences are never changed here. Every text is a whole sentence or a label, never half of one, so that
it can be said in another language too.
"""

from __future__ import annotations

import re
from datetime import date
from math import ceil

from newsletter.audience import sentences
from newsletter.model import Article, Audience, Cadence, Digest, Newsletter, Status
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
READ_ON_WEB = "Read this digest on the web"
UNSUBSCRIBE = "Unsubscribe"
WRITE_TO_US = "Write to us"
UNSUBSCRIBE_AT_ONCE = "Unsubscribe with one press"

CREDIBILITY = "Credibility"
INTEREST = "Interest"
JOURNAL = "Study published in"
ISSUE_DATE = "Study issue date"
TOPICS = "Topics"
STUDY = "Study"
PUBMED_ID = "PubMed ID"

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
UNTITLED = "(no title)"
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
_PREHEADER_LEAST, _PREHEADER_LIMIT = 40, 130
_OPENING_LIMIT = 130
_DISCREET_REST = "It has no pictures, does not track you, and you can stop it."
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


def counts(digest: Digest, summaries: int) -> str:
    """`1 correction and 3 new summaries`: all notices of a digest, and so many of its articles."""
    statuses = {item.notice.status for item in digest.notices}
    one, many = _NOTICE_NOUNS[statuses.pop() if len(statuses) == 1 else Status.OK]
    notices = counted(len(digest.notices), one, many)
    new = counted(summaries, "new summary", "new summaries")
    if not digest.notices:
        return new
    return f"{notices} and {new}" if summaries else notices


def period_words(digest: Digest) -> str:
    """The days of a digest; a catch-up digest says that it covers them."""
    days = days_words(digest.first_day, digest.last_day)
    return f"Covers {days}" if digest.planned.catch_up else days


def subject(digest: Digest, summaries: int) -> str:
    """Counts and dates alone, so a lock screen tells nothing of anybody's health. `summaries` is how many are told."""
    days = period_words(digest)
    return f"{counts(digest, summaries)}, {days[:1].lower()}{days[1:]}"


def preheader(digest: Digest, first: Article | None) -> str:
    """The line that mail lists show after the subject, 40 to 130 characters: what `opening` says, or nothing telling.

    A discreet one is long enough that a list has no room for what follows it.
    """
    days = days_words(digest.first_day, digest.last_day)
    if digest.newsletter.discreet:
        return discreetly(f"Your digest of {days} is ready to read.")
    words = opening(digest, first) or (ended(article_heading(first)) if first else "")
    if len(words) < _PREHEADER_LEAST:
        words = f"{words} This is in your digest of research summaries of {days}.".strip()
    return shortened(words, _PREHEADER_LIMIT)


def discreetly(preheader: str) -> str:
    """As long as a list shows, so that nothing of what follows is seen there."""
    return shortened(f"{preheader} {_DISCREET_REST}", _PREHEADER_LIMIT)


def opening(digest: Digest, first: Article | None) -> str:
    """What an email begins with: its first notice, else the first finding with its own "may". `first` is told whole.

    Empty where it would tell what others may not see, and where there is only a title.
    """
    if digest.newsletter.discreet:
        return ""
    if digest.notices:
        notice = digest.notices[0]
        return ended(article_heading(notice.article, notice.notice.status))
    if first is None or all(item.article.id != first.id for item in digest.items):
        return ""
    if first.status not in {Status.OK, Status.CORRECTED}:
        return ended(article_heading(first))
    return " ".join(_opening_sentences(first.summary.key_takeaway)) or ended(first.title)


def _opening_sentences(takeaway: str) -> list[str]:
    """Whole sentences: the first, however long, and as many more as a reader of 200 characters gets to see."""
    chosen: list[str] = []
    for sentence in sentences(takeaway):
        if chosen and len(" ".join((*chosen, sentence))) > _OPENING_LIMIT:
            break
        chosen.append(sentence)
    return chosen


def ended(text: str) -> str:
    """A heading as a sentence."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


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


def minutes(words: int) -> int:
    """How long somebody reads so many words."""
    return max(1, ceil(words / _WORDS_A_MINUTE))


def reading_words(time: int) -> str:
    """Such as `About 4 minutes to read`, as a sentence."""
    return f"About {counted(time, 'minute', 'minutes')} to read."


def rest_words(number: int) -> str:
    return f"Read {counted(number, 'more title', 'more titles')} of this digest on the web"


def reason(newsletter: str) -> str:
    """Why somebody gets an email."""
    return f"You get this email because you asked for {newsletter}."


def sent_by(author: str, site: str) -> str:
    return f"Sent by {author}, {site}."


def study_words(title: str) -> str:
    """The words of a link to the study itself."""
    return f"The study behind “{title}”"


# -- emails about a subscription --------------------------------------------------------------------------------------

CONFIRM_REASON = "You get this email because somebody asked for this newsletter with your address."
GOODBYE_REASON = "You get this email because your subscription has ended. It is the last one."
CONFIRM_PREHEADER = "Say yes to get our emails. If you did not ask for them, do nothing."
WELCOME_PREHEADER = "Here is what you will get, and how to stop it at any time."
GOODBYE_PREHEADER = "Your subscription has ended. You need not do anything more."
CONFIRM_NOTHING = "If you did not ask for this, do nothing. We will not write to you again."
WELCOME_STOP = "You can stop at any time. A link that ends your subscription stands in every email."
WELCOME_ORDINARY = "Each email lists what is new, in plain words, and says how sure the research is."
GOODBYE_NOTHING = "You need not do anything more. This is our last email to you."
GOODBYE_THANKS = "Thank you for reading. If this was a mistake, write to us and we will help."
_CADENCES = {
    Cadence.DAILY: "It comes once a day, when there is something new.",
    Cadence.WEEKLY: "It comes once a week, when there is something new.",
    Cadence.MONTHLY: "It comes once a month, when there is something new.",
}


def confirm_subject(newsletter: Newsletter) -> str:
    """Names nothing where the newsletter is discreet, and so do the others."""
    return "Please confirm your request" if newsletter.discreet else f"Please confirm: {newsletter.title}"


def welcome_subject(newsletter: Newsletter) -> str:
    return "Your request is confirmed" if newsletter.discreet else f"Welcome to {newsletter.title}"


def goodbye_subject(newsletter: Newsletter) -> str:
    return "Your subscription has ended" if newsletter.discreet else f"You have left {newsletter.title}"


def confirm_asked(newsletter: str) -> str:
    return f"Somebody asked us to send {newsletter} to this address. We hope it was you."


def confirm_button(newsletter: str) -> str:
    return f"Yes, send me {newsletter}"


def confirm_ask(newsletter: str) -> str:
    return f"Do you want to get {newsletter}? Then say yes here. Until you do, we send you nothing else."


def welcome_thanks(newsletter: str) -> str:
    return f"Thank you. From now on you will get {newsletter}."


def cadence_words(cadence: Cadence) -> str:
    """How often a newsletter comes, as a sentence."""
    return _CADENCES[cadence]


def goodbye_done(newsletter: str) -> str:
    return f"You will not get {newsletter} any more."


def visit(site: str) -> str:
    """The words of a link to the site."""
    return f"Visit {site} on the web"


def constants() -> dict[str, str]:
    """Our fixed words by their lower-case names, for templates."""
    return {name.lower(): text for name, text in globals().items() if name.isupper() and isinstance(text, str)}
