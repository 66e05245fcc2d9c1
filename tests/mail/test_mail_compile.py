from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from builders import make_article, make_newsletter, make_site
from hypothesis import example, given, settings
from hypothesis import strategies as st
from letters import SITE, TEMPLATES, full_digest, make_digest, make_item, make_mailing, make_message
from wire import Links, problems, read

from newsletter.errors import HeaderError, InlineError, MailError, TemplateError
from newsletter.mail import REQUIRED_TEMPLATES
from newsletter.mail.compile import compile_mailing
from newsletter.mail.merge import prepare
from newsletter.model import Audience, Choice, Edition, Mailing
from newsletter.templating import Templates

FIELDS = [
    "From", "To", "Reply-To", "Subject", "Date", "Message-ID", "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post",
    "List-Archive", "List-Owner", "List-Help", "Auto-Submitted", "X-Auto-Response-Suppress", "Feedback-ID",
    "MIME-Version", "Content-Type",
]  # fmt: skip
anything = st.text(st.characters(), max_size=60)


@pytest.mark.parametrize("audience", list(Audience))
def test_a_mailing_of_everything_breaks_no_rule(audience: Audience) -> None:
    message = make_message(make_mailing(full_digest(audience, catch_up=True)))
    assert problems(message.data) == []


def test_every_field_stands_once_and_in_order() -> None:
    message = read(make_message().data).message
    assert message.keys() == FIELDS
    assert str(message["From"]) == "MS Research in Plain Words <news@example.org>"
    assert str(message["Reply-To"]) == "editors@example.org"
    assert str(message["Subject"]) == "1 retraction and 9 new summaries, 9 to 15 November 2026"
    assert str(message["List-Id"]) == "Caregiver Weekly <caregiver-weekly.example.org>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["List-Archive"] == "<https://news.example.org/>"
    assert message["List-Owner"] == "<mailto:editors@example.org>"
    assert message["List-Help"] == "<mailto:editors@example.org?subject=help>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "OOF, AutoReply"
    assert message["Feedback-ID"] == "caregiver-weekly:2026-W46:digest:exampleorg"


def test_both_parts_say_their_language() -> None:
    site = make_site(language="en-GB")
    mailing = make_mailing(site=site, templates=TEMPLATES.for_language("en-GB"))
    message = read(make_message(mailing, site=site).data).message
    assert [part["Content-Language"] for part in message.iter_parts()] == ["en-GB", "en-GB"]


def test_a_discreet_mailing_shows_no_condition_outside_its_body() -> None:
    head = make_message(make_mailing(full_digest(discreet=True))).data.partition(b"\r\n\r\n")[0].decode()
    message = read(make_message(make_mailing(full_digest(discreet=True))).data).message
    assert str(message["From"]) == "news@example.org"
    assert str(message["List-Id"]) == "<caregiver-weekly.example.org>"
    assert not re.search(r"\bMS\b|sclerosis", head + str(message["Subject"]))


def test_without_https_there_is_no_promise_of_one_press() -> None:
    """RFC 8058 3.1 asks for https; the links themselves stay."""
    message = read(make_message(site=make_site(base_url="http://127.0.0.1:8000")).data).message
    assert "List-Unsubscribe-Post" not in message
    assert message["List-Unsubscribe"].startswith("<http://127.0.0.1:8000/unsubscribe/")


def test_the_same_digest_gives_the_same_bytes_in_another_process() -> None:
    program = (
        "import hashlib; from letters import make_mailing;"
        "print(hashlib.sha256(make_mailing().template).hexdigest(), make_mailing() == make_mailing())"
    )
    folder = Path(__file__).parent
    path = os.pathsep.join(map(str, (folder.parent.parent, folder.parent, folder)))
    seen = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": seed, "TZ": zone},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed, zone in (("1", "UTC"), ("2", "Pacific/Chatham"))
    }
    assert len(seen) == 1
    assert seen.pop().strip().endswith("True")


def test_an_empty_digest_is_never_compiled() -> None:
    with pytest.raises(MailError, match="caregiver-weekly, 2026-W46: the digest is empty"):
        make_mailing(make_digest())


@pytest.mark.parametrize("key", ["postal_address", "contact", "author", "title"])
def test_a_site_that_hides_who_sends_is_refused(key: str) -> None:
    with pytest.raises(MailError, match=f"site.{key} is empty"):
        compile_mailing(full_digest(), replace(SITE, **{key: " "}), TEMPLATES)


