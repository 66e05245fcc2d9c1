"""LMTP (RFC 2033): the same dialogue, begun by LHLO, with an answer for the recipient after the message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import UnixSocketController
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from newsletter.errors import PermanentFailure, TemporaryFailure
from newsletter.model import Message
from newsletter.model.wire import Wire
from newsletter.transports.smtp import Relay, Smtp


class Store:
    """Takes messages, but for one recipient whose box is full: that is only said after the message."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str, bytes]] = []  #: sender, recipient, data

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - a name of aiosmtpd
        (recipient,) = envelope.rcpt_tos
        if recipient.startswith("full"):
            return "452 4.2.2 the mailbox is full"
        if recipient.startswith("gone"):
            return "550 5.1.1 no such mailbox"
        assert isinstance(envelope.original_content, bytes)
        assert envelope.mail_from is not None
        self.taken.append((envelope.mail_from, recipient, envelope.original_content))
        return "250 2.1.5 delivered"


class _Controller(UnixSocketController):
    def factory(self) -> Any:
        return LMTP(self.handler, enable_SMTPUTF8=True)


@contextmanager
def serving(store: Store, path: Path) -> Iterator[Smtp]:
    controller = _Controller(store, unix_socket=str(path))
    controller.start()
    smtp = Smtp(Relay(host=str(path), port=0, security="none", protocol="lmtp", helo_name="test.example.org"))
    try:
        yield smtp
    finally:
        smtp.close()
        controller.stop()


def _message(name: str) -> Message:
    data = f"Message-ID: <{name}@example.org>\r\n\r\nHello.\r\n".encode()
    return Message(
        sender="news@example.org",
        recipient=f"{name}@example.org",
        message_id=f"<{name}@example.org>",
        wire=Wire.of(data),
    )


def test_each_recipient_gets_an_answer_of_their_own(tmp_path: Path) -> None:
    store = Store()
    with serving(store, tmp_path / "lmtp") as smtp:
        smtp.send(_message("ann"))
        with pytest.raises(TemporaryFailure) as full:
            smtp.send(_message("full"))
        with pytest.raises(PermanentFailure) as gone:
            smtp.send(_message("gone"))
        smtp.send(_message("bea"))
    assert (full.value.code, full.value.enhanced) == (452, "4.2.2")
    assert (gone.value.code, gone.value.enhanced) == (550, "5.1.1")
    assert store.taken == [("news@example.org", f"{name}@example.org", _message(name).data) for name in ("ann", "bea")]


def test_a_socket_that_is_not_there_is_nobodys_fault(tmp_path: Path) -> None:
    smtp = Smtp(Relay(host=str(tmp_path / "nothing"), port=0, security="none", protocol="lmtp"))
    with pytest.raises(TemporaryFailure):
        smtp.send(_message("ann"))
