"""Our own words in emails: subject, preheader, headings and the lines around the articles. Grade 8 at most, and no hype.

The articles' own sentences are never changed here. Every text is a whole sentence or a label, never half of one, so that
it can be said in another language too. The constants are what the catalogue knows them by: `constants` says them in the
words that are given.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from math import ceil

from newsletter.audience import sentences
from newsletter.model import Article, Audience, Cadence, Digest, Newsletter, Status
from newsletter.templating import heading_words
from newsletter.words import Words, marked, marked_plural

ADVICE_HEADINGS = {
    Audience.GENERAL: marked("Who should care and why"),
    Audience.CAREGIVER: marked("For caregivers"),
    Audience.PERSON_WITH_MS: marked("For people with MS"),
    Audience.CLINICIAN: marked("For clinicians"),
}
NEUTRAL_HEADING = marked("Why this may matter")
CAVEAT_HEADING = marked("Keep in mind")
CONTENTS_HEADING = marked("In this digest")
NOTICES_HEADING = marked("Corrections and notices")
LATE_HEADING = marked("Also new to us")
TITLES_HEADING = marked("More new summaries")
ABOUT_HEADING = marked("About this email")
READ_ON_WEB = marked("Read this digest on the web")
UNSUBSCRIBE = marked("Unsubscribe")
WRITE_TO_US = marked("Write to us")
CHANGE = marked("Change what you get")
PRIVACY = marked("How we treat your data")
UNSUBSCRIBE_AT_ONCE = marked("Unsubscribe with one press")

CREDIBILITY = marked("Credibility")
INTEREST = marked("Interest")
JOURNAL = marked("Study published in")
ISSUE_DATE = marked("Study issue date")
TOPICS = marked("Topics")
STUDY = marked("Study")
PUBMED_ID = marked("PubMed ID")

ABOUT_SUMMARIES = marked("Plain-language summaries of research on multiple sclerosis (MS).")
NOTICE_CARE = marked("Do not change treatment because of a notice without talking with your care team.")
CARE = marked("Talk with your care team before you act on this.")
RATINGS = marked("Credibility and interest are our own ratings.")
NO_TRACKING = marked(
    "No tracking: this email has no pictures and no hidden pixels. Its links do not count you. "
    "We do not know if you open it."
)
DISCLAIMER = marked(
    "This digest explains research in plain words. It is not medical advice. "
    "Talk with your care team before you change your treatment."
)
UNTITLED = marked("(no title)")

_NOTICE_NOUNS = {
    Status.OK: marked_plural("%(num)s notice", "%(num)s notices"),
    Status.CORRECTED: marked_plural("%(num)s correction", "%(num)s corrections"),
    Status.CONCERN: marked_plural("%(num)s expression of concern", "%(num)s expressions of concern"),
    Status.RETRACTED: marked_plural("%(num)s retraction", "%(num)s retractions"),
    Status.WITHDRAWN: marked_plural("%(num)s withdrawal", "%(num)s withdrawals"),
}
_NAMES_THE_CONDITION = re.compile(r"\bMS\b|s[ck]l[eé]ro[sz]", re.IGNORECASE)  # in most languages of Europe
_PREHEADER_LEAST, _PREHEADER_LIMIT = 40, 130
_OPENING_LIMIT = 130
_LONGEST_SUBJECT = 78  # what several newsletters are called together may be longer
_DISCREET_REST = marked("It has no pictures, does not track you, and you can stop it.")
_WORDS_A_MINUTE = 180  # slower than an average reader: many of ours are tired


def counts(words: Words, digest: Digest, summaries: int) -> str:
    """`1 correction and 3 new summaries`: all notices of a digest, and so many of its articles."""
    statuses = {item.notice.status for item in digest.notices}
    one, many = _NOTICE_NOUNS[statuses.pop() if len(statuses) == 1 else Status.OK]
    notices = words.ngettext(one, many, len(digest.notices))
    new = words.ngettext("%(num)s new summary", "%(num)s new summaries", summaries)
    if not digest.notices:
        return new
    return words.gettext("%(notices)s and %(summaries)s", notices=notices, summaries=new) if summaries else notices


def counts_sentence(words: Words, digest: Digest, summaries: int) -> str:
    """The same as a sentence."""
    return words.gettext("%(counts)s.", counts=counts(words, digest, summaries))


def period_words(words: Words, digest: Digest) -> str:
    """The days of a digest; a catch-up digest says that it covers them."""
    days = words.days(digest.first_day, digest.last_day)
    return words.gettext("Covers %(days)s", days=days) if digest.planned.catch_up else days


def subject(words: Words, digest: Digest, summaries: int) -> str:
    """Counts and dates alone, so a lock screen tells nothing of anybody's health. `summaries` is how many are told."""
    told = {"counts": counts(words, digest, summaries), "days": words.days(digest.first_day, digest.last_day)}
    if digest.planned.catch_up:
        return words.gettext("%(counts)s, covers %(days)s", **told)
    return words.gettext("%(counts)s, %(days)s", **told)


