"""The sign-up page, the form to copy, and the page that a confirmation leads to."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from http import HTTPStatus

from starlette.responses import Response
from starlette.routing import Route

from newsletter.errors import FormError, TokenError
from newsletter.model import Consent, Preferences
from newsletter.subscribe import new_request
from newsletter.web.desk import Asked, Desk
from newsletter.web.forms import Form
from newsletter.web.offers import Offers
from newsletter.web.wishes import HOURS, read_wishes, zones
from newsletter.words import marked

TRAP = "more"  #: a field that nobody sees, and that programs fill in

CONSENT = marked(
    "Yes, please send me the newsletters that I ticked. I know that they are about multiple sclerosis (MS), "
    "which is a matter of health. I can stop them at any time."
)


class SigningUp:
    """Everything up to the first digest."""

    def __init__(self, desk: Desk, offers: Offers) -> None:
        self._desk = desk
        self._app = desk.app
        self._offers = offers
        self._consent = self._app.templates.words.gettext(CONSENT)
        #: A form that shows another text than ours of today, on somebody else's page or left open, agrees to nothing.
        self._version = hashlib.sha256(self._consent.encode()).hexdigest()[:12]

    def routes(self) -> Sequence[Route]:
        return (
            self._desk.route("/subscribe", get=self._show, post=self._ask),
            self._desk.route("/subscribe/form", get=self._show_snippet),
            self._desk.route("/confirm/{token}", get=self._show_request, post=self._confirm),
        )

    # -- /subscribe ---------------------------------------------------------------------------------------------------

    def _show(self, asked: Asked) -> Response:
        known = [each.slug for each in self._app.newsletters]
        named = asked.query.get("newsletter", "")
        ticked = (named,) if named in known else tuple(known) if len(known) == 1 else ()
        return self._form(Form({"newsletters": ticked}), {})

    def _form(self, form: Form, problems: dict[str, str]) -> Response:
        if not self._app.readers.open:
            return self._closed()
        return self._desk.page(
            "subscribe.html",
            HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK,
            newsletters=self._app.newsletters,
            form=form,
            problems=problems,
            consent=self._consent,
            version=self._version,
            offer=self._offers.current(),
            hours=HOURS,
            zones=zones(),
            trap=TRAP,
        )

    def _closed(self) -> Response:
        return self._desk.page("sign_up_closed.html", HTTPStatus.NOT_FOUND)

    def _ask(self, asked: Asked) -> Response:
        """The same page for every address, be it known, unknown, suppressed or somebody else's."""
        if not self._app.readers.open:
            return self._closed()
        if asked.form.one(TRAP):
            self._desk.count(asked)
            return self._desk.page("subscribe_sent.html")
        wanted, problems = read_wishes(asked.form, "", self._offers.current(), asked.now.date())
        problems = self._problems(asked, wanted) | problems
        if problems:
            self._desk.count(asked)
            return self._form(asked.form, problems)
        limits = self._app.config.web.limits
        self._desk.count(asked, "sign-up", limits.sign_ups)
        self._desk.count(asked, "sign-up", limits.all_sign_ups, key="all")
        self._app.readers.ask(
            newsletters=asked.form.every("newsletters"),
            address=asked.form.one("address"),
            preferences=wanted,
            consent=self._consent,
            source="form",
            now=asked.now,
        )
        return self._desk.page("subscribe_sent.html")

    def _problems(self, asked: Asked, wanted: Preferences) -> dict[str, str]:
        """What `ask` would find wrong, so that a form is told all at once and a slip of the finger is not counted."""
        agreed = asked.form.has("consent", self._version)
        try:
            new_request(
                address=asked.form.one("address"),
                newsletters=asked.form.every("newsletters"),
                preferences=wanted,
                consent=Consent(text=self._consent if agreed else "", at=asked.now, source="form"),
                known=[each.slug for each in self._app.newsletters],
            )
        except FormError as error:
            return error.problems
        return {}

    def _show_snippet(self, _: Asked) -> Response:
        """The same form in plain HTML, for pages of others."""
        if not self._app.readers.open:
            return self._closed()
        snippet = self._app.templates.render(
            "web/snippet.html",
            site=self._app.site,
            newsletters=self._app.newsletters,
            consent=self._consent,
            version=self._version,
            trap=TRAP,
        )
        return self._desk.page("subscribe_form.html", snippet=snippet)

    # -- /confirm/TOKEN -----------------------------------------------------------------------------------------------

    def _show_request(self, asked: Asked) -> Response:
        return self._confirmation(asked, done=False)

    def _confirm(self, asked: Asked) -> Response:
        self._desk.count(asked)
        return self._confirmation(asked, done=True)

    def _confirmation(self, asked: Asked, *, done: bool) -> Response:
        readers = self._app.readers
        try:
            request = (readers.confirm if done else readers.request_of)(asked.token, asked.now)
        except TokenError:
            return self._desk.page("confirm_unknown.html", HTTPStatus.NOT_FOUND)
        wanted = [each for each in self._app.newsletters if each.slug in request.newsletters]
        return self._desk.page("confirm.html", newsletters=wanted, done=done)
