"""Feeds damaged documents to every format of `newsletter/sources` and counts what breaks.

    python bench/fuzz_sources.py --cases 200000 [--seed N] [--format Capture] [--case N]

Good documents are cut, doubled, spliced and peppered with what has broken parsers before. Each must become an article
with all required parts or be refused with a code; anything else is a crash, more than 2 s is a hang, and the process
must stay under 200 MB. A case hangs on seed and number alone, so `--case N` runs one again. Ends with status 1 where
something broke.
"""

from __future__ import annotations

import argparse
import gc
import random
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "sources")]

from memory import peak_mb  # noqa: E402  the path is set above
from test_source_contract import EXAMPLES  # noqa: E402  the path is set above

from newsletter.errors import DocumentError  # noqa: E402  the path is set above
from newsletter.model import Document  # noqa: E402  the path is set above
from newsletter.sources.base import BYTES_LIMIT, Raw, Source  # noqa: E402  the path is set above

SLOW_SECONDS = 2.0
STUCK_SECONDS = 20
PEAK_MB = 200
SHOWN = 5
CORPUS_LIMIT = 400_000  # bytes; larger files would make a bench of copying
TOKENS = (
    b"\n", b"\r\n", b"\r", b"\n\n", b"\0", b"\xff", b"\xc3", b"\xef\xbb\xbf", b"\xed\xa0\x80", b" ", b"\t", b"\x0c",
    "\u00a0".encode(), "\u200b".encode(), "\u2028".encode(), "\u202e".encode(), "\ufffd".encode(), "\U0001f9e0".encode(),
    b"\nKey Takeaway\n", b"\nWhat They Found\n", b"\nWho Should Care & Why\n", b"\nImportant Considerations\n",
    b"\nArticle Topics:\n", b"\nYou May Also Like\n", b"\nUnderstanding MS Research\n", b"\nRead More\n",
    b"\nCredibility 4/5\n", b"\nInterest\n", b"\n12/31/2026\n", b"\n2026-02-30\n", b"x\nx\n",
    b"<", b">", b"&", b"&amp;", b"&#0;", b"&#x110000;", b"]]>", b"<![CDATA[", b"<!--", b"-->", b"<script>", b"</p>", b"<p>",
    b'<!DOCTYPE x [<!ENTITY a "aaaa">]>', b"&a;", b"<?xml version='1.0' encoding='utf-7'?>", b"xmlns:x=''",
    b"{", b"}", b"[", b"]", b'"', b"'", b",", b";", b":", b"null", b"true", b"NaN", b"-1", b"1e999", b"9" * 5000,
    b"---\n", b"...\n", b"- ", b"!!python/object:x ", b"&a *a", b"{{ 7*7 }}", b"{% raw %}", b"=cmd|'/c x'!A0", b"\\u0000",
    b"\\ud800", b"2026-13-45T99:99:99Z", b"0000-00-00", b"https://[", b"javascript:", b"data:;base64,", b"# ", b"```\n",
)  # fmt: skip


class Stuck(BaseException):
    """A case took so long that it was stopped. No `except Exception` may swallow it."""


@dataclass(frozen=True, slots=True)
class Files:
    """A place with one file in it."""

    file: Raw

    def files(self) -> Iterator[Raw]:
        yield self.file


# -- what to feed -----------------------------------------------------------------------------------------------------


def corpus_of(name: str) -> list[bytes]:
    """The good document of a format, and whatever the test data and the seeds hold of its kind."""
    good = EXAMPLES[name].file("a")
    found = [path for folder in ("tests/data", "seeds") for path in sorted((ROOT / folder).rglob("*"))]
    found = [path for path in found if "bounces" not in path.parts]  # these are mail
    files = [path for path in found if path.suffix == _path(name).suffix and path.stat().st_size <= CORPUS_LIMIT]
    return [good, *(path.read_bytes() for path in files)]


def _path(name: str) -> Path:
    return EXAMPLES[name].path(Path("fuzz"), "a")