def preheader(words: Words, digest: Digest, first: Article | None) -> str:
    """The line that mail lists show after the subject, 40 to 130 characters: what `opening` says, or nothing telling.

    A discreet one is long enough that a list has no room for what follows it.
    """
    days = words.days(digest.first_day, digest.last_day)
    if digest.newsletter.discreet:
        return discreetly(words, words.gettext("Your digest of %(days)s is ready to read.", days=days))
    told = opening(words, digest, first) or (ended(heading_words(words, first)) if first else "")
    if len(told) < _PREHEADER_LEAST:
        rest = words.gettext("This is in your digest of research summaries of %(days)s.", days=days)
        told = f"{told} {rest}".strip()
    return shortened(told, _PREHEADER_LIMIT)


def discreetly(words: Words, preheader: str) -> str:
    """As long as a list shows, so that nothing of what follows is seen there."""
    return shortened(f"{preheader} {words.gettext(_DISCREET_REST)}", _PREHEADER_LIMIT)


def opening(words: Words, digest: Digest, first: Article | None) -> str:
    """What an email begins with: its first notice, else the first finding with its own "may". `first` is told whole.

    Empty where it would tell what others may not see, and where there is only a title.
    """
    if digest.newsletter.discreet:
        return ""
    if digest.notices:
        notice = digest.notices[0]
        return ended(heading_words(words, notice.article, notice.notice.status))
    if first is None or all(item.article.id != first.id for item in digest.items):
        return ""
    if first.status not in {Status.OK, Status.CORRECTED}:
        return ended(heading_words(words, first))
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


def advice_heading(words: Words, audience: Audience, *, found: bool) -> str:
    """Who is spoken to; where the article has no sentence for them, a neutral heading for the takeaway."""
    if not found:
        return "" if audience is Audience.GENERAL else words.gettext(NEUTRAL_HEADING)
    return words.gettext(ADVICE_HEADINGS[audience])


def minutes(number: int) -> int:
    """How long somebody reads so many words."""
    return max(1, ceil(number / _WORDS_A_MINUTE))


def reading_words(words: Words, time: int) -> str:
    return words.ngettext("About %(num)s minute to read.", "About %(num)s minutes to read.", time)


def rest_words(words: Words, number: int) -> str:
    return words.ngettext(
        "Read %(num)s more title of this digest on the web",
        "Read %(num)s more titles of this digest on the web",
        number,
    )


def reason(words: Words, newsletter: str) -> str:
    """Why somebody gets an email."""
    return words.gettext("You get this email because you asked for %(newsletter)s.", newsletter=newsletter)


def sent_by(words: Words, author: str, site: str) -> str:
    return words.gettext("Sent by %(author)s, %(site)s.", author=author, site=site)


def study_words(words: Words, title: str) -> str:
    """The words of a link to the study itself."""
    return words.gettext("The study behind “%(title)s”", title=title)


# -- emails about a subscription --------------------------------------------------------------------------------------

CONFIRM_REASON = marked("You get this email because somebody asked for this newsletter with your address.")
GOODBYE_REASON = marked("You get this email because your subscription has ended. It is the last one.")
CONFIRM_PREHEADER = marked("Say yes to get our emails. If you did not ask for them, do nothing.")
WELCOME_PREHEADER = marked("Here is what you will get, and how to stop it at any time.")
GOODBYE_PREHEADER = marked("Your subscription has ended. You need not do anything more.")
CONFIRM_NOTHING = marked("If you did not ask for this, do nothing. Then nothing more comes.")
PREFERENCES_REASON = marked("You get this email because somebody asked for this link with your address.")
PREFERENCES_PREHEADER = marked("The link works for seven days. If you did not ask for it, do nothing.")
PREFERENCES_ASKED = marked("Somebody asked us for this link with your address. If it was you, here it is.")
PREFERENCES_PAGE = marked(
    "It opens a page of your own. There you can change what we send and how often, take a break, or leave. "
    "You can also see all that we know about you, and have it deleted."
)
PREFERENCES_BUTTON = marked("See and change what we send you")
PREFERENCES_KEEP = marked("The link works for seven days. Please do not pass it on: it is yours alone.")
PREFERENCES_NOTHING = marked("If you did not ask for this, do nothing. Then nothing changes.")
WELCOME_CHOOSE = marked("You can choose the topics, the size of the letters, and how often we write.")
WELCOME_AGAIN = marked("Later on you can ask for a new link on the page where you unsubscribe.")
WELCOME_STOP = marked("You can stop at any time. A link that ends your subscription stands in every email.")
WELCOME_ORDINARY = marked("Each email lists what is new, in plain words, and says how sure the research is.")
GOODBYE_NOTHING = marked("You need not do anything more. This is our last email to you.")
GOODBYE_THANKS = marked("Thank you for reading. If this was a mistake, write to us and we will help.")
_CADENCES = {
    Cadence.DAILY: marked("It comes once a day, when there is something new."),
    Cadence.WEEKLY: marked("It comes once a week, when there is something new."),
    Cadence.MONTHLY: marked("It comes once a month, when there is something new."),
}
_CADENCES_OF_SEVERAL = {
    Cadence.DAILY: marked("%(newsletter)s comes once a day, when there is something new."),
    Cadence.WEEKLY: marked("%(newsletter)s comes once a week, when there is something new."),
    Cadence.MONTHLY: marked("%(newsletter)s comes once a month, when there is something new."),
}


