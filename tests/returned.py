"""A ledger with deliveries that were sent, and messages that come back for them, as tests need them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from builders import make_article
from sqlalchemy import update
from store_builders import LEASE, NOW, make_planned, make_subscription, post

from newsletter.bounces import Desk, Mailbox, Tally, take_in
from newsletter.incoming.maildir import Maildir
from newsletter.incoming.parse import read
from newsletter.model import DeliveryState, Outcome, SubscriptionState, Terms
from newsletter.store import schema
from newsletter.store.bounces import Bounces
from newsletter.store.control import Control, DeliveryRecord
from newsletter.store.database import Database
from newsletter.store.deliveries import Deliveries
from newsletter.store.sent_notes import SentNotes
from newsletter.store.subscribers import Subscribers
from newsletter.tokens import Tokens

DATA = Path(__file__).parent / "data" / "bounces"
ADDRESS = "b@bounces.example.org"
WEEKLY, ANN = "weekly", "ann@example.net"
TOKENS = Tokens(["k" * 40])
TERMS = Terms(owner="one", lease=LEASE, address_key=TOKENS.address_key)

#: What stands in the examples where a test puts what is true.
_PATH = b"b+abcdefghijklmnopqrstuvwxyz.abcdefghij@bounces.example.org"
_ID = b"<abcdefghijklmnopqrstuvwxyz@news.example.org>"
_TOKEN = b"weekly.0123456789abcdef0123456789abcdef.c2lnbmF0dXJlLXNpZ25hdHVyZQ"
FALSE_PATH = _PATH.decode()


@dataclass(frozen=True)
class Sent:
    """A message that was sent: what comes back for it can be made."""

    message_id: str
    subscriber_id: str
    newsletter: str = WEEKLY

    @property
    def return_path(self) -> str:
        return TOKENS.return_path(self.message_id, ADDRESS)

    def returned(self, name: str, *, path: str | None = None) -> bytes:
        """The example of that name, about this message; `path` is whom it was sent to."""
        token = TOKENS.unsubscribe(self.newsletter, self.subscriber_id)
        data = (DATA / f"{name}.eml").read_bytes()
        if _TOKEN[:40] + b"=\n" in data:  # a line folded by quoted-printable
            data = data.replace(_TOKEN[:40] + b"=\n", token[:40].encode() + b"=\n").replace(
                _TOKEN[40:], token[40:].encode()
            )
        filled = data.replace(_ID, self.message_id.encode()).replace(_TOKEN, token.encode())
        return filled.replace(_PATH, (self.return_path if path is None else path).encode())


@dataclass
class Office:
    """A database, a Maildir, and the desk between them. `now` moves as the test says."""

    database: Database
    folder: Path
    now: datetime = NOW
    _numbers: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        for part in ("new", "cur", "tmp"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)

    @property
    def desk(self) -> Desk:
        subscribers = Subscribers(self.database)
        notes = SentNotes(self.database)
        return Desk(store=Bounces(self.database), notes=notes, subscribers=subscribers, names=TOKENS, read=read)

    def send(self, address: str = ANN, newsletter: str = WEEKLY, *, accepted: bool = True) -> Sent:
        """A digest to one person, sent at `now`; without `accepted` it is being sent."""
        number = len(self._numbers) + 1
        self._numbers.append(number)
        planned = make_planned(newsletter, number)
        post(self.database, make_article(f"a{number}"), [address], planned, now=self.now)
        ledger = Deliveries(self.database)
        claim = ledger.claim(TERMS, self.now)
        assert claim is not None
        if accepted:
            ledger.finish(claim, Outcome(state=DeliveryState.SENT, kind="accepted", code=250), self.now)
        person = claim.subscriber.id
        sent = Sent(TOKENS.message_id(newsletter, planned.period, person, "news.example.org"), person, newsletter)
        with self.database.begin() as connection:
            row = update(schema.delivery).where(schema.delivery.c.id == claim.delivery_id)
            connection.execute(row.values(message_id=sent.message_id))
        return sent

    def subscribe(self, address: str, newsletter: str) -> None:
        Subscribers(self.database).add(make_subscription(address, newsletter))

    def post_in(self, *messages: bytes) -> None:
        """Messages arrive."""
        for data in messages:
            (self.folder / "new" / f"{len(list(self.folder.rglob('*'))):06}.host").write_bytes(data)

    def take_in(self, *messages: bytes, mailbox: Mailbox | None = None) -> Tally:
        self.post_in(*messages)
        return take_in(mailbox or Maildir(self.folder), self.desk, lambda: self.now)

    def words(self, *messages: bytes) -> dict[str, int]:
        return dict(self.take_in(*messages).counts)

    def later(self, **wait: float) -> None:
        self.now += timedelta(**wait)

    # -- what can be seen afterwards

    def delivery(self, sent: Sent) -> DeliveryRecord:
        for record in Control(self.database).list(most=1000):
            if record.message_id == sent.message_id:
                return record
        raise LookupError(sent.message_id)

    def events(self, sent: Sent) -> list[str]:
        return [event.kind for event in Deliveries(self.database).events(self.delivery(sent).id)]

    def suppressed(self, address: str = ANN) -> bool:
        return Subscribers(self.database).suppressed(TOKENS.address_key(address))

    def standing(self, address: str = ANN, newsletter: str = WEEKLY) -> SubscriptionState | None:
        person = Subscribers(self.database).find(address)
        found = person and Subscribers(self.database).subscription(person.id, newsletter)
        return None if found is None else found.state

    def everything(self) -> dict[str, list[tuple[object, ...]]]:
        """Every row of every table."""
        with self.database.read() as connection:
            return {
                name: [tuple(row) for row in connection.execute(table.select())]
                for name, table in schema.metadata.tables.items()
            }

    def flags(self) -> list[str]:
        """The flags of what lies in `cur`, and `new` for each that still waits."""
        settled = [path.name.partition(":2,")[2] for path in sorted((self.folder / "cur").iterdir())]
        return settled + ["new"] * len(list((self.folder / "new").iterdir()))
