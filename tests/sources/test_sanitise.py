"""Foreign HTML: nothing but text comes through, none is glued or lost, and no page takes long."""

from __future__ import annotations

import os
import random
import re
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_examples import PAGE, changed
from selectolax.lexbor import LexborHTMLParser
from timing import processor_seconds

from newsletter.errors import DocumentError
from newsletter.sources.base import BYTES_LIMIT, E_TOO_LARGE
from newsletter.sources.sanitise import TAGS_LIMIT, parse_html, plain_paragraphs, read_flow

MUTATIONS = int(os.environ.get("NEWSLETTER_MUTATIONS", "3000"))
HARMFUL = (
    "<script>alert(1)</script>",
    "<ScRiPt src=//example.com/x.js></sCrIpT>",
    "<img src=x onerror=alert(1)>",
    "<img src='https://example.com/pixel.gif' width=1>",
    "<svg onload=alert(1)><a xlink:href='javascript:alert(1)'><text>x</text></a></svg>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='jav&#x09;ascript:alert(1)'>x</a>",
    "<a href=' \x01javascript:alert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<a href='vbscript:x'>x</a><a href='//example.com'>x</a><a href='/etc'>x</a>",
    "<p title='x' lang='y'>x</p><a href='https://example.org/' onclick='x()' style='position:fixed' target=_blank>x</a>",
    "<iframe src='https://example.com'></iframe><object data=x></object><embed src=x>",
    "<form action='https://example.com'><input name=a><button>Go</button></form>",
    "<style>p{background:url(https://example.com)}</style><link rel=stylesheet href=x><base href='//example.com'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "<template><script>alert(1)</script></template><meta http-equiv=refresh content='0;url=x'>",
    "<p style='x' id='y' class='z' data-a='b'>x</p><![CDATA[<script>x</script>]]><?php echo 1 ?>",
    "<table><td><b><i></b></i><tr><p></table><select><option>x</select><textarea></p></textarea>",
    "<a href='mailto:a@example.org'>x</a><a><a><p><a href='http://example.org'>y</p></a>",
    "<ul><li><p>a</ul><h2>b<h3>c</h2><sub>1<sup>2</sub>3</sup><em><p>d</em><strong>",
    "<xmp><script>x</script></xmp><plaintext><b>",
)


@pytest.mark.parametrize("html", HARMFUL)
def test_of_what_is_harmful_no_more_comes_through_than_text(html: str) -> None:
    told = " ".join(plain_paragraphs(f"<p>before {html} after</p>"))
    assert told.startswith("before")
    assert "after" in told
    assert not re.search("alert|javascript|vbscript|example|onclick|url|=", told)


def _mutated(chance: random.Random) -> str:
    text = "".join(chance.sample((*HARMFUL, PAGE[-700:]), 3))
    for _ in range(chance.randrange(1, 8)):
        place = chance.randrange(len(text))
        text = chance.choice((
            text[:place] + text[place + chance.randrange(1, 9) :],
            text[:place] + chance.choice("<>\"'/=&;\0\t!-`x") + text[place:],
            text[:place] + text[place : place + 30] + text[place:],
            text[:place] + chance.choice(HARMFUL) + text[place:],
        ))  # fmt: skip
    return text


def test_mutations_of_harmful_pages_become_paragraphs() -> None:
    chance = random.Random(20261120)
    for _ in range(MUTATIONS):
        paragraphs = plain_paragraphs(_mutated(chance))
        assert all(paragraph.strip() == paragraph != "" for paragraph in paragraphs)


@given(st.text(alphabet="<>/abpulih23 ='\"&;!-\0\n", max_size=80) | st.text(max_size=40))
def test_any_text_becomes_paragraphs(html: str) -> None:
    assert all(paragraph.strip() == paragraph != "" for paragraph in plain_paragraphs(html))


def test_tags_that_go_do_not_glue_words() -> None:
    assert "ab" not in " ".join(
        plain_paragraphs("<div>a</div><div>b</div><table><tr><td>a</td><td>b</td></tr></table>")
    )


