"""A real SMTP server that misbehaves as it is told, and an independent witness of what it accepted.

Before it says 250 to a message it appends `Message-ID recipient` to a file and syncs it, so a verdict can compare that
file with the ledger. It listens on 127.0.0.1, in a thread of its own.
"""

from __future__ import annotations

import asyncio
import os
import random
import ssl
import threading
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, get_args

from aiosmtpd.smtp import SMTP, AuthResult

Step = Literal["greeting", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "text", "dot", "rset", "quit"]
Deed = Literal["reply", "cut", "stall", "drip", "garbage"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong in one step.

    `reply` takes the place of the server's own reply; `deed` says what is done with it: `reply` says it, `cut` hangs up
    instead (at `dot`: after the message is logged, unless `reply` refuses it), `stall` says nothing, `drip` says it one
    octet every `seconds` and never ends, `garbage` says it and then octets that nobody asked for.
    At `text` there are only `cut`, which hangs up at the first octets of the message, and `stall`, which reads none.
    """

    at: Step
    deed: Deed = "reply"
    reply: str | None = None
    seconds: float = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A message that the server took. `data` is without the transparency of dots."""

    sender: str
    recipient: str
    data: bytes
    options: tuple[str, ...]
    tls: bool
    user: str | None


@dataclass(kw_only=True)
class FaultServer:
    """A context manager. Its lists may be read while it runs and after.

    `always` goes wrong in every session, `once` the next time that its step is reached. `scripts` holds for a recipient the fault of each attempt in turn (None: all is
    well); what is not scripted goes wrong by `odds`, drawn from `seed`, recipient and attempt: the same in every run.
    Without `keep` the log alone remembers what came, for runs of more messages than the memory holds.
    """

    log: Path | None = None
    always: tuple[Fault, ...] = ()
    once: Fault | None = None
    scripts: dict[str, list[Fault | None]] = field(default_factory=dict)
    odds: Mapping[Fault, float] = field(default_factory=dict)
    seed: int = 0
    starttls: ssl.SSLContext | None = None
    tls: ssl.SSLContext | None = None
    accounts: Mapping[str, str] = field(default_factory=dict)
    smtputf8: bool = True
    keep: bool = True
    mechanisms_off: tuple[str, ...] = ()
    pipelining: bool = False
    extensions_off: tuple[str, ...] = ()

    port: int = field(default=0, init=False)
    accepted: list[Accepted] = field(default_factory=list, init=False)
    connections: int = field(default=0, init=False)
    commands: list[str] = field(default_factory=list, init=False)
    clear: bytearray = field(default_factory=bytearray, init=False)  #: what came before TLS
    wire: bytearray = field(default_factory=bytearray, init=False)  #: all that came, decrypted

    def __post_init__(self) -> None:
        self._attempts: defaultdict[str, int] = defaultdict(int)
        self._sessions: set[_Session] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10), "the server did not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        assert not self._thread.is_alive(), "the server did not stop"

    def hang_up(self) -> None:
        """Closes every connection, as a server does with idle ones."""
        done = threading.Event()

        def close() -> None:
            for session in tuple(self._sessions):
                session.cut()
            done.set()

        self._loop.call_soon_threadsafe(close)
        assert done.wait(10)

    def say(self, text: str) -> None:
        """Says something to every connection without being asked."""
        done = threading.Event()

        def speak() -> None:
            for session in tuple(self._sessions):
                session.blurt(text.encode())
            done.set()

        self._loop.call_soon_threadsafe(speak)
        assert done.wait(10)

    def faults(self, recipient: str) -> dict[str, Fault]:
        """What goes wrong in the next attempt of this recipient, by step."""
        attempt = self._attempts[recipient]
        self._attempts[recipient] += 1
        script = self.scripts.get(recipient, [])
        if attempt < len(script):
            fault = script[attempt]
        else:
            chance = random.Random(f"{self.seed}|{recipient}|{attempt}")
            fault = next((fault for fault, share in self.odds.items() if chance.random() < share), None)
        return {} if fault is None else {fault.at: fault}

    def witness(self, message: Accepted) -> None:
        """On the disk before anybody is told."""
        if self.keep:
            self.accepted.append(message)
        if self.log is None:
            return
        message_id = BytesHeaderParser().parsebytes(message.data)["Message-ID"]
        descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, f"{message_id} {message.recipient}\n".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = await self._loop.create_server(lambda: _Session(self), "127.0.0.1", 0, ssl=self.tls)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for session in tuple(self._sessions):
            session.cut()
        await asyncio.sleep(0)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0.01)  # transports close in the loop's next turns


