"""Text at twice its size and with the spacing of WCAG 1.4.12, in a page as it is laid out: what is lost then."""

from __future__ import annotations

from playwright.sync_api import Page

#: Sizes are doubled where they were computed, so that pixels, `rem` and `em` all count; so do lines that say pixels.
_DOUBLE = """() => {
  const all = [...document.body.querySelectorAll("*")].map(each => [each, getComputedStyle(each)])
    .map(([each, style]) => [each, parseFloat(style.fontSize), parseFloat(style.lineHeight)]);
  for (const [each, size, line] of all) {
    each.style.setProperty("font-size", `${size * 2}px`, "important");
    if (line) each.style.setProperty("line-height", `${line * 2}px`, "important");
  }
}"""
#: Lines of 1.5, letters 0.12, words 0.16 and paragraphs 2 times the size apart (WCAG 1.4.12), whatever the page says.
_SPACE = """() => {
  for (const each of document.body.querySelectorAll("*")) {
    const wanted = { "line-height": "1.5", "letter-spacing": "0.12em", "word-spacing": "0.16em" };
    if (each.tagName === "P") wanted["margin-bottom"] = "2em";
    for (const [name, value] of Object.entries(wanted)) each.style.setProperty(name, value, "important");
  }
}"""
#: What is lost: text beyond the sides, text that its box cuts off, and lines of text that lie over each other. Boxes of
#: lines may touch, as ascenders and descenders leave room; more than a third of the lower one is an overlap.
_LOST = """() => {
  const lost = [], lines = [];
  const root = document.documentElement;
  if (root.scrollWidth > innerWidth) lost.push(`the page is ${root.scrollWidth} pixels wide`);
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, owner = node.parentElement;
    if (!node.data.trim() || !owner.checkVisibility({ visibilityProperty: true })) continue;
    let scrolls = false, box = null, hidden = false;
    for (let each = owner; each; each = each.parentElement) {
      const style = getComputedStyle(each);
      hidden ||= style.clipPath !== "none" || style.position === "absolute";
      scrolls ||= each !== root && each !== document.body && /auto|scroll/.test(style.overflowX);
      if (!box && /hidden|clip/.test(style.overflow)) box = each.getBoundingClientRect();
    }
    if (hidden || scrolls) continue;  // for programs alone, or moved by the reader
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const rect of range.getClientRects()) {
      if (rect.width < 1) continue;
      const told = `"${node.data.trim().slice(0, 40)}"`;
      if (rect.left < -0.5 || rect.right > innerWidth + 0.5) lost.push(`${told} runs beyond the sides`);
      if (box && (rect.bottom > box.bottom + 1 || rect.right > box.right + 1)) lost.push(`${told} is cut off`);
      lines.push([rect, told]);
    }
  }
  lines.sort((a, b) => a[0].top - b[0].top);
  lines.forEach(([upper, one], place) => {
    for (const [lower, other] of lines.slice(place + 1)) {
      if (lower.top >= upper.bottom) break;
      const high = Math.min(upper.bottom, lower.bottom) - lower.top;
      const wide = Math.min(upper.right, lower.right) - Math.max(upper.left, lower.left);
      if (wide > 2 && high > lower.height / 3) lost.push(`${one} and ${other} overlap`);
    }
  });
  return [...new Set(lost)];
}"""


def lost_text(page: Page, *, doubled: bool, spaced: bool) -> list[str]:
    """What people lose of the page that is shown when they enlarge its text or space it; it stays that way."""
    if doubled:
        page.evaluate(_DOUBLE)
    if spaced:
        page.evaluate(_SPACE)
    found: list[str] = page.evaluate(_LOST)
    return found