@pytest.mark.parametrize("key", ["from_address", "reply_to", "title"])
def test_a_newsletter_without_a_way_back_is_refused(key: str) -> None:
    newsletter = replace(make_newsletter(), **{key: ""})
    with pytest.raises(MailError, match=f"newsletter.{key} is empty"):
        make_mailing(make_digest((make_item(),), newsletter=newsletter))


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("base_url", "https://example.org/?a", "site.base_url"),
        ("language", "en us", "site.language"),
        ("contact", "two@example.org, three@example.org", "site.contact"),
        ("contact", "javascript://x", "site.contact"),
    ],
)
def test_a_site_value_that_cannot_stand_in_an_email_is_named(key: str, value: str, named: str) -> None:
    with pytest.raises(MailError, match=named):
        compile_mailing(full_digest(), replace(SITE, **{key: value}), TEMPLATES)


def test_a_newsletter_value_that_cannot_stand_in_an_email_is_named() -> None:
    item = make_item()
    with pytest.raises(MailError, match=r"newsletter\.slug is 'a b'"):
        make_mailing(make_digest((item,), newsletter=make_newsletter("a b")))
    with pytest.raises(HeaderError, match=r"newsletter\.from_address"):
        make_mailing(
            make_digest((item,), newsletter=make_newsletter(from_address="a@example.org\r\nBcc: b@example.org"))
        )
    with pytest.raises(HeaderError, match="DNS cannot hold"):
        make_mailing(make_digest((item,), newsletter=make_newsletter(from_address=f"a@{'é' * 60}.org")))


def test_a_web_address_serves_as_contact() -> None:
    message = read(make_message(site=make_site(contact="https://example.org/contact")).data).message
    assert message["List-Owner"] == "<https://example.org/contact>"


def test_an_international_sender_has_a_list_id_that_dns_knows() -> None:
    digest = make_digest((make_item(),), newsletter=make_newsletter(from_address="news@exämple.org"))
    assert b"<caregiver-weekly.xn--exmple-cua.org>" in make_message(make_mailing(digest)).data


def test_every_template_of_a_mailing_is_shipped() -> None:
    assert Templates().missing(REQUIRED_TEMPLATES) == []


OWN = """<!DOCTYPE html>
<html><head></head><body>%s<a href="{{ letter.unsubscribe_url }}">Bye</a>
{%% for item in letter.items %%}
{{ cut(item.mask) }}
<p>{{ item.title }}</p>
{%% endfor %%}
{%% for title in letter.titles %%}
{{ cut(title.mask) }}
<p>{{ title.title }}</p>
{%% endfor %%}
{{ cut(0) }}
</body></html>"""


@pytest.fixture
def own(tmp_path: Path) -> Callable[[str], Mailing]:
    """Compiles with an operator's own page."""

    def compiled(page: str) -> Mailing:
        (tmp_path / "mail").mkdir(exist_ok=True)
        (tmp_path / "mail" / "digest.html").write_text(page)
        return compile_mailing(full_digest(), SITE, Templates(tmp_path))

    return compiled


def test_an_operators_template_is_used(own: Callable[[str], Mailing]) -> None:
    message = make_message(own(OWN % "<p>Ours</p>\n<p>{{ letter.counts }}</p>\n"))
    assert "<p>Ours</p>" in read(message.data).html
    assert "<p>1 retraction and 9 new summaries.</p>" in read(message.data).html


