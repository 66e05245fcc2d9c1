from __future__ import annotations

import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cssutils
import lxml.html
import pytest
from builders import make_newsletter
from letters import SITE, TEMPLATES, full_digest

from newsletter.errors import InlineError
from newsletter.mail import wording
from newsletter.mail.cut import Marks, uncut
from newsletter.mail.inline import Engine, inline
from newsletter.mail.letter import write_letter
from newsletter.mail.note import NoteKind, write_note
from newsletter.model import Audience, Edition


def page(style: str = "", body: str = "<p>x</p>", head: str = "") -> str:
    return f"<!DOCTYPE html>\n<html><head>{head}\n<style>{style}</style>\n</head>\n<body>{body}</body></html>"


def test_rules_become_style_attributes_and_the_sheet_goes() -> None:
    inlined = inline(page("p { color: #123456; }", "<p>é &amp; x</p>"))
    assert '<p style="color:#123456">é &amp; x</p>' in inlined
    assert "<style" not in inlined
    assert inlined.startswith("<!DOCTYPE html>")


def test_kept_rules_survive_byte_for_byte() -> None:
    kept = (
        "@media (prefers-color-scheme: dark) { .a > b { color: #ffffff !important; } }\n[data-ogsc] .a { color: red; }"
    )
    inlined = inline(page("p{color:red}", head=f'<style data-premailer="ignore">{kept}</style>'))
    assert f"<style>{kept}</style>" in inlined


def test_conditional_comments_survive() -> None:
    comment = '<!--[if mso]><table role="presentation"><tr><td><![endif]-->'
    assert comment in inline(page(body=f"{comment}<p>x</p>"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (page("\n@import url(file:///etc/passwd);"), "line 4: @import would fetch"),
        (page("@IMPORT 'https://example.com/x.css';"), "line 3: @import would fetch"),
        (page(r"@\69mport 'x';"), "backslash"),
        (page("p { background: url(https://example.com/x.png) }"), r"url\(\) would load"),
        (page(head='<link rel="stylesheet" href="https://example.com/x.css">'), "line 2: <link>"),
        (page(head='<style data-premailer="ignore">@import "x";</style>'), "line 2: @import"),
        (page("p{}\n@media print { @media screen { p { color: red } } }"), "line 4: @media would be lost"),
        (page("@supports (display: grid) { p { color: red } }"), "@supports would be lost"),
        (page("@font-face { font-family: x }"), "@font-face would be lost"),
        (page("p{}").replace("<!DOCTYPE html>", "<!doctype html>"), "line 1: the page must begin with"),
        ("<!-- x -->" + page("p{}"), "must begin with"),
        (page(body="\n\n<![if !mso]>x<![endif]>"), r"line 7: <!\[if"),
        (page("td { color: red }", '\n<p style="td">x</p>'), "line 6: style='td' is not a declaration"),
    ],
)
def test_what_premailer_would_lose_or_fetch_is_refused_with_its_line(text: str, reason: str) -> None:
    with pytest.raises(InlineError, match=reason):
        inline(text)


def test_no_file_is_opened_and_no_host_is_asked() -> None:
    """An audit hook cannot be taken away again, so it only listens while this test wants it to."""
    seen: list[str] = []
    listening = True

    def hook(event: str, details: tuple[object, ...]) -> None:
        if listening and event in {"open", "socket.connect", "socket.getaddrinfo"}:
            seen.append(f"{event} {details[0]}")

    sys.addaudithook(hook)
    try:
        with pytest.raises(InlineError):
            inline(page("@import url(file:///etc/passwd);"))
        inline(page("p { color: red }"))
        # what the switch is for: the same sheet straight to the parser behind premailer
        with pytest.raises(InlineError, match="loads nothing"):
            cssutils.parseString("@import url(file:///etc/passwd);")
    finally:
        listening = False
    assert not [line for line in seen if "passwd" in line or line.startswith("socket")]


def test_a_page_that_trips_premailer_costs_only_itself() -> None:
    """A style attribute that reads like a selector of the same page meets premailer's shared cache."""
    poison = page("a:first-child { color: red }", '<a style="a:first-child">x</a>')
    before = inline(page("a:first-child { color: red }", "<div><a>x</a></div>"))
    try:
        inline(poison)
    except InlineError as error:
        assert "premailer cannot inline it" in str(error)  # noqa: PT017 - either outcome is safe; silence about others is the promise
    assert inline(page("a:first-child { color: red }", "<div><a>x</a></div>")) == before
    assert "color:red" in before


