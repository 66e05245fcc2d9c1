"""The site's icon, which browsers show beside a page's title."""

from __future__ import annotations

from newsletter.templating import Templates

PATH = "icon.svg"  #: where it lies in `public/`; every page names it


def icon(templates: Templates) -> bytes:
    """An SVG that loads nothing."""
    return templates.render("web/icon.svg").encode()
