"""The page of a reader's preferences, with their data to take along and the way to be forgotten."""

from __future__ import annotations

import json
from collections.abc import Sequence
from http import HTTPStatus
from itertools import chain

from starlette.responses import Response
from starlette.routing import Route

from newsletter.app.readers import Person
from newsletter.errors import TokenError
from newsletter.model import USUAL, Preferences, SubscriptionState
from newsletter.web.desk import Asked, Desk
from newsletter.web.forms import Form, gathered
from newsletter.web.offers import Offers
from newsletter.web.wishes import HOURS, Offer, read_wishes, written, zones

_FILE = "attachment; filename=newsletter-data.json"


class Choosing:
    """Everything behind a link that came by mail to the person themselves, and works for some days."""

    def __init__(self, desk: Desk, offers: Offers) -> None:
        self._desk = desk
        self._app = desk.app
        self._readers = desk.app.readers
        self._offers = offers

    def routes(self) -> Sequence[Route]:
        path = "/preferences/{token}"
        return (
            self._desk.route(path, get=self._show, post=self._save),
            self._desk.route(f"{path}/data", get=self._export),
            self._desk.route(f"{path}/erase", get=self._show_erase, post=self._erase),
        )

    # -- choosing -----------------------------------------------------------------------------------------------------

    def _show(self, asked: Asked) -> Response:
        try:
            person = self._readers.person(asked.token, asked.now)
        except TokenError:
            return self._unknown()
        return self._page(asked, person, self._filled(person, asked), {})

    def _save(self, asked: Asked) -> Response:
        self._desk.count(asked)
        try:
            person = self._readers.person(asked.token, asked.now)
            wishes, problems = self._wishes(asked, self._offer(person))
            if problems:
                return self._page(asked, person, asked.form, problems)
            self._readers.prefer(asked.token, wishes, asked.now)
            person = self._readers.person(asked.token, asked.now)
        except TokenError:
            return self._unknown()
        return self._page(asked, person, self._filled(person, asked), {}, saved=True)

    def _wishes(self, asked: Asked, offer: Offer) -> tuple[dict[str, Preferences | None], dict[str, str]]:
        """What the form wants of every newsletter. Of one that is not wanted, nothing else is looked at."""
        wishes: dict[str, Preferences | None] = {}
        problems: dict[str, str] = {}
        for each in self._app.newsletters:
            wishes[each.slug] = None
            if asked.form.has("newsletters", each.slug):
                wishes[each.slug], wrong = read_wishes(asked.form, f"{each.slug}.", offer, asked.now.date())
                problems |= wrong
        return wishes, problems

    def _offer(self, person: Person) -> Offer:
        chosen = [each.preferences for each in person.subscriptions.values()]
        topics = frozenset().union(*(each.topics | each.unwanted_topics for each in chosen))
        return self._offers.current(topics)

    def _filled(self, person: Person, asked: Asked) -> Form:
        """The form as it stands in the database."""
        taken = self._taken(person)
        fields = chain(
            (("newsletters", slug) for slug in taken),
            (
                (name, value)
                for each in self._app.newsletters
                for name, values in written(taken.get(each.slug, USUAL), f"{each.slug}.", asked.now.date()).items()
                for value in values
            ),
        )
        return gathered(fields)

    def _taken(self, person: Person) -> dict[str, Preferences]:
        """What the person gets now, by newsletter."""
        confirmed = SubscriptionState.CONFIRMED
        return {slug: each.preferences for slug, each in person.subscriptions.items() if each.state is confirmed}

    def _page(
        self, asked: Asked, person: Person, form: Form, problems: dict[str, str], *, saved: bool = False
    ) -> Response:
        return self._desk.page(
            "preferences.html",
            HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK,
            newsletters=self._app.newsletters,
            person=person.subscriber,
            taken=self._taken(person),
            token=asked.token,
            form=form,
            problems=problems,
            saved=saved,
            offer=self._offer(person),
            hours=HOURS,
            zones=zones(),
        )

    def _unknown(self) -> Response:
        return self._desk.page("preferences_unknown.html", HTTPStatus.NOT_FOUND)

    # -- taking along and being forgotten -----------------------------------------------------------------------------

    def _export(self, asked: Asked) -> Response:
        try:
            held = self._readers.export(asked.token, asked.now)
        except TokenError:
            return self._unknown()
        text = json.dumps(held, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
        return Response(text, headers={"Content-Disposition": _FILE}, media_type="application/json")

    def _show_erase(self, asked: Asked) -> Response:
        try:
            self._readers.person(asked.token, asked.now)
        except TokenError:
            return self._unknown()
        return self._desk.page("erase.html", token=asked.token, done=False)

    def _erase(self, asked: Asked) -> Response:
        self._desk.count(asked)
        try:
            self._readers.erase(asked.token, asked.now)
        except TokenError:
            return self._unknown()
        return self._desk.page("erase.html", token=asked.token, done=True)
