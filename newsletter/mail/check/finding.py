"""What the gate may find: each rule with its code, what would be right, and who is hurt where it is broken.

What is said of mail programs by name was measured, or read in their documents or threads, in November 2026.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    """An error hurts some reader or breaks a promise of ours, so nothing is sent; a warning is for the editor to weigh."""

    ERROR = "error"
    WARNING = "warning"


class Rule(NamedTuple):
    """`right` goes on a sentence after "right is"; `why` is a sentence of its own: who is hurt, and how."""

    severity: Severity
    right: str
    why: str


class Flaw(NamedTuple):
    """A rule that is broken at a place within one message. `found` is what stands there."""

    code: str
    place: str
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A flaw of a message. `message` says what was found and what would be right."""

    code: str
    severity: Severity
    place: str
    message: str

    @property
    def why(self) -> str:
        """Who is hurt, and how."""
        return RULES[self.code].why


def found(flaws: Iterable[Flaw]) -> Iterator[Finding]:
    """The findings of one message; the same flaw at the same place is told once."""
    for flaw in dict.fromkeys(flaws):
        rule = RULES[flaw.code]
        message = f"{flaw.found}; right is {rule.right}"
        yield Finding(code=flaw.code, severity=rule.severity, place=flaw.place, message=message)


def quoted(text: str | None, limit: int = 60) -> str:
    """What was found, for a message: one line, not too long."""
    if text is None:
        return "nothing"
    line = " ".join("".join(c if c.isprintable() else "\ufffd" if not c.isspace() else " " for c in text).split())
    return f'"{line if len(line) <= limit else line[: limit - 3] + "..."}"'


def _error(right: str, why: str) -> Rule:
    return Rule(Severity.ERROR, right, why)


def _warning(right: str, why: str) -> Rule:
    return Rule(Severity.WARNING, right, why)


_WIRE = {
    "M-NUL": _error(
        "a message without NUL",
        "Servers cut the message there or refuse it (RFC 5321 4.5.2).",
    ),
    "M-LINE-END": _error(
        "CRLF at the end of each line, and CR and LF nowhere else",
        "A server that mends it breaks the signature; one that does not may see two messages (RFC 5321 2.3.8).",
    ),
    "M-LINE-LENGTH": _error(
        "at most 998 octets a line",
        "Servers refuse the message or cut the line in the middle of a word (RFC 5322 2.1.1).",
    ),
    "M-ENCODED-LINE": _error(
        "at most 76 octets a line of a body, all of them ASCII",
        "Servers that hold to RFC 2045 6.7 cut or re-encode the body, and the signature no longer fits.",
    ),
    "M-LINE-START": _warning(
        "a dot alone and the word From written as =2E and =46 where they start a line",
        "A careless relay ends the message at the dot, and mail stores put > before From.",
    ),
    "M-STRUCTURE": _error(
        "multipart/alternative of text/plain and text/html in this order, or text/plain alone in the text-only edition",
        "Mail programs show the last part that they know: in another order people get the text, or an attachment.",
    ),
    "M-CHARSET": _error(
        "charset=utf-8, and bytes that are UTF-8",
        "Names and signs such as é become other letters.",
    ),
    "M-CODING": _error(
        "Content-Transfer-Encoding: quoted-printable, well formed",
        "Base64 hides the words from filters, which count that against the sender; 8bit may be cut on the way.",
    ),
    "M-BROKEN-TEXT": _error(
        "text without control characters",
        "One such character, U+0092 for example, makes Gmail clip the message at that point.",
    ),
    "M-REPLACED": _warning(
        "text without U+FFFD; correct it at its source",
        "People see a box where a letter was.",
    ),
    "M-LANGUAGE": _error(
        "one Content-Language on each part, that of the site and of the HTML's lang",
        "Screen readers and translators take the text for another language (RFC 3282).",
    ),
    "M-DEFECT": _error(
        "a message that a strict parser reads without complaint",
        "What one program mends, another shows as an empty or broken email.",
    ),
}

