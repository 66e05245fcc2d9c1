"""How well and how fast topics are taken apart: real keyword lists, glued together, and what comes back.

    python bench/topics.py --keywords FILE.xml [...] [--seed N] [--half tune|held-out|both]

The files are PubMed XML. Their lists are split at random, by the seed, into a half to tune on and one held out, of
which only totals are to be looked at. Known topics are those of the other half. Without files the program runs on a
few lists of our own. Times are processor time of one call, the least of three: other programs do not count.
"""

from __future__ import annotations

import argparse
import random
import re
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from defusedxml import ElementTree

from newsletter.sources.topics import split_topics

ROUNDS = 3
LONGEST = 320  # letters; longer lists are rather abstracts
CONTEXTS = ("nothing", "title words", "title words + known topics", "title + abstract words + known topics")
WORD = re.compile(r"\w[\w-]*\w")
OWN_LISTS = (
    "CNS injury|biogenesis|exosome|extracellular vesicles|inflammation|microglia|neuroprotection|neurorepair|uptake",
    "Astrocytes|Demyelination|Multiple sclerosis",
    "AQP4-IgG|MOG-IgG|MOGAD|NMOSD",
    "EDSS|MRI|NfL|PIRA",
    "B cells|Bruton's tyrosine kinase|EBV|multiple sclerosis|vitamin D",
    "Energy management|Fatigue|Occupational therapy|Women's health",
    "accelerometer|physical activity|sedentary behavior|step count",
    "COVID-19|SARS-CoV-2|booster|immunosuppression|vaccines",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One article: its true topics, the words of its title and of its abstract."""

    pmid: str = ""
    topics: tuple[str, ...]
    title: frozenset[str] = frozenset()
    abstract: frozenset[str] = frozenset()

    @property
    def style(self) -> str:
        """How its topics begin: all with a capital, none, or some."""
        capitals = {topic[0].isupper() for topic in self.topics}
        return "mixed" if len(capitals) > 1 else ("Upper" if capitals == {True} else "lower")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one list."""

    sample: Sample
    reading: tuple[str, ...]
    certain: frozenset[str]
    microseconds: float

    @property
    def exact(self) -> bool:
        """Whether each topic came back, in its place."""
        return self.reading == self.sample.topics


def read(path: Path) -> list[Sample]:
    """The keyword lists of a PubMed file that have two topics or more."""
    samples = []
    for citation in ElementTree.parse(path).getroot().iter("MedlineCitation"):
        keywords = ("".join(each.itertext()) for each in citation.iterfind("KeywordList/Keyword"))
        topics = tuple(dict.fromkeys(topic for text in keywords if (topic := " ".join(text.split()).strip(" .;,"))))
        if len(topics) < 2 or len("".join(topics)) > LONGEST or re.search(r"[;|•]", "".join(topics)):
            continue
        title = " ".join("".join(each.itertext()) for each in citation.iter("ArticleTitle"))
        abstract = " ".join("".join(each.itertext()) for each in citation.iter("AbstractText"))
        words = frozenset(WORD.findall(title)), frozenset(WORD.findall(abstract))
        pmid = citation.findtext("PMID", "")
        samples.append(Sample(pmid=pmid, topics=topics, title=words[0], abstract=words[1]))
    return samples


def run(samples: Sequence[Sample], known: frozenset[str], context: str) -> list[Outcome]:
    """Take every list apart with what `context` names."""
    outcomes = []
    for sample in samples:
        words = frozenset[str]()
        if "title" in context:
            words |= sample.title
        if "abstract" in context:
            words |= sample.abstract
        outcomes.append(once(sample, known if "known" in context else frozenset(), words))
    return outcomes


def once(sample: Sample, known: frozenset[str], words: frozenset[str]) -> Outcome:
    """One list, three times."""
    glued = "".join(sample.topics)
    split_topics(glued, known=known)
    times = []
    for _ in range(ROUNDS):
        begun = time.process_time_ns()
        split = split_topics(glued, known=known, text_words=words)
        times.append((time.process_time_ns() - begun) / 1000)
    return Outcome(sample=sample, reading=split.reading, certain=frozenset(split.topics), microseconds=min(times))


def boundaries(topics: Iterable[str]) -> set[int]:
    """The places of the cuts."""
    ends, at = set(), 0
    for topic in topics:
        at += len(topic)
        ends.add(at)
    return ends - {at}


def f1(pairs: Iterable[tuple[set[str] | set[int], set[str] | set[int]]]) -> float:
    """The harmonic mean of precision and recall, over all lists together. Each pair is (true, found)."""
    right = total = 0
    for true, found in pairs:
        right += 2 * len(true & found)
        total += len(true) + len(found)
    return right / total if total else 1.0


def line(context: str, outcomes: Sequence[Outcome]) -> str:
    """One row of the table."""
    times = sorted(outcome.microseconds for outcome in outcomes)
    cells = [
        f"{statistics.mean(outcome.exact for outcome in outcomes):6.3f}",
        f"{f1((boundaries(each.sample.topics), boundaries(each.reading)) for each in outcomes):11.3f}",
        f"{f1((set(each.sample.topics), set(each.reading)) for each in outcomes):9.3f}",
        f"{f1((set(each.sample.topics), set(each.certain)) for each in outcomes):10.3f}",
        f"{statistics.median(times):10.0f}",
        f"{times[int(len(times) * 0.95)]:8.0f}",
    ]
    for style in ("Upper", "mixed", "lower"):
        of_style = [outcome.exact for outcome in outcomes if outcome.sample.style == style]
        cells.append(f"{statistics.mean(of_style):7.3f}" if of_style else "      -")
    return f"{context:40}" + "".join(cells)


def table(name: str, samples: Sequence[Sample], known: frozenset[str]) -> None:
    """Print a row for each context."""
    print(f"\n{name}: {len(samples)} lists, {sum(len(sample.topics) for sample in samples)} topics")
    print(f"{'given':40} exact boundary F1 topic F1 certain F1 median us   p95 us  Upper  mixed  lower")
    for context in CONTEXTS:
        print(line(context, run(samples, known, context)))


def known_of(samples: Iterable[Sample]) -> frozenset[str]:
    """Every topic that `samples` hold."""
    return frozenset(topic for sample in samples for topic in sample.topics)


def main() -> None:
    """Print the tables that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keywords", nargs="+", type=Path, default=[], metavar="FILE.xml")
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--half", choices=("tune", "held-out", "both"), default="both")
    arguments = parser.parse_args()
    if not arguments.keywords:
        table("our own lists", [Sample(topics=tuple(text.split("|"))) for text in OWN_LISTS], frozenset())
        return
    unique = {sample.pmid: sample for path in arguments.keywords for sample in read(path)}
    samples = [unique[pmid] for pmid in sorted(unique)]
    random.Random(arguments.seed).shuffle(samples)
    half = len(samples) // 2
    tune, held_out = samples[:half], samples[half:]
    if arguments.half != "held-out":
        table("to tune on", tune, known_of(held_out))
    if arguments.half != "tune":
        table("held out", held_out, known_of(tune))


if __name__ == "__main__":
    main()
