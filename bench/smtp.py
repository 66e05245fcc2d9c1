"""Sending alone, beside Postfix's load generator, the standard library and nodemailer, with the same bytes.

    python bench/smtp.py [--messages N] [--rounds N] [--connections N] [--size OCTETS] [--node-modules FOLDER]

Each sends to `smtp-sink` (Debian: postfix), which then is the bottleneck, to a cheaper sink of ours, which reads and looks for
the end, and to a hollow one, which has the system throw the octets away: there the sender alone counts. Rounds are interleaved; medians and the ratio to smtp-source in the same round are told. Processor time is the sender's
own, for each message, in microseconds: the steadiest of the figures. Then one connection to a relay that takes 20 ms for
each answer, as a far one does. nodemailer is measured where `--node-modules` names a folder that has it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import select
import smtplib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event

from deliver import ANSWERS, NODEMAILER, await_port, cheap_sink, free_port, listening

from newsletter.engine.loop import Loop
from newsletter.model import Message
from newsletter.model.wire import Frame, Wire
from newsletter.transports.smtp import Relay, Smtp
from newsletter.waits import Course

SENDER, RECIPIENT = "news@example.org", "reader@example.org"
FAR_ANSWERS = ANSWERS | {b"EHLO": b"250-far\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 8BITMIME\r\n"}
DELAY = 0.02  #: seconds until the far relay answers


def sample(size: int) -> bytes:
    """A message of about so many octets, in lines as quoted-printable has them."""
    head = (
        b"Date: Mon, 16 Nov 2026 06:00:00 +0000\r\nFrom: News <news@example.org>\r\nTo: reader@example.org\r\n"
        b"Subject: This week\r\nMessage-ID: <20261116.abcdef@example.org>\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    line = b"Fatigue was less after twelve weeks in the group that had been given a cour=\r\n"
    return head + line * ((size - len(head)) // len(line)) + b"The end.\r\n"


# -- senders, each in a process of its own ----------------------------------------------------------------------------


def ours(port: int, data: bytes, count: int, connections: int) -> None:
    """As the merge gives them: known to be in wire form."""
    sent_by_us(port, Frame([data], ()).fill({}), count, connections)


def ours_unproven(port: int, data: bytes, count: int, connections: int) -> None:
    """Each message looked at whole."""
    sent_by_us(port, data, count, connections)


def sent_by_us(port: int, data: bytes | Wire, count: int, connections: int, *, chunking: bool = False) -> None:
    relay = Relay(host="127.0.0.1", port=port, security="none", helo_name="bench.example.org", chunking=chunking)
    name = "<20261116.abcdef@example.org>"

    def sending() -> Course[None]:
        transport = Smtp(relay)
        for _ in range(count):
            wire = data if isinstance(data, Wire) else Wire.of(data)
            yield from transport.sending(Message(sender=SENDER, recipient=RECIPIENT, message_id=name, wire=wire))
        yield from transport.closing()

    loop: Loop[None] = Loop(Event())
    for _, error in loop.run([sending() for _ in range(connections)]):
        if error is not None:
            raise error


def ours_in_one_go(port: int, data: bytes, count: int, connections: int) -> None:
    """For relays far away."""
    sent_by_us(port, Frame([data], ()).fill({}), count, connections, chunking=True)


def on_threads(way: Callable[[int, bytes, int], None]) -> Callable[[int, bytes, int, int], None]:
    def send(port: int, data: bytes, count: int, connections: int) -> None:
        with ThreadPoolExecutor(connections) as threads:
            for done in [threads.submit(way, port, data, count) for _ in range(connections)]:
                done.result()

    return send


def smtplib_reused(port: int, data: bytes, count: int) -> None:
    with smtplib.SMTP("127.0.0.1", port, local_hostname="bench.example.org", timeout=60) as client:
        for _ in range(count):
            client.sendmail(SENDER, [RECIPIENT], data)


def smtplib_each(port: int, data: bytes, count: int) -> None:
    for _ in range(count):
        smtplib_reused(port, data, 1)


SENDERS: dict[str, Callable[[int, bytes, int, int], None]] = {
    "ours": ours,
    "ours, any bytes": ours_unproven,
    "smtplib, reused": on_threads(smtplib_reused),
    "smtplib, one each": on_threads(smtplib_each),
    "ours, in one go": ours_in_one_go,
}
NEAR = tuple(name for name in SENDERS if name != "ours, in one go")  #: in one go there is nothing to wait for
FAR = ("ours", "ours, in one go", "smtplib, reused", "smtplib, one each")


def child(name: str, port: str, messages: str, connections: str, file: str) -> None:
    """Sends by so many connections, with the same share each, and tells what that took."""
    data = Path(file).read_bytes()
    share = int(messages) // int(connections)
    before, begun = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    SENDERS[name](int(port), data, share, int(connections))
    took, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"took": took, "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}))


def by_python(name: str, port: int, messages: int, options: argparse.Namespace) -> dict[str, float]:
    command = [sys.executable, __file__, "--child", name, str(port), str(messages), str(options.connections)]
    return _told(subprocess.run([*command, options.file], check=True, capture_output=True).stdout)


def by_nodemailer(port: int, messages: int, options: argparse.Namespace) -> dict[str, float]:
    command = ["node", "-e", NODEMAILER, str(port), str(messages), str(options.connections), options.file]
    environment = os.environ | {"NODE_PATH": str(options.node_modules)}
    return _told(subprocess.run(command, check=True, capture_output=True, env=environment).stdout)


def by_smtp_source(port: int, messages: int, options: argparse.Namespace, *more: str) -> dict[str, float]:
    command = ["/usr/sbin/smtp-source", *more, "-s", str(options.connections), "-m", str(messages), "-f", SENDER]
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([*command, "-t", RECIPIENT, "-F", f"{options.file}.lf", f"127.0.0.1:{port}"], check=True)
    took, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"took": took, "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


def _told(output: bytes) -> dict[str, float]:
    told: dict[str, float] = json.loads(output.splitlines()[-1])
    return told


# -- sinks ------------------------------------------------------------------------------------------------------------


def hollow_sink() -> None:
    """Takes messages on one thread, at the least cost.

    All messages of a connection have to be as long as its first one: of those after it the system throws away all but
    the ends. One that ends elsewhere stops the sink, and with it the benchmark.
    """
    server = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(server.getsockname()[1], flush=True)
    waiting = select.epoll()
    waiting.register(server, select.EPOLLIN)
    clients: dict[int, Client] = {}
    while True:
        for number, _ in waiting.poll():
            if number == server.fileno():
                client = Client(server.accept()[0])
                waiting.register(client.connection, select.EPOLLIN)
                clients[client.connection.fileno()] = client
            elif not clients[number].heard():
                waiting.unregister(number)
                clients.pop(number).connection.close()


class Client:
    """Who talks to the hollow sink."""

    END = b"\r\n.\r\n"
    NOWHERE = bytearray(1 << 20)

    def __init__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError):  # who only looked whether somebody is there
            connection.sendall(b"220 sink\r\n")
        self.connection = connection
        self.first = bytearray()  # the first message
        self.left = 0  # octets of a message that are still to come
        self.in_first = False

    def heard(self) -> bool:
        """Takes what has come; False at the end of the stream."""
        try:
            if self.left > len(self.END):
                gone = self.connection.recv_into(self.NOWHERE, self.left - len(self.END), socket.MSG_TRUNC)
                self.left -= gone
                return gone > 0
            received = self.connection.recv(self.left or 1 << 16)
        except ConnectionResetError:
            return False
        if not received:
            return False
        if self.left:
            self.end_of_message(received)
        elif self.in_first:
            self.first += received
            if self.first.endswith(self.END):
                self.in_first = False
                self.connection.sendall(b"250 2.0.0 ok\r\n")
        else:
            self.commands(received)
        return True

    def end_of_message(self, received: bytes) -> None:
        assert self.END[len(self.END) - self.left :].startswith(received), "the message ends elsewhere"
        self.left -= len(received)
        if not self.left:
            self.connection.sendall(b"250 2.0.0 ok\r\n")

    def commands(self, received: bytes) -> None:
        verbs = [line[:4].upper() for line in received.split(b"\r\n")[:-1]]
        if b"DATA" in verbs:
            self.left = len(self.first)
            self.in_first = not self.first
        self.connection.sendall(b"".join(ANSWERS.get(verb, b"250 2.0.0 ok\r\n") for verb in verbs))


def far_relay() -> None:
    """Takes everything, and answers what came in one go together, a while later."""
    asyncio.run(_far_relay())


async def _far_relay() -> None:
    server = await asyncio.start_server(_talk, "127.0.0.1", 0, limit=1 << 20)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    heard, in_data, answers = b"", False, b"220 far\r\n"
    while True:
        await asyncio.sleep(DELAY)
        writer.write(answers)
        answers = b""
        while not answers:
            received = await reader.read(1 << 17)
            if not received:
                writer.close()
                return
            heard += received
            answers, heard, in_data = _answers(heard, in_data)


def _answers(heard: bytes, in_data: bool) -> tuple[bytes, bytes, bool]:
    """What is said to what was heard, and what is left of that."""
    if in_data:
        return (b"250 2.0.0 ok\r\n", b"", False) if heard.endswith(b"\r\n.\r\n") else (b"", heard[-5:], True)
    _, chunk, text = heard.partition(b"BDAT ")
    if chunk:
        size, _, text = text.partition(b" LAST\r\n")
        whole = len(text) >= int(size)
        return (b"250 2.0.0 ok\r\n" * 3, b"", False) if whole else (b"", heard, False)
    answers = b""
    *lines, rest = heard.split(b"\r\n")
    for line in lines:
        verb = line[:4].upper()
        in_data = verb == b"DATA"
        answers += FAR_ANSWERS.get(verb, b"250 2.0.0 ok\r\n")
    return answers, rest, in_data


# -- the table --------------------------------------------------------------------------------------------------------


Contender = Callable[[int, int, argparse.Namespace], dict[str, float]]


def contenders(options: argparse.Namespace) -> dict[str, Contender]:
    told: dict[str, Contender] = {
        "smtp-source": partial(_swapped, ("-d",)),
        "smtp-source, one each": partial(_swapped, ()),
        **{name: partial(by_python, name) for name in NEAR},
    }
    if options.node_modules:
        told["nodemailer, pool"] = by_nodemailer
    return told


def _swapped(more: tuple[str, ...], port: int, messages: int, options: argparse.Namespace) -> dict[str, float]:
    return by_smtp_source(port, messages, options, *more)


def beside_each_other(title: str, port: int, options: argparse.Namespace) -> None:
    rounds = []
    for _ in range(options.rounds):
        # The slow ones get a part of the messages: their figures are as steady as the others' by then.
        told = {
            name: (options.messages // (1 if name in {"ours", "smtp-source"} else 4) // options.connections)
            * options.connections
            for name in contenders(options)
        }
        rounds.append(
            {
                name: {key: value / told[name] for key, value in run(port, told[name], options).items()}
                for name, run in contenders(options).items()
            }
        )
    print(f"\n{title}, {options.connections} connections")
    print(f"{'':24}{'messages/s':>12}{'ratio':>8}{'(of rounds)':>16}{'CPU us':>9}")
    for name in rounds[0]:
        ratios = [each["smtp-source"]["took"] / each[name]["took"] for each in rounds]
        rate = statistics.median(1 / each[name]["took"] for each in rounds)
        cpu = statistics.median(each[name]["cpu"] for each in rounds) * 1e6
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        print(f"{name:24}{rate:12,.0f}{statistics.median(ratios):8.2f}{spread:>16}{cpu:9.0f}")


def far_away(options: argparse.Namespace) -> None:
    with listening([sys.executable, __file__, "--far"]) as port:
        one = argparse.Namespace(**vars(options) | {"connections": 1})
        rounds = [{name: 50 / by_python(name, port, 50, one)["took"] for name in FAR} for _ in range(3)]
    print(f"\na relay that answers after {DELAY * 1000:.0f} ms, 1 connection")
    for name in FAR:
        rate = statistics.median(each[name] for each in rounds)
        ratio = statistics.median(each[name] / each["smtplib, reused"] for each in rounds)
        print(f"{name:24}{rate:12,.1f}{ratio:8.2f} of smtplib")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=8000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--size", type=int, default=94_000)
    parser.add_argument("--node-modules", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = sample(options.size)
        options.file = str(Path(folder) / "message")
        Path(options.file).write_bytes(data)
        Path(f"{options.file}.lf").write_bytes(data.replace(b"\r\n", b"\n"))
        print(f"{options.messages} messages of {len(data)} octets, {options.rounds} rounds")
        port = free_port()
        sinks = {
            "smtp-sink": (["/usr/sbin/smtp-sink", "-u", "nobody", f"127.0.0.1:{port}", "128"], port),
            "a cheaper sink": ([sys.executable, __file__, "--sink"], None),
            "a hollow sink": ([sys.executable, __file__, "--hollow"], None),
        }
        for title, (command, known) in sinks.items():
            with listening(command, known) as at:
                await_port(at)
                beside_each_other(title, at, options)
        far_away(options)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--sink"]:
        cheap_sink()
    elif sys.argv[1:2] == ["--hollow"]:
        hollow_sink()
    elif sys.argv[1:2] == ["--far"]:
        far_relay()
    elif sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:7])
    else:
        main()
