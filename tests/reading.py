"""A reader at the mailbox of an installation: what came, and what stands in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from threading import Event

from workshop import open_workshop

from newsletter import config
from newsletter.app import App, open_app
from newsletter.model import USUAL, Preferences, Request

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
ANN = "ann@example.org"
CONSENT = "Yes, send me this newsletter. I can stop at any time."


@dataclass(frozen=True)
class Mail:
    """A message as its reader sees it."""

    message: EmailMessage

    @property
    def to(self) -> str:
        return str(self.message["To"])

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        part = self.message.get_body(("plain",))
        assert part is not None
        return str(part.get_content())

    def token(self, kind: str) -> str:
        """The token of its link of that kind: `confirm`, `preferences` or `unsubscribe`."""
        found = re.search(rf"^https?://\S+/{kind}/(\S+)$", self.text, re.MULTILINE)
        assert found, f"there is no link of the kind {kind}"
        return found[1]


@dataclass(frozen=True)
class House:
    """An open installation, whose mail goes into a folder."""

    app: App
    folder: Path

    def ask(
        self,
        address: str = ANN,
        *newsletters: str,
        preferences: Preferences = USUAL,
        consent: str = CONSENT,
        now: datetime = NOW,
    ) -> None:
        self.app.readers.ask(
            newsletters=newsletters or ("daily",),
            address=address,
            preferences=preferences,
            consent=consent,
            source="form",
            now=now,
        )

    def post(self, now: datetime = NOW) -> list[Mail]:
        """Answer and send what is due; what came."""
        self.app.readers.answer(now)
        self.app.readers.send_notes(lambda: now, Event())
        return self.mails()

    def mails(self) -> list[Mail]:
        """What came since the last look."""
        folder, found = self.folder / "var" / "maildir" / "new", []
        for path in sorted(folder.glob("*"), key=lambda path: path.stat().st_mtime_ns):
            message = message_from_bytes(path.read_bytes(), policy=policy.default)
            assert isinstance(message, EmailMessage)
            found.append(Mail(message))
            path.unlink()
        return found

    def confirmed(self, address: str = ANN, *newsletters: str, now: datetime = NOW) -> tuple[Request, list[Mail]]:
        """Sign up and confirm; what was confirmed, and what came after it."""
        self.ask(address, *newsletters, now=now)
        (mail,) = self.post(now)
        request = self.app.readers.confirm(mail.token("confirm"), now)
        return request, self.post(now)


@contextmanager
def open_house(folder: Path, *changes: tuple[str, str]) -> Iterator[House]:
    """The shipped configuration in `folder`, changed."""
    workshop = open_workshop(folder)
    for old, new in changes:
        workshop.change(old, new)
    with closing(open_app(config.load(folder / "config.toml"))) as app:
        yield House(app, folder)
