"""Moves a page's style sheet into style attributes, through premailer with its teeth drawn.

premailer 3.10 reads files and hosts named by `@import` whatever it is told, shares one cache between three functions,
and drops what it does not know in silence. So: no fetcher, one lock, an empty cache for each page, and everything that
it would lose or trip over is refused with the line where it stands. Rules that must stay rules (dark colours, small
screens) belong in `<style data-premailer="ignore">`, which is kept byte for byte.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterable
from enum import StrEnum
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from newsletter.errors import InlineError

if TYPE_CHECKING:
    from premailer import Premailer

_LOCK = threading.Lock()  # cssutils serialises through shared state, and the deny rule is shared too
_DOCTYPE = "<!DOCTYPE html>"
_ANYWHERE = (
    (re.compile(r"@\s*import", re.IGNORECASE), "@import would fetch a file or a host; write the rules here"),
    (re.compile(r"url\s*\(", re.IGNORECASE), "url() would load something remote; an email stands on its own"),
    (re.compile(r"\\"), "a backslash can hide an at-rule; write the character itself"),
)
_AT_RULE = re.compile(r"@[\w-]+")
_KEPT = re.compile(r'<style data-premailer="ignore">(?P<rules>.*?)</style>', re.DOTALL)
_LONGEST_KEPT = 16_384  #: characters: Gmail drops every rule of a page that keeps more
_NAKED_CONDITION = re.compile(r"<!\[if", re.IGNORECASE)


class Engine(StrEnum):
    """Who does the work. Both give every element the same style."""

    PREMAILER = "premailer"
    CSS_INLINE = "css-inline"  #: many times as fast; needs the extra `css-inline`


def inline(
    page: str, *, engine: Engine = Engine.PREMAILER, sources: Iterable[tuple[str, str]] = (), template: str = ""
) -> str:
    """The page with its rules as style attributes. Nothing is read from a file or a network.

    Raises InlineError for what cannot be inlined without loss. It names the template's file and line where the text at
    fault stands in one of `sources`, as (name, text), and the line of the rendered page in any case.
    """
    _Refusals(page, tuple(sources), template).check()
    try:
        return _by_css_inline(page) if engine is Engine.CSS_INLINE else _by_premailer(page)
    except Exception as error:  # both raise whatever their parsers raise; none may stop the sender unnamed
        where = f"template {template}: " if template else ""
        raise InlineError(
            f"{where}the rendered page: {engine} cannot inline it ({error}); simplify the rule"
        ) from error


def _by_premailer(page: str) -> str:
    """Loads 9 MB when it is called first, which most processes never do."""
    import cssutils.util  # noqa: PLC0415
    import premailer.cache  # noqa: PLC0415

    with _LOCK:
        cssutils.util._defaultFetcher = _deny  # noqa: SLF001 - the only switch: premailer's own does not stop @import
        cssutils.log.setLevel(logging.CRITICAL)
        premailer.cache.cache.clear()
        try:
            return str(_premailer(page).transform(pretty_print=False))
        finally:
            premailer.cache.cache.clear()


def _by_css_inline(page: str) -> str:
    """Kept style sheets are taken out and put back, because css-inline would inline their rules too."""
    import css_inline  # noqa: PLC0415 - an optional library

    kept: list[str] = []

    def taken(found: re.Match[str]) -> str:
        kept.append(found["rules"])
        return f"<!--kept {len(kept) - 1}-->"

    worker = css_inline.CSSInliner(keep_style_tags=False, load_remote_stylesheets=False)
    inlined = str(worker.inline(_KEPT.sub(taken, page)))
    for number, rules in enumerate(kept):
        inlined = inlined.replace(f"<!--kept {number}-->", f"<style>{rules}</style>", 1)
    return inlined


def _premailer(page: str) -> Premailer:
    from premailer import Premailer  # noqa: PLC0415

    return Premailer(
        page,
        allow_network=False,
        allow_loading_external_files=False,
        strip_important=False,
        keep_style_tags=False,
        remove_classes=False,
        exclude_pseudoclasses=True,
        include_star_selectors=False,
        disable_validation=True,
        cache_css_parsing=False,
        align_floating_images=False,
        disable_basic_attributes=["width", "height", "align", "valign", "bgcolor"],
        method="html",
    )


def _deny(url: str) -> None:
    raise InlineError(f"the style sheet asks for {url}; an email loads nothing")


class _Refusals(HTMLParser):
    """Reads a page once and raises at the first thing that premailer would lose, fetch or trip over."""

    def __init__(self, page: str, sources: tuple[tuple[str, str], ...], template: str) -> None:
        super().__init__(convert_charrefs=True)
        self._page, self._sources, self._template = page, sources, template
        self._style_kept: bool | None = None
        self._kept = 0

    def check(self) -> None:
        if not self._page.startswith(_DOCTYPE):
            self._refuse(f"the page must begin with {_DOCTYPE} in exactly this form, or it is lost")
        naked = _NAKED_CONDITION.search(self._page)
        if naked:
            line = self._page.count("\n", 0, naked.start()) + 1
            self._refuse("<![if ...]> would be destroyed; write <!--[if !mso]><!--> ... <!--<![endif]-->", line=line)
        self.feed(self._page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "link":
            self._refuse("<link> would load something remote; write the rules in a <style>")
        if tag == "style":
            self._style_kept = values.get("data-premailer") == "ignore"
        style = values.get("style") or ""
        if style.strip() and ":" not in style:
            self._refuse(f"style={style!r} is not a declaration; right would be name: value")

    def handle_endtag(self, tag: str) -> None:
        if tag == "style":
            self._style_kept = None

    def handle_data(self, data: str) -> None:
        if self._style_kept is None:
            return
        first = self.getpos()[0]
        for pattern, reason in _ANYWHERE:
            found = pattern.search(data)
            if found:
                self._refuse(reason, line=first + data.count("\n", 0, found.start()))
        self._kept += len(data) if self._style_kept else 0
        if self._kept > _LONGEST_KEPT:
            self._refuse(f"{self._kept:,} characters of kept rules; Gmail drops all where there are more than 16,384")
        found = None if self._style_kept else _AT_RULE.search(data)
        if found:
            reason = f'{found.group()} would be lost; move it to <style data-premailer="ignore">'
            self._refuse(reason, line=first + data.count("\n", 0, found.start()))

    def _refuse(self, reason: str, *, line: int | None = None) -> None:
        number = line or self.getpos()[0]
        raise InlineError(f"{self._origin(number)}the rendered page, line {number}: {reason}")

    def _origin(self, number: int) -> str:
        """Where in the templates a line of the page comes from; empty where none holds it."""
        text = self._page.splitlines()[number - 1].strip()
        for name, source in self._sources if text else ():
            for place, line in enumerate(source.splitlines(), start=1):
                if line.strip() == text:
                    return f"template {name}, line {place}: "
        return f"template {self._template}: " if self._template else ""
