"""A good message, written by hand and by none of our writers: what the gate must have nothing to say about."""

from __future__ import annotations

import quopri
from dataclasses import replace
from datetime import UTC, date, datetime

from builders import make_article, make_newsletter, make_notice, make_site

from newsletter.mail.check.expected import Expected
from newsletter.mail.check.message import check_message
from newsletter.model import Day, Digest, Facts, Item, NoticeItem, Place, Placed, PlannedDigest, Status

BASE = "https://news.example.org"
TOKEN = "caregiver-weekly.s7f3kq2m.Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6"
WAY_OUT = f"{BASE}/unsubscribe/{TOKEN}"
SITE = make_site()
NEWSLETTER = make_newsletter()

WALKS = make_article()
NAPS = make_article(
    "naps",
    title="Short Naps After Lunch",
    key_takeaway="A nap of half an hour may help people with MS through the afternoon.",
    what_they_found=("Those who slept for half an hour told of more strength.",),
    considerations=("The study had no group to compare with.",),
    facts=Facts(source_url="https://journal.example.com/naps"),
)
SUNLIGHT = make_article("sunlight", title="Morning Light and Mood", facts=Facts(status=Status.RETRACTED))
NOTICE = "The journal has taken this study back. Do not rely on what it found."

DIGEST = Digest(
    newsletter=NEWSLETTER,
    planned=PlannedDigest(
        newsletter=NEWSLETTER.slug,
        period="2026-W46",
        window_start=datetime(2026, 11, 8, 23, tzinfo=UTC),
        window_end=datetime(2026, 11, 15, 23, tzinfo=UTC),
        due_at=datetime(2026, 11, 16, 6, tzinfo=UTC),
    ),
    first_day=date(2026, 11, 9),
    last_day=date(2026, 11, 15),
    notices=(NoticeItem(notice=make_notice(SUNLIGHT, status=Status.RETRACTED, text=NOTICE), article=SUNLIGHT),),
    days=(
        Day(
            date=date(2026, 11, 14),
            items=(
                Item(
                    article=WALKS,
                    advice=("Caregivers can help by walking along.",),
                    caveat=("The study was small and lasted three months only.",),
                ),
                Item(article=NAPS, advice=(), caveat=("The study had no group to compare with.",)),
            ),
        ),
    ),
    late=(),
    titles=(),
    placed=(Placed(article=WALKS, place=Place.ITEM), Placed(article=NAPS, place=Place.ITEM)),
)
EXPECTED = Expected(newsletter=NEWSLETTER, site=SITE, digest=DIGEST)
TEXT_ONLY = replace(EXPECTED, text_only=True)
DISCREET = replace(
    EXPECTED,
    newsletter=replace(NEWSLETTER, discreet=True, title="Reading Post", from_name="Reading Post"),
)

FIELDS = f"""From: MS Research in Plain Words <news@example.org>
To: A Reader <reader@example.net>
Reply-To: editors@example.org
Subject: 1 retraction and 2 new summaries, 9 to 15 November 2026
Date: Mon, 16 Nov 2026 06:00:00 +0000
Message-ID: <abcdefghijklmnopqrstuvwxyz@example.org>
List-Id: Caregiver Weekly <caregiver-weekly.example.org>
List-Unsubscribe: <{WAY_OUT}>,
 <mailto:editors@example.org?subject=unsubscribe%20{TOKEN}>
List-Unsubscribe-Post: List-Unsubscribe=One-Click
List-Archive: <{BASE}/>
List-Help: <mailto:editors@example.org?subject=help>
List-Owner: <mailto:editors@example.org>
Auto-Submitted: auto-generated
X-Auto-Response-Suppress: OOF, AutoReply
Feedback-ID: caregiver-weekly:2026-W46:digest:exampleorg
MIME-Version: 1.0
"""

_P = "margin:0 0 16px; font-size:19px; line-height:1.6"
_LINK = "color:#0b4f5c; background-color:#fdfcf9; text-decoration:underline"
_ALONE = f"{_LINK}; display:inline-block; padding:8px 0"
_H3 = "margin:24px 0 8px; font-size:23px; line-height:1.35"

