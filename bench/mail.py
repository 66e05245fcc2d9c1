"""What one recipient's email costs, beside making it for each recipient anew, as others do; and header fields under fuzz.

    python bench/mail.py [--articles N] [--fuzz N]

Times are processor time of one call, the median of many: other programs do not count. Every way makes the same digest: the fragments by `merge`; the
rendering by our own templates and the standard library's EmailMessage, with and without inlining for each recipient.

The fuzz puts text that attackers and accidents are made of into Subject, From, To and List-Id. Each field must be refused, or be
exactly one field that two readers read as what went in. It fails loudly at the first that is not.
"""

from __future__ import annotations

import argparse
import base64
import email
import email.policy
import random
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from datetime import time as clock
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import format_datetime

from captures import TOPICS, WORDS

from newsletter.digest import compose
from newsletter.errors import HeaderError
from newsletter.mail import headers, wording
from newsletter.mail.compile import compile_mailing
from newsletter.mail.cut import uncut
from newsletter.mail.inline import Engine, inline
from newsletter.mail.letter import Letter, write_letter
from newsletter.mail.merge import Addressee, merge, prepare, to_field
from newsletter.mail.text import write_text
from newsletter.model import (
    Article,
    Audience,
    Cadence,
    Choice,
    DateOrigin,
    Digest,
    Edition,
    Facts,
    Mailing,
    Newsletter,
    PlannedDigest,
    Precision,
    Rating,
    Site,
    Subscriber,
    Summary,
)
from newsletter.model.wire import Wire
from newsletter.templating import Templates

NOW = datetime(2026, 11, 16, 6, tzinfo=UTC)
SITE = Site(
    base_url="https://news.example.org",
    title="MS Research in Plain Words",
    language="en",
    author="The Example Editors",
    contact="editors@example.org",
    postal_address="1 Example Street, Example Town",
    tag_authority="example.org",
    tag_date="2026",
)
NEWSLETTER = Newsletter(
    slug="weekly",
    title="Weekly",
    description="Once a week.",
    cadence=Cadence.WEEKLY,
    zone="Europe/Berlin",
    send_at=clock(7),
    audience=Audience.CAREGIVER,
    from_name="MS Research in Plain Words",
    from_address="news@example.org",
    reply_to="editors@example.org",
    full_items=50,
)
SENDER = "bounces@example.org"
TEMPLATES = Templates()

# -- a digest ---------------------------------------------------------------------------------------------------------


def made_up(number: int) -> Article:
    draw = random.Random(number)

    def sentence(length: int, begin: str = "") -> str:
        return f"{begin}{' '.join(draw.choice(WORDS) for _ in range(length))}.".capitalize()

    moment = NOW - timedelta(days=1 + number % 6)
    summary = Summary(
        title=" ".join(draw.choice(WORDS).title() for _ in range(8)),
        key_takeaway=sentence(22),
        what_they_found=(sentence(60),),
        who_should_care=(" ".join((sentence(25, "Caregivers "), sentence(25, "People with MS "))),),
        considerations=(" ".join(sentence(20) for _ in range(4)),),
        credibility=Rating(value=4),
        interest=Rating(value=3.5),
        topics=tuple(draw.sample(TOPICS, 4)),
        journal="Journal of Examples",
    )
    return Article(
        id=f"tag:example.org,2026:article/{number}",
        slug=f"article-{number}",
        source="bench",
        key=str(number),
        summary=summary,
        facts=Facts(),
        published=moment,
        published_precision=Precision.INSTANT,
        date_origin=DateOrigin.SIDECAR,
        first_seen=moment,
        updated=moment,
    )


def digest_of(articles: int) -> Digest:
    planned = PlannedDigest(
        newsletter="weekly",
        period="2026-W46",
        window_start=NOW - timedelta(days=7),
        window_end=NOW,
        due_at=NOW,
    )
    return compose(NEWSLETTER, planned, map(made_up, range(articles)), ())


def readers(number: int) -> list[Addressee]:
    return [
        Addressee(
            subscriber=Subscriber(id=f"s{place:07d}", address=f"reader{place}@example.org", name="Ann Reader"),
            message_id=f"<abcdefghijklmnopqrstuvwxyz{place}@example.org>",
            unsubscribe_token=f"weekly.s{place:07d}.Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6",
            date=NOW,
        )
        for place in range(number)
    ]