class _Handler:
    """aiosmtpd's hooks: what is accepted is what the faults leave."""

    def __init__(self, server: FaultServer) -> None:
        self._server = server

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, smtp: _Session, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        more = ["250-PIPELINING"] if self._server.pipelining else []
        return more + [line for line in responses if line[4:].partition(" ")[0] not in self._server.extensions_off]

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, smtp: _Session, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        smtp.faults = self._server.faults(address)
        fault = smtp.fault("rcpt")
        if fault and fault.reply and not fault.reply.startswith("2"):
            return fault.reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, smtp: _Session, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        fault = smtp.fault("dot")
        if fault and fault.reply and fault.reply[0] in "45":
            return fault.reply
        self._server.witness(
            Accepted(
                sender=envelope.mail_from,
                recipient=envelope.rcpt_tos[0],
                data=envelope.original_content,
                options=tuple(envelope.mail_options),
                tls=smtp.secured,
                user=session.auth_data.login.decode() if session.auth_data else None,
            )
        )
        return "250 OK"


class _Session(SMTP):
    """aiosmtpd's protocol with the faults put into its mouth: every reply passes through `push`."""

    def __init__(self, server: FaultServer) -> None:
        super().__init__(
            _Handler(server),
            enable_SMTPUTF8=server.smtputf8,
            hostname="relay.example.org",
            tls_context=server.starttls,
            authenticator=self._check_account,
            auth_required=bool(server.accounts) and server.tls is None,
            auth_require_tls=server.tls is None,  # aiosmtpd does not see a TLS that was there from the start
            auth_exclude_mechanism=server.mechanisms_off,
            loop=server._loop,
        )
        self.faults: dict[str, Fault] = {}
        self._server = server
        self._step: Step = "greeting"
        self._cut_text = False
        for command, method in self._smtp_methods.items():
            if command.lower() in get_args(Step):
                self._smtp_methods[command] = partial(self._in, command.lower(), method)

    @property
    def secured(self) -> bool:
        return self.transport is not None and self.transport.get_extra_info("sslcontext") is not None

    def fault(self, step: Step) -> Fault | None:
        candidates = (self.faults.get(step), self._server.once, *self._server.always)
        return next((fault for fault in candidates if fault and fault.at == step), None)

    def cut(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def blurt(self, octets: bytes) -> None:
        if self.transport is not None:
            self.transport.write(octets)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self not in self._server._sessions:
            self._server._sessions.add(self)
            self._server.connections += 1
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._server._sessions.discard(self)
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        if self._server.keep:
            self._server.wire += data
            self._server.clear += b"" if self.secured else data
        if self._cut_text:
            self.cut()
        else:
            super().data_received(data)

    async def push(self, status: str | bytes) -> None:
        text = status.decode() if isinstance(status, bytes) else status
        fault = self.fault(self._step)
        if fault is not None:
            await self._misbehave(fault, fault.reply or text)
            return
        await super().push(text)
        if self._step == "data":
            self._step = "dot"
            self._begin_text(self.fault("text"))

    def _begin_text(self, fault: Fault | None) -> None:
        if fault is not None and fault.deed == "cut":
            self._cut_text = True
        elif fault is not None:
            self.transport.pause_reading()

    async def _misbehave(self, fault: Fault, text: str) -> None:
        if fault is self._server.once:
            self._server.once = None
        if fault.deed == "stall":
            await asyncio.Event().wait()
        elif fault.deed == "cut":
            self.cut()
        elif fault.deed == "drip":
            await self._drip(text, fault.seconds)
        else:
            await super().push(text)
            if fault.deed == "garbage":
                self.blurt(b"250 nobody asked for this\r\n")

    async def _drip(self, text: str, seconds: float) -> None:
        code, words = text[:3], text[4:]
        while self.transport is not None:
            for octet in f"{code}-{words}\r\n".encode():
                await asyncio.sleep(seconds)
                self.blurt(bytes([octet]))

    def _check_account(self, server: SMTP, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        known = self._server.accounts.get(data.login.decode())
        return AuthResult(success=known is not None and known == data.password.decode(), handled=False, auth_data=data)

    async def _in(self, step: Step, method: Callable[[str | None], Awaitable[None]], argument: str | None) -> None:
        self._step = step
        self._server.commands.append(step)
        if step in {"mail", "rcpt", "rset"}:
            self.faults = {}
        fault = self.fault(step)
        if fault is None or fault.reply is None or step == "rcpt":
            await method(argument)
        else:  # the server itself must not believe that it went well
            await self._misbehave(fault, fault.reply)
