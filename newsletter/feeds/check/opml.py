"""A judge of the list of feeds: OPML 2.0."""

from __future__ import annotations

from collections.abc import Iterator

from newsletter.feeds.check.atom import Element
from newsletter.feeds.check.finding import Flaw, quoted
from newsletter.feeds.check.outline import Page, date_flaws
from newsletter.feeds.check.values import is_mail_address, is_web_address, rfc822

ROOT = "opml"


def judge(root: Element, page: Page) -> Iterator[Flaw]:
    """What is wrong with a document whose root is `opml`."""
    if root.get("version") != "2.0":
        yield Flaw("F-VERSION", "opml", f"the version is {quoted(root.get('version'))}")
    for name in ("head", "body"):
        if len(root.findall(name)) != 1:
            yield Flaw("F-COUNT", "opml", f"there are {len(root.findall(name))} elements {name}")
    if not (root.findtext("head/title") or "").strip():
        yield Flaw("F-COUNT", "head", "there is no title")
    for name in ("dateCreated", "dateModified"):
        for date in root.iterfind(f"head/{name}"):
            yield from date_flaws(name, date.text or "", rfc822(date.text), "head", page)
    for email in root.iterfind("head/ownerEmail"):
        if not is_mail_address(email.text):
            yield Flaw("F-AUTHOR", "head", f"ownerEmail is {quoted(email.text)}")
    for number, outline in enumerate(root.iter("outline"), 1):
        yield from _outline_flaws(outline, f"outline {number}")


def addresses(root: Element) -> tuple[str, ...]:
    """Those of the feeds in the list."""
    return tuple(address for outline in root.iter("outline") if (address := outline.get("xmlUrl")))


def _outline_flaws(outline: Element, place: str) -> Iterator[Flaw]:
    if not (outline.get("text") or "").strip():
        yield Flaw("F-OUTLINE", place, "there is no text")
    address, group = outline.get("xmlUrl"), len(outline) > 0
    if group and address is None:
        return
    if outline.get("type") != "rss" or not is_web_address(address):
        yield Flaw("F-OUTLINE", place, f"the type is {quoted(outline.get('type'))}, xmlUrl {quoted(address)}")
    home = outline.get("htmlUrl")
    if home is not None and not is_web_address(home):
        yield Flaw("F-OUTLINE", place, f"htmlUrl is {quoted(home)}")
