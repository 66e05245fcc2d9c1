"""The header: what must be there once, and in which form (RFC 5322, 2047, 2369, 2919, 3834, 8058)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from urllib.parse import unquote

from newsletter.mail.check.expected import Expected
from newsletter.mail.check.finding import Flaw, quoted
from newsletter.mail.check.links import token_of
from newsletter.mail.check.wire import Field, Message

_ONCE = ("Date", "From", "To", "Subject", "Message-ID", "Reply-To", "MIME-Version", "Content-Type")
#: Free text may be encoded in these; in a mailbox the name alone (RFC 2047 5).
_FREE_TEXT = frozenset({"subject", "comments", "keywords"})
_WITH_NAMES = frozenset({"from", "to", "reply-to", "sender", "list-id"})

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ENCODED_WORD = re.compile(r"=\?[^?\s]*\?[^?\s]*\?[^?\s]*\?=")
_LIKE_ENCODED = re.compile(r"=\?[^\s?]*\?")
_DATE = re.compile(r"(?:[A-Z][a-z]{2}, )?\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d(?::\d\d)? [+-]\d{4}")
_ADDRESS = re.compile(r"[^\s<>\"(),:;@\[\]\\\x00-\x1f\x7f-\x9f]+@[^\s<>\"(),:;@\[\]\\_\x00-\x1f\x7f-\x9f]+")
_IN_ANGLES = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]+)>")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@(?P<domain>[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)>")
_LIST_ID = re.compile(r"(?P<name>[^<>]*)<(?P<id>[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)>")
_URI = re.compile(r"<([^<>\s]+)>")
_LEAST_SUBJECT = 25  #: characters; a note says what it is in fewer
_SENDER_ID = re.compile(r"[^\s:]{5,15}")
_HYPE = re.compile(
    r"\b(?:cur(?:e[sd]?|ing)|breakthroughs?|miracles?|miraculous|revolutionary|game.changer|amazing|astonishing"
    r"|wonder drugs?|heil(?:t|ung|mittel)|durchbruch|wunder(?:mittel|heilung)?|sensation\w*)\b|!",
    re.IGNORECASE,
)
_CONDITION = re.compile(r"\bM\.?S\b|s[ck]l[ée]ros|esclerosis|sclerosi", re.IGNORECASE)


def field_flaws(message: Message, expected: Expected | None, preheader: str) -> Iterator[Flaw]:
    """`preheader` is the hidden first text of the HTML, or empty."""
    yield from _count_flaws(message)
    for field in message.fields:
        yield from _character_flaws(field)
        yield from _encoded_flaws(field)
    yield from _people_flaws(message)
    yield from _identity_flaws(message)
    if expected is None or expected.on_list:
        yield from _list_flaws(message)
        yield from _unsubscribe_flaws(message)
    else:
        yield from _off_list_flaws(message)
    yield from _machine_flaws(message)
    yield from _subject_flaws(message, expected, preheader)
    yield from _action_flaws(message, expected)


def unsubscribe_url(message: Message) -> str | None:
    """The web address of List-Unsubscribe."""
    uris = [uri for field in message.named("List-Unsubscribe") for uri in _URI.findall(field.plain)]
    return next((uri for uri in uris if uri.startswith(("https:", "http:"))), None)


def recipient(message: Message) -> str:
    """The address in To; empty where there is not exactly one."""
    addresses = _addresses(message.named("To"))
    return addresses[0] if len(addresses) == 1 else ""


def _place(field: Field) -> str:
    return f"header {quoted(field.name, 40)[1:-1]}"


def _count_flaws(message: Message) -> Iterator[Flaw]:
    times = Counter(field.name.lower() for field in message.fields)
    for name in _ONCE:
        if times[name.lower()] != 1:
            yield Flaw("M-FIELD-COUNT", f"header {name}", f"there are {times[name.lower()]} fields {name}")
    again = (name for name, number in times.items() if number > 1 and name not in {each.lower() for each in _ONCE})
    for name in again:
        if name not in {"received", "dkim-signature"}:
            yield Flaw("M-FIELD-COUNT", f"header {quoted(name, 40)[1:-1]}", f"there are {times[name]} fields of it")


def _character_flaws(field: Field) -> Iterator[Flaw]:
    bad = _CONTROL.search(field.value)
    name = re.fullmatch(r"[!-9;-~]+", field.name)
    if bad or not name or not field.plain.isascii() or not field.plain:
        what = f"U+{ord(bad[0]):04X}" if bad else "octets that are not ASCII" if field.plain else "no value"
        yield Flaw("M-FIELD-CHARACTER", _place(field), f"there is {what}" if name else "the name is none")


def _encoded_flaws(field: Field) -> Iterator[Flaw]:
    name, plain = field.name.lower(), field.plain
    words = _ENCODED_WORD.findall(plain)
    bare = plain.partition("<")[0] if name in _WITH_NAMES else plain if name in _FREE_TEXT else ""
    outside = len(words) != len(_ENCODED_WORD.findall(bare))
    longest = max(map(len, words), default=0)
    unread = [word for word in words if _LIKE_ENCODED.search(field.value) and word in field.value]
    if longest > 75:
        yield Flaw("M-ENCODED-WORD", _place(field), f"an encoded-word has {longest} characters")
    elif outside or unread or len(_LIKE_ENCODED.findall(plain)) != len(words):
        what = "where none may stand" if outside else "that cannot be read"
        yield Flaw("M-ENCODED-WORD", _place(field), f"there is an encoded-word {what}")


def _addresses(fields: tuple[Field, ...]) -> list[str]:
    """The addresses of a field of mailboxes; an entry that is none comes out as it stands."""
    found: list[str] = []
    for field in fields:
        for entry in _QUOTED.sub("", field.plain).split(","):
            angled = _IN_ANGLES.fullmatch(entry.strip())
            found.append((angled["address"] if angled else entry).strip())
    return found


def _people_flaws(message: Message) -> Iterator[Flaw]:
    for name, code in (("From", "M-MAILBOX"), ("Reply-To", "M-MAILBOX"), ("To", "M-RECIPIENT")):
        fields = message.named(name)
        addresses = _addresses(fields)
        if len(fields) == 1 and (len(addresses) != 1 or not _ADDRESS.fullmatch(addresses[0])):
            told = "is not one address" if len(addresses) == 1 else f"holds {len(addresses)} entries"
            yield Flaw(code, f"header {name}", f"{name} {told}")
    for name in ("Cc", "Bcc", "Resent-To", "Apparently-To"):
        if message.named(name):
            yield Flaw("M-RECIPIENT", f"header {name}", f"there is a field {name}")
    yield from _leak_flaws(message)


def _leak_flaws(message: Message) -> Iterator[Flaw]:
    token = token_of(unsubscribe_url(message) or "")
    for field in message.fields:
        if token and token in field.value and field.name.lower() != "list-unsubscribe":
            yield Flaw("M-TOKEN", _place(field), "the reader's token stands here")
    address = recipient(message).lower()
    if "@" not in address:
        return
    texts = [(_place(field), field.value) for field in message.fields if field.name.lower() != "to"]
    texts += [(part.kind, part.text) for part in message.parts]
    for place, text in texts:
        if address in unquote(text).lower():
            yield Flaw("M-ADDRESS", place, "the recipient's address stands here")


def _identity_flaws(message: Message) -> Iterator[Flaw]:
    for field in message.named("Date"):
        if not _DATE.fullmatch(field.plain) or not _is_date(field.plain):
            yield Flaw("M-DATE", "header Date", f"the date is {quoted(field.plain)}")
    for field in message.named("Message-ID"):
        given = _MESSAGE_ID.fullmatch(field.plain)
        if not given or given["domain"].lower() != _domain(message):
            yield Flaw("M-MESSAGE-ID", "header Message-ID", f"the id is {quoted(field.plain, 100)}")


def _is_date(text: str) -> bool:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return False
    return not text[0].isalpha() or text[:3] == ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[moment.weekday()]


def _domain(message: Message) -> str:
    """The sender's, as DNS knows it (RFC 5890)."""
    addresses = _addresses(message.named("From"))
    domain = addresses[0].rpartition("@")[2].lower() if addresses else ""
    try:
        return domain.encode("idna").decode()
    except UnicodeError:
        return domain


