"""Mail that comes back, joined to one configuration: the mailboxes, and what the names of our messages prove."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from newsletter.bounces import Desk, Taken, Tally, take_in
from newsletter.config import Config, read_imap_password
from newsletter.incoming.imap import Account, Imap
from newsletter.incoming.maildir import Maildir
from newsletter.incoming.parse import read
from newsletter.incoming.stream import Stream
from newsletter.model.incoming import BounceCount
from newsletter.store.bounces import Bounces
from newsletter.store.database import Database
from newsletter.store.progress import Progress
from newsletter.store.sent_notes import SentNotes
from newsletter.store.subscribers import Subscribers
from newsletter.tokens import Tokens

_RECENT = timedelta(days=30)
_READ = "bounces"  # in table `progress`: when all mailboxes were last read to their end


class Incoming:
    """What an `App` can do with mail that comes in."""

    def __init__(self, config: Config, database: Database, tokens: Tokens) -> None:
        self._config = config
        self._store = Bounces(database)
        self._progress = Progress(database)
        self._desk = Desk(
            store=self._store, notes=SentNotes(database), subscribers=Subscribers(database), names=tokens, read=read
        )

    @property
    def configured(self) -> bool:
        """Whether the configuration names a mailbox."""
        return self._config.bounces.maildir is not None or self._config.bounces.imap is not None

    def waiting(self) -> int:
        """How many messages wait. Raises MailboxError, and ConfigError for a mailbox that has no password."""
        number = 0
        for mailbox in self._mailboxes():
            with closing(mailbox):
                number += mailbox.waiting()
        return number

    def take_in(
        self,
        clock: Callable[[], datetime],
        *,
        told: Callable[[Taken], None] = lambda _: None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Tally:
        """Act on everything that waits in the mailboxes. Raises StoreError, MailboxError and ConfigError."""
        tally = Tally()
        for mailbox in self._mailboxes():
            with closing(mailbox):
                tally = tally.joined(take_in(mailbox, self._desk, clock, told=told, stopped=stopped))
        self._progress.mark(_READ, 0, clock(), "")
        return tally

    def last_read(self) -> datetime | None:
        """When the mailboxes were last read; None where they never were. Raises StoreError."""
        reached = self._progress.get(_READ)
        return None if reached is None else reached.at

    def take_in_stream(self, stream: BinaryIO, recipient: str, clock: Callable[[], datetime]) -> bool:
        """Act on one message that a mail server pipes in; False where it is to try again. Raises StoreError, MailboxError."""
        kept = Path(self._config.bounces.maildir or Path(self._config.paths.state) / "bounces")
        mailbox = Stream(stream, recipient, Maildir(kept))
        take_in(mailbox, self._desk, clock)
        return not mailbox.deferred

    def by_domain(self, now: datetime) -> tuple[BounceCount, ...]:
        """What came back in the last 30 days, by mail domain and kind."""
        return self._store.by_domain(now - _RECENT)

    def _mailboxes(self) -> Iterator[Maildir | Imap]:
        told = self._config.bounces
        if told.maildir is not None:
            yield Maildir(Path(told.maildir))
        if told.imap is not None:
            yield Imap(
                Account(
                    host=told.imap.host,
                    port=told.imap.port,
                    security=told.imap.security,
                    username=told.imap.username,
                    password=read_imap_password(self._config),
                    folder=told.imap.folder,
                    ca_file=Path(told.imap.ca_file) if told.imap.ca_file else None,
                )
            )
