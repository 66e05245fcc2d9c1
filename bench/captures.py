"""Captures for the benches and for tests: made up, or of an article's text."""

from __future__ import annotations

import random

from newsletter.model import Summary

WORDS = (  # noqa: SIM905 - as a list it would take a page
    "people walking balance fatigue sleep brain nerve scan cells immune daily small group study program weeks months "
    "blood test vision memory mood stress care family doctor nurse clinic visit medicine dose side effect relapse "
    "recovery myelin lesion spinal cord exercise strength training diet vitamin gut bacteria heat cold bladder pain "
    "speech swallowing work school travel phone app coach online early late mild severe slow steady better worse"
).split()
TOPICS = (
    "Balance", "Brain imaging", "Cognition", "Diet", "Exercise", "Fatigue", "Gait", "Immune cells", "Sleep", "Vision",
)  # fmt: skip


def capture(number: int) -> str:
    """A capture that is like no other one."""
    draw = random.Random(number)

    def sentence(length: int) -> str:
        return " ".join(draw.choice(WORDS) for _ in range(length)).capitalize() + f" in case {number}."

    def paragraph(sentences: int) -> str:
        return " ".join(sentence(draw.randint(10, 18)) for _ in range(sentences))

    summary = Summary(
        title=f"{' '.join(draw.choice(WORDS).title() for _ in range(6))} {number}",
        key_takeaway=sentence(16),
        what_they_found=(paragraph(5),),
        who_should_care=(f"People with MS {paragraph(4)}",),
        considerations=(paragraph(3),),
        topics=tuple(draw.sample(TOPICS, 4)),
    )
    others = [f"Another Article About {draw.choice(WORDS).title()} {place}" for place in range(6)]
    return capture_of(summary, {other: f"{other} {sentence(20)}".ljust(100, "x")[:100] for other in others})


def capture_of(summary: Summary, others: dict[str, str]) -> str:
    """The page of an article. `others` are the teasers of other articles by their titles."""
    related = "\n".join(f"{other}\n{other}\n\n12/1/2025\n\n{teaser}\n\nRead More" for other, teaser in others.items())
    parts = {
        "Key Takeaway": (summary.key_takeaway,),
        "What They Found": summary.what_they_found,
        "Who Should Care and Why": summary.who_should_care,
        "Important Considerations": summary.considerations,
    }
    body = "\n\n".join("\n\n".join((heading, *paragraphs)) for heading, paragraphs in parts.items())
    return (
        f"{summary.title}\n\n{summary.title}\nCredibility\nInterest\n{body}\n\n"
        f"Article Topics:\n{''.join(sorted(summary.topics))}\n\nYou May Also Like\n\n{related}\n"
        "Understanding MS Research\n\n"
        "Studies in medical journals like Cells often range from small to large.\n\nRead with care.\n\nAsk your doctor."
    )