def _list_flaws(message: Message) -> Iterator[Flaw]:
    fields = message.named("List-Id")
    given = _LIST_ID.fullmatch(fields[0].plain) if len(fields) == 1 else None
    if given is None or not f".{given['id'].lower()}".endswith(f".{_domain(message)}"):
        what = quoted(fields[0].plain, 100) if fields else "missing"
        yield Flaw("M-LIST-ID", "header List-Id", f"List-Id is {what}")
    for name in ("List-Archive", "List-Help", "List-Owner"):
        values = [field.plain for field in message.named(name)]
        if len(values) != 1 or not _URI.fullmatch(values[0]):
            yield Flaw("M-LIST-FIELDS", f"header {name}", f"{name} is {quoted(values[0] if values else None)}")


def _unsubscribe_flaws(message: Message) -> Iterator[Flaw]:
    uris = [uri for field in message.named("List-Unsubscribe") for uri in _URI.findall(field.plain)]
    web = [uri for uri in uris if uri.startswith(("https:", "http:"))]
    mail = [uri for uri in uris if uri.startswith("mailto:")]
    local = bool(web) and "@" in unquote(web[0].partition("://")[2].partition("/")[2].partition("?")[0])
    if (len(web), len(mail), len(uris)) != (1, 1, 2) or local:
        told = ", ".join(quoted(uri) for uri in uris) or "missing"
        yield Flaw("M-UNSUBSCRIBE-FIELD", "header List-Unsubscribe", f"List-Unsubscribe is {told}")
    one_click = [field.plain for field in message.named("List-Unsubscribe-Post")]
    if web and web[0].startswith("http:"):
        yield Flaw("M-HTTPS", "header List-Unsubscribe", f"the web address is {quoted(web[0])}")
    elif one_click != ["List-Unsubscribe=One-Click"]:
        told = quoted(one_click[0]) if one_click else "missing"
        yield Flaw("M-ONE-CLICK", "header List-Unsubscribe-Post", f"List-Unsubscribe-Post is {told}")