# -- the ways ---------------------------------------------------------------------------------------------------------


def by_merging(mailing: Mailing) -> Callable[[Addressee], bytes]:
    return lambda reader: merge(mailing, reader, site=SITE, sender=SENDER).data


def in_pieces(mailing: Mailing) -> Callable[[Addressee], Wire]:
    """As a connection takes them."""
    return lambda reader: merge(mailing, reader, site=SITE, sender=SENDER).wire


def by_rendering(digest: Digest, *, inlined: Engine | None) -> Callable[[Addressee], bytes]:
    """Template, perhaps inliner, and EmailMessage for each recipient."""

    def made(reader: Addressee) -> bytes:
        url = SITE.url(f"unsubscribe/{reader.unsubscribe_token}")
        letter = write_letter(digest, SITE, unsubscribe_url=url)
        page = TEMPLATES.render("mail/digest.html", letter=letter, wording=wording.constants(letter.words), cut=uncut)
        return packed(letter, inline(page, engine=inlined) if inlined else page, reader, url)

    return made


def packed(letter: Letter, page: str, reader: Addressee, url: str) -> bytes:
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"] = f"{NEWSLETTER.from_name} <{NEWSLETTER.from_address}>"
    message["To"] = f"{reader.subscriber.name} <{reader.subscriber.address}>"
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(reader.date)
    message["Message-ID"] = reader.message_id
    message["List-Unsubscribe"] = f"<{url}>"
    message.set_content(write_text(letter), cte="quoted-printable")
    message.add_alternative(page, subtype="html", cte="quoted-printable")
    return message.as_bytes()


def timed(way: Callable[[Addressee], object], to: Sequence[Addressee]) -> float:
    """Microseconds for one recipient, the median of ten rounds."""
    way(to[0])
    rounds = []
    for _ in range(10):
        started = time.thread_time()
        for reader in to:
            way(reader)
        rounds.append((time.thread_time() - started) / len(to))
    return statistics.median(rounds) * 1e6


def report_costs(articles: int) -> None:
    digest = digest_of(articles)
    mailing = compile_mailing(digest, SITE, TEMPLATES, editions=Edition)
    ways = {
        "merge of fragments": (by_merging(mailing), 2_000),
        "the same, left in pieces": (in_pieces(mailing), 2_000),
        "jinja2, EmailMessage": (by_rendering(digest, inlined=None), 5),
        "jinja2, css-inline, EmailMessage": (by_rendering(digest, inlined=Engine.CSS_INLINE), 5),
        "jinja2, premailer, EmailMessage": (by_rendering(digest, inlined=Engine.PREMAILER), 3),
    }
    size = len(by_merging(mailing)(readers(1)[0]))
    print(f"{articles} articles, a message of {size:,} bytes")
    print(f"{'for each recipient':<36}{'µs':>10}{'ratio':>9}")
    times = {name: timed(way, readers(number)) for name, (way, number) in ways.items()}
    for name, microseconds in times.items():
        print(f"{name:<36}{microseconds:>10,.1f}{microseconds / times['merge of fragments']:>9,.0f}")
    report_once(digest, mailing)


def report_once(digest: Digest, mailing: Mailing) -> None:
    """What is paid once for a digest, and once for a choice that nobody had before."""
    print(f"{'once':<36}{'ms':>10}")
    for name, editions in (("compile, standard", [Edition.STANDARD]), ("compile, all four editions", list(Edition))):
        times = []
        for _ in range(5):
            started = time.thread_time()
            compile_mailing(digest, SITE, TEMPLATES, editions=editions)
            times.append(time.thread_time() - started)
        print(f"{name:<36}{min(times) * 1e3:>10.1f}")
    chance, ids, times = random.Random(1), [placed.article.id for placed in digest.placed], []
    for number in range(200):
        some = frozenset({*chance.sample(ids, chance.randint(1, len(ids))), f"new-{number}"})
        started = time.thread_time()
        prepare(mailing, Choice(articles=some))
        times.append(time.thread_time() - started)
    print(f"{'a choice never seen before':<36}{statistics.median(times) * 1e3:>10.3f}")
    print(f"stored: {len(mailing.template):,} bytes in all editions")


# -- fuzz -------------------------------------------------------------------------------------------------------------

