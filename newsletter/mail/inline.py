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
from html.parser import HTMLParser

import cssutils
import cssutils.util
import premailer
import premailer.cache

from newsletter.errors import InlineError

_LOCK = threading.Lock()  # cssutils serialises through shared state, and the deny rule is shared too
_DOCTYPE = "<!DOCTYPE html>"
_ANYWHERE = (
    (re.compile(r"@\s*import", re.IGNORECASE), "@import would fetch a file or a host; write the rules here"),
    (re.compile(r"url\s*\(", re.IGNORECASE), "url() would load something remote; an email stands on its own"),
    (re.compile(r"\\"), "a backslash can hide an at-rule; write the character itself"),
)
_AT_RULE = re.compile(r"@[\w-]+")
_NAKED_CONDITION = re.compile(r"<!\[if", re.IGNORECASE)


def inline(page: str) -> str:
    """The page with its rules as style attributes. Nothing is read from a file or a network.

    Raises InlineError, naming the line of the rendered page, for what cannot be inlined without loss.
    """
    _Refusals().check(page)
    with _LOCK:
        cssutils.util._defaultFetcher = _deny  # noqa: SLF001 - the only switch: premailer's own does not stop @import
        cssutils.log.setLevel(logging.CRITICAL)
        premailer.cache.cache.clear()
        try:
            return str(_premailer(page).transform(pretty_print=False))
        except Exception as error:  # premailer raises whatever its parsers raise; none may stop the sender unnamed
            raise InlineError(f"the rendered page: premailer cannot inline it ({error}); simplify the rule") from error
        finally:
            premailer.cache.cache.clear()


def _premailer(page: str) -> premailer.Premailer:
    return premailer.Premailer(
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

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._style_kept: bool | None = None

    def check(self, page: str) -> None:
        if not page.startswith(_DOCTYPE):
            self._refuse(f"the page must begin with {_DOCTYPE} in exactly this form, or it is lost")
        naked = _NAKED_CONDITION.search(page)
        if naked:
            line = page.count("\n", 0, naked.start()) + 1
            self._refuse("<![if ...]> would be destroyed; write <!--[if !mso]><!--> ... <!--<![endif]-->", line=line)
        self.feed(page)
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
        found = None if self._style_kept else _AT_RULE.search(data)
        if found:
            reason = f'{found.group()} would be lost; move it to <style data-premailer="ignore">'
            self._refuse(reason, line=first + data.count("\n", 0, found.start()))

    def _refuse(self, reason: str, *, line: int | None = None) -> None:
        raise InlineError(f"the rendered page, line {line or self.getpos()[0]}: {reason}")
