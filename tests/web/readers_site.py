"""A reader at the web server: someone who fills in forms, from a network of their own, and gets the mail that follows."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import unescape
from pathlib import Path
from threading import Event
from urllib.parse import urlencode, urlsplit

from web_site import Answer, Ask, asker, make_public
from workshop import ROOT, Workshop, open_workshop

from newsletter import clock, config
from newsletter.app import App, open_app
from newsletter.model import Consent
from newsletter.web.server import serving

URLENCODED = "application/x-www-form-urlencoded"
_NETWORKS = (f"198.18.{high}.{low}" for high, low in itertools.product(range(256), range(256)))  # RFC 2544
_VERSION = re.compile(r'name="consent" value="([0-9a-f]{12})"')


@dataclass(frozen=True)
class Household:
    """Someone's connection: what they ask comes from one network."""

    ask: Ask
    network: str

    def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        return self.ask(path, method, X_Forwarded_For=self.network, **headers)

    def post(self, path: str, fields: Sequence[tuple[str, str]] = (), **headers: str) -> Answer:
        body = urlencode(fields).encode()
        told = {"Content_Type": URLENCODED, "X_Forwarded_For": self.network} | headers
        return self.ask(path, "POST", body, **told)

    def sign_up(self, address: str, *newsletters: str, more: Sequence[tuple[str, str]] = ()) -> Answer:
        return self.post("/subscribe", [*self.filled(address, *newsletters), *more])

    def filled(self, address: str, *newsletters: str) -> list[tuple[str, str]]:
        """The sign-up form as a person sends it."""
        found = _VERSION.search(self.get("/subscribe").body.decode())
        assert found is not None
        named = [("newsletters", slug) for slug in newsletters or ("daily",)]
        return [*named, ("address", address), ("more", ""), ("consent", found[1]), ("zone", ""), ("hour", "")]


@dataclass(frozen=True)
class Site:
    """An installation whose server runs, and whose mail goes to a folder."""

    app: App
    port: int
    workshop: Workshop
    ask: Ask

    def household(self) -> Household:
        return Household(self.ask, next(_NETWORKS))

    def reader(self, address: str, *newsletters: str) -> str:
        """Somebody whom the operator has entered: the id."""
        consent = Consent(text="said so", at=clock.now(), source="operator")
        for slug in newsletters or ("daily",):
            self.app.add_subscriber(address, "", slug, consent)
        (found,) = {each.subscriber.id for each in self.app.subscribers() if each.subscriber.address == address}
        return found

    def preferences_link(self, subscriber_id: str) -> str:
        return f"/preferences/{self.app.tokens.preferences(subscriber_id, clock.now())}"

    def unsubscribe_link(self, subscriber_id: str, newsletter: str = "daily") -> str:
        return f"/unsubscribe/{self.app.tokens.unsubscribe(newsletter, subscriber_id)}"

    def wanted(self, subscriber_id: str) -> dict[str, tuple[str, object]]:
        """State and preferences by newsletter."""
        mine = [each for each in self.app.subscribers() if each.subscriber.id == subscriber_id]
        return {each.newsletter: (each.state.value, each.preferences) for each in mine}

    def wanted_of(self, address: str) -> dict[str, tuple[str, object]]:
        """The same of an address, in any spelling of its letters."""
        mine = {each.subscriber.id for each in self.app.subscribers() if each.subscriber.address.casefold() == address}
        return self.wanted(*mine) if mine else {}

    def now(self) -> datetime:
        return clock.now()

    def mail_to(self, address: str) -> list[EmailMessage]:
        """What has come to somebody since the last look, the oldest first, after all that waits was sent."""
        self.app.readers.answer(clock.now())
        self.app.readers.send_notes(clock.now, Event())
        return self.collected(address)

    def collected(self, address: str) -> list[EmailMessage]:
        found = []
        for path in sorted((self.workshop.folder / "var" / "maildir" / "new").glob("*")):
            message = message_from_bytes(path.read_bytes(), policy=policy.default)
            if message["To"].addresses[0].addr_spec == address:
                path.unlink()
                found.append(message)
        return found


def link_in(message: EmailMessage, kind: str) -> str:
    """The path of the one link of that kind in the text of a mail."""
    part = message.get_body(("plain",))
    assert part is not None
    (found,) = set(re.findall(rf"https?://\S+?(/{kind}/[\w.=-]+)", part.get_content()))
    return str(found)


def told(answer: Answer) -> str:
    """The words of a page, without its markup."""
    main = re.sub(r"<style>.*?</style>|<head>.*?</head>", "", answer.body.decode(), flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


@contextmanager
def readers_site(
    folder: Path, *changes: tuple[str, str], port: int = 0, seeds: Path = ROOT / "seeds"
) -> Iterator[Site]:
    """The shipped configuration with `changes`, served."""
    make_public(folder)
    workshop = open_workshop(folder, seeds=seeds)
    for old, new in changes:
        workshop.change(old, new)
    app = open_app(config.load(folder / "config.toml"))
    try:
        with serving(app, "127.0.0.1", port) as address:
            port = urlsplit(address).port or 0
            yield Site(app, port, workshop, asker(port))
    finally:
        app.close()
