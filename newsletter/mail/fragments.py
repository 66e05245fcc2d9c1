"""A mailing in pieces: for each edition and audience the encoded fragments of which any choice of articles is a join.

Bit n of a mask stands for article n of the mailing, in the order of reading. A piece is told where one of its articles is,
and one without a mask always. Fragments end where a line ends, so joining them needs no encoder.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from enum import StrEnum

from newsletter.errors import MailError
from newsletter.mail.wording import minutes
from newsletter.model import Audience, Edition


class Axis(StrEnum):
    """What a line's form hangs on, beside the articles that stand around it."""

    SUMMARIES = "summaries"  #: how many articles are told
    MINUTES = "minutes"  #: how long they take to read; the first form is one minute
    FIRST = "first"  #: which article comes first
    HIDDEN = "hidden"  #: for how many titles there is no room


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """Encoded text with slots. A `numbered` one begins with its item's number, which is put before `content`."""

    mask: int
    content: bytes
    numbered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Forms:
    """Encoded lines of which one form is told; a single form is for every case."""

    mask: int
    axis: Axis
    forms: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Skeleton:
    """One edition for one audience. The first `items` articles are items, the others titles.

    `words` counts those of each article as told here. `brief` are the articles that are told briefly for want of room.
    """

    edition: Edition
    audience: Audience
    pieces: tuple[Fragment | Forms, ...]
    words: tuple[int, ...]
    notice_words: int
    items: int
    most_titles: int
    brief: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A whole mailing. `articles` are ids, in the order of their bits; the first skeleton's audience is the newsletter's.

    `always`: there is something to tell even where no article is chosen.
    """

    articles: tuple[str, ...]
    always: bool
    skeletons: tuple[Skeleton, ...]

    def skeleton(self, edition: Edition, audience: Audience | None) -> Skeleton:
        """Raises MailError for one that was not compiled."""
        wanted = audience or self.skeletons[0].audience
        for skeleton in self.skeletons:
            if skeleton.edition is edition and skeleton.audience is wanted:
                return skeleton
        have = ", ".join(f"{one.edition} for {one.audience}" for one in self.skeletons)
        raise MailError(f"mailing: there is no {edition} edition for {wanted}; compiled are: {have}")

    def mask(self, articles: int | None) -> int:
        """The bits of a choice, without those that stand for none; None is all."""
        every = (1 << len(self.articles)) - 1
        return every if articles is None else every & articles


def join(skeleton: Skeleton, chosen: int) -> bytes:
    """The message of a choice, with the recipient's slots still open."""
    shown, hidden = _shown(skeleton, chosen)
    index = {
        Axis.SUMMARIES: chosen.bit_count(),
        Axis.MINUTES: minutes(_words(skeleton, shown)) - 1,
        Axis.FIRST: max((chosen & -chosen).bit_length() - 1, 0),
        Axis.HIDDEN: hidden,
    }
    shown |= bool(hidden) << len(skeleton.words)
    told = [piece for piece in skeleton.pieces if not piece.mask or piece.mask & shown]
    return b"".join(_content(piece, index, shown) for piece in told)


def _shown(skeleton: Skeleton, chosen: int) -> tuple[int, int]:
    """What is told of a choice, and how many titles are not."""
    items = chosen & ((1 << skeleton.items) - 1)
    titles = [1 << place for place in range(skeleton.items, len(skeleton.words)) if chosen >> place & 1]
    return items | sum(titles[: skeleton.most_titles]), max(len(titles) - skeleton.most_titles, 0)


def _words(skeleton: Skeleton, shown: int) -> int:
    return skeleton.notice_words + sum(count for place, count in enumerate(skeleton.words) if shown >> place & 1)


def _content(piece: Fragment | Forms, index: dict[Axis, int], shown: int) -> bytes:
    if isinstance(piece, Forms):
        return piece.forms[index[piece.axis] if len(piece.forms) > 1 else 0]
    if piece.numbered:
        return number((shown & piece.mask - 1).bit_count() + 1).encode() + piece.content
    return piece.content


def number(place: int) -> str:
    """An item's number in a text part. Always as wide, so that lines break at the same words whatever the number is."""
    return f"{place}.".ljust(4)


# -- at rest ----------------------------------------------------------------------------------------------------------


def pack(bundle: Bundle) -> bytes:
    """The bytes that are stored."""
    told = {
        "articles": bundle.articles,
        "always": bundle.always,
        "skeletons": [_told(skeleton) for skeleton in bundle.skeletons],
    }
    return zlib.compress(json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode(), 6)


def unpack(stored: bytes) -> Bundle:
    """Raises MailError for bytes that are no mailing."""
    try:
        told = json.loads(zlib.decompress(stored))
        return Bundle(
            articles=tuple(told["articles"]),
            always=told["always"],
            skeletons=tuple(map(_skeleton, told["skeletons"])),
        )
    except (zlib.error, ValueError, KeyError, TypeError) as error:
        raise MailError(f"mailing: its stored bytes cannot be read ({error}); compile the digest again") from error


def _told(skeleton: Skeleton) -> dict[str, object]:
    return {
        "edition": skeleton.edition,
        "audience": skeleton.audience,
        "pieces": [_told_piece(piece) for piece in skeleton.pieces],
        "words": skeleton.words,
        "notice_words": skeleton.notice_words,
        "items": skeleton.items,
        "most_titles": skeleton.most_titles,
        "brief": skeleton.brief,
    }


def _told_piece(piece: Fragment | Forms) -> list[object]:
    if isinstance(piece, Forms):
        return [piece.mask, piece.axis, [form.decode() for form in piece.forms]]
    return [piece.mask, piece.numbered, piece.content.decode()]


def _skeleton(told: dict[str, object]) -> Skeleton:
    values = dict(told)
    edition, audience = Edition(str(values.pop("edition"))), Audience(str(values.pop("audience")))
    pieces, words = values.pop("pieces"), values.pop("words")
    return Skeleton(
        edition=edition,
        audience=audience,
        pieces=tuple(_piece(*piece) for piece in pieces),  # type: ignore[attr-defined] # what `_told` wrote
        words=tuple(words),  # type: ignore[arg-type] # what `_told` wrote
        **values,  # type: ignore[arg-type] # what `_told` wrote
    )


def _piece(mask: int, kind: str, content: str | list[str]) -> Fragment | Forms:
    if isinstance(content, str):
        return Fragment(mask=mask, numbered=bool(kind), content=content.encode())
    return Forms(mask=mask, axis=Axis(kind), forms=tuple(form.encode() for form in content))
