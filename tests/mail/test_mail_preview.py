"""What is shown where one audience's email cannot be made: all the others, and why."""

from __future__ import annotations

from dataclasses import replace

from mail.letters import SITE, TEMPLATES, make_addressee, make_digest, make_item

from newsletter.mail.note import NoteKind
from newsletter.mail.preview import make_preview
from newsletter.model import Audience


def test_one_audience_too_many_words_leaves_the_others_to_be_seen() -> None:
    """Clinicians get every sentence of the considerations, everybody else one."""
    item = make_item()
    long = tuple(f"The {number}th limit of this study is one of many." for number in range(3000))
    article = replace(item.article, summary=replace(item.article.summary, considerations=long))
    preview = make_preview(make_digest((replace(item, article=article),)), SITE, TEMPLATES, make_addressee())
    groups = {each.group for each in preview.shown}
    assert groups == {*Audience, *NoteKind} - {Audience.CLINICIAN}
    (told,) = [warning for warning in preview.warnings if "for the audience clinician" in warning]
    assert "90" in told