@pytest.mark.parametrize(
    ("page", "error", "reason"),
    [
        (OWN.replace("{{ letter.unsubscribe_url }}", "#") % "", MailError, "no unsubscribe link"),
        (OWN % '\n<link rel="stylesheet" href="x.css">', InlineError, r"mail/digest\.html: the rendered page, line 3"),
        (OWN % "{{ letter.nothing }}", TemplateError, r"mail/digest\.html"),
        (OWN.replace("{{ cut(item.mask) }}", "") % "", MailError, "nothing is cut for 'Cooling Vests"),
        (OWN.replace("{{ cut(title.mask) }}", "") % "", MailError, "nothing is cut for 'Further Study"),
        (OWN.replace("{{ cut(0) }}", "<p>x</p>{{ cut(0) }}") % "", MailError, r"each cut\(\.\.\.\) must begin a line"),
        (OWN % '<p title="{{ letter.subject }}">x</p>', MailError, "letter.subject stands in the attribute title"),
        (OWN % "<!-- {{ letter.reading }} -->", MailError, "letter.reading stands in a comment"),
        (OWN % "{{ letter.reading }} {{ letter.counts }}", MailError, "stand in one line; give each its own"),
        (
            OWN.replace("<head>", "<head><style data-premailer='ignore'>/* {{ letter.opening }} */</style>") % "",
            MailError,
            "letter.opening stands in a style or a script",
        ),
    ],
)
def test_an_operators_template_is_held_to_the_same_rules(
    own: Callable[[str], Mailing], page: str, error: type[MailError], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        own(page)


@given(anything, anything, anything, anything)
@example("\ud800", "\0to\0", "\r\n.\r\n", "\r\n--=_x\r\nBcc: x@example.org")
@example("<!--[if mso]>", "<![if !mso]>", "--></style>", "unsubscribe-")
@settings(max_examples=60, deadline=None)
def test_no_article_can_add_a_field_a_slot_or_a_part(title: str, takeaway: str, topic: str, name: str) -> None:
    article = make_article(title=title, key_takeaway=takeaway, topics=(topic,), journal=name)
    item = make_item(article, advice=(takeaway,), caveat=(topic or "x",))
    mailing = make_mailing(make_digest((item,), titles=(make_article("b", title=title),)))
    assert prepare(mailing).slots == (
        "to", "date", "message-id", "unsubscribe", "unsubscribe-token", *["unsubscribe-link"] * 6
    )  # fmt: skip
    message = make_message(mailing)
    assert read(message.data).message.keys() == FIELDS
    assert [rule for rule in problems(message.data) if rule != "text that does not decode"] == []


def test_an_articles_text_is_escaped_and_arrives_as_written() -> None:
    title = "p<0.05 & <script>alert(1)</script> ]]> \"q\" 'x' {{ 7*7 }} 😀 עברית"
    parts = read(make_message(make_mailing(make_digest((make_item(make_article(title=title)),)))).data)
    assert "<script" not in parts.html
    assert (SITE.article_url("short-walks"), title) in Links(parts.html).links
    assert title in parts.text.replace("\n", " ")


def test_ten_whole_articles_stay_far_from_where_mail_readers_cut() -> None:
    long = make_article(
        considerations=("A sentence about what the study could not show. " * 8,), key_takeaway="Word " * 40
    )
    items = tuple(make_item(replace(long, slug=f"a-{n}")) for n in range(10))
    digest = make_digest(items, titles=tuple(make_article(f"t-{n}") for n in range(20)))
    assert len(read(make_message(make_mailing(digest)).data).html.encode()) < 75_000


def visible(page: str) -> str:
    """The text of a page that a reader sees, the preheader left out."""
    body = re.sub(r"<!--.*?-->", "", page.partition("</div>")[2], flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


@pytest.mark.parametrize("edition", list(Edition))
def test_the_first_200_characters_tell_the_finding_and_how_sure_it_is(edition: Edition) -> None:
    """What programs that sum up emails read, and what they show in place of the preheader."""
    finding = "Ten minutes of walking a day may make tiredness a little easier to live with."
    digest = make_digest((make_item(make_article(key_takeaway=f"{finding} It is a small study.")),))
    parts = read(make_message(make_mailing(digest, editions=[edition]), choice=Choice(edition=edition)).data)
    assert finding in " ".join(parts.text.split())[:200]
    assert edition is Edition.TEXT_ONLY or finding in visible(parts.html)[:200]


def test_only_clinicians_are_told_topics() -> None:
    for audience in Audience:
        text = read(make_message(make_mailing(full_digest(audience))).data).text
        assert ("Topics: fatigue; walking" in text) is (audience is Audience.CLINICIAN)


def test_ratings_have_a_shape_for_the_eye_and_words_for_everybody() -> None:
    digest = make_digest((make_item(make_article(credibility=4.0)),))
    parts = read(make_message(make_mailing(digest)).data)
    assert re.search(
        r'Credibility: <span class="shape accent" aria-hidden="true"[^>]*>●●●●○</span> 4 out of 5', parts.html
    )
    assert "Interest: Not rated" in parts.html
    assert "●" not in parts.text


def test_a_catch_up_digest_says_so_at_the_top() -> None:
    parts = read(make_message(make_mailing(full_digest(catch_up=True))).data)
    assert "Covers 9 to 15 November 2026" in visible(parts.html)[:100]
    assert "Covers 9 to 15 November 2026" in parts.text[:100]
    assert str(parts.message["Subject"]).endswith(", covers 9 to 15 November 2026")