def confirm_subject(words: Words, newsletter: Newsletter) -> str:
    """Names nothing where the newsletter is discreet, and so do the others."""
    told = words.gettext("Please confirm: %(newsletter)s", newsletter=newsletter.title)
    return _quiet(newsletter, told) or words.gettext("Please confirm your request")


def welcome_subject(words: Words, newsletter: Newsletter) -> str:
    told = words.gettext("Welcome to %(newsletter)s", newsletter=newsletter.title)
    return _quiet(newsletter, told) or words.gettext("Your request is confirmed")


def goodbye_subject(words: Words, newsletter: Newsletter) -> str:
    told = words.gettext("You have left %(newsletter)s", newsletter=newsletter.title)
    return _quiet(newsletter, told) or words.gettext("Your subscription has ended")


def _quiet(newsletter: Newsletter, told: str) -> str:
    """A subject that names the newsletter; empty where it must not, or is longer than lists show."""
    return "" if newsletter.discreet or len(told) > _LONGEST_SUBJECT else told


def preferences_subject(words: Words, newsletter: Newsletter) -> str:  # noqa: ARG001 - it names nothing, discreet or not
    return words.gettext("Your link to change what we send you")


def together(words: Words, newsletters: Sequence[Newsletter]) -> Newsletter:
    """Several newsletters, at least one, as a note names them: as if they were one. One that is discreet makes all so."""
    first = newsletters[0]
    titles = [each.title for each in newsletters]
    return replace(first, title=listed(words, titles), discreet=any(each.discreet for each in newsletters))


def listed(words: Words, names: Sequence[str]) -> str:
    """`A`, `A and B`, `A, B and C`."""
    if len(names) == 1:
        return names[0]
    return words.gettext("%(names)s and %(last)s", names=", ".join(names[:-1]), last=names[-1])


def confirm_asked(words: Words, newsletter: str) -> str:
    return words.gettext(
        "Somebody asked us to send %(newsletter)s to this address. We hope it was you.", newsletter=newsletter
    )


def confirm_button(words: Words, newsletter: str) -> str:
    return words.gettext("Yes, send me %(newsletter)s", newsletter=newsletter)


def confirm_ask(words: Words, newsletter: str) -> str:
    return words.gettext(
        "Do you want to get %(newsletter)s? Then say yes here. Until you do, we send you nothing else.",
        newsletter=newsletter,
    )


def welcome_thanks(words: Words, newsletter: str) -> str:
    return words.gettext("Thank you. From now on you will get %(newsletter)s.", newsletter=newsletter)


def cadence_words(words: Words, comes: Sequence[tuple[str, Cadence]]) -> tuple[str, ...]:
    """How often each newsletter comes, by its title, in a sentence; of one alone it need not be said which."""
    if len(comes) == 1:
        return (words.gettext(_CADENCES[comes[0][1]]),)
    return tuple(words.gettext(_CADENCES_OF_SEVERAL[cadence], newsletter=title) for title, cadence in comes)


def goodbye_done(words: Words, newsletter: str) -> str:
    return words.gettext("You will not get %(newsletter)s any more.", newsletter=newsletter)


def visit(words: Words, site: str) -> str:
    """The words of a link to the site."""
    return words.gettext("Visit %(site)s on the web", site=site)


def constants(words: Words) -> dict[str, str]:
    """Our fixed words by their lower-case names, for templates."""
    return {name: words.gettext(text) for name, text in _CONSTANTS.items()}


_CONSTANTS = {name.lower(): text for name, text in dict(globals()).items() if name.isupper() and isinstance(text, str)}
