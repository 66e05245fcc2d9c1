"""What one message says: a bounce, a complaint, a wish to leave, or something for a person to read.

Delivery reports of RFC 3464 and complaints of RFC 5965 are read by their own fields. Bounces in other forms are left to
`flufl.bounce`, which has known the oddities of mail servers for twenty years; the status is then looked for in the text.
Nothing here decides, and nothing raises for what it reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from email.message import Message
from itertools import islice

from newsletter.incoming.parts import Part, all_of, blocks, field, head, parts, plain
from newsletter.model.incoming import Failure, Report, ReportKind

_LONGEST_WORDS = 500  #: characters of a server's words that are looked at
_MOST = 20  #: of anything that is listed
_LINES, _LINE = 300, 200  #: of a text that is given to heuristics, whose time grows with the square of a line

_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
_CODE = re.compile(r"(?<![\d.])([45]\d\d)(?=[ -])")
_ADDRESS = re.compile(r"[^\s<>\"(),:;]{1,64}@[^\s<>\"(),:;]{1,253}")
_MESSAGE_ID = re.compile(r"<[^<>\s@]{1,128}@[^<>\s@]{1,250}>")
_LEAVING = re.compile(r"(?:re:\s*)?unsubscribe\s+([A-Za-z0-9._~-]{16,512})", re.IGNORECASE)
_LINK = re.compile(r"/unsubscribe/([A-Za-z0-9._~-]{16,512})")
_ROBOT = re.compile(r"(?:mailer-daemon|postmaster|mail-daemon|mailerdaemon)@", re.IGNORECASE)
#: Where the copy of our own message begins: whatever stands below is not the server's word.
_COPY = re.compile(
    r"^[ \t>*=-]{0,40}(?:below this line is a copy|this is a copy of (?:the|your) message|original message (?:follows|headers)"
    r"|original message|returned mail follows|included is a copy)|^(?:return-path|received|message-id): ",
    re.IGNORECASE | re.MULTILINE,
)
_OUT_OF_OFFICE = re.compile(
    r"(?:out of (?:the )?office|automatic reply|auto(?:matic)?[ -]?reply|abwesen)", re.IGNORECASE
)

_DELIVERY_STATUS = frozenset({"message/delivery-status", "message/global-delivery-status"})  # RFC 3464, RFC 6533
_ENCLOSED = frozenset(
    {"message/rfc822", "text/rfc822-headers", "message/rfc822-headers", "message/global", "message/global-headers"}
)
#: RFC 5965 7.3, RFC 6430. `virus`, `other` and what is not known here are for a person to read.
_FEEDBACK = {
    "abuse": ReportKind.COMPLAINT,
    "fraud": ReportKind.COMPLAINT,
    "opt-out": ReportKind.COMPLAINT,
    "not-spam": ReportKind.AUTOMATIC,
}

#: Whom a message was sent to, as mail servers note it when they put it down: the envelope is gone by then.
_SENT_TO = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Delivered-To", "To", "Cc")


def read(data: bytes, recipient: str = "") -> Report:
    """What a message says. `recipient` is the envelope's, where it is known (RFC 5321 3.3)."""
    found = tuple(parts(data))
    whole = found[0]
    leaving = _leaving(found)
    if leaving:
        return Report(kind=ReportKind.UNSUBSCRIBE, tokens=(leaving,))
    report = _delivery_report(found) or _complaint(found) or _other(whole, found)
    originals = _originals(found)
    senders = [told for each in originals for told in all_of(each, "Return-Path")]
    ids = [told for each in originals for told in _MESSAGE_ID.findall(field(each, "Message-ID"))]
    links = [told for each in originals for told in _LINK.findall(field(each, "List-Unsubscribe"))]
    return replace(
        report,
        addresses=_distinct((recipient, *_sent_to(whole.fields), *report.addresses, *_addresses(senders))),
        message_ids=_distinct(ids),
        tokens=_distinct(links),
    )


def _leaving(found: Sequence[Part]) -> str:
    """The token of who asks to leave: alone with the word in the subject, or in a line at the beginning of the text."""
    text = next((part.text() for part in found if part.kind == "text/plain"), "")
    lines = [line for line in text.splitlines() if line.strip()][:5]
    for line in (plain(field(found[0].fields, "Subject")), *lines):
        asked = _LEAVING.fullmatch(" ".join(line.split()))
        if asked:
            return asked[1]
    return ""


def _delivery_report(found: Sequence[Part]) -> Report | None:
    """RFC 3464: a block of fields for the message, then one for each recipient."""
    told = next((part for part in found if part.kind in _DELIVERY_STATUS), None)
    if told is None:
        return None
    about = [block for block in blocks(told.content()) if field(block, "Action") or field(block, "Status")]
    failed = [block for block in about if field(block, "Action").lower().startswith(("fail", "error"))]
    if not failed:
        delayed = any(field(block, "Action").lower().startswith("delay") for block in about)
        unclear = not any(field(block, "Action") for block in about)
        kind = ReportKind.UNKNOWN if unclear else ReportKind.DELAYED if delayed else ReportKind.AUTOMATIC
        return Report(kind=kind)
    reached = [block for block in about if field(block, "Action").lower().startswith(("deliver", "relay", "expand"))]
    failures = tuple(_failure(block) for block in failed[:_MOST])
    return Report(kind=ReportKind.BOUNCE, failures=failures, partly=bool(reached))


