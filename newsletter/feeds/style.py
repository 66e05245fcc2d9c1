"""What a feed looks like to somebody who opens it in a browser.

Browsers apply a style sheet to XML; the transformations that did more are being taken out of them.
"""

from __future__ import annotations

from newsletter.templating import Templates


def style(templates: Templates) -> bytes:
    """The style sheet of all feeds. It lies at `build.STYLE`."""
    return templates.render("web/feed.css").encode()
