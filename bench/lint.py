"""What the gate for mail finds in the HTML of any email, beside our own standard edition.

    python bench/lint.py [FILE.html ...]

The rules are those that need the HTML alone: of the document, of how it looks, and of its links. Each is counted once, however
often it is broken. bench/peers/ holds the same short digest for MJML and react-email, in their own components.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from email import message_from_bytes, policy
from pathlib import Path

from mail import SENDER, SITE, TEMPLATES, digest_of, readers

from newsletter.mail.check.finding import Finding, Severity, found
from newsletter.mail.check.links import link_flaws
from newsletter.mail.check.look import LIGHT, contrast, styles
from newsletter.mail.check.page import read_page
from newsletter.mail.check.reading import reading_flaws
from newsletter.mail.check.structure import structure_flaws
from newsletter.mail.compile import compile_mailing
from newsletter.mail.merge import merge


def ours() -> str:
    """The HTML part of a digest of two articles."""
    digest = digest_of(2)
    (reader,) = readers(1)
    data = merge(compile_mailing(digest, SITE, TEMPLATES), reader, site=SITE, sender=SENDER).data
    part = message_from_bytes(data, policy=policy.default).get_body(("html",))
    assert part is not None
    return str(part.get_content())


def linted(html: str) -> tuple[Finding, ...]:
    page = read_page(html)
    return tuple(found([*structure_flaws(page), *reading_flaws(page, "", ()), *link_flaws(page, None, "", None)]))


def codes(findings: tuple[Finding, ...], severity: Severity) -> list[str]:
    return list(dict.fromkeys(each.code for each in findings if each.severity is severity))


def smallest_and_palest(html: str) -> tuple[float, float]:
    """The smallest text that is shown, in pixels, and the least contrast of text by day."""
    page = read_page(html)
    computed = styles(page, LIGHT)
    shown = [style for style in (computed[text.parent] for text in page.texts) if not style.hidden]
    pairs = [(style.colour, style.ground) for style in shown]
    return min(style.size for style in shown), min(contrast(a, b) for a, b in pairs if a is not None and b is not None)


def main() -> None:
    pages: Mapping[str, str] = {"ours": ours()} | {path: Path(path).read_text("utf-8") for path in sys.argv[1:]}
    print(f"{'':<28}{'bytes':>8}{'smallest':>10}{'contrast':>10}{'errors':>8}{'warnings':>10}  rules that are broken")
    for name, html in pages.items():
        findings = linted(html)
        errors, warnings = (codes(findings, severity) for severity in (Severity.ERROR, Severity.WARNING))
        size, (smallest, palest) = len(html.encode()), smallest_and_palest(html)
        told = f"{name:<28}{size:>8,}{smallest:>8g}px{palest:>10.2f}{len(errors):>8}{len(warnings):>10}"
        print(f"{told}  {', '.join((*errors, *warnings))}")
        for each in findings:
            print(f"    {each.code}, {each.place}: {each.message}")


if __name__ == "__main__":
    main()