def _failure(block: Message) -> Failure:
    """The server's own words tell more than a status such as 5.0.0 in front of them."""
    words = field(block, "Diagnostic-Code")
    status = _first(_STATUS, field(block, "Status"))
    closer = _first(_STATUS, words)
    if closer and (status is None or status.endswith(".0.0")):
        status = closer
    return Failure(status=status, code=_code(words), words=_words(words))


def _complaint(found: Sequence[Part]) -> Report | None:
    """RFC 5965. Somebody pressed a button, or a filter did; only a person's button is a complaint."""
    told = next((part for part in found if part.kind == "message/feedback-report"), None)
    if told is None:
        return None
    fields = head(told.content().replace(b"\r\n", b"\n").lstrip(b"\n"))
    kind = _FEEDBACK.get(field(fields, "Feedback-Type").lower(), ReportKind.UNKNOWN)
    return Report(kind=kind, addresses=_addresses(all_of(fields, "Original-Mail-From")))


def _other(whole: Part, found: Sequence[Part]) -> Report:
    """What is in no standard form. An answer of a robot is told from a bounce before anything is guessed."""
    robot = bool(_ROBOT.search(field(whole.fields, "From"))) or "X-Failed-Recipients" in whole.fields
    if not robot and _automatic(whole):
        return Report(kind=ReportKind.AUTOMATIC)
    text = next((part.text() for part in found if part.kind.startswith("text/")), "")
    kind = _guess(whole.fields, text)
    if kind is not ReportKind.BOUNCE:
        return Report(kind=kind)
    said = _COPY.split(text, maxsplit=1)[0]
    failure = Failure(status=_first(_STATUS, said), code=_code(said), words=_words(said))
    return Report(kind=kind, failures=(failure,))


def _automatic(whole: Part) -> bool:
    """An answer that nobody wrote: out of office, a receipt (RFC 3834 5, RFC 8098)."""
    fields = whole.fields
    submitted = field(fields, "Auto-Submitted").lower()
    return (
        (bool(submitted) and not submitted.startswith("no"))
        or whole.parameter("report-type") == "disposition-notification"
        or field(fields, "Precedence").lower() == "auto_reply"
        or any(name in fields for name in ("X-Autoreply", "X-Autorespond", "X-Autoresponse"))
        or _OUT_OF_OFFICE.match(plain(field(fields, "Subject"))) is not None
    )


def _guess(fields: Message, text: str) -> ReportKind:
    """What the heuristics of `flufl.bounce` make of a text. They get it cut, for their time grows fast with long lines."""
    from flufl.bounce import all_failures  # noqa: PLC0415 - few messages need it

    message = Message()
    for name in ("From", "Subject", "X-Failed-Recipients"):
        if name in fields:
            message[name] = _ascii(field(fields, name)[:_LONGEST_WORDS])
    message.set_payload("\n".join(_ascii(line[:_LINE]) for line in text.splitlines()[:_LINES]))
    try:
        delayed, failed = all_failures(message)
    except Exception:  # noqa: BLE001 - seventeen parsers over a stranger's text: whatever they raise, a person reads it
        return ReportKind.UNKNOWN
    return ReportKind.BOUNCE if failed else ReportKind.DELAYED if delayed else ReportKind.UNKNOWN


def _originals(found: Sequence[Part]) -> list[Message]:
    """The header fields of messages of ours that came back, enclosed or copied below the server's words."""
    enclosed = [head(_plain_ends(part.content())) for part in found if part.kind in _ENCLOSED]
    if enclosed:
        return enclosed[:_MOST]
    text = next((part.text() for part in found if part.kind.startswith("text/")), "")
    copied = _COPY.search(text)
    if copied is None:
        return []
    below = text[copied.start() if copied[0].endswith(": ") else copied.end() :]
    below = below.partition("\n")[2] if not copied[0].endswith(": ") else below
    return [head(below.lstrip("\n").encode(errors="replace"))]


def _sent_to(fields: Message) -> tuple[str, ...]:
    return _addresses([told for name in _SENT_TO for told in all_of(fields, name)])


def _addresses(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(found for value in values for found in _ADDRESS.findall(value[:2000]))


def _plain_ends(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n").lstrip(b"\n")


def _first(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    return None if found is None else found[1]


def _code(text: str) -> int | None:
    found = _first(_CODE, text)
    return None if found is None else int(found)


def _words(text: str) -> str:
    return " ".join(text[: 2 * _LONGEST_WORDS].split())[:_LONGEST_WORDS]


def _ascii(text: str) -> str:
    return text.encode("ascii", errors="replace").decode("ascii")


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(islice(dict.fromkeys(value for value in values if value), _MOST))