HTML = f"""<!DOCTYPE html>
<html lang="en" dir="ltr">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="format-detection" content="telephone=no, date=no, address=no, email=no, url=no">
<meta name="x-apple-disable-message-reformatting">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>1 retraction and 2 new summaries, 9 to 15 November 2026</title>
<!--[if mso]>
<xml><o:OfficeDocumentSettings xmlns:o="urn:schemas-microsoft-com:office:office"><o:PixelsPerInch>96</o:PixelsPerInch></o:OfficeDocumentSettings></xml>
<![endif]-->
<style>
:root {{ color-scheme: light dark; }}
@media (prefers-color-scheme: dark) {{
  .ground {{ background-color: #14181a !important; color: #e8e6e1 !important; }}
  .caveat {{ background-color: #1f2a2d !important; color: #e8e6e1 !important; }}
  a {{ background-color: #14181a !important; color: #8fd3dd !important; }}
}}
[data-ogsc] .ground, [data-ogsc] .caveat {{ color: #e8e6e1 !important; }}
[data-ogsb] .ground, [data-ogsb] .caveat {{ background-color: #14181a !important; }}
[data-ogsc] a {{ color: #8fd3dd !important; }}
[data-ogsb] a {{ background-color: #14181a !important; }}
@media (max-width: 480px) {{ h1 {{ font-size: 29px !important; }} }}
</style>
</head>
<body class="ground" style="margin:0; background-color:#fdfcf9; color:#1c2426">
<div aria-hidden="true" style="display:none; mso-hide:all">Retracted: Morning Light and Mood. The journal has taken this study back.</div>
<div class="ground" lang="en" dir="ltr" style="background-color:#fdfcf9; color:#1c2426">
<!--[if mso]><table role="presentation" width="600"><tr><td><![endif]-->
<table role="presentation" width="100%" style="max-width:600px"><tr><td style="font-size:19px; line-height:1.6; word-break:break-word">
<p style="{_P}">MS Research in Plain Words</p>
<h1 style="margin:0; font-size:34px; line-height:1.25">Caregiver Weekly</h1>
<p style="{_P}">9 to 15 November 2026</p>
<p style="{_P}">The journal has taken this study back. Do not rely on what it found.</p>
<p style="{_P}">1 retraction and 2 new summaries.<br>About 2 minutes to read.</p>
<p style="{_P}"><a href="{BASE}/digests/caregiver-weekly/2026-W46/" style="{_ALONE}">Read this digest on the web</a><br>
<a href="{WAY_OUT}" style="{_ALONE}">Unsubscribe</a></p>
<h2 style="margin:36px 0 16px; font-size:26px; line-height:1.3">Corrections and notices</h2>
<h3 style="{_H3}"><a href="{BASE}/articles/sunlight/" style="{_ALONE}">Retracted: Morning Light and Mood</a></h3>
<p style="{_P}"><strong>14 November 2026.</strong> The journal has taken this study back. Do not rely on what it found.</p>
<h2 style="margin:36px 0 16px; font-size:26px; line-height:1.3">Saturday 14 November 2026</h2>
<h3 style="{_H3}"><a href="{BASE}/articles/short-walks/" style="{_ALONE}">Short Walks and Tiredness in MS</a></h3>
<p style="{_P}">Short walks made everyday tiredness easier to live with.</p>
<p style="{_P}">For caregivers</p>
<p style="{_P}">Caregivers can help by walking along.</p>
<p class="caveat" style="{_P}; background-color:#eef3f2; color:#1c2426">Keep in mind<br>The study was small and lasted three months only.</p>
<p style="font-size:17px; line-height:1.6">Study published in: Journal of Examples<br>Topics: fatigue; walking</p>
<h3 style="{_H3}"><a href="{BASE}/articles/naps/" style="{_ALONE}">Short Naps After Lunch</a></h3>
<p style="{_P}">A nap of half an hour may help people with MS through the afternoon.</p>
<p class="caveat" style="{_P}; background-color:#eef3f2; color:#1c2426">Keep in mind<br>The study had no group to compare with.</p>
<p style="font-size:17px; line-height:1.6">Study: <a href="https://journal.example.com/naps" style="{_LINK}">The study behind Short Naps After Lunch</a></p>
<h2 style="margin:36px 0 16px; font-size:26px; line-height:1.3">About this email</h2>
<p style="{_P}">This digest explains research in plain words. It is not medical advice.</p>
<p style="{_P}">No tracking: this email has no pictures and its links do not count you.</p>
<p style="{_P}">You get this email because you asked for Caregiver Weekly.</p>
<p style="{_P}"><a href="{WAY_OUT}" style="{_ALONE}">Unsubscribe</a></p>
<p style="{_P}"><a href="{WAY_OUT}#change" style="{_ALONE}">Change what you get</a></p>
<p style="{_P}">Sent by The Example Editors.<br>1 Example Street, Example Town</p>
<p style="{_P}"><a href="{BASE}/privacy/" style="{_ALONE}">How we treat your data</a></p>
<p style="{_P}">Write to us:<br><a href="mailto:editors@example.org" style="{_ALONE}">editors@example.org</a></p>
</td></tr></table>
<!--[if mso]></td></tr></table><![endif]-->
</div>
</body>
</html>
"""