@pytest.mark.parametrize(
    ("html", "paragraphs"),
    [
        ("", ()),
        ("<p> \u00a0 </p><p>\u200b</p>", ()),
        ("a<p>b</p>c", ("a", "b", "c")),
        ("<p>one <b>bold</b>ly\n done</p>", ("one boldly done",)),
        ("<p>a<br>b<br><br>c</p>", ("a b", "c")),
        ("<ul><li>a</li><li><p>b</p><p>c</p></li></ul>", ("• a", "• b", "c")),
        ("<ol start=3><li>a<li>b</ol><ol start=x><li>c</ol>", ("3. a", "4. b", "1. c")),
        ("<ol><li>a<ul><li>b</ul><li>c</ol><li>d", ("1. a", "• b", "2. c", "• d")),
        ("<table><tr><th>a</th><td>b</td></tr><tr><td></td><td>c</td></tr></table>", ("a | b", "c")),
        ("a<script>x</script><style>y</style><!-- z --><noscript>n</noscript><template>t</template>", ("a",)),
        ("<p hidden>x</p><p style='color:red;DISPLAY : none'>y</p><p style='display:block'>z</p>", ("z",)),
        ("is <s>not</s> <del>never</del> safe", ("is safe",)),
        ("10<sup>6</sup> 10<sup>-3.5</sup> 4<sup>th</sup> x<sup><a>2</a></sup> CO<sub>2</sub>",
         ("10⁶ 10^-3.5 4th x² CO2",)),
        ("10<sup><p>6</p></sup>", ("10", "6")),
        (f"<p>1<sup>{'<i>2</i>' * 9}</sup></p>", (f"1{'2' * 9}",)),
        ("<q>a</q> &lt;b&gt; &amp;amp;", ("“a” <b> &amp;",)),
        ("<img alt='★★★' src=x> <img alt='photo' src=y><img>", ("★★★",)),
        ("so\u00adft a\u202eb c\x0bd e\ufdd0 \ud800", ("soft ab c d e\ufdd0 \ufffd",)),
        ("{{ x }} ]]> =1+1", ("{{ x }} ]]> =1+1",)),
    ],
)  # fmt: skip
def test_text_is_as_a_reader_sees_it(html: str, paragraphs: tuple[str, ...]) -> None:
    assert plain_paragraphs(html) == paragraphs


def test_addresses_follow_links_where_asked_for() -> None:
    html = (
        "<a href='https://example.org/x'>here</a> <a href='https://example.org/'>example.org</a> "
        "<a href='mailto:a@example.org'>a@example.org</a> <a href='javascript:x'>no</a> <a>bare</a> <img alt='word'>"
    )
    blocks = read_flow(parse_html(html), links=True).blocks
    assert blocks[0].text == "here (https://example.org/x) example.org a@example.org no bare word"


def test_a_block_knows_its_rank_its_marker_and_its_parts() -> None:
    flow = read_flow(parse_html("<h3>a <b>b</b></h3><ul><li><a>x <i>y</i></a>, <a>z</a></ul><p>w <a>x</a>"))
    assert [(block.text, block.level, block.bare, block.parts) for block in flow.blocks] == [
        ("a b", 3, "a b", ()),
        ("• x y, z", 0, "x y, z", ("x y", "z")),
        ("w x", 0, "w x", ()),
    ]


def test_no_text_is_lost_and_none_invented() -> None:
    page = changed(PAGE, ("</a><a", "</a>, <a"))
    words = re.findall(r"\w+", LexborHTMLParser(page).body.text(separator=" "))  # type: ignore[union-attr]
    assert re.findall(r"\w+", " ".join(plain_paragraphs(page))) == words


BOMBS = {
    "deep": "<div>" * (TAGS_LIMIT - 1),
    "lists": "<ul><li>" * (TAGS_LIMIT // 2 - 1),
    "reopened": "<p>" + "".join(f"<font size={n}>" for n in range(5000)) + "<p>x" * 9000,
    "reopened fewer": "<p>" + "".join(f"<font size={n}>" for n in range(150)) + "<p>x" * 9000,
    "raised": "<sup>1" * (TAGS_LIMIT - 1),
    "spans": "<span>" * (TAGS_LIMIT - 1) + "x y",
    "closed": "<span>" * 9000 + "</p>" * 9000,
    "tables": "<table>" * 9000 + "x" * 9000,
    "open quote": "<p a='" * 9000,
    "open comments": "<!--" * 400_000,
    "spaces": "<p" + " " * (BYTES_LIMIT - 3),
    "text": "a & b " * 300_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_no_page_takes_long(name: str) -> None:
    assert processor_seconds(partial(plain_paragraphs, BOMBS[name])) < 5, "what is quadratic takes minutes"


@pytest.mark.parametrize(
    "html",
    ["<p>" * (TAGS_LIMIT + 1), "a" * (BYTES_LIMIT + 1), "<p" + " a" * 301 + ">", "<p" + " a='>'" * 301],
)
def test_what_is_no_article_by_its_size_is_refused(html: str) -> None:
    with pytest.raises(DocumentError) as refused:
        plain_paragraphs(html)
    assert refused.value.code == E_TOO_LARGE


def test_struck_text_stays_out_even_where_tags_are_renamed() -> None:
    html = "<s>not</s><b>x</b>" + "<b>y</b><p></p>" * 3000
    assert plain_paragraphs(html)[0].startswith("xy")
    assert "not" not in "".join(plain_paragraphs(html))
