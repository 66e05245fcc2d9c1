"""A digest that holds one of everything an email can say, and its mailing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime

from builders import make_article, make_newsletter, make_notice, make_site
from wire import read

from newsletter.mail.choice import EVERYTHING
from newsletter.mail.compile import compile_mailing
from newsletter.mail.merge import Addressee, merge
from newsletter.mail.note import NoteKind, compile_note
from newsletter.model import (
    Article,
    Audience,
    Choice,
    Day,
    Digest,
    Edition,
    Facts,
    IssueDate,
    Item,
    Mailing,
    Message,
    Newsletter,
    NoticeItem,
    Place,
    Placed,
    PlannedDigest,
    Precision,
    Site,
    Status,
    Subscriber,
)
from newsletter.templating import Templates

SITE = make_site()
TEMPLATES = Templates()
TOKEN = "caregiver-weekly.s7f3kq2m.Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6"
PREFERENCES_TOKEN = "s7f3kq2m.awAaIA.cHJlZmVyZW5jZXNwcmVmZXJlbmNlc3ByZWZlcmVuY2Vz"
ADVICE = ("Caregivers can help by walking along.",)
CAVEAT = ("The study was small and lasted three months only.",)


def make_item(article: Article | None = None, **parts: tuple[str, ...]) -> Item:
    return Item(
        article=article or make_article(), advice=parts.get("advice", ADVICE), caveat=parts.get("caveat", CAVEAT)
    )


def make_digest(
    items: tuple[Item, ...] = (),
    *,
    newsletter: Newsletter | None = None,
    late: tuple[Item, ...] = (),
    titles: tuple[Article, ...] = (),
    notices: tuple[NoticeItem, ...] = (),
    days: tuple[Day, ...] | None = None,
    period: str = "2026-W46",
    first_day: date = date(2026, 11, 9),
    last_day: date = date(2026, 11, 15),
    catch_up: bool = False,
) -> Digest:
    """All `items` stand under one day unless `days` are given."""
    under = days if days is not None else ((Day(date=last_day, items=items),) if items else ())
    placed = [Placed(article=item.article, place=Place.ITEM) for day in under for item in day.items]
    placed += [Placed(article=item.article, place=Place.LATE) for item in late]
    placed += [Placed(article=article, place=Place.TITLE) for article in titles]
    series = newsletter or make_newsletter()
    return Digest(
        newsletter=series,
        planned=PlannedDigest(
            newsletter=series.slug,
            period=period,
            window_start=datetime(2026, 11, 8, 23, tzinfo=UTC),
            window_end=datetime(2026, 11, 15, 23, tzinfo=UTC),
            due_at=datetime(2026, 11, 16, 6, tzinfo=UTC),
            catch_up=catch_up,
        ),
        first_day=first_day,
        last_day=last_day,
        notices=notices,
        days=under,
        late=late,
        titles=titles,
        placed=tuple(placed),
    )


def full_digest(audience: Audience = Audience.CAREGIVER, **parts: bool) -> Digest:
    """Notices, two days, a corrected and a retracted item, a late one, more titles than are shown."""
    retracted = make_article("sunlight", title="Morning Light and Mood", facts=Facts(status=Status.RETRACTED))
    corrected = make_article(
        "cooling",
        title="Cooling Vests on Warm Days: p<0.05 & “less” tiredness",
        credibility=4.0,
        interest=3.5,
        journal="medRxiv : the preprint server for health sciences",
        facts=Facts(
            status=Status.CORRECTED,
            notice="The number of people was 48, not 84.",
            doi="10.1000/example<1>",
            issue_date=IssueDate(day=date(2026, 12, 1), precision=Precision.MONTH),
            pmid="12345678",
        ),
    )
    sourced = make_article(
        "naps", title="Short Naps", facts=Facts(source_url="https://journal.example.com/naps?a=1&b=2")
    )
    late = make_article("cooking", title="Cooking Together", topics=(), journal=None)
    titles = tuple(make_article(f"more-{number}", title=f"Further Study Number {number}") for number in range(1, 5))
    newsletter = make_newsletter(audience=audience, title_items=3, discreet=parts.get("discreet", False))
    return make_digest(
        newsletter=newsletter,
        notices=(NoticeItem(notice=make_notice(retracted, status=Status.RETRACTED), article=retracted),),
        days=(
            Day(date=date(2026, 11, 14), items=(make_item(corrected), make_item(sourced, advice=()))),
            Day(date=date(2026, 11, 10), items=(make_item(make_article()), make_item(retracted))),
        ),
        late=(make_item(late),),
        titles=titles,
        catch_up=parts.get("catch_up", False),
    )


def make_mailing(
    digest: Digest | None = None,
    site: Site = SITE,
    *,
    editions: Iterable[Edition] = (Edition.STANDARD,),
    audiences: Iterable[Audience] = (),
    templates: Templates = TEMPLATES,
) -> Mailing:
    return compile_mailing(digest or full_digest(), site, templates, editions=editions, audiences=audiences)


def make_note(
    kind: NoteKind,
    *,
    newsletter: Newsletter | None = None,
    site: Site = SITE,
    editions: Iterable[Edition] = (Edition.STANDARD,),
    templates: Templates = TEMPLATES,
) -> Mailing:
    return compile_note(kind, newsletter or make_newsletter(), site, templates, editions=editions)


def make_addressee(address: str = "reader@example.org", name: str = "", token: str = TOKEN) -> Addressee:
    return Addressee(
        subscriber=Subscriber(id="s7f3kq2m", address=address, name=name),
        message_id="<abcdefghijklmnopqrstuvwxyz@example.org>",
        unsubscribe_token=token,
        date=datetime(2026, 11, 16, 6, tzinfo=UTC),
        confirm_token=f"confirm.{token}",
        preferences_token=PREFERENCES_TOKEN,
    )


def make_message(
    mailing: Mailing | None = None,
    addressee: Addressee | None = None,
    site: Site = SITE,
    *,
    choice: Choice = EVERYTHING,
) -> Message:
    return merge(
        mailing or make_mailing(site=site),
        addressee or make_addressee(),
        site=site,
        sender="bounces@example.org",
        choice=choice,
    )


def page_of(mailing: Mailing, choice: Choice = EVERYTHING) -> str:
    return read(make_message(mailing, choice=choice).data).html
