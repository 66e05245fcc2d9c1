"""A page of every kind that the web server makes itself, as a reader gets it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, time

from builders import make_newsletter

from newsletter.model import (
    Audience,
    Cadence,
    Edition,
    Newsletter,
    Preferences,
    Site,
    Subscriber,
    Topic,
)
from newsletter.subscribe import NO_ADDRESS, NO_CONSENT, NO_NEWSLETTER
from newsletter.templating import Templates
from newsletter.web.forms import Form
from newsletter.web.signing_up import CONSENT
from newsletter.web.wishes import BOTH, HOURS, NO_DAY, NO_ZONE, UNKNOWN, Offer, written, zones

TODAY = date(2026, 11, 20)
CHOSEN = Preferences(
    cadence=Cadence.MONTHLY,
    topics=frozenset({"fatigue"}),
    unwanted_topics=frozenset({"walking"}),
    min_credibility=3.0,
    audience=Audience.CAREGIVER,
    edition=Edition.LARGE_PRINT,
    language="de",
    send_at=time(7),
    zone="Europe/Berlin",
    paused_until=date(2026, 12, 24),
)
_WRONG = {"zone": "Atlantis", "pause": "tomorrow"}


def every_answer(
    site: Site, templates: Templates, told: Callable[[Newsletter], Newsletter] = lambda newsletter: newsletter
) -> dict[str, str]:
    """The pages by a name; `told` makes of a newsletter the one that is shown."""
    newsletters = tuple(
        told(make_newsletter(slug=each.value, cadence=each, title=f"{each.title()} News")) for each in Cadence
    )
    first = newsletters[0]
    offer = _offer()
    shared = {"site": site, "newsletters": newsletters}
    form = {"offer": offer, "hours": HOURS, "zones": zones(), "trap": "more"}
    consent = {"consent": templates.words.gettext(CONSENT), "version": "v"}
    snippet = templates.render("web/snippet.html", **shared, **consent, trap="more")

    def page(name: str, **context: object) -> str:
        return templates.render(f"web/{name}.html", **{"site": site, **context})

    def subscribe(fields: Form, problems: dict[str, str]) -> str:
        return page("subscribe", **shared, **form, **consent, form=fields, problems=problems)

    def preferences(fields: Form, problems: dict[str, str], *, saved: bool) -> str:
        taken = {first.slug: CHOSEN, newsletters[1].slug: Preferences(edition=Edition.COMPACT, send_at=time(7, 30))}
        someone = Subscriber(id="1", address="анн@пост.рф")
        told = form | {"newsletters": newsletters, "person": someone, "taken": taken, "token": "т"}
        return page("preferences", **told, form=fields, problems=problems, saved=saved)

    chosen = Form(written(CHOSEN, f"{first.slug}.", TODAY) | {"newsletters": (first.slug,)})
    wrong = Form({f"{first.slug}.{name}": (value,) for name, value in _WRONG.items()})
    return {
        "subscribe": subscribe(Form(), {}),
        "subscribe-again": subscribe(Form(written(CHOSEN, "", TODAY)), _every_problem("")),
        "subscribe-form": page("subscribe_form", snippet=snippet),
        "subscribe-sent": page("subscribe_sent"),
        "sign-up-closed": page("sign_up_closed"),
        "confirm": page("confirm", newsletters=newsletters, done=False),
        "confirmed": page("confirm", newsletters=newsletters, done=True),
        "confirm-unknown": page("confirm_unknown"),
        "unsubscribe": page("unsubscribe", newsletter=first, token="т", done=False),
        "unsubscribed": page("unsubscribe", newsletter=first, token="т", done=True),
        "unsubscribed-closed": templates.render(
            "web/unsubscribe.html", site=replace(site, sign_up=False), newsletter=first, token="т", done=True
        ),
        "preferences-sent": page("preferences_sent"),
        "preferences": preferences(chosen, {}, saved=False),
        "preferences-saved": preferences(chosen, {}, saved=True),
        "preferences-again": preferences(wrong, _every_problem(f"{first.slug}."), saved=False),
        "preferences-unknown": page("preferences_unknown"),
        "erase": page("erase", token="т", done=False),
        "erased": page("erase", token="т", done=True),
        "unknown": page("link_unknown"),
    } | {f"refused-{status}": page("refused", status=status) for status in (400, 404, 405, 413, 415, 429, 500, 503)}


def _offer() -> Offer:
    topics = (Topic(slug="fatigue", name="Фатигуе", articles=12), Topic(slug="walking", name="Валкинг", articles=3))
    return Offer(topics=topics, languages=(("en", "Енглиш"), ("de", "Деутш")))


def _every_problem(prefix: str) -> dict[str, str]:
    named = {"zone": NO_ZONE, "pause": NO_DAY, "unwanted": BOTH, "edition": UNKNOWN, "hour": UNKNOWN}
    shared = {} if prefix else {"address": NO_ADDRESS, "newsletters": NO_NEWSLETTER, "consent": NO_CONSENT}
    return shared | {f"{prefix}{name}": problem for name, problem in named.items()}