_FIELDS = {
    "M-FIELD-COUNT": _error(
        "exactly one Date, From, To, Subject, Message-ID, Reply-To, MIME-Version and Content-Type, and no field twice",
        "Gmail refuses a message with a field twice, and filters punish a missing one (RFC 5322 3.6).",
    ),
    "M-FIELD-CHARACTER": _error(
        "header fields of printable ASCII that decode to text without control characters",
        "A hidden line end begins another field: that is how a title would add a recipient.",
    ),
    "M-ENCODED-WORD": _error(
        "encoded-words of at most 75 characters in free text alone, never in ids, addresses and URLs",
        "Mail programs show the code instead of the words, and Gmail hides the unsubscribe button (RFC 2047 2 and 5).",
    ),
    "M-DATE": _error(
        "a date with its zone, such as Fri, 20 Nov 2026 09:00:00 +0000",
        "The email is sorted to a wrong day, and filters take it for spam (RFC 5322 3.3).",
    ),
    "M-MAILBOX": _error(
        "one mailbox, such as Name <name@example.org>",
        "Servers refuse a sender that they cannot read, and replies reach nobody.",
    ),
    "M-RECIPIENT": _error(
        "one address in To, and neither Cc nor Bcc",
        "Everybody in it learns who else reads about MS.",
    ),
    "M-ADDRESS": _error(
        "the recipient's address in To and nowhere else",
        "Links are logged, forwarded and shown: the address tells who reads about MS.",
    ),
    "M-TOKEN": _error(
        "the reader's token in the links for leaving and for preferences alone",
        "A link that is the reader's own tells who pressed it, and a forwarded one lets others in.",
    ),
    "M-MESSAGE-ID": _error(
        "one id of the form <left@domain> at the sender's own domain",
        "A repeat is shown twice, and an id that ends in localhost looks like spam (RFC 5322 3.6.4).",
    ),
    "M-SUBJECT-LENGTH": _warning(
        "25 to 78 characters",
        "A short one tells nothing, and a long one is cut on a telephone.",
    ),
    "M-HYPE": _error(
        "words of ours without promises such as cure, breakthrough or miracle",
        "People with MS have been promised too much too often.",
    ),
    "M-DISCREET": _error(
        "a subject, preheader, sender and list name that tell no condition and no article where the newsletter is discreet",
        "They stand on a locked screen, where a colleague or a child reads them.",
    ),
    "M-LIST-ID": _error(
        "one List-Id of the form Name <newsletter.domain> at the sender's domain, the same in every digest",
        "People's own filters and folders do not find the newsletter (RFC 2919).",
    ),
    "M-LIST-FIELDS": _warning(
        "List-Archive, List-Help and List-Owner with one URI each in angle brackets",
        "Mail programs offer no way to the archive or to a person (RFC 2369).",
    ),
    "M-UNSUBSCRIBE-FIELD": _error(
        "one web address and one mailto address in List-Unsubscribe, with a token and no address of the reader",
        "Mail programs show no unsubscribe button, so people press the one for spam (RFC 2369, RFC 8058).",
    ),
    "M-ONE-CLICK": _error(
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        "Leaving takes more than one press, and Gmail and Yahoo hold bulk mail back (RFC 8058 3.1).",
    ),
    "M-HTTPS": _warning(
        "a site with https",
        "Mail programs offer no unsubscribe by one press, and everybody on the way can read which page is opened.",
    ),
    "M-AUTOMATIC": _error(
        "Auto-Submitted: auto-generated, and X-Auto-Response-Suppress for Exchange",
        "Every absent reader's mailbox answers, and some answer each other (RFC 3834).",
    ),
    "M-PRECEDENCE": _error(
        "no Precedence",
        "It means nothing that is agreed on, and some filters file it away (RFC 3834).",
    ),
    "M-FEEDBACK-ID": _error(
        "one Feedback-ID of at most four parts, the last of 5 to 15 characters, none of them the reader's",
        "Gmail ignores it otherwise, so complaints cannot be told apart; a reader's value would track them.",
    ),
}

