"""XML of others: read without its doctype's powers, bounded, and cut into records."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

from lxml import etree

from newsletter.sources import base
from newsletter.sources.base import Report, shorten

Element = etree._Element  # noqa: SLF001 - lxml's own name for the type

_RAISED = str.maketrans("0123456789+-\u2212=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿ")


def read_tree(report: Report, data: bytes, roots: Collection[str], limit: int = base.BYTES_LIMIT) -> Element:
    """The root element, which must be one of `roots`.

    Entities are neither expanded nor passed over: a document that needs any but XML's own five is refused, and nothing
    is ever fetched. libxml2 bounds the depth. Raises DocumentError.
    """
    if len(data) > limit:
        raise report.error(base.E_TOO_LARGE, f"the file is larger than {limit:,} bytes")
    if not data.strip():
        raise report.error(base.E_EMPTY, "the file is empty")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise report.error(base.E_NOT_XML, f"not XML: {error.msg}", error.lineno or None) from None
    _check_entities(report, root)
    if root.tag not in roots:
        right = " or ".join(roots)
        raise report.error(base.E_NOT_XML, f"the outermost element is {shorten(str(root.tag))}; right would be {right}")
    return root


def _check_entities(report: Report, root: Element) -> None:
    doctype: Any = root.getroottree().docinfo.internalDTD
    declared = [] if doctype is None else list(doctype.iterentities())
    used = next(iter(root.iter(etree.Entity)), None)
    if declared or used is not None:
        name = declared[0].name if declared else used.text if used is not None else None
        raise report.error(
            base.E_NOT_XML,
            f"an entity of its own, {shorten(str(name))}; only &amp;, &lt;, &gt;, &quot;, &apos; and numbers may be used",
            None if used is None else line_of(used),
        )


def line_of(element: Element) -> int | None:
    """The line where an element begins."""
    return cast("int | None", element.sourceline)


def own_bytes(report: Report, element: Element) -> bytes:
    """An element alone, always in the same bytes however its file is laid out around it (Canonical XML).

    Raises DocumentError where there is no such form, which is so for a name space that is no absolute address.
    """
    try:
        return etree.tostring(element, method="c14n", exclusive=True, with_comments=False, with_tail=False)
    except etree.C14NError:
        message = "a name space (xmlns) that is no absolute address"
        raise report.error(base.E_NOT_XML, message, line_of(element)) from None


def words(element: Element | None) -> str:
    """The text of an element on one line; empty where there is no element. Raised figures stay raised: 10⁶ is not 106."""
    return "" if element is None else " ".join("".join(_pieces(element)).split())


def _pieces(element: Element) -> list[str]:
    pieces = [element.text or ""]
    for child in element:
        inner = "".join(_pieces(child))
        pieces += [_raised(inner) if child.tag == "sup" else inner, child.tail or ""]
    return pieces


def _raised(text: str) -> str:
    """Superscripts where Unicode has them, a caret where it has none for a figure."""
    raised = text.translate(_RAISED)
    if all(before != after for before, after in zip(text, raised, strict=True)):
        return raised
    return f"^{text}" if any(character.isdecimal() for character in text) else text