def test_a_selector_that_premailer_cannot_read_is_named() -> None:
    with pytest.raises(InlineError, match="premailer cannot inline it"):
        inline(page('[data-x="a,b"] { color: red }'))


def test_threads_get_the_same_page() -> None:
    text = page("p { color: #123456; margin: 0 } h1 { color: red }", "<h1>t</h1>" + "<p>x</p>" * 20)
    expected = inline(text)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(inline, [text] * 40)) == {expected}


def test_reading_a_page_leaves_no_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    inline(page("p { color: red }"))
    assert not list(tmp_path.iterdir())


def test_what_is_wrong_is_named_by_the_templates_own_line() -> None:
    sheet = "p { color: red }\n\n@font-face { font-family: x }\n"
    with pytest.raises(InlineError, match=r"^template mail/inline\.css, line 3: the rendered page, line 5: @font-face"):
        inline(page(sheet), sources=[("mail/digest.html", "<p>x</p>"), ("mail/inline.css", sheet)])
    with pytest.raises(InlineError, match=r"^template mail/x\.html: the rendered page, line 5: @font-face"):
        inline(page(sheet), template="mail/x.html")


def test_more_kept_rules_than_gmail_reads_are_refused() -> None:
    kept = f'<style data-premailer="ignore">{".a { color: red; }" * 1_000}</style>'
    with pytest.raises(InlineError, match="18,000 characters of kept rules; Gmail drops all"):
        inline(page(head=kept))


# -- the other engine -------------------------------------------------------------------------------------------------


def styles(text: str) -> list[tuple[str, str, dict[str, str]]]:
    """Every element with its words and its style, told in one way. A <tbody> that a parser put in is no element of ours."""
    body = lxml.html.document_fromstring(text).find("body")
    return [
        (element.tag, (element.text or "").strip(), declared(element.get("style") or ""))
        for element in body.iter()
        if isinstance(element.tag, str) and element.tag != "tbody"
    ]


def declared(style: str) -> dict[str, str]:
    pairs = (part.split(":", 1) for part in style.split(";") if ":" in part)
    return {name.strip(): told(value) for name, value in pairs}


def told(value: str) -> str:
    value = value.strip().lower().replace("'", '"')
    value = re.sub(r"#([0-9a-f])([0-9a-f])([0-9a-f])(?![0-9a-f])", r"#\1\1\2\2\3\3", value)
    return re.sub(r"\s*,\s*", ",", re.sub(r"\s+", " ", value))


@pytest.mark.parametrize("edition", [edition for edition in Edition if edition is not Edition.TEXT_ONLY])
@pytest.mark.parametrize("audience", list(Audience))
def test_both_engines_give_every_element_of_a_digest_the_same_style(edition: Edition, audience: Audience) -> None:
    letter = write_letter(full_digest(audience), SITE, unsubscribe_url="https://example.org/u", edition=edition)
    rendered = TEMPLATES.render("mail/digest.html", letter=letter, wording=wording.constants(letter.words), cut=uncut)
    assert_same(rendered)


@pytest.mark.parametrize("kind", list(NoteKind))
def test_both_engines_give_every_element_of_a_note_the_same_style(kind: NoteKind) -> None:
    note = write_note(kind, make_newsletter(), SITE, Marks(secret="x"), Edition.STANDARD)
    assert_same(TEMPLATES.render("mail/note.html", letter=note, wording=wording.constants(note.words)))


def assert_same(rendered: str) -> None:
    one, other = inline(rendered), inline(rendered, engine=Engine.CSS_INLINE)
    assert styles(one) == styles(other)
    assert sum(1 for _, _, style in styles(one) if style) > 10
    for part in ("[data-ogsb] .ground", "@media (max-width: 480px)", "<!--[if mso]><table", "<!DOCTYPE html>"):
        assert part in one
        assert part in other
    assert "data-premailer" not in one + other


def test_the_other_engine_refuses_the_same_and_reads_no_file() -> None:
    with pytest.raises(InlineError, match="@import would fetch"):
        inline(page("@import url(file:///etc/passwd);"), engine=Engine.CSS_INLINE)
