"""How fast captures are taken in: `python bench/ingest.py [--documents 10000] [--archive 0]`.

Makes captures, takes them into an empty SQLite store, takes them in again unchanged, and then one new one. Prints
documents a second, and the peak memory. `--profile` shows where the time of the first run goes.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import random
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from memory import peak_mb

from newsletter import config
from newsletter.app import App, open_app

ROOT = Path(__file__).resolve().parent.parent
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
WORDS = [
    "people",
    "walking",
    "balance",
    "fatigue",
    "sleep",
    "brain",
    "nerve",
    "scan",
    "cells",
    "immune",
    "daily",
    "small",
    "group",
    "study",
    "program",
    "weeks",
    "months",
    "blood",
    "test",
    "vision",
    "memory",
    "mood",
    "stress",
    "care",
    "family",
    "doctor",
    "nurse",
    "clinic",
    "visit",
    "medicine",
    "dose",
    "side",
    "effect",
    "relapse",
    "recovery",
    "myelin",
    "lesion",
    "spinal",
    "cord",
    "exercise",
    "strength",
    "training",
    "diet",
    "vitamin",
    "gut",
    "bacteria",
    "heat",
    "cold",
    "bladder",
    "pain",
    "speech",
    "swallowing",
    "work",
    "school",
    "travel",
    "phone",
    "app",
    "coach",
    "online",
    "early",
    "late",
    "mild",
    "severe",
    "slow",
    "steady",
    "better",
    "worse",
]
TOPICS = (
    "Balance",
    "Brain imaging",
    "Cognition",
    "Diet",
    "Exercise",
    "Fatigue",
    "Gait",
    "Immune cells",
    "Sleep",
    "Vision",
)


def capture(number: int) -> str:
    """A capture that is like no other one."""
    draw = random.Random(number)

    def sentence(length: int) -> str:
        return " ".join(draw.choice(WORDS) for _ in range(length)).capitalize() + f" in case {number}."

    def paragraph(sentences: int) -> str:
        return " ".join(sentence(draw.randint(10, 18)) for _ in range(sentences))

    title = f"{' '.join(draw.choice(WORDS).title() for _ in range(6))} {number}"
    topics = "".join(sorted(draw.sample(TOPICS, 4)))
    related = "\n".join(
        f"{other}\n{other}\n\n12/1/2025\n\n{(other + ' ' + sentence(20)).ljust(100, 'x')[:100]}\n\nRead More"
        for other in (f"Another Article About {draw.choice(WORDS).title()} {place}" for place in range(6))
    )
    return (
        f"{title}\n\n{title}\nCredibility\nInterest\nKey Takeaway\n\n{sentence(16)}\n\nWhat They Found\n\n{paragraph(5)}\n\n"
        f"Who Should Care and Why\n\nPeople with MS {paragraph(4)}\n\nImportant Considerations\n\n{paragraph(3)}\n\n"
        f"Article Topics:\n{topics}\n\nYou May Also Like\n\n{related}\nUnderstanding MS Research\n\n"
        "Studies in medical journals like Cells often range from small to large.\n\nRead with care.\n\nAsk your doctor."
    )


def open_site(folder: Path) -> App:
    """The shipped configuration with a folder of captures of its own."""
    text = (ROOT / "config.toml").read_text(encoding="utf-8").replace('folder = "seeds"', 'folder = "captures"')
    (folder / "config.toml").write_text(text, encoding="utf-8")
    (folder / "captures").mkdir()
    return open_app(config.load(folder / "config.toml"))


def timed(app: App, name: str, documents: int) -> None:
    begun, used = time.perf_counter(), time.process_time()
    (report,) = app.ingest(NOW)
    wall, processor = time.perf_counter() - begun, time.process_time() - used
    peak = peak_mb()
    print(
        f"{name:12} {documents:7} documents {documents / wall:9.0f}/s wall {documents / processor:9.0f}/s processor "
        f"{wall:7.2f} s   new {len(report.new)}, unchanged {len(report.unchanged)}, "
        f"quarantined {len(report.quarantined)}   peak {peak:.0f} MB",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--profile", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        app = open_site(folder)
        for number in range(asked.documents):
            (folder / "captures" / f"{number:06}.txt").write_text(capture(number), encoding="utf-8")
        profile = cProfile.Profile()
        if asked.profile:
            profile.enable()
        timed(app, "new", asked.documents)
        if asked.profile:
            profile.disable()
            pstats.Stats(profile).sort_stats("cumulative").print_stats(45)
        timed(app, "unchanged", asked.documents)
        (folder / "captures" / "new.txt").write_text(capture(10**7), encoding="utf-8")
        timed(app, "one new", asked.documents + 1)
        app.close()


if __name__ == "__main__":
    main()
