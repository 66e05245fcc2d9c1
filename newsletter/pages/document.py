"""A rendered template as a document that can be written: relative links, well-formed Unicode, nothing that HTML forbids."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

from newsletter.model import Site
from newsletter.templating import Templates

_PARTS = ("head", "header", "footer")
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


def render(templates: Templates, name: str, /, *, site: Site, path: str, **context: object) -> str:
    """The page of a template, to lie in the folder `path` of `public/`, which is empty or ends with a slash.

    Links to pages of ours begin with `root`, or are made by `here`, the site as seen from this folder; so they are
    relative, and work from any server and from a copy on another machine. `site` gives whole addresses.
    """
    root = "../" * path.count("/") or "./"
    shared = _shared(templates, site, root)
    return clean(templates.render(name, site=site, root=root, path=path, address=site.url(path), **shared, **context))


@lru_cache(maxsize=16)  # as many as there are depths of folders, for a site or two
def _shared(templates: Templates, site: Site, root: str) -> dict[str, object]:
    """What all pages of one depth have in common."""
    here = replace(site, base_url=root[:-1])
    parts = {part: templates.render(f"web/{part}.html", site=site, root=root).rstrip() for part in _PARTS}
    return {"here": here, **parts}


def clean(page: str) -> str:
    """`page` without what HTML forbids (13.2.3.5): control characters become a space, what is no character U+FFFD."""
    try:
        data = page.encode()
    except UnicodeEncodeError:
        page = page.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        data = page.encode()
    suspect = any(lead in data and pattern.search(data) for lead, pattern in _SUSPECTS)
    if not suspect and len(data.translate(None, _ASCII_CONTROLS)) == len(data):
        return page
    return _CONTROLS.sub(" ", _NO_CHARACTERS.sub("\ufffd", page))
