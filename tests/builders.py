"""Small factories: a whole noun from the one or two things that a test is about."""

from __future__ import annotations

from datetime import UTC, datetime, time

from newsletter.model import (
    Article,
    Audience,
    Cadence,
    CatchUp,
    DateOrigin,
    Facts,
    Newsletter,
    Notice,
    Precision,
    Rating,
    Related,
    Site,
    Status,
    Summary,
)

TAKEAWAY = "Short walks made everyday tiredness easier to live with."
WHAT_THEY_FOUND = (
    "People who walked for ten minutes a day felt less tired after three months. Their balance stayed the same.",
)
WHO_SHOULD_CARE = (
    (
        "People with MS may find a short walk a kind way to begin. Caregivers can help by walking along. "
        "Doctors and nurses can suggest short walks first. Just like a phone battery, energy lasts longer when it is "
        "charged in small steps. This may make daily life easier for many families."
    ),
)
CONSIDERATIONS = (
    (
        "The study was small and lasted three months only. Talk with your care team before you change your exercise. "
        "Later studies may find something else."
    ),
)


def make_site(
    *,
    base_url: str = "https://news.example.org",
    title: str = "MS Research in Plain Words",
    language: str = "en",
    author: str = "The Example Editors",
    contact: str = "editors@example.org",
    postal_address: str = "1 Example Street, Example Town",
    tag_authority: str = "example.org",
    tag_date: str = "2026",
    description: str = "Plain-language summaries of multiple-sclerosis research.",
) -> Site:
    return Site(
        base_url=base_url,
        title=title,
        language=language,
        author=author,
        contact=contact,
        postal_address=postal_address,
        tag_authority=tag_authority,
        tag_date=tag_date,
        description=description,
    )


def make_newsletter(
    slug: str = "caregiver-weekly",
    *,
    title: str = "Caregiver Weekly",
    description: str = "Once a week, what matters to those who care for people with MS.",
    cadence: Cadence = Cadence.WEEKLY,
    zone: str = "Europe/Berlin",
    send_at: time = time(7),
    audience: Audience = Audience.CAREGIVER,
    from_name: str = "MS Research in Plain Words",
    from_address: str = "news@example.org",
    reply_to: str = "editors@example.org",
    full_items: int = 5,
    title_items: int = 20,
    topics: tuple[str, ...] = (),
    min_credibility: float | None = None,
    require_rating: bool = False,
    catch_up: CatchUp = CatchUp.COALESCE,
    discreet: bool = False,
) -> Newsletter:
    return Newsletter(
        slug=slug,
        title=title,
        description=description,
        cadence=cadence,
        zone=zone,
        send_at=send_at,
        audience=audience,
        from_name=from_name,
        from_address=from_address,
        reply_to=reply_to,
        full_items=full_items,
        title_items=title_items,
        topics=topics,
        min_credibility=min_credibility,
        require_rating=require_rating,
        catch_up=catch_up,
        discreet=discreet,
    )


def make_summary(
    *,
    title: str = "Short Walks and Tiredness in MS",
    key_takeaway: str = TAKEAWAY,
    what_they_found: tuple[str, ...] = WHAT_THEY_FOUND,
    who_should_care: tuple[str, ...] = WHO_SHOULD_CARE,
    considerations: tuple[str, ...] = CONSIDERATIONS,
    credibility: float | Rating | None = None,
    interest: float | Rating | None = None,
    topics: tuple[str, ...] = ("fatigue", "walking"),
    journal: str | None = "Journal of Examples",
) -> Summary:
    """A plain number as a rating is one of 5."""
    return Summary(
        title=title,
        key_takeaway=key_takeaway,
        what_they_found=what_they_found,
        who_should_care=who_should_care,
        considerations=considerations,
        credibility=_rating(credibility),
        interest=_rating(interest),
        topics=topics,
        journal=journal,
    )


def make_article(
    slug: str = "short-walks",
    *,
    id: str | None = None,  # noqa: A002 - the field's own name
    source: str = "seeds",
    key: str | None = None,
    title: str = "Short Walks and Tiredness in MS",
    key_takeaway: str = TAKEAWAY,
    what_they_found: tuple[str, ...] = WHAT_THEY_FOUND,
    who_should_care: tuple[str, ...] = WHO_SHOULD_CARE,
    considerations: tuple[str, ...] = CONSIDERATIONS,
    credibility: float | Rating | None = None,
    interest: float | Rating | None = None,
    topics: tuple[str, ...] = ("fatigue", "walking"),
    journal: str | None = "Journal of Examples",
    summary: Summary | None = None,
    status: Status = Status.OK,
    facts: Facts | None = None,
    published: datetime = datetime(2026, 11, 17, 9, tzinfo=UTC),
    published_precision: Precision = Precision.INSTANT,
    date_origin: DateOrigin = DateOrigin.SIDECAR,
    first_seen: datetime | None = None,
    updated: datetime | None = None,
    related: tuple[Related, ...] = (),
    topics_raw: str | None = None,
    back_catalogue: bool = False,
) -> Article:
    """Times are those of `published` unless given. `summary` and `facts`, where given, win over their single parts."""
    whole = make_summary(
        title=title,
        key_takeaway=key_takeaway,
        what_they_found=what_they_found,
        who_should_care=who_should_care,
        considerations=considerations,
        credibility=credibility,
        interest=interest,
        topics=topics,
        journal=journal,
    )
    return Article(
        id=id or f"tag:example.org,2026:article/{slug}",
        slug=slug,
        source=source,
        key=key or f"{slug}.txt",
        summary=summary or whole,
        facts=facts or Facts(status=status),
        published=published,
        published_precision=published_precision,
        date_origin=date_origin,
        first_seen=first_seen or published,
        updated=updated or published,
        related=related,
        topics_raw=topics_raw,
        back_catalogue=back_catalogue,
    )


def make_notice(
    article: Article | None = None,
    *,
    id: str | None = None,  # noqa: A002 - the field's own name
    status: Status = Status.CORRECTED,
    text: str = "A number in the second paragraph was wrong and has been put right.",
    published: datetime = datetime(2026, 11, 18, 9, tzinfo=UTC),
) -> Notice:
    about = article or make_article()
    return Notice(
        id=id or f"tag:example.org,2026:notice/{about.slug}/{status.value}",
        article_id=about.id,
        status=status,
        text=text,
        published=published,
    )


def _rating(value: float | Rating | None) -> Rating | None:
    return value if isinstance(value, Rating) or value is None else Rating(value=float(value))
