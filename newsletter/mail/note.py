"""Emails to one person about their subscription: please confirm, welcome, goodbye, your preferences. In the dress of the digests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from newsletter.errors import MailError
from newsletter.mail import fields, wording
from newsletter.mail.compile import mail_sources
from newsletter.mail.cut import Marks, Strip
from newsletter.mail.fragments import Bundle, Fragment, Skeleton, pack
from newsletter.mail.inline import inline
from newsletter.mail.letter import Dress, clean, dress
from newsletter.mail.message import message
from newsletter.mail.text import foot, linked, underlined, wrapped
from newsletter.model import Cadence, Edition, Mailing, Newsletter, NoteKind, Site
from newsletter.templating import Templates, labelled
from newsletter.words import ENGLISH, Words

__all__ = ["TEMPLATE", "Note", "NoteKind", "compile_note", "write_note"]

TEMPLATE = "mail/note.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note(Dress):
    """The words of a note. There is one thing to press, and what `after` says stands below it."""

    edition: Edition
    before: tuple[str, ...]
    action: str
    action_url: str
    after: tuple[str, ...]


def compile_note(
    kind: NoteKind,
    newsletter: Newsletter,
    site: Site,
    templates: Templates,
    *,
    editions: Iterable[Edition] = (Edition.STANDARD,),
    comes: Sequence[tuple[str, Cadence]] = (),
) -> Mailing:
    """A note in wire form, for `mail.merge`. The same newsletter, site and templates give the same bytes.

    `comes` tells how often, for each of several newsletters by its title; without it, `newsletter` says so.

    Raises MailError for a site or newsletter that lacks what every email must say; InlineError and TemplateError for a
    template that cannot be used.
    """
    fields.require_sendable(newsletter, site, f"newsletter {newsletter.slug}, {kind}")
    marks = Marks(secret=hashlib.sha256(repr((kind, newsletter, site)).encode(errors="replace")).hexdigest()[:32])
    subject = _SUBJECTS[kind](templates.words, newsletter)
    skeletons = tuple(
        _skeleton(kind, newsletter, site, templates, marks, edition, comes) for edition in dict.fromkeys(editions)
    )
    bundle = Bundle(articles=(), always=True, skeletons=skeletons)
    return Mailing(newsletter=newsletter.slug, period=kind.value, subject=subject, template=pack(bundle))


def _skeleton(
    kind: NoteKind,
    newsletter: Newsletter,
    site: Site,
    templates: Templates,
    marks: Marks,
    edition: Edition,
    comes: Sequence[tuple[str, Cadence]],
) -> Skeleton:
    note = write_note(kind, newsletter, site, marks, edition, templates.words, comes)
    page = () if edition is Edition.TEXT_ONLY else (_whole(_page(note, templates)),)
    head = (Fragment(mask=0, content=field.encode()) for field in fields.of_note(note, newsletter, kind, site))
    return Skeleton(
        edition=edition,
        audience=newsletter.audience,
        pieces=message(head, (_whole(_text(note)),), page, templates.words.language, marks),
        words=(),
        notice_words=0,
        items=0,
        most_titles=0,
        brief=0,
    )


def write_note(
    kind: NoteKind,
    newsletter: Newsletter,
    site: Site,
    marks: Marks,
    edition: Edition,
    words: Words = ENGLISH,
    comes: Sequence[tuple[str, Cadence]] = (),
) -> Note:
    """A note in `words`, with marks for the recipient's links. `comes` as for `compile_note`."""
    title = clean(newsletter.title)
    each = [(clean(named), cadence) for named, cadence in comes] or [(title, newsletter.cadence)]
    told = _told(kind, title, each, words)
    preheader = words.gettext(told.preheader)
    return Note(
        **dress(
            site,
            words,
            subject=_SUBJECTS[kind](words, newsletter),
            preheader=wording.discreetly(words, preheader) if newsletter.discreet else preheader,
            title=title,
            unsubscribe_url=marks.unsubscribe_url if kind is NoteKind.WELCOME else "",
            reason=words.gettext(told.reason) if told.reason else "",
        ),
        edition=edition,
        before=told.before,
        action=told.action or wording.visit(words, clean(site.title)),
        action_url=_action_url(kind, site, marks),
        after=tuple(map(words.gettext, told.after)),
    )