_HTML = {
    "M-DOCTYPE": _error(
        "<!DOCTYPE html> as the first characters",
        "Old rules of layout apply, and premailer drops one that is written otherwise.",
    ),
    "M-HTML-LANGUAGE": _error(
        "lang and dir on html, and again on the element inside body that holds all text",
        "Web mail drops html and body: without the second a screen reader speaks with the wrong voice.",
    ),
    "M-TITLE": _error(
        "a title that is not empty",
        "Screen readers announce a window without a name.",
    ),
    "M-META": _error(
        "meta elements for charset, viewport, format-detection, x-apple-disable-message-reformatting and both color schemes",
        "Telephones shrink the text, make links of dates, or force colours that nobody checked.",
    ),
    "M-ZOOM": _error(
        "a viewport that lets people zoom",
        "Who sees little cannot make the text larger (WCAG 1.4.4).",
    ),
    "M-TABLE": _error(
        "role=presentation on each table for layout, in Outlook's comments too",
        "Screen readers count rows and columns aloud where there is no data.",
    ),
    "M-HEADINGS": _error(
        "one h1, first, then headings that go down one level at a time and are not empty",
        "People who move from heading to heading lose their way (WCAG 1.3.1).",
    ),
    "M-IMAGE": _error(
        "alt, width and height on each picture, alt in words and not a file's name",
        "Screen readers spell the file's name, and the text jumps where pictures load.",
    ),
    "M-PIXEL": _error(
        "no picture that nobody can see",
        "It tells the sender who opened a health letter, when and where.",
    ),
    "M-LINK-WORDS": _error(
        "words that name what the link opens, never read more or click here",
        "Screen readers list links without their sentences (WCAG 2.4.9).",
    ),
    "M-LINK-TARGET": _error(
        "one target for the same words",
        "In a list of links nobody can tell the two apart (WCAG 2.4.9).",
    ),
    "M-SAME-TITLE": _warning(
        "another title for each article; correct it at its source",
        "In a list of links nobody can tell the two apart (WCAG 2.4.9).",
    ),
    "M-UNDERLINE": _error(
        "links underlined by their own style",
        "Who cannot tell colours apart does not see that it is a link (WCAG 1.4.1).",
    ),
    "M-ACTIVE": _error(
        "no script, form, frame, object, sound, event attribute or address that runs code",
        "Mail programs drop them, filters refuse the message, and a careless program runs them.",
    ),
    "M-REMOTE": _error(
        "nothing that is loaded from anywhere",
        "Whoever runs that server learns who reads about MS, and when.",
    ),
    "M-HOST": _error(
        "links to our own site and to the studies alone",
        "Another host learns who comes from a letter about MS.",
    ),
    "M-TRACKING": _error(
        "links without tracking parameters and without a redirect",
        "They tell who pressed which link about their own health.",
    ),
    "M-SOURCE-LINK": _warning(
        "a link to the study without tracking parameters; correct it at its source",
        "The parameters tell the study's site where its visitors come from.",
    ),
    "M-STYLE-SIZE": _error(
        "at most 16,384 characters in all style blocks",
        "Gmail drops what goes beyond, the rules for narrow screens with it.",
    ),
    "M-STYLE-NESTED": _error(
        "no @ rule within an @ rule",
        "Gmail drops the whole style block.",
    ),
    "M-STYLE": _error(
        "plain CSS: balanced braces, name: value, selectors of elements, classes, ids and attributes",
        "Gmail drops a block with an error in it, and this check could not tell what it does.",
    ),
    "M-CONDITIONAL": _error(
        "conditional comments of the form <!--[if mso]> or <!--[if !mso]><!-->",
        "HTML parsers make a comment of <![if, and what it held is lost or shown twice.",
    ),
    "M-OUTLOOK": _warning(
        "a ghost table and PixelsPerInch for Outlook, no flex, grid or rem, and no link in its comments alone",
        "Outlook on Windows shows lines as wide as the screen, or no link.",
    ),
    "M-PREHEADER": _error(
        "a preheader as the first text: hidden from eyes and from screen readers, with at most 20 invisible characters",
        "Mail lists show the first link instead, and a padding of invisible characters is read out or printed.",
    ),
    "M-PREHEADER-LENGTH": _warning(
        "40 to 130 characters",
        "A short one is filled up with whatever comes next, a long one is cut.",
    ),
    "M-HIDDEN": _warning(
        "no hidden text but the preheader",
        "Filters take hidden text for a trick, and some programs show it.",
    ),
    "M-DARK": _error(
        "color-scheme: light dark on :root, and a dark colour scheme whose rules are all !important",
        "In dark mode inline colours win over rules without it, and the text cannot be read.",
    ),
    "M-COLOUR-PAIR": _error(
        "a text colour and a background colour always on the same element",
        "Programs change one of the two in dark mode: dark text is left on a dark ground.",
    ),
    "M-COLOUR": _error(
        "colours as #rrggbb or plain names, without opacity or pictures behind the text",
        "Old programs ignore other forms, and nobody can compute their contrast.",
    ),
    "M-CONTRAST": _error(
        "a contrast of 7:1 between text and ground, in light, in dark and without styles",
        "Tired eyes and eyes after optic neuritis cannot read it (WCAG 1.4.6).",
    ),
    "M-INVERTED": _warning(
        "a contrast of 4.5:1 also where a program turns all colours round",
        "Gmail on iPhones inverts colours in dark mode and asks nobody.",
    ),
    "M-SIZE": _warning(
        "less than 75,000 bytes of HTML",
        "Gmail clips at about 102 KB, and the room until there is small.",
    ),
    "M-SIZE-LIMIT": _error(
        "at most 90,000 bytes of HTML",
        "Gmail clips the end, where the way out and the postal address stand.",
    ),
    "M-OPENING": _error(
        "a finding or a notice within the first 200 characters that people see, unless the newsletter is discreet or there is none",
        "Machines summarise the first lines; without the sentence itself its may becomes a does.",
    ),
    "M-TARGET": _error(
        "44 pixels of height for a link that stands alone, by padding and a display of inline-block or block",
        "Hands that shake miss it and press its neighbour (WCAG 2.5.5).",
    ),
    "M-FONT-SIZE": _error(
        "19 pixels or more for what people came to read, in px",
        "Tired eyes give up; Outlook and Yahoo ignore rem.",
    ),
    "M-SMALL": _error(
        "at least 16 pixels, also for small print",
        "The way out of a newsletter must not be its smallest words.",
    ),
    "M-LINE-HEIGHT": _error(
        "lines at least 1.5 apart, in headings and links that stand alone 1.25",
        "Eyes slip into the wrong line (WCAG 1.4.8).",
    ),
    "M-JUSTIFIED": _error(
        "text that is not justified",
        "Rivers of white between the words make reading hard (WCAG 1.4.8).",
    ),
    "M-ITALIC": _error(
        "no italics in more than a few words",
        "Slanted letters are hard on weak eyes (RNIB clear print).",
    ),
    "M-CAPITALS": _error(
        "no text in capitals",
        "Words lose their shape, and some screen readers spell them (RNIB clear print).",
    ),
    "M-SOURCE-CAPITALS": _warning(
        "a title or sentence that is not in capitals; correct it at its source",
        "Words lose their shape, and some screen readers spell them (RNIB clear print).",
    ),
    "M-MOTION": _error(
        "nothing that moves or blinks",
        "It brings on vertigo and takes the eye from the text (WCAG 2.2.2).",
    ),
    "M-MEASURE": _error(
        "a column of at most 700 pixels around paragraphs, so that lines have no more than 80 characters",
        "On a wide screen the eye does not find the next line (WCAG 1.4.8).",
    ),
    "M-REFLOW": _error(
        "nothing wider than 320 pixels outside Outlook's comments, and lines that may wrap",
        "On a telephone, or at large type, people have to push each line aside (WCAG 1.4.10).",
    ),
}

