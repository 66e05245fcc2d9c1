"""What a DKIM signature costs, beside dkimpy, which is what most Python programs use, and whether threads help.

    python bench/sign.py [--readers N]

Times are processor time of one message, the median of many rounds: other programs do not count. Each message goes to another
reader, with tokens of its own. "Nothing shared" empties what the signer remembers of the last messages before each one.
Every way's result is verified before it is timed.
"""

from __future__ import annotations

import argparse
import statistics
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import dkim
from mail import SITE, digest_of, in_pieces, readers

from newsletter.mail import sign
from newsletter.mail.compile import compile_mailing
from newsletter.mail.records import record_of
from newsletter.mail.sign import Key, Signer, make_key
from newsletter.model import Edition
from newsletter.model.wire import Wire
from newsletter.templating import Templates
from newsletter.waits import run

DOMAIN = b"example.org"
KEYS = {"rsa": make_key("rsa"), "ed25519": make_key("ed25519")}
FIELDS = [
    b"from",
    b"to",
    b"subject",
    b"date",
    b"reply-to",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
    b"content-type",
]


def ours(*kinds: str, forget: bool = False) -> Callable[[Wire], Wire]:
    """As a sender does it: the message is not put together. With `forget` it is not known what it was made of either."""
    signer = Signer(DOMAIN.decode(), {kind: KEYS[kind] for kind in kinds})

    def signed(wire: Wire) -> Wire:
        if forget:
            sign._relaxed_block.cache_clear()  # noqa: SLF001 - what a reader with an email of their own costs
            wire = Wire(wire.pieces, len(wire), "", dots=wire.dots, ascii=wire.ascii)
        return run(signer.signing(wire))

    return signed


def by_dkimpy(kind: str) -> Callable[[Wire], Wire]:
    private = secret_of(KEYS[kind])

    def signed(wire: Wire) -> Wire:
        field = dkim.sign(
            bytes(wire),
            kind.encode(),
            DOMAIN,
            private,
            canonicalize=(b"relaxed", b"relaxed"),
            signature_algorithm=f"{kind}-sha256".encode(),
            include_headers=FIELDS,
        )
        return wire.behind(bytes(field))

    return signed


def secret_of(key: Key) -> bytes:
    """In the form that dkimpy asks for: of Ed25519 the bare 32 octets in base64."""
    if key.kind == "rsa":
        return key.pem.encode()
    return b64encode(key.private.private_bytes_raw())  # type: ignore[union-attr]


def verified(data: bytes, kinds: Sequence[str]) -> bool:
    def record(name: bytes, **_: object) -> bytes:
        return record_of(KEYS[name.decode().partition(".")[0]]).encode()

    return all(dkim.DKIM(data).verify(number, dnsfunc=record) for number in range(len(kinds)))


def timed(way: Callable[[Wire], Wire], messages: Sequence[Wire]) -> float:
    """Microseconds for one message, the median of ten rounds."""
    rounds = []
    for _ in range(10):
        started = time.thread_time()
        for data in messages:
            way(data)
        rounds.append((time.thread_time() - started) / len(messages))
    return statistics.median(rounds) * 1e6


def report(articles: int, number: int) -> None:
    mailing = compile_mailing(digest_of(articles), SITE, Templates(), editions=Edition)
    messages = [in_pieces(mailing)(reader) for reader in readers(number)]
    ways: dict[str, tuple[Callable[[Wire], Wire], tuple[str, ...], int]] = {
        "RSA": (ours("rsa"), ("rsa",), number),
        "Ed25519": (ours("ed25519"), ("ed25519",), number),
        "both": (ours("rsa", "ed25519"), ("rsa", "ed25519"), number),
        "RSA, nothing shared": (ours("rsa", forget=True), ("rsa",), number),
        "RSA, dkimpy": (by_dkimpy("rsa"), ("rsa",), 3),
        "Ed25519, dkimpy": (by_dkimpy("ed25519"), ("ed25519",), 3),
    }
    for name, (way, kinds, few) in ways.items():
        if not verified(bytes(way(messages[0])), kinds):
            raise SystemExit(f"{name}: the signature does not verify")
        print(f"| {len(messages[0]):,} | {name} | {timed(way, messages[:few]):,.0f} |")


def report_threads(messages: int = 600) -> None:
    """How much faster two threads are than one; a hash, which is known to leave the interpreter alone, shows what the machine has to give."""
    data, signer = (
        b"From: a@example.org\r\nDate: Mon, 16 Nov 2026 06:00:00 +0000\r\n\r\n",
        Signer("example.org", {"rsa": KEYS["rsa"]}),
    )
    megabyte = bytes(1_000_000)
    for name, work in (
        ("RSA signatures", lambda: signer.sign(data)),
        ("SHA-256 of a megabyte", lambda: sha256(megabyte)),
    ):
        print(
            f"two threads for one, {name}: {per_second(2, work, messages) / per_second(1, work, messages):.2f} times as many"
        )


def per_second(threads: int, work: Callable[[], object], times: int) -> float:
    """By the wall clock, the best of three."""
    best = 0.0
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(3):
            started = time.perf_counter()
            list(pool.map(lambda _: [work() for _ in range(50)], range(times // 50)))
            best = max(best, times / (time.perf_counter() - started))
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readers", type=int, default=300)
    number = parser.parse_args().readers
    print("| bytes | way | µs a message |\n|---|---|---|")
    for articles in (5, 25):
        report(articles, number)
    report_threads()


if __name__ == "__main__":
    main()