def _action_url(kind: NoteKind, site: Site, marks: Marks) -> str:
    if kind is NoteKind.CONFIRMATION:
        return marks.confirm_url
    return site.url() if kind is NoteKind.GOODBYE else marks.preferences_url


class _Told(NamedTuple):
    """What differs from note to note: `before` and `action` are said already, the rest are texts of the catalogue.

    Without an `action` there is a visit to the site to be made.
    """

    before: tuple[str, ...]
    action: str
    preheader: str
    reason: str
    after: tuple[str, ...]


def _told(kind: NoteKind, title: str, comes: Sequence[tuple[str, Cadence]], words: Words) -> _Told:
    say = words.gettext
    match kind:
        case NoteKind.CONFIRMATION:
            return _Told(
                before=(wording.confirm_asked(words, title), wording.confirm_ask(words, title)),
                action=wording.confirm_button(words, title),
                preheader=wording.CONFIRM_PREHEADER,
                reason=wording.CONFIRM_REASON,
                after=(wording.CONFIRM_NOTHING,),
            )
        case NoteKind.WELCOME:
            plain = (say(wording.WELCOME_ORDINARY), say(wording.WELCOME_CHOOSE))
            return _Told(
                before=(wording.welcome_thanks(words, title), *wording.cadence_words(words, comes), *plain),
                action=say(wording.PREFERENCES_BUTTON),
                preheader=wording.WELCOME_PREHEADER,
                reason="",
                after=(wording.PREFERENCES_KEEP, wording.WELCOME_AGAIN, wording.WELCOME_STOP),
            )
        case NoteKind.PREFERENCES:
            return _Told(
                before=(say(wording.PREFERENCES_ASKED), say(wording.PREFERENCES_PAGE)),
                action=say(wording.PREFERENCES_BUTTON),
                preheader=wording.PREFERENCES_PREHEADER,
                reason=wording.PREFERENCES_REASON,
                after=(wording.PREFERENCES_KEEP, wording.PREFERENCES_NOTHING),
            )
        case _:
            return _Told(
                before=(wording.goodbye_done(words, title), say(wording.GOODBYE_NOTHING)),
                action="",
                preheader=wording.GOODBYE_PREHEADER,
                reason=wording.GOODBYE_REASON,
                after=(wording.GOODBYE_THANKS,),
            )


_SUBJECTS = {
    NoteKind.CONFIRMATION: wording.confirm_subject,
    NoteKind.WELCOME: wording.welcome_subject,
    NoteKind.GOODBYE: wording.goodbye_subject,
    NoteKind.PREFERENCES: wording.preferences_subject,
}


def _page(note: Note, templates: Templates) -> str:
    page = inline(
        templates.render(TEMPLATE, letter=note, wording=wording.constants(note.words)),
        sources=mail_sources(templates),
        template=TEMPLATE,
    )
    for name, url in (("action_url", note.action_url), ("unsubscribe_url", note.unsubscribe_url)):
        if url not in page:
            raise MailError(f"template {TEMPLATE}: the link is missing; put letter.{name} into it")
    return page


def _text(note: Note) -> str:
    parts = (
        underlined(note.title),
        *map(wrapped, note.before),
        linked(labelled(note.words, note.action), note.action_url),
        *map(wrapped, note.after),
    )
    last = (wrapped(note.words.gettext(wording.NO_TRACKING)), *foot(note))
    return "\n\n".join(parts) + "\n\n-- \n" + "\n\n".join(last) + "\n"


def _whole(text: str) -> Strip:
    return Strip(mask=0, forms=(text,))