TEXT = f"""Caregiver Weekly
----------------

9 to 15 November 2026

The journal has taken this study back. Do not rely on what it found.

1 retraction and 2 new summaries.
About 2 minutes to read.

Read this digest on the web:
{BASE}/digests/caregiver-weekly/2026-W46/

Unsubscribe:
{WAY_OUT}

Corrections and notices
-----------------------

Retracted: Morning Light and Mood
{BASE}/articles/sunlight/

14 November 2026. The journal has taken this study back. Do not rely on
what it found.

Saturday 14 November 2026
-------------------------

1. Short Walks and Tiredness in MS
{BASE}/articles/short-walks/

Short walks made everyday tiredness easier to live with.

For caregivers:
Caregivers can help by walking along.

Keep in mind:
The study was small and lasted three months only.

Study published in: Journal of Examples
Topics: fatigue; walking

2. Short Naps After Lunch
{BASE}/articles/naps/

A nap of half an hour may help people with MS through the afternoon.

Keep in mind:
The study had no group to compare with.

Study: The study behind Short Naps After Lunch
https://journal.example.com/naps

--{" "}
About this email
----------------

This digest explains research in plain words. It is not medical advice.

No tracking: this email has no pictures and its links do not count you.

You get this email because you asked for Caregiver Weekly.

Unsubscribe:
{WAY_OUT}

Change what you get:
{WAY_OUT}#change

Sent by The Example Editors.
1 Example Street, Example Town

How we treat your data:
{BASE}/privacy/

Write to us:
editors@example.org
"""


def message(html: str = HTML, text: str = TEXT, fields: str = FIELDS) -> bytes:
    """The message in wire form. What is not ASCII in `fields` goes out as it stands, for the gate to find."""
    kind = 'Content-Type: multipart/alternative;\n boundary="=_specimen"\n\n'
    head = (fields + kind).encode("utf-8", "surrogateescape")
    sections = b"".join(b"--=_specimen\n" + _section(*part) for part in (("plain", text), ("html", html)))
    return (head + sections + b"--=_specimen--\n").replace(b"\n", b"\r\n")


def text_only(text: str = TEXT, fields: str = FIELDS) -> bytes:
    return (fields.encode() + _section("plain", text)).replace(b"\n", b"\r\n")


def codes(data: bytes, expected: Expected | None = EXPECTED) -> set[str]:
    return {each.code for each in check_message(data, expected=expected)}


def _section(subtype: str, content: str) -> bytes:
    head = (
        f"Content-Type: text/{subtype}; charset=utf-8\nContent-Language: en\n"
        "Content-Transfer-Encoding: quoted-printable\n\n"
    )
    return head.encode() + quopri.encodestring(content.encode("utf-8", "surrogatepass")) + b"\n"
