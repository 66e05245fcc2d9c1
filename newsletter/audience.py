"""Which of an article's own sentences matter to whom. Nothing is rewritten: sentences are chosen or left out.

The rules were written for plain-language summaries whose section "Who Should Care and Why" speaks to people with MS,
to caregivers and to clinicians in turn.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from newsletter.model import Audience, Summary

_MOST_ADVICE = 2  #: sentences
_SUBJECT_WORDS = 6  #: an audience named among the first so many words is whom the sentence speaks to

# -- sentences --------------------------------------------------------------------------------------------------------

_OPENERS = (
    "\"'([{\N{LEFT SINGLE QUOTATION MARK}\N{LEFT DOUBLE QUOTATION MARK}\N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}"
)
_CLOSERS = (
    "\"')]}\N{RIGHT SINGLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}\N{RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK}"
)
_ENDS = (".", "!", "?", "\N{HORIZONTAL ELLIPSIS}")

#: A full stop after one of these does not end a sentence. "MS." and "etc." are missing on purpose: they often do.
_ABBREVIATIONS = frozenset(
    {"Dr.", "Drs.", "Prof.", "Mr.", "Mrs.", "Ms.", "St.", "Fig.", "Figs.", "No.", "Nos.", "Ref.", "Vol."}
    | {"e.g.", "E.g.", "i.e.", "I.e.", "cf.", "vs.", "al.", "approx.", "ca.", "incl.", "fig.", "no."}
)
_INITIAL = re.compile(r"[A-HJ-Z]\.")
#: After these words a single letter is a name of a thing and no initial: "vitamin D."
_LETTERED = frozenset({"vitamin", "vitamins", "hepatitis", "type", "group", "part", "phase", "plan", "grade", "class"})


def sentences(paragraph: str) -> tuple[str, ...]:
    """A paragraph cut into sentences. Joined by one space they are the paragraph again, white space normalised.

    In doubt two sentences stay together: a reader is better served by one too many than by half of one.
    """
    words = paragraph.split()
    if not words:
        return ()
    starts = [0]
    for index, (before, after) in enumerate(pairwise(words), start=1):
        earlier = words[index - 2] if index > 1 else ""
        if _ends_sentence(before, earlier) and _starts_sentence(after):
            starts.append(index)
    return tuple(" ".join(words[start:end]) for start, end in pairwise([*starts, len(words)]))


def _ends_sentence(word: str, earlier: str) -> bool:
    bare = word.rstrip(_CLOSERS)
    if not bare.endswith(_ENDS):
        return False
    bare = bare.lstrip(_OPENERS)
    if _INITIAL.fullmatch(bare):
        return earlier.casefold() in _LETTERED
    return bare not in _ABBREVIATIONS


def _starts_sentence(word: str) -> bool:
    """A capital, a figure, or a name like `mRNA` that begins small wherever it stands."""
    bare = word.lstrip(_OPENERS)
    return bare[:1].isalnum() and (not bare[0].islower() or any(letter.isupper() for letter in bare))


# -- advice -----------------------------------------------------------------------------------------------------------

_MS = r"(?-i:[A-Z]*MS\b)|multiple sclerosis\b"
_WHO = r"people|persons?|anyone|someone|everyone|those|individuals|adults|women|men|children|patients?"
#: "your doctor" is someone whom the reader should ask, not a reader.
_NOT_OWN = r"(?<!\byour )(?<!\btheir )(?<!\bher )(?<!\bhis )(?<!\ba )"

_WORDS = {
    Audience.CAREGIVER: re.compile(
        r"\b(?:care-?givers?|carers?|care partners?|spouses?|parents?|families"
        r"|(?<!\ba )family(?! (?:doctor|history|planning)))\b",
        re.IGNORECASE,
    ),
    Audience.PERSON_WITH_MS: re.compile(
        rf"\b(?:{_WHO}) (?:[\w-]+ ){{0,2}}with (?:[\w-]+ ){{0,2}}(?:{_MS})"
        rf"|\b(?:{_MS}) patients?\b|\byou (?:have|live with) (?:{_MS})|^(?:\w+ )?patients\b",
        re.IGNORECASE,
    ),
    Audience.CLINICIAN: re.compile(
        rf"{_NOT_OWN}\b(?:doctors?|clinicians?|physicians?|neurologists?|nurses?|\w*therapists?"
        r"|health-?\s?care (?:providers?|professionals?|teams?|workers?))\b",
        re.IGNORECASE,
    ),
}
_ANALOGY = re.compile(
    r"(?:(?:just|much|almost|kind of|a bit) )?(?:like|as if)\b|just as\b|similar to\b|think of\b|imagine\b|picture\b"
    r"|(?:it|this|that)(?:['\N{RIGHT SINGLE QUOTATION MARK}]s| is) (?:\w+ ){0,2}like\b",
    re.IGNORECASE,
)
_LEANS_BACK = re.compile(r"(?:they|this|it)\b", re.IGNORECASE)


def advice(summary: Summary, audience: Audience) -> tuple[str, ...]:
    """What the article says to one audience: at most two of its own sentences, in their order.

    Empty for the general audience and where no sentence speaks to this one; readers then have the takeaway. Sentences
    that speak to the audience go before those that only mention it. Comparisons ("Just like a gardener") are left
    out. A sentence that leans on the one before ("They", "This", "It") brings it along.
    """
    if audience is Audience.GENERAL:
        return ()
    told = _sentences_of(summary.who_should_care)
    plain = [index for index, sentence in enumerate(told) if not _ANALOGY.match(sentence)]
    chosen = [index for index in plain if _speaks_to(told[index], audience)]
    if not chosen:
        chosen = [index for index in plain if _only_mentions(told[index], audience)]
    return tuple(told[index] for index in _with_context(told, chosen, plain))


def _speaks_to(sentence: str, audience: Audience) -> bool:
    found = _WORDS[audience].search(sentence)
    return found is not None and len(sentence[: found.start()].split()) < _SUBJECT_WORDS


def _only_mentions(sentence: str, audience: Audience) -> bool:
    """Named, in a sentence that speaks to nobody else."""
    return _WORDS[audience].search(sentence) is not None and not any(_speaks_to(sentence, other) for other in _WORDS)


def _with_context(told: Sequence[str], chosen: Sequence[int], plain: Sequence[int]) -> list[int]:
    taken: list[int] = []
    for index in chosen:
        group = [index]
        if _LEANS_BACK.match(told[index]) and index - 1 in plain:
            group.insert(0, index - 1)
        group = [one for one in group if one not in taken]
        if len(taken) + len(group) <= _MOST_ADVICE:
            taken += group
    return taken


# -- caveats ----------------------------------------------------------------------------------------------------------

_LIMIT = re.compile(
    r"\b(?:limit\w*|only|small|short|few|early|no|one (?:place|clinic|hospital|country|cent(?:re|er))|lab|laboratory|mice|mouse|rats?|animals?|unclear|unknown|uncertain|not|never"
    r"|cannot|more (?:research|studies|work)|(?:other|further|larger|later) studies)\b"
    r"|n['\N{RIGHT SINGLE QUOTATION MARK}]t\b",
    re.IGNORECASE,
)
_STUDY = re.compile(
    r"\b(?:study|studies|trial|report|research|findings?|results?|data|groups?|took part|people in|lab|mice|mouse|rats?|animals?)\b",
    re.IGNORECASE,
)
_ASK_SOMEBODY = re.compile(
    r"\b(?:talk|speak|ask|check|discuss)\w*\b.*\b(?:doctor|neurologist|nurse|care team|provider|clinician|physician)",
    re.IGNORECASE,
)


def caveat(summary: Summary, audience: Audience) -> tuple[str, ...]:
    """What limits the study, verbatim: every sentence of the considerations for clinicians, one for everybody else.

    The one is the first that states a limit of the study and stands by itself; where there is none, the first that
    states a limit, and where there is none either, the first.
    """
    told = _sentences_of(summary.considerations)
    if audience is Audience.CLINICIAN:
        return told
    limits = [sentence for sentence in told if _LIMIT.search(sentence) and not _ASK_SOMEBODY.search(sentence)]
    whole = [sentence for sentence in limits if not _LEANS_BACK.match(sentence)]
    of_the_study = [sentence for sentence in whole if _STUDY.search(sentence)]
    return tuple((of_the_study or whole or limits or told)[:1])


def _sentences_of(paragraphs: Sequence[str]) -> tuple[str, ...]:
    return tuple(sentence for paragraph in paragraphs for sentence in sentences(paragraph))
