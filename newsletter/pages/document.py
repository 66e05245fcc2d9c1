"""A rendered template as a document that can be written: relative links, well-formed Unicode, nothing that HTML forbids."""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from functools import lru_cache

from newsletter.model import Site
from newsletter.templating import Templates

#: What stands for a part that all pages share until the page is in bytes. Nobody can write one into a text.
_MARK = secrets.token_hex(16)
_MARKS = {part: f"{_MARK}{part};" for part in ("head", "header", "footer")}
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]+")
_NO_CHARACTERS = re.compile(
    "[\ufdd0-\ufdef"
    + "".join(chr(plane | last) for plane in range(0, 0x110000, 0x10000) for last in (0xFFFE, 0xFFFF))
    + "]"
)
#: The same in UTF-8, where next to no page has any of them: bytes are looked for in a thirtieth of the time.
_ASCII_CONTROLS = bytes((*range(0x09), *range(0x0B, 0x20), 0x7F))
_SUSPECTS = tuple(
    (lead, re.compile(pattern))
    for lead, pattern in (
        (b"\xc2", rb"\xc2[\x80-\x9f]"),
        (b"\xb7", rb"\xef\xb7[\x90-\xaf]"),
        (b"\xbf", rb"\xbf[\xbe\xbf]"),
    )
)


def render(templates: Templates, name: str, /, *, site: Site, path: str, **context: object) -> bytes:
    """The page of a template in UTF-8, to lie in the folder `path` of `public/`, which is empty or ends with a slash.

    Links to pages of ours begin with `root`, or are made by `here`, the site as seen from this folder; so they are
    relative, and work from any server and from a copy on another machine. `site` gives whole addresses.
    """
    root = "../" * path.count("/") or "./"
    here, parts = _shared(templates, site, root)
    page = encoded(
        templates.render(name, site=site, here=here, root=root, path=path, address=site.url(path), **_MARKS, **context)
    )
    first, *rest = page.split(_MARK.encode())
    shown = [first]
    for each in rest:
        part, _, text = each.partition(b";")
        shown += (parts[part], text)
    return b"".join(shown)


@lru_cache(maxsize=16)  # as many as there are depths of folders, for a site or two
def _shared(templates: Templates, site: Site, root: str) -> tuple[Site, dict[bytes, bytes]]:
    """What all pages of one depth have in common: the site as seen from there, and the parts by their names."""
    parts = {part: templates.render(f"web/{part}.html", site=site, root=root).rstrip() for part in _MARKS}
    return replace(site, base_url=root[:-1]), {part.encode(): encoded(text) for part, text in parts.items()}


def clean(page: str) -> str:
    """`page` without what HTML forbids (13.2.3.5): control characters become a space, what is no character U+FFFD."""
    return encoded(page).decode()


def encoded(page: str) -> bytes:
    """`clean` in UTF-8."""
    try:
        data = page.encode()
    except UnicodeEncodeError:
        page = page.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        data = page.encode()
    suspect = any(lead in data and pattern.search(data) for lead, pattern in _SUSPECTS)
    if not suspect and len(data.translate(None, _ASCII_CONTROLS)) == len(data):
        return data
    return _CONTROLS.sub(" ", _NO_CHARACTERS.sub("\ufffd", page)).encode()