def mutate(corpus: list[bytes], dice: random.Random) -> bytes:
    """A document of the corpus with one to eight wounds. One in fifty is then blown up to the limit and beyond."""
    data = dice.choice(corpus)
    for _ in range(dice.choice((1, 1, 1, 2, 2, 3, 5, 8))):
        data = dice.choice(WOUNDS)(data, corpus, dice)
    if dice.random() < 0.02 and data:
        start = dice.randrange(len(data))
        piece = data[start : start + dice.choice((1, 3, 40, 2000))]
        times = dice.choice((100, 1000, BYTES_LIMIT // len(piece) + 1))
        data = data[:start] + (piece * times)[: BYTES_LIMIT + 1] + data[start:]
    return data[: BYTES_LIMIT + 1]


def _span(data: bytes, dice: random.Random) -> tuple[int, int]:
    start = dice.randint(0, len(data))
    return start, min(len(data), start + dice.choice((1, 2, 8, 40, 300, 3000)))


def _cut(data: bytes, _: list[bytes], dice: random.Random) -> bytes:
    return data[: dice.randint(0, len(data))]


def _delete(data: bytes, _: list[bytes], dice: random.Random) -> bytes:
    start, end = _span(data, dice)
    return data[:start] + data[end:]


def _double(data: bytes, _: list[bytes], dice: random.Random) -> bytes:
    start, end = _span(data, dice)
    return data[:end] + data[start:end] * dice.choice((1, 1, 2, 20)) + data[end:]


def _flip(data: bytes, _: list[bytes], dice: random.Random) -> bytes:
    start = dice.randint(0, len(data))
    return data[:start] + bytes([dice.randrange(256)]) + data[start + 1 :]


def _insert(data: bytes, _: list[bytes], dice: random.Random) -> bytes:
    start = dice.randint(0, len(data))
    return data[:start] + dice.choice(TOKENS) + data[start:]


def _splice(data: bytes, corpus: list[bytes], dice: random.Random) -> bytes:
    other = dice.choice(corpus)
    return data[: dice.randint(0, len(data))] + other[dice.randint(0, len(other)) :]


def _lines(data: bytes, _: list[bytes], dice: random.Random) -> bytes:
    """Delete, double or swap whole lines."""
    lines = data.split(b"\n")
    first, second = dice.randrange(len(lines)), dice.randrange(len(lines))
    change = dice.randrange(3)
    if change == 0:
        del lines[first]
    elif change == 1:
        lines.insert(second, lines[first])
    else:
        lines[first], lines[second] = lines[second], lines[first]
    return b"\n".join(lines)


WOUNDS = (_cut, _delete, _double, _flip, _insert, _insert, _splice, _lines, _lines)


# -- feeding ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Counts:
    """What became of the cases of one format. A file may hold several documents, or none."""

    cases: int = 0
    used: int = 0
    refused: int = 0
    crashes: int = 0
    slowest: float = 0.0


def feed(name: str, data: bytes, counts: Counts, codes: Counter[str]) -> None:
    """Take one file apart and read each of its documents. Whatever is raised is a crash."""
    source = Source("fuzz", Files(Raw(key="fuzz", name=str(_path(name)), data=data)), EXAMPLES[name].format)
    for raw in source.fetch():
        try:
            document = source.parse(raw, ("gait", "multiple sclerosis"))
        except DocumentError as error:
            counts.refused += 1
            codes[error.code] += 1
            _require(error.code.startswith("E-") and "fuzz" in error.message, f"a refusal that names nothing: {error}")
        else:
            counts.used += 1
            codes.update({warning.code for warning in document.warnings})
            _check(document)


def _check(document: Document) -> None:
    """What the rest of the house relies on."""
    summary = document.summary
    required = (summary.title, summary.key_takeaway, summary.what_they_found, summary.considerations, document.key)
    _require(all(required), "a required part is empty")
    shown = "".join((summary.title, summary.key_takeaway, *summary.what_they_found, *summary.considerations))
    shown.encode()
    _require(not any(ord(character) < 32 and character not in "\n\t" for character in shown), "control characters")
    for rating in (summary.credibility, summary.interest):
        _require(rating is None or 0 < rating.share <= 1, "a rating beyond its scale")
    _require(all(warning.code.startswith("W-") for warning in document.warnings), "a warning without a code")


def _require(holds: object, what: str) -> None:
    if not holds:
        raise RuntimeError(what)


def _stop(_: int, __: FrameType | None) -> None:
    raise Stuck


def run(name: str, numbers: range, seed: int, codes: Counter[str]) -> Counts:
    """Feed the cases with these numbers to one format; the first crashes are told on standard error."""
    corpus, counts = corpus_of(name), Counts()
    for number in numbers:
        data = mutate(corpus, random.Random(f"{seed}/{name}/{number}"))
        counts.cases += 1
        begun = time.perf_counter()
        signal.alarm(STUCK_SECONDS)
        try:
            feed(name, data, counts, codes)
        except (Exception, Stuck):  # noqa: BLE001  whatever breaks is what we look for
            counts.crashes += 1
            if counts.crashes <= SHOWN:
                print(f"crash: --seed {seed} --format {name} --case {number}", file=sys.stderr)
                traceback.print_exc()
        finally:
            signal.alarm(0)
        taken = time.perf_counter() - begun
        counts.slowest = max(counts.slowest, taken)
        if taken > SLOW_SECONDS:
            print(f"slow, {taken:.1f} s: --seed {seed} --format {name} --case {number}", file=sys.stderr)
    return counts


def main() -> int:
    """Print one line a format, and the codes that were met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--cases", type=int, default=200_000, help="for each format")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--format", choices=sorted(EXAMPLES), help="only this one")
    parser.add_argument("--case", type=int, help="only the case with this number")
    asked = parser.parse_args()
    signal.signal(signal.SIGALRM, _stop)
    numbers = range(asked.cases) if asked.case is None else range(asked.case, asked.case + 1)
    broken = False
    for name in [asked.format] if asked.format else sorted(EXAMPLES):
        codes: Counter[str] = Counter()
        counts = run(name, numbers, asked.seed, codes)
        gc.collect()
        peak = peak_mb()
        broken |= bool(counts.crashes) or counts.slowest > SLOW_SECONDS or peak > PEAK_MB
        print(
            f"CASES={counts.cases} USED={counts.used} REFUSED={counts.refused} CRASHES={counts.crashes} "
            f"SLOWEST_MS={counts.slowest * 1000:.0f} PEAK_MB={peak:.0f} SEED={asked.seed} FORMAT={name}",
            flush=True,
        )
        print("  " + " ".join(f"{code}={times}" for code, times in sorted(codes.items())), flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