_TEXT = {
    "M-TEXT-LINE": _error(
        "at most 78 characters a line, but for a URL",
        "Old mail programs and Braille displays break lines in the middle.",
    ),
    "M-TEXT-URL": _error(
        "each URL whole and alone on its line",
        "Programs make a link of the full stop too, or break the link in two.",
    ),
    "M-TEXT-LINKS": _error(
        "every link of the HTML in full",
        "Who reads the text cannot go where the others go.",
    ),
    "M-TEXT-ORDER": _error(
        "the headings and articles of the HTML in the same order",
        "Two people with the same digest do not talk of the same thing.",
    ),
    "M-TEXT-MARKUP": _error(
        "words alone: no tags, no entities, no invisible characters",
        "Screen readers spell them, and terminals show rubbish.",
    ),
    "M-TEXT-SIGNATURE": _error(
        "one line of two hyphens and a space before the footer",
        "Mail programs quote the footer in every answer (RFC 3676 4.3).",
    ),
    "M-TEXT-SHORT": _error(
        "at least 60 % as many words as the HTML",
        "It is no equal edition, and filters distrust parts that differ.",
    ),
    "M-TEXT-NUMBERS": _warning(
        "articles numbered 1, 2, 3 and so on",
        "Who listens cannot tell how many are left.",
    ),
}