PIECES = (
    "\r\n", "\r", "\n", "\0", "\x0b", "\x85", "\u2028", "\u2029", "\r\nBcc: x@example.org", "\r\n\r\n<p>",
    "=?utf-8?q?Hi=0D=0ABcc=3A_x=40example=2Eorg?=", "=?utf-8?b?SGk=?=", "=?", "?=", "=", "?", "<", ">", "@", ",", ";", ":",
    '"', "\\", "(", ")", "a@example.org", "<b@example.org>", " ", "  ", "\t", "é", "ß", "中文", "😀", "e\u0301", "\u200f",
    "\u202e", "\ufeff", "\u00a0", "\ud800", "x" * 80, "ü" * 60, "MS", "new summaries", "From ", ".", "-", "unsubscribe",
)  # fmt: skip


def text_of(chance: random.Random) -> str:
    parts = [
        chance.choice(PIECES) if chance.random() < 0.7 else chr(chance.randrange(0x11_0000))
        for _ in range(chance.randint(0, 8))
    ]
    return "".join(parts)


def read_once(field: str, name: str) -> EmailMessage:
    """The field as a message's only one. Raises AssertionError where it is more than that, or breaks a limit."""
    lines = field.removesuffix("\r\n").split("\r\n")
    assert field.endswith("\r\n"), field
    assert not re.search(r"[\r\n\0]", "".join(lines)), field
    assert all(line[:1] == " " and line.strip() for line in lines[1:]), field
    assert all(len(line.encode()) <= 998 for line in lines), field
    assert all(len(word) <= 75 for word in re.findall(r"=\?utf-8\?b\?\S*\?=", field)), field
    message = email.message_from_bytes(field.encode() + b"\r\nbody", policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert message.keys() == [name], field
    return message


def decoded(field: str) -> str:
    """A second reader: the standard library's older one, over the unfolded value."""
    value = re.sub(r"\r\n(?= )", "", field.partition(": ")[2].removesuffix("\r\n"))
    return str(make_header(decode_header(value)))


def try_subject(text: str) -> None:
    field = headers.text_header("Subject", text)
    assert str(read_once(field, "Subject")["Subject"]) == text, field
    assert decoded(field) == text, field


def try_name(text: str) -> None:
    field = headers.mailbox_header("From", text, "news@example.org")
    words = re.findall(r"=\?utf-8\?b\?(\S*)\?=", field)
    (mailbox,) = read_once(field, "From")["From"].addresses
    name = "".join(base64.b64decode(word).decode() for word in words) if words else mailbox.display_name
    assert (name, mailbox.addr_spec) == (" ".join(text.split()), "news@example.org"), field


def try_recipient(text: str) -> None:
    """Half of them would be addresses but for what stands in them."""
    address = f"{text.strip()[:20]}@example.org" if len(text) % 2 else text
    value = to_field(Subscriber(id="x", address=address, name=""))
    assert not re.search(r"[\x00-\x1f\x7f-\xa0]", value), value
    if value.isascii():  # the standard library does not read RFC 6532's addresses back
        assert [one.addr_spec for one in read_once(f"To: {value}\r\n", "To")["To"].addresses] == [address], value


def try_list_id(text: str) -> None:
    field = headers.list_id_header(text, "weekly.example.org")
    read_once(field, "List-Id")
    assert field.endswith("<weekly.example.org>\r\n"), field


def report_fuzz(cases: int) -> None:
    tries = (try_subject, try_name, try_recipient, try_list_id)
    chance, counts = random.Random(20261127), Counter[str]()
    for number in range(cases):
        attempt = tries[number % len(tries)]
        try:
            attempt(text_of(chance))
        except HeaderError:
            counts[f"{attempt.__name__} refused"] += 1
        else:
            counts[f"{attempt.__name__} kept"] += 1
    print(f"fuzz: {cases:,} cases on Python {sys.version.split()[0]}, none broke out")
    for name, count in sorted(counts.items()):
        print(f"  {name:<24}{count:>10,}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=12, help="in the digest (12)")
    parser.add_argument("--fuzz", type=int, default=4_000, metavar="N", help="header fields to try (4,000)")
    told = parser.parse_args()
    report_costs(told.articles)
    report_fuzz(told.fuzz)


if __name__ == "__main__":
    main()
