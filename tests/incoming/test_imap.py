"""A mailbox on a real IMAP server is read without losing, repeating or deleting anything; no password goes in the clear."""

from __future__ import annotations

import imaplib
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest
from imap_server import PASSWORD, PROGRAM, USER, ImapServer, imap_server
from returned import ANN, Office

from newsletter.errors import MailboxError
from newsletter.incoming.imap import Account, Imap
from newsletter.incoming.parts import LARGEST
from newsletter.model.incoming import Fate
from newsletter.store.database import open_database

needs_dovecot = pytest.mark.skipif(PROGRAM is None, reason="needs Debian's dovecot-imapd")


@pytest.fixture(scope="module")
def running() -> Iterator[ImapServer]:
    with imap_server() as server:
        yield server


@pytest.fixture
def server(running: ImapServer) -> ImapServer:
    """The server with an empty mailbox."""
    with _client(running) as client:
        client.select("INBOX")
        client.uid("STORE", "1:*", "+FLAGS", r"(\Deleted)")
        client.expunge()
    return running


def _client(server: ImapServer) -> imaplib.IMAP4_SSL:
    import ssl

    client = imaplib.IMAP4_SSL(
        "127.0.0.1", server.tls, ssl_context=ssl.create_default_context(cafile=str(server.ca_file))
    )
    client.authenticate("PLAIN", lambda _: f"\0{USER}\0{PASSWORD}".encode())
    return client


def _account(server: ImapServer, **changed: object) -> Account:
    account = Account(
        host="127.0.0.1",
        port=server.tls,
        security="tls",
        username=USER,
        password=PASSWORD,
        ca_file=server.ca_file,
        timeout=10,
    )
    return replace(account, **changed)  # type: ignore[arg-type]


@needs_dovecot
def test_what_waits_is_read_and_each_fate_leaves_its_mark(server: ImapServer) -> None:
    server.put(b"Subject: one\n\none\n", b"Subject: two\n\n.\ntwo\n", b"Subject: three\n\n{5}\n")
    box = Imap(_account(server))
    assert box.waiting() == 3
    fates = iter((Fate.DONE, Fate.PERSON, Fate.LATER))
    read = []
    for letter in box.letters():
        read.append(letter.data)
        box.settle(letter, next(fates))
    assert read == [
        b"Subject: one\r\n\r\none\r\n",
        b"Subject: two\r\n\r\n.\r\ntwo\r\n",
        b"Subject: three\r\n\r\n{5}\r\n",
    ]
    assert [letter.data for letter in box.letters()] == [read[2]]
    box.close()
    box.close()
    assert server.flags() == ["S", "F", ""]


@needs_dovecot
def test_it_goes_on_by_starttls_and_after_a_break(server: ImapServer) -> None:
    server.put(b"Subject: one\n\n")
    box = Imap(_account(server, port=server.plain, security="starttls"))
    assert box.waiting() == 1
    assert box._client is not None
    box._client.sock.shutdown(socket.SHUT_RDWR)
    with pytest.raises(MailboxError, match=f"127.0.0.1:{server.plain}"):
        box.waiting()
    assert box.waiting() == 1
    box.close()