_CONTENT = {
    "M-SENDER": _error(
        "the sender's name in each part",
        "Nobody knows who speaks, and the law asks for it (CAN-SPAM, CASL).",
    ),
    "M-POSTAL": _error(
        "the postal address in each part",
        "The law asks for it (CAN-SPAM, CASL), and so may a reader.",
    ),
    "M-REASON": _error(
        "a sentence that says why people get this",
        "Who forgot that they signed up calls it spam.",
    ),
    "M-UNSUBSCRIBE": _error(
        "the unsubscribe link before the first article and after the last, in each part, the same as in the header",
        "Who is tired looks at one place only, and the end may be clipped.",
    ),
    "M-CONFIRM": _error(
        "the link that confirms in each part of a confirmation, and in no other email",
        "Nobody can subscribe; or somebody confirms what they were never asked.",
    ),
    "M-PREFERENCES": _error(
        "the link to the reader's preferences in each part of a welcome or a note about them, and in no other email",
        "Whoever gets a digest passed on could read and change what somebody else chose.",
    ),
    "M-OFF-LIST": _error(
        "neither List fields nor a link to unsubscribe in an email to somebody who is not on the list",
        "Mail programs offer a way out that leads nowhere, and file a question with the digests (RFC 2369 3.2).",
    ),
    "M-PRIVACY": _error(
        "a sentence that says that nobody is tracked",
        "Readers of a health letter have a right to know.",
    ),
    "M-PRIVACY-LINK": _error(
        "a link in each part to the page on privacy",
        "Nobody learns what is kept of them, and laws ask for it (GDPR 13, Washington's My Health My Data Act).",
    ),
    "M-CHANGE": _error(
        "a link in each part to the page where a reader asks for less, for more or for another form",
        "Who gets too much can only leave, though once a month would have done.",
    ),
    "M-DISCLAIMER": _error(
        "a sentence that says that this is not medical advice",
        "Somebody may change a treatment because of a summary.",
    ),
    "M-ARTICLES": _error(
        "every article and notice of the digest in each part",
        "A reader misses what the others get.",
    ),
    "M-CAVEAT": _error(
        "a limit of the study in its own words with each finding, before the next article",
        "A finding without its limit is a promise.",
    ),
    "M-NO-CAVEAT": _warning(
        "a source that says what limits the study",
        "The finding stands there without its limit, because the source tells none.",
    ),
    "M-READING-TIME": _warning(
        "how many minutes it takes to read",
        "People with fatigue plan their strength.",
    ),
}

_WORDS = {
    "M-GRADE": _warning(
        "words of ours at Flesch-Kincaid grade 8 or below",
        "Half of all adults give up above it.",
    ),
    "M-LONG-SENTENCE": _warning(
        "sentences of ours of at most 25 words",
        "Who has trouble to concentrate loses the beginning before the end.",
    ),
    "M-PEOPLE": _warning(
        "people with MS, never sufferers, victims or MS patients",
        "More than half of those asked want to be called people with MS.",
    ),
    "M-SPAM": _warning(
        "other words where the editor can choose them",
        "Filters know these words from spam; several in one email send it to the junk folder.",
    ),
    "M-UNJUDGED": _warning(
        "a language for which this check knows the words: English or German",
        "Whether the sentences that must be there are there, somebody has to look.",
    ),
}

#: In the order of the table in docs/checking-mail.md, which a test holds to this one.
RULES: dict[str, Rule] = {**_WIRE, **_FIELDS, **_HTML, **_TEXT, **_CONTENT, **_WORDS}
