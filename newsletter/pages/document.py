"""A rendered template as a document that can be written: well-formed Unicode, nothing that HTML forbids."""

from __future__ import annotations

import html
import re

from newsletter.model import Site
from newsletter.templating import Templates

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]+")
_NO_CHARACTERS = re.compile(
    "[\ufdd0-\ufdef"
    + "".join(chr(plane | last) for plane in range(0, 0x110000, 0x10000) for last in (0xFFFE, 0xFFFF))
    + "]"
)


def render(templates: Templates, name: str, *, site: Site, depth: int, **context: object) -> str:
    """The page of a template, to lie `depth` folders below `public/`.

    Its links to other pages of ours are relative, so that it works from any server and from a copy on another machine.
    Control characters become a space, lone surrogates and what is no character U+FFFD (HTML 13.2.3.5).
    """
    page = templates.render(name, site=site, **context)
    whole = page.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    clean = _CONTROLS.sub(" ", _NO_CHARACTERS.sub("\ufffd", whole))
    return _relative(clean, site.base_url, "../" * depth or "./")


def _relative(page: str, base_url: str, upward: str) -> str:
    ours = re.compile(rf'(<a\b[^>]* href="){re.escape(html.escape(base_url))}/')
    return ours.sub(lambda link: f"{link[1]}{upward}", page)