@needs_dovecot
def test_of_a_huge_message_the_beginning_is_fetched(server: ImapServer) -> None:
    server.put(b"Subject: huge\n\n" + b"line\n" * (LARGEST // 4))
    box = Imap(_account(server))
    assert [len(letter.data) for letter in box.letters()] == [LARGEST]
    box.close()


@needs_dovecot
def test_what_somebody_deletes_meanwhile_is_passed_over(server: ImapServer) -> None:
    server.put(b"Subject: one\n\n", b"Subject: two\n\n")
    box = Imap(_account(server))
    letters = box.letters()
    next(letters)
    with _client(server) as client:
        client.select("INBOX")
        client.store("2", "+FLAGS", r"(\Deleted)")
        client.expunge()
    box._client.noop()  # type: ignore[union-attr]
    assert list(letters) == []
    box.close()


@needs_dovecot
def test_another_folder_whose_name_needs_quoting(server: ImapServer) -> None:
    with _client(server) as client:
        client.create('"what \\"comes\\" back"')
        client.append('"what \\"comes\\" back"', "", None, b"Subject: there\r\n\r\n")  # type: ignore[arg-type]
    box = Imap(_account(server, folder='what "comes" back'))
    assert [letter.data for letter in box.letters()] == [b"Subject: there\r\n\r\n"]
    box.close()


@needs_dovecot
@pytest.mark.parametrize(
    "changed",
    [
        {"password": "wrong"},
        {"folder": "Nowhere"},
        {"ca_file": None},
        {"security": "starttls", "host": "localhost.invalid"},
        {"security": "none"},
    ],
    ids=["a wrong password", "no such folder", "a certificate nobody trusts", "no such host", "the wrong port"],
)
def test_what_is_wrong_is_told_without_a_secret(server: ImapServer, changed: dict[str, object]) -> None:
    with pytest.raises(MailboxError) as caught:
        Imap(_account(server, **changed)).waiting()
    message = caught.value.message
    assert message.startswith("the mailbox at ")
    assert PASSWORD not in message
    assert "wrong" not in message.lower().replace("wrong version number", "")
    assert "\n" not in message


@contextmanager
def _simple_server(capabilities: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """What Dovecot cannot be made to be: a server with few capabilities that agrees to everything. Its port, and what it heard."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, connection.makefile("rb") as lines:
                        connection.sendall(b"* OK ready\r\n")
                        for line in lines:
                            heard.append(line)
                            tag, _, command = line.partition(b" ")
                            told = b""
                            if command.startswith(b"CAPABILITY"):
                                told = b"* CAPABILITY " + capabilities + b"\r\n"
                            elif command.startswith(b"UID SEARCH"):
                                told = b"* SEARCH 7\r\n"
                            connection.sendall(told + tag + b" OK done\r\n")

        Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1], heard
        listener.shutdown(socket.SHUT_RDWR)


def _simple_account(port: int, **changed: object) -> Account:
    account = Account(host="127.0.0.1", port=port, security="none", username=USER, password='secret "word\\', timeout=5)
    return replace(account, **changed)  # type: ignore[arg-type]


def test_a_server_without_starttls_gets_no_password() -> None:
    with _simple_server(b"IMAP4rev1 AUTH=PLAIN") as (port, heard):
        with pytest.raises(MailboxError, match="TLS not supported"):
            Imap(_simple_account(port, security="starttls")).waiting()
        assert heard
        assert not [line for line in heard if b"AUTH" in line or b"LOGIN" in line or b"secret" in line]


def test_a_server_that_knows_login_alone() -> None:
    with _simple_server(b"IMAP4rev1") as (port, heard):
        box = Imap(_simple_account(port))
        assert box.waiting() == 1
        box.close()
        assert [line.partition(b" ")[2] for line in heard][1] == b'LOGIN bounces "secret \\"word\\\\"\r\n'
        with pytest.raises(MailboxError, match="characters that the server cannot take") as caught:
            Imap(_simple_account(port, password="sécret")).waiting()
        assert "cret" not in caught.value.message


def test_a_silent_server_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        account = Account(
            host="127.0.0.1", port=listener.getsockname()[1], security="none", username=USER, password="x", timeout=0.2
        )
        with pytest.raises(MailboxError, match="timed out"):
            Imap(account).waiting()


@needs_dovecot
def test_bounces_are_taken_in_from_a_server_once(server: ImapServer, tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'newsletter.db'}")
    office = Office(database, tmp_path / "mail")
    ann, bob = office.send(ANN), office.send("bob@example.net")
    server.put(
        ann.returned("postfix-unknown-user"), bob.returned("vacation-unix"), bob.returned("report-without-an-action")
    )
    box = Imap(_account(server))
    tally = office.take_in(mailbox=box)
    assert dict(tally.counts) == {"hard": 1, "automatic": 1, "unclear": 1}
    assert dict(office.take_in(mailbox=box).counts) == {}
    box.close()
    assert server.flags() == ["S", "S", "F"]
    assert office.suppressed()
    database.close()
