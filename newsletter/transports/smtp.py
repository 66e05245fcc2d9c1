"""Delivery through a relay by SMTP (RFC 5321), one recipient a transaction, one connection an instance.

Every reply has to be complete within its time however slowly its bytes drip in, and the whole message within a deadline.
What was in doubt after the final dot is told apart from what failed before it, and nothing is ever sent in clear to another
machine. The dialogue is written once, as a course (`newsletter.waits`): alone or one of many, it is the same.
"""

from __future__ import annotations

import base64
import ipaddress
import re
import socket
import ssl
import time
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Literal, NamedTuple

from newsletter.errors import ConfigError, PermanentFailure, RelayFailure, TemporaryFailure, TransportError
from newsletter.model import Message
from newsletter.model.wire import Wire
from newsletter.transports.base import Stage, classify, lost, require_sendable
from newsletter.transports.channel import Channel, SecureChannel
from newsletter.waits import Apart, Course, run

Security = Literal["starttls", "tls", "none"]

_AT_HAND = 1 << 20  # octets that the system may take over before the relay has read them: most messages, whole
_LONGEST_REPLY = 65_536  # octets; RFC 5321 4.5.3.1.5 allows 512 a line
#: What most relays answer to an envelope and DATA, or to an envelope and its message.
_TAKEN = re.compile(rb"2\d\d [^\n]*\n")
_WELL = {last: re.compile(rb"(?:2\d\d [^\n]*\n){2}%d\d\d [^\n]*\n" % last) for last in (3, 2)}
_HELO_NAME = re.compile(r"[A-Za-z0-9.:\[\]-]{1,255}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds. Those of the steps are RFC 5321 4.5.3.2's; cutting `dot` short makes duplicates (RFC 1047).

    `message` is the deadline of a whole `send`, connecting included: it must end before the sender's lease does.
    A connection is used again until it is `reuse` old or was `idle` for so long.
    """

    connect: float = 30
    greeting: float = 300
    command: float = 300
    data: float = 120
    block: float = 180
    dot: float = 600
    message: float = 720
    reuse: float = 300
    idle: float = 60
    quit: float = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """The server that takes our mail. Raises ConfigError for what would go out in clear.

    `host` may be the path of a Unix socket, then `port` does not count. `protocol`: "lmtp" for a mail store (RFC 2033).
    `chunking`: where the relay offers it, envelope and message go in one go (RFC 3030): one wait for an answer instead of
    two, but when the connection breaks before any answer, it is in doubt whether the message was taken.
    `helo_name`: what we greet with; None: this machine's name. `ca_file`: certificates to trust instead of the system's.
    """

    host: str
    port: int
    security: Security = "starttls"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    helo_name: str | None = None
    ca_file: Path | None = None
    protocol: Literal["smtp", "lmtp"] = "smtp"
    chunking: bool = False
    timeouts: Timeouts = field(default_factory=Timeouts)

    def __post_init__(self) -> None:
        problems = tuple(self._problems())
        if problems:
            raise ConfigError(*problems)

    def _problems(self) -> Iterator[str]:
        if self.security == "none" and not (_is_path(self.host) or _is_loopback(self.host)):
            yield f'security: "none" is for this machine alone, and {self.host!r} is not; use "starttls" or "tls"'
        if self.security == "none" and self.username is not None:
            yield 'security: "none" would send the password in clear; use "starttls" or "tls", or no username'
        if self.username is not None and not self.password:
            yield f"password: the relay's account {self.username!r} needs one"
        if self.helo_name is not None and not _HELO_NAME.fullmatch(self.helo_name):
            yield f"helo_name: a host name or an address in brackets is required, not {self.helo_name!r}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    """How a relay received us. `tls` names the version, None in clear; `certificate_until` is when its certificate ends."""

    tls: str | None
    certificate_until: datetime | None
    logged_in: bool
    extensions: frozenset[str]


class Smtp:
    """Sends through one relay. It connects at the first message and keeps the connection for the next ones."""

    def __init__(self, relay: Relay) -> None:
        """Raises ConfigError when the relay's `ca_file` cannot be used."""
        self._relay = relay
        self._context = None if relay.security == "none" else _tls_context(relay.ca_file)
        self._session: _Session | None = None

    def send(self, message: Message) -> None:
        """Returns once the relay has said that it takes the message; ends by `Timeouts.message` in any case.

        The octets of `message.data` arrive as they are, so a signature over them holds. Raises as `Transport.send` says.
        """
        run(self.sending(message))

    def sending(self, message: Message) -> Course[None]:
        """What `send` does."""
        require_sendable(message)
        deadline = time.monotonic() + self._relay.timeouts.message
        session = self._session
        if session is not None:
            if session.usable():
                sent = yield from self._again(session, message, deadline)
                if sent:
                    return
            yield from self.closing()
        session = self._session = _Session(self._relay, deadline)
        try:
            yield from session.open(self._context)
            yield from _transact(session, message)
        except BaseException as error:
            failure = self._failed(session, error)
            if failure is error:
                raise
            raise failure from error

    def call(self) -> Reception:
        """Connects, secures the connection, logs in and says goodbye: no message is begun. Raises as `send` does."""
        return run(self._calling())

    def _calling(self) -> Course[Reception]:
        yield from self.closing()
        session = self._session = _Session(self._relay, time.monotonic() + self._relay.timeouts.message)
        try:
            yield from session.open(self._context)
            reception = session.reception()
        except BaseException as error:
            failure = self._failed(session, error)
            if failure is error:
                raise
            raise failure from error
        yield from self.closing()
        return reception

    def close(self) -> None:
        """Says goodbye (RFC 5321 4.1.1.10), but does not wait long for the answer."""
        run(self.closing())

    def closing(self) -> Course[None]:
        """What `close` does."""
        session, self._session = self._session, None
        if session is not None:
            try:
                yield from session.leave()
            except OSError:
                pass
            finally:
                session.close()

    def _again(self, session: _Session, message: Message, deadline: float) -> Course[bool]:
        """Whether the message went over the connection at hand. Relays close one when they like, by silence or by 421:
        that is no failure, nothing was begun.
        """
        session.deadline = deadline
        try:
            if session.in_transaction:
                yield from session.reset()
            yield from _transact(session, message)
        except BaseException as error:
            failure = self._failed(session, error)
            if isinstance(failure, TemporaryFailure) and (
                session.stage is Stage.CONNECT or (session.stage is Stage.MAIL and failure.code in {None, 421})
            ):
                return False
            if failure is error:
                raise
            raise failure from error
        return True

    def _failed(self, session: _Session, error: BaseException) -> BaseException:
        """What went wrong in our words. The connection is dropped unless it is known to be in step."""
        if isinstance(error, TransportError):
            if not _in_step(session, error):
                self._drop(session)
            return error
        self._drop(session)
        if isinstance(error, OSError | UnicodeError):  # UnicodeError: a host name that no resolver takes
            return lost(str(error), Stage.DOT if session.in_doubt else session.stage)
        return error

    def _drop(self, session: _Session) -> None:
        """Without a word: what it would answer is of no use, or we are not sure what it has heard."""
        self._session = None
        session.close()


class _Session:
    """One dialogue. `stage` tells how far it has come; every wait ends by the step's time and by `deadline`."""

    def __init__(self, relay: Relay, deadline: float) -> None:
        self.deadline = deadline
        self.stage = Stage.CONNECT
        self.times = relay.timeouts
        self.extensions: Mapping[str, str] = {}
        self.in_transaction = False
        self.in_doubt = False  # a message has left, and its fate is not known
        self._relay = relay
        self._until = deadline
        self._sock: socket.socket | None = None
        self._channel: Channel | None = None
        self._pending = b""
        self._opened_at = self._used_at = time.monotonic()

    @property
    def is_open(self) -> bool:
        return self._sock is not None

    @property
    def in_one_go(self) -> bool:
        """Whether a message may follow its envelope before that was answered."""
        return self._relay.chunking and "chunking" in self.extensions and "pipelining" in self.extensions

    def open(self, context: ssl.SSLContext | None) -> Course[None]:
        """Connects, secures the connection, then logs in: in this order and no other."""
        relay = self._relay
        self.enter(Stage.CONNECT, self.times.connect)
        self._sock = yield Apart(partial(_connect, relay, self._left()))
        self._channel = Channel(self._socket())
        if context is not None and relay.security == "tls":
            yield from self._secure(context)
        self.enter(Stage.CONNECT, self.times.greeting)
        self.expect(2, (yield from self.reply()))
        yield from self.greet()
        if context is not None and relay.security == "starttls":
            yield from self._start_tls(context)
            yield from self.greet()
        if relay.username is not None and relay.password is not None:
            yield from self._log_in(relay.username, relay.password)

    def reception(self) -> Reception:
        sock = self._socket()
        secure = sock if isinstance(sock, ssl.SSLSocket) else None
        until = (secure.getpeercert() or {}).get("notAfter") if secure is not None else None
        return Reception(
            tls=None if secure is None else secure.version(),
            certificate_until=datetime.fromtimestamp(ssl.cert_time_to_seconds(until), UTC)
            if isinstance(until, str)
            else None,
            logged_in=self._relay.username is not None,
            extensions=frozenset(self.extensions),
        )

    def enter(self, stage: Stage, seconds: float) -> None:
        """A new step begins, with so much time of its own."""
        self.stage = stage
        self._until = min(time.monotonic() + seconds, self.deadline)

    def greet(self) -> Course[None]:
        """EHLO: what the relay can do is asked anew after STARTTLS (RFC 3207 4.2)."""
        name = self._relay.helo_name
        if name is None:
            name = yield Apart(_own_name)
        self.enter(Stage.CONNECT, self.times.command)
        reply = yield from self.ask(f"{'lhlo' if self._relay.protocol == 'lmtp' else 'ehlo'} {name}")
        self.expect(2, reply)
        self.extensions = _extensions(reply[1].decode("latin-1"))

    def expect(self, first_digit: int, reply: tuple[int, bytes]) -> None:
        """The first digit decides (RFC 5321 4.2.1); any other raises what it means at this stage."""
        code, text = reply
        if code // 100 != first_digit:
            raise classify(code, text.decode(errors="replace"), Stage.DOT if self.in_doubt else self.stage)

    def usable(self) -> bool:
        """Neither old nor idle for long, and the relay has not spoken or hung up since."""
        now = time.monotonic()
        fresh = now - self._opened_at < self.times.reuse and now - self._used_at < self.times.idle
        return fresh and not self._pending and self._over().quiet()

    def reset(self) -> Course[None]:
        """Forgets a transaction that was broken off (RFC 5321 4.1.1.5)."""
        self.enter(Stage.CONNECT, self.times.command)
        self.expect(2, (yield from self.ask("RSET")))

    def leave(self) -> Course[None]:
        self.deadline = time.monotonic() + self.times.quit
        self.enter(Stage.CONNECT, self.times.quit)
        yield from self.ask("QUIT")

    def ask(self, command: str) -> Course[tuple[int, bytes]]:
        yield from self.say(f"{command}\r\n".encode())
        reply = yield from self.reply()
        return reply

    def say(self, *pieces: bytes) -> Course[None]:
        """Hands everything to the system or raises OSError: then the last octet has not left.

        A reply that came before its command would be taken for the answer to it, after STARTTLS even one that came in
        clear (RFC 3207 6), so the dialogue ends there.
        """
        if self._pending:
            raise ConnectionError("the relay spoke out of turn")
        return self._over().send(*pieces, until=self._until)

    def reply(self) -> Course[tuple[int, bytes]]:
        """A whole reply (RFC 5321 4.2) within the step's time. The code is -1 where there are no three digits."""
        line = yield from self._read_line()
        texts, size = [line[4:].strip()], len(line)
        while line[3:4] == b"-" and _code(line) >= 0:
            line = yield from self._read_line()
            texts.append(line[4:].strip())
            size += len(line)
            if size > _LONGEST_REPLY:
                raise ConnectionError("the reply had no end")
        return _code(line), b"\n".join(texts)

    def all_well(self, answers: re.Pattern[bytes]) -> Course[bool]:
        """Waits for something to be said after our words; whether that is all of these answers, and no more."""
        self._pending = yield from self._receive()
        if not answers.fullmatch(self._pending):
            return False
        self._pending = b""
        return True

    def _read_line(self) -> Course[bytes]:
        """Up to the line feed. Of the last answer the digits count also where the rest was cut off: then it is decided."""
        while b"\n" not in self._pending:
            received = yield from self._receive()
            if not received:
                rest, self._pending = self._pending, b""
                if rest and self.stage is Stage.DOT:
                    return rest
                raise ConnectionError("the relay hung up")
            self._pending += received
            if len(self._pending) > _LONGEST_REPLY:
                raise ConnectionError("the reply had no end")
        line, _, self._pending = self._pending.partition(b"\n")
        return line

    def _receive(self) -> Course[bytes]:
        received = yield from self._over().receive(self._until)
        self._used_at = time.monotonic()
        return received

    def _left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time was up")
        return left

    def _socket(self) -> socket.socket:
        if self._sock is None:
            raise ConnectionError("the connection is closed")
        return self._sock

    def _over(self) -> Channel:
        if self._channel is None:
            raise ConnectionError("the connection is closed")
        return self._channel

    def close(self) -> None:
        sock, self._sock, self._channel = self._sock, None, None
        if sock is not None:
            sock.close()

    def _start_tls(self, context: ssl.SSLContext) -> Course[None]:
        if "starttls" not in self.extensions:
            raise TemporaryFailure("connecting: the relay does not offer STARTTLS; nothing is sent in clear")
        self.expect(2, (yield from self.ask("STARTTLS")))
        if self._pending:
            raise ConnectionError("the relay spoke out of turn")
        yield from self._secure(context)

    def _secure(self, context: ssl.SSLContext) -> Course[None]:
        secure = context.wrap_socket(self._socket(), server_hostname=self._relay.host, do_handshake_on_connect=False)
        self._sock, self._channel = secure, None
        channel = SecureChannel(secure)
        yield from channel.shake_hands(self._until)
        self._channel = channel

    def _log_in(self, username: str, password: str) -> Course[None]:
        """PLAIN or LOGIN (RFC 4954): within TLS nothing is gained by more, and UTF-8 works in both."""
        self.enter(Stage.AUTH, self.times.command)
        offered = self.extensions.get("auth", "").upper().split()
        if "PLAIN" in offered:
            self.expect(2, (yield from self.ask("AUTH PLAIN " + _base64(f"\0{username}\0{password}"))))
        elif "LOGIN" in offered:
            self.expect(3, (yield from self.ask("AUTH LOGIN")))
            self.expect(3, (yield from self.ask(_base64(username))))
            self.expect(2, (yield from self.ask(_base64(password))))
        else:
            raise RelayFailure(f"AUTH: PLAIN or LOGIN is needed, the relay offers {' '.join(offered) or 'none'}")


def _extensions(told: str) -> dict[str, str]:
    """Keyword in lower case -> what follows it, from the answer to EHLO without its codes."""
    found: dict[str, str] = {}
    for line in told.split("\n")[1:]:
        # Some relays repeat AUTH in the form that it had before it became a standard.
        keyword, _, rest = (
            line.replace("=", " ", 1).partition(" ") if line[:5].upper() == "AUTH=" else line.partition(" ")
        )
        found[keyword.lower()] = f"{found.get(keyword.lower(), '')} {rest}".strip()
    return found


@cache
def _own_name() -> str:
    """What this machine is called, or its address where it has no full name (RFC 5321 4.1.3)."""
    name = socket.getfqdn()
    if "." in name:
        return name
    try:
        return f"[{socket.gethostbyname(socket.gethostname())}]"
    except OSError:
        return "[127.0.0.1]"


def _transact(session: _Session, message: Message) -> Course[None]:
    """One message. Where the relay allows it, what needs no answer first goes out at once (RFC 2920)."""
    times = session.times
    sender, recipient = _path(message.sender), _path(message.recipient)
    options = _options(session, message.wire, f"{sender}{recipient}")
    session.in_transaction = True
    mail = _Step(Stage.MAIL, times.command, 2, f"MAIL FROM:<{sender}>{options}")
    rcpt = _Step(Stage.RCPT, times.command, 2, f"RCPT TO:<{recipient}>")
    if session.in_one_go:
        last = _Step(Stage.DOT, times.dot, 2, f"BDAT {len(message.wire)} LAST")
        yield from _say(session, mail, rcpt, last, text=message.wire.pieces)
        session.in_transaction = False
        return
    yield from _say(session, mail, rcpt, _Step(Stage.DATA, times.data, 3, "DATA"))
    session.enter(Stage.DATA, times.block)
    yield from session.say(*message.wire.transparent(), b".\r\n")
    session.enter(Stage.DOT, times.dot)
    well = yield from session.all_well(_TAKEN)
    reply = None if well else (yield from session.reply())
    session.in_transaction = False
    if reply is not None:
        session.expect(2, reply)


class _Step(NamedTuple):
    """A command, the first digit of the answer that is hoped for, and the seconds until that must be there."""

    stage: Stage
    seconds: float
    wanted: int
    command: str


def _say(session: _Session, *steps: _Step, text: Sequence[bytes] = ()) -> Course[None]:
    """Says the steps in groups: all in one where the relay takes that, else each when the last one went well.

    `text` follows the last command at once. As soon as it has left, only a refusal is a proof that it was not taken.
    """
    group = len(steps) if "pipelining" in session.extensions else 1
    for place, step in enumerate(steps):
        session.enter(step.stage, step.seconds)
        if place % group == 0:
            commands = "".join([f"{each.command}\r\n" for each in steps[place : place + group]])
            yield from session.say(commands.encode(), *text)
            session.in_doubt = bool(text)
            if group > 1 and (yield from session.all_well(_WELL[steps[-1].wanted])):
                break
        reply = yield from session.reply()
        if _is_refusal(reply[0]) and step.stage is Stage.RCPT and group > 1:
            yield from _hear_out(session)
        session.in_doubt = session.in_doubt and not 400 <= reply[0] <= 599
        session.expect(step.wanted, reply)
    session.in_doubt = False


def _hear_out(session: _Session) -> Course[None]:
    """The recipient's refusal counts, but the answer to what came after has to be heard, or we fall out of step.

    A relay that takes DATA without a recipient gets an empty message for nobody (RFC 2920 3.1).
    """
    try:
        session.enter(Stage.RCPT, session.times.data)
        reply = yield from session.reply()
        if reply[0] == 354:
            yield from session.say(b".\r\n")
            yield from session.reply()
    except OSError:
        session.close()


def _options(session: _Session, wire: Wire, addresses: str) -> str:
    """What MAIL FROM has to ask for. Raises where the relay does not offer it: then nothing has been said yet."""
    options = f" SIZE={len(wire)}" if "size" in session.extensions else ""
    plain = wire.ascii
    if not ((plain or bytes(wire).partition(b"\r\n\r\n")[0].isascii()) and addresses.isascii()):
        if "smtputf8" not in session.extensions:
            raise PermanentFailure("the relay does not take addresses beyond ASCII", enhanced="5.6.7")
        options += " SMTPUTF8"
    if not plain:
        if "8bitmime" not in session.extensions:
            raise RelayFailure("the message has octets beyond ASCII, and the relay takes none", enhanced="5.6.3")
        options += " BODY=8BITMIME"
    return options


def _path(address: str) -> str:
    """The address for the envelope, its domain in the form of the DNS where that says the same (RFC 5891)."""
    if address.isascii():
        return address
    local, _, domain = address.rpartition("@")
    if domain.isascii():
        return address
    try:
        encoded = domain.encode("idna")
    except UnicodeError:
        return address
    # The codec's older rules turn some domains into another one (ß into ss), which may be somebody else's.
    same = encoded.decode("idna") == unicodedata.normalize("NFC", domain).lower()
    return f"{local}@{encoded.decode()}" if same else address


def _code(line: bytes) -> int:
    digits = line[:3]
    return int(digits) if len(digits) == 3 and digits.isdigit() else -1


def _in_step(session: _Session, failure: TransportError) -> bool:
    """Whether the relay gave a whole refusal of this one transaction, and the next may follow on the connection."""
    after_mail = session.stage in {Stage.RCPT, Stage.DATA, Stage.DOT}
    return after_mail and session.is_open and failure.code is not None and _is_refusal(failure.code)


def _is_refusal(code: int) -> bool:
    """Whether a reply refuses the one thing that was asked for, and no more than that."""
    return 400 <= code <= 599 and code not in {421, 503}


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _connect(relay: Relay, seconds: float) -> socket.socket:
    if _is_path(relay.host):
        unix = socket.socket(socket.AF_UNIX)
        unix.settimeout(seconds)
        try:
            unix.connect(relay.host)
        except BaseException:
            unix.close()
            raise
        return unix
    connection = socket.create_connection((relay.host, relay.port), timeout=seconds)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _AT_HAND)
    return connection


def _is_path(host: str) -> bool:
    return host.startswith("/")


def _tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Verifies the certificate and the name; TLS 1.2 or later (RFC 8996)."""
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ConfigError(f"ca_file: {ca_file} holds no certificates that can be read: {error.strerror}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
