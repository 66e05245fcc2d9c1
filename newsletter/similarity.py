"""What articles are about, and how alike two of them are. Pure: nothing here knows of a store.

For "You may also like" an article is a handful of weighted terms (`terms`). For near-duplicates it is a set of
four-word shingles (`shingles`), a title and the study that it tells of. Every number is the same on every machine and
in every process, because numbers of today are compared with numbers that were stored years ago.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from difflib import SequenceMatcher
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from math import log, sqrt
from struct import unpack
from urllib.parse import urlsplit

from newsletter.model import Article, Facts, Status, Summary

TERMS = 48  #: at most so many terms tell what an article is about
SCALE = 255  #: a term's weight if the article had no other
SKETCH = 16  #: so many shingles stand for a body when others like it are looked up
TITLE_MARKS = 16  #: at most so many numbers stand for a title

_TITLE_WEIGHT, _TAKEAWAY_WEIGHT, _TOPIC_WEIGHT = 3, 2, 4
_SHINGLE = 4
_ALIKE = 0.5  # with 25 of 250 words changed two bodies are still 0.54 alike; unrelated articles 0.02
_TITLE_ALIKE = 0.95
_AKIN = 0.2  # two articles of one title that share less than this may be a series, or a title used twice
_LEAST_SHINGLES = 20  # a body of a sentence or two is alike by chance
_LONGEST_TITLE = 300  # comparing letter by letter takes the square of the length
_LONGEST_TERM = 64
_CACHED_WORDS = 16_384  # a language's common words; each takes some 300 bytes
_LONGEST_CACHED = 64  # letters

_WORD = re.compile(r"[^\W_]+")
_PLAIN = {code: chr(code).lower() if chr(code).isalnum() else " " for code in range(128)}
_UNSEEN = re.compile("['\u2019\u00ad\u200b-\u200d\u2060\ufeff]")
_STATUS_PREFIX = re.compile(
    r"(?:retracted|retraction(?: of)?|withdrawn|withdrawal(?: of)?|corrected|correction(?: to)?|erratum|"
    r"expression of concern)(?: article)?(?:\s*:\s*|\s+[\u2013\u2014-]\s+)"
)
_DOI = re.compile(r"(?:https?://(?:dx\.|www\.)?doi\.org/|doi:\s*)?(10\.\d{4,9}/\S+)", re.IGNORECASE)
_PUBMED = re.compile(r"https?://(?:pubmed\.ncbi\.nlm\.nih\.gov|www\.ncbi\.nlm\.nih\.gov/pubmed)/(\d+)/?", re.IGNORECASE)

# Words that say nothing of the subject: grammar, and what every summary of a study of MS says.
_COMMON = frozenset(
    """
    a about above after again against all almost along already also although always am among an and another any are
    around as at away back be became because become been before began being below best better between both but by came
    can cannot come could did do does doing done dont down during each either else enough even ever every few first for
    from further gave get give given go good got had has have having he her here hers him his how however i if in into
    is it its itself just keep kept last later least less let like likely little long made make makes many may me might
    more most much must my near need needs never new next no nor not now of off often on once one only onto or other
    others our ours out over own part per perhaps put quite rather said same say says second see seem seemed seen she
    should show showed shown since so some someone something sometimes soon still such take taken than that the their
    them then there these they thing things this those though three through time to together too took toward towards
    two under until up upon us use used uses using very was way ways we well went were what when where whether which
    while who whole whom whose why will with within without would year years yet you your yours
    adult adults article ask care change changes clinician clinicians daily difference disease doctor doctors effect
    effects everyone family families feel felt finding findings found group groups health help helped helps important
    know known learn live lives life look looked medical month months ms multiple nurse nurses patient patients people
    person possible problem question reason research researchers result results sclerosis small start studied studies
    study suggest suggests support talk team test tested think treatment treatments understand week weeks work working
    """.split()  # noqa: SIM905 - as a list it would take a page for each letter
)


class Reason(StrEnum):
    """Why two articles are taken for one."""

    STUDY = "study"  #: they tell of the same study
    BODY = "body"  #: they say the same in the same words
    TITLE = "title"  #: they have the same title


def words(text: str) -> list[str]:
    """The words of a text without case, punctuation, apostrophes and characters that nobody sees (NFKC)."""
    if text.isascii():  # the same in a third of the time
        return text.replace("'", "").translate(_PLAIN).split()
    return _WORD.findall(_UNSEEN.sub("", unicodedata.normalize("NFKC", text).casefold()))


# -- what an article is about -----------------------------------------------------------------------------------------


def terms(summary: Summary) -> dict[str, int]:
    """The terms that tell most of what a summary is about, with weights between 1 and SCALE; at most TERMS of them.

    A topic is a term of its own that begins with `#`. The weights have the length SCALE if taken as a vector, so that
    a long article is no nearer to everything than a short one. Among words that stand equally often the longer ones
    are kept, which are the rarer ones in any language.
    """
    counts: Counter[str] = Counter()
    for word, times in Counter(_weighted_words(summary)).items():
        term = _term(word)
        if term:
            counts[term] += times
    for topic in summary.topics:
        spelt = " ".join(_singular(word) for word in words(topic))
        if spelt:
            counts[f"#{spelt}"[:_LONGEST_TERM]] = _TOPIC_WEIGHT
    ranked = sorted([(times, len(term), term) for term, times in counts.items()], reverse=True)
    weights = {term: 1 + log(times) for times, _, term in ranked[:TERMS]}
    length = sqrt(sum(weight * weight for weight in weights.values()))
    return {term: max(1, round(SCALE * weight / length)) for term, weight in weights.items()}


def telling(articles: int, containing: int) -> int:
    """How much a term tells that `containing` of `articles` articles contain: a whole number, greater for rare ones."""
    return round(64 * log(1 + (articles - containing + 0.5) / (containing + 0.5)))


def _weighted_words(summary: Summary) -> list[str]:
    bodies = (*summary.what_they_found, *summary.who_should_care, *summary.considerations)
    title, takeaway = words(summary.title), words(summary.key_takeaway)
    return [*title * _TITLE_WEIGHT, *takeaway * _TAKEAWAY_WEIGHT, *words("\n".join(bodies))]


def _term(word: str) -> str:
    """What a word counts as; nothing for one that tells nothing."""
    return _cached_term(word) if len(word) <= _LONGEST_CACHED else _made_term(word)


def _made_term(word: str) -> str:
    return "" if len(word) == 1 or word in _COMMON or word.isdecimal() else _singular(word)[:_LONGEST_TERM]


_cached_term = lru_cache(maxsize=_CACHED_WORDS)(_made_term)


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return f"{word[:-3]}y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


# -- how alike two texts are ------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)  # one article is compared with several others
def shingles(summary: Summary) -> frozenset[int]:
    """Every four words that follow each other in a section, as numbers below 2**63. Titles, topics, ratings are left out.

    A section of fewer than four words counts as one. A shingle's number is put together from numbers of its words, one
    for each of the four places (simple tabulation, Patrascu and Thorup 2012), so that no text is hashed that was before.
    """
    sections = (
        (summary.key_takeaway,),
        summary.what_they_found,
        summary.who_should_care,
        summary.considerations,
    )
    found: set[int] = set()
    for section in sections:
        spelt = words("\n".join(section))
        if len(spelt) >= _SHINGLE:
            first, second, third, fourth = zip(*map(_placed, spelt), strict=True)
            places = zip(first, second[1:], third[2:], fourth[3:], strict=False)
            found.update([one ^ two ^ three ^ four for one, two, three, four in places])
        elif spelt:
            found.add(_number(" ".join(spelt)))
    return frozenset(found)


def _placed(word: str) -> tuple[int, ...]:
    """The numbers of a word at each place of a shingle."""
    return _cached_placed(word) if len(word) <= _LONGEST_CACHED else _hashed(word)


def _hashed(word: str) -> tuple[int, ...]:
    digest = blake2b(word.encode("utf-8", "backslashreplace"), digest_size=8 * _SHINGLE).digest()
    return tuple(number >> 4 for number in unpack(f">{_SHINGLE}Q", digest))  # 60 bits: two digits of Python's own


_cached_placed = lru_cache(maxsize=_CACHED_WORDS)(_hashed)


def jaccard(one: frozenset[int], other: frozenset[int]) -> float:
    """The share of what both have in what either has: 0 to 1; 0 if one is empty."""
    common = len(one & other)
    return common / (len(one) + len(other) - common) if common else 0.0


def sketch(found: Collection[int]) -> tuple[int, ...]:
    """The least SKETCH shingles. Two bodies of which half is common share two of them, but for 3 in 10,000 pairs."""
    return tuple(sorted(found)[:SKETCH])


@lru_cache(maxsize=1_024)  # an article that comes in is compared first, and then put into the index
def body_marks(summary: Summary) -> tuple[int, ...]:
    """`sketch` of `shingles`."""
    return sketch(shingles(summary))


def plain_title(title: str) -> str:
    """A title without case, punctuation, plural and a prefix such as "RETRACTED:"."""
    folded = unicodedata.normalize("NFKC", title).casefold().strip()
    whole = words(_STATUS_PREFIX.sub("", folded, count=1) if _STATUS_PREFIX.match(folded) else folded)
    return " ".join(_singular(word) for word in whole)


def same_title(one: str, other: str) -> bool:
    """Whether two titles are the same but for style or a slip of the pen. Titles of different numbers never are."""
    return same_plain_title(plain_title(one), plain_title(other))


def same_plain_title(one: str, other: str) -> bool:
    """`same_title` of two results of `plain_title`."""
    if one == other or not (one and other):
        return bool(one) and one == other
    if max(len(one), len(other)) > _LONGEST_TITLE or _figures(one) != _figures(other):
        return False
    first, second = sorted((one, other))  # the ratio of difflib depends on the order
    matcher = SequenceMatcher(None, first, second, autojunk=False)
    return matcher.quick_ratio() >= _TITLE_ALIKE and matcher.ratio() >= _TITLE_ALIKE


@lru_cache(maxsize=1_024)  # as above
def title_marks(title: str) -> frozenset[int]:
    """Numbers of which two titles share one if they differ by at most one word (in titles of 5 to 15 words)."""
    spelt = plain_title(title).split()
    if not spelt:
        return frozenset()
    variants = [spelt]
    if 4 < len(spelt) < TITLE_MARKS:  # in a shorter one, one word of difference is a different title
        variants += [spelt[:left] + spelt[left + 1 :] for left in range(len(spelt))]
    return frozenset(_number("title " + " ".join(variant)) for variant in variants)


def _figures(title: str) -> list[str]:
    return [word for word in title.split() if any(letter.isdigit() for letter in word)]


def _number(text: str) -> int:
    digest = blake2b(text.encode("utf-8", "backslashreplace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


# -- which study ------------------------------------------------------------------------------------------------------


def study_keys(facts: Facts) -> frozenset[str]:
    """What names the study: `doi:...`, `pmid:...`, `url:...`. An address of a bare site names none."""
    keys: set[str] = set()
    doi = _DOI.fullmatch((facts.doi or "").strip())
    if doi is not None:
        keys.add(f"doi:{doi[1].casefold()}")
    pmid = (facts.pmid or "").strip()
    if pmid.isdecimal():
        keys.add(f"pmid:{int(pmid)}")
    address = (facts.source_url or "").strip()
    linked_doi, linked_pmid = _DOI.fullmatch(address), _PUBMED.fullmatch(address)
    if linked_doi is not None:
        keys.add(f"doi:{linked_doi[1].casefold()}")
    elif linked_pmid is not None:
        keys.add(f"pmid:{int(linked_pmid[1])}")
    elif address:
        keys |= _address_keys(address)
    return frozenset(keys)


def study_marks(facts: Facts) -> frozenset[int]:
    """`study_keys` as numbers."""
    return frozenset(map(_number, study_keys(facts)))


def marks(article: Article) -> frozenset[int]:
    """Numbers of which two articles share one if either may repeat the other."""
    return frozenset((*body_marks(article.summary), *title_marks(article.title), *study_marks(article.facts)))


def different_study(one: Facts, other: Facts) -> bool:
    """Whether both have a DOI, or both a PMID, and have none of that kind in common."""
    ours, theirs = study_keys(one), study_keys(other)
    for kind in ("doi:", "pmid:"):
        mine = {key for key in ours if key.startswith(kind)}
        yours = {key for key in theirs if key.startswith(kind)}
        if mine and yours and not mine & yours:
            return True
    return False


def joined_facts(earlier: Facts, later: Facts) -> Facts:
    """The facts of an article that two documents tell of: the later document's, filled up from the earlier one's.

    A retraction or other notice stays if the later document says nothing of it.
    """
    filled = replace(
        later,
        published=later.published if later.published is not None else earlier.published,
        published_origin=later.published_origin if later.published is not None else earlier.published_origin,
        publish_after=later.publish_after or earlier.publish_after,
        issue_date=later.issue_date or earlier.issue_date,
        source_url=later.source_url or earlier.source_url,
        doi=later.doi or earlier.doi,
        pmid=later.pmid or earlier.pmid,
    )
    if later.status is not Status.OK:
        return filled
    return replace(filled, status=earlier.status, status_date=earlier.status_date, notice=earlier.notice)


def _address_keys(address: str) -> set[str]:
    try:
        parts = urlsplit(address)
    except ValueError:
        return set()
    path = parts.path.rstrip("/")
    if parts.scheme.casefold() not in {"http", "https"} or not (path or parts.query):
        return set()
    host = parts.netloc.casefold().removeprefix("www.")
    return {f"url:{host}{path}?{parts.query}" if parts.query else f"url:{host}{path}"}


# -- the verdict ------------------------------------------------------------------------------------------------------


def verdict(one: Article, other: Article) -> tuple[Reason, bool] | None:
    """Why two articles would be one, and whether that is certain; None if nothing speaks for it.

    Certain: the newer text is a revision of the earlier article. Not certain: keep both and tell the operator. Two
    studies are never one article, and a common title alone is not enough: the bodies must have something in common.
    """
    apart = different_study(one.facts, other.facts)
    if study_keys(one.facts) & study_keys(other.facts):
        return Reason.STUDY, not apart
    ours, theirs = shingles(one.summary), shingles(other.summary)
    alike = jaccard(ours, theirs)
    if alike >= _ALIKE and min(len(ours), len(theirs)) >= _LEAST_SHINGLES:
        return Reason.BODY, not apart
    if same_title(one.title, other.title):
        return Reason.TITLE, alike >= _AKIN and not apart
    return None