def _off_list_flaws(message: Message) -> Iterator[Flaw]:
    """Programs take an email with such fields for one of the list (RFC 2369 3.2), and offer a way out."""
    for field in message.fields:
        if field.name.lower().startswith("list-"):
            yield Flaw("M-OFF-LIST", _place(field), f"there is a field {quoted(field.name, 40)[1:-1]}")


def _action_flaws(message: Message, expected: Expected | None) -> Iterator[Flaw]:
    """What a note is for is the reader's alone to press: nothing in the header may, and scanners read all of it."""
    urls = () if expected is None else (expected.confirm_url, expected.preferences_url)
    for token in filter(None, map(token_of, urls)):
        for field in message.fields:
            if token in field.value:
                yield Flaw("M-TOKEN", _place(field), "the token of the note's own link stands here")


def _machine_flaws(message: Message) -> Iterator[Flaw]:
    automatic = message.value("Auto-Submitted")
    if automatic != "auto-generated" or not message.value("X-Auto-Response-Suppress"):
        what = "X-Auto-Response-Suppress is missing" if automatic == "auto-generated" else f"it is {quoted(automatic)}"
        yield Flaw("M-AUTOMATIC", "header Auto-Submitted", what)
    for field in message.named("Precedence"):
        yield Flaw("M-PRECEDENCE", "header Precedence", f"Precedence is {quoted(field.plain)}")
    values = [field.plain for field in message.named("Feedback-ID")]
    parts = values[0].split(":") if values else []
    if len(values) != 1 or not 2 <= len(parts) <= 4 or not all(parts) or not _SENDER_ID.fullmatch(parts[-1]):
        yield Flaw("M-FEEDBACK-ID", "header Feedback-ID", f"Feedback-ID is {quoted(values[0] if values else None)}")


def _subject_flaws(message: Message, expected: Expected | None, preheader: str) -> Iterator[Flaw]:
    subject = message.value("Subject")
    least = 1 if expected is not None and expected.is_note else _LEAST_SUBJECT
    if not least <= len(subject) <= 78:
        yield Flaw("M-SUBJECT-LENGTH", "header Subject", f"the subject has {len(subject)} characters")
    ours = subject
    for text in () if expected is None else sorted((*expected.sources, *expected.given), key=len, reverse=True):
        ours = ours.replace(text, " ")
    hype = _HYPE.search(ours)
    if hype:
        yield Flaw("M-HYPE", "header Subject", f"the subject says {quoted(hype[0])}")
    if expected is not None and expected.newsletter.discreet:
        yield from _discreet_flaws(message, expected, preheader)


def _discreet_flaws(message: Message, expected: Expected, preheader: str) -> Iterator[Flaw]:
    names = {name: message.value(name).partition("<")[0] for name in ("From", "List-Id")}
    seen = {"header Subject": message.value("Subject"), "preheader": preheader}
    seen |= {f"header {name}": text for name, text in names.items()}
    titles = [article.title.casefold() for article in expected.articles]
    for place, text in seen.items():
        condition = _CONDITION.search(text)
        if condition or any(title in text.casefold() for title in titles):
            yield Flaw("M-DISCREET", place, f"it tells {quoted(condition[0] if condition else text)}")
