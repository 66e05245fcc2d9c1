"""Long lists on several pages, cut so that something new at the top rewrites one page and not all of them.

Page 1 holds the oldest. The newest page lies at the folder's own address and takes up what does not fill a page yet.
"""

from __future__ import annotations

from dataclasses import dataclass

PAGE_SIZE = 50


def pages_of(count: int, size: int = PAGE_SIZE) -> tuple[range, ...]:
    """Which of `count` things, counted from the oldest, stand on which page; the first page holds the oldest `size`.

    The last holds between `size` and `2 * size - 1` of them, or all where there are fewer. There is always one page.
    """
    full = max(0, count // size - 1)
    starts = range(0, full * size, size)
    return (*(range(start, start + size) for start in starts), range(full * size, count))


def first_stale(since: int, count: int, size: int = PAGE_SIZE) -> int:
    """The index in `pages_of(count)` of the first page that changes when things number `since` and later are new.

    Where the newest page gives things to a page of their own, the one before it has to name that one as the newer.
    """
    before = len(pages_of(since, size))
    return before - 1 if before == len(pages_of(count, size)) else max(0, before - 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pager:
    """Which page of a folder this is. `folder` ends with a slash; `number` counts from 1, the oldest."""

    folder: str
    number: int = 1
    pages: int = 1

    @property
    def newest(self) -> bool:
        return self.number == self.pages

    @property
    def path(self) -> str:
        """Where the page lies in `public/`, as a folder: `topics/fatigue/` or `topics/fatigue/2/`."""
        return self._path(self.number)

    @property
    def newer(self) -> str | None:
        return None if self.newest else self._path(self.number + 1)

    @property
    def older(self) -> str | None:
        return None if self.number == 1 else self._path(self.number - 1)

    def _path(self, number: int) -> str:
        return self.folder if number == self.pages else page_path(self.folder, number)


def page_path(folder: str, number: int) -> str:
    """Where page `number` lies once it is not the newest any more. `folder` ends with a slash."""
    return f"{folder}{number}/"


def pagers(folder: str, pages: int) -> tuple[Pager, ...]:
    """One for each page, the oldest first. `folder` ends with a slash."""
    return tuple(Pager(folder=folder, number=number, pages=pages) for number in range(1, pages + 1))
