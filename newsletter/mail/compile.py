"""A digest's email, made once: rendered, inlined, encoded, with slots for what differs by recipient."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from newsletter.errors import MailError
from newsletter.mail import fields, headers, wording
from newsletter.mail.choice import for_audience
from newsletter.mail.cut import Marks, Strip, cut_page, cut_text
from newsletter.mail.fields import require_sendable
from newsletter.mail.fragments import Axis, Bundle, Forms, Fragment, Skeleton, pack
from newsletter.mail.inline import inline
from newsletter.mail.letter import Letter, clean, words_of, write_letter
from newsletter.mail.message import message
from newsletter.model import Audience, Digest, Edition, Mailing, Site
from newsletter.templating import Templates

TEMPLATE = "mail/digest.html"

WARN_SIZE, LARGEST_SIZE = 75_000, 90_000  #: bytes of decoded HTML: mail readers cut what is longer
_URL_SIZE = 200  #: bytes for an unsubscribe URL, more than any of ours


def compile_mailing(
    digest: Digest,
    site: Site,
    templates: Templates,
    *,
    editions: Iterable[Edition] = (Edition.STANDARD,),
    audiences: Iterable[Audience] = (),
) -> Mailing:
    """The message in wire form, in every edition asked for and for the newsletter's audience and every other asked for.

    The same digest, site and templates give the same bytes.
    Raises MailError for an empty digest, for one that cannot be made small enough, and for a site or newsletter that
    lacks what every email must say; InlineError and TemplateError for a template that cannot be used.
    """
    newsletter = digest.newsletter
    require_sendable(newsletter, site, _where(digest))
    fields.require_slug(_where(digest), "period", digest.planned.period)
    if digest.empty:
        raise MailError(f"{_where(digest)}: the digest is empty; nobody is mailed nothing")
    # A hash over everything that can appear in the letter: no article can hold its own hash by design or by chance.
    marks = Marks(secret=hashlib.sha256(repr((digest, site)).encode(errors="replace")).hexdigest()[:32])
    wanted = tuple(dict.fromkeys(editions))
    works = [
        _compile(for_audience(digest, audience), edition, site, templates, marks)
        for audience in dict.fromkeys((newsletter.audience, *audiences))
        for edition in wanted
    ]
    bundle = Bundle(
        articles=tuple(article.id for article in digest.articles),
        always=bool(digest.notices),
        skeletons=tuple(skeleton for skeleton, _ in works),
    )
    return Mailing(
        newsletter=newsletter.slug,
        period=digest.planned.period,
        subject=wording.subject(templates.words, digest, len(bundle.articles)),
        template=pack(bundle),
        warnings=tuple(f"{_where(digest)}: {warning}" for _, warnings in works for warning in warnings),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """A letter with all titles, and both its parts in strips. There is no page in the text-only edition."""

    letter: Letter
    text: tuple[Strip, ...]
    page: tuple[Strip, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What a page has room for. `size` is the most that any choice of articles can come to."""

    size: int
    brief: int = 0
    most_titles: int


def _compile(
    digest: Digest, edition: Edition, site: Site, templates: Templates, marks: Marks
) -> tuple[Skeleton, list[str]]:
    whole = _draft(digest, edition, site, templates, marks, brief=False)
    most_titles = min(digest.newsletter.title_items, len(digest.titles))
    form = f"{edition} edition for {digest.newsletter.audience}"
    plan = _Plan(size=_size(whole.page, whole.letter, most_titles), most_titles=most_titles)
    brief = whole
    if plan.size > LARGEST_SIZE:
        brief = _draft(digest, edition, site, templates, marks, brief=True)
        plan = _fitting(whole, brief, plan, f"{_where(digest)}, {form}")
    told = _shortened(whole, brief, plan.brief)
    skeleton = Skeleton(
        edition=edition,
        audience=digest.newsletter.audience,
        pieces=message(_head(whole.letter, digest, site), told.text, told.page, templates.words.language, marks),
        words=_counted(whole, brief, plan.brief),
        notice_words=words_of(*whole.letter.notices),
        items=len(whole.letter.items),
        most_titles=plan.most_titles,
        brief=plan.brief,
    )
    return skeleton, [f"{form}: {told}" for told in _warnings(plan, most_titles)]


def _draft(digest: Digest, edition: Edition, site: Site, templates: Templates, marks: Marks, *, brief: bool) -> _Draft:
    titles = len(digest.titles)
    letter = write_letter(
        digest,
        site,
        unsubscribe_url=marks.unsubscribe_url,
        words=templates.words,
        edition=edition,
        brief={item.article.id for item in digest.items} if brief else (),
        most_titles=titles,
    )
    letter = replace(letter, rest=wording.rest_words(letter.words, titles) if titles else "")
    forms = _forms(digest, letter)
    text = cut_text(letter, forms)
    if edition is Edition.TEXT_ONLY:
        return _Draft(letter=letter, text=text, page=())
    page = render_page(marks.letter(letter), templates, marks.cut)
    if marks.unsubscribe_url not in page:
        raise MailError(f"template {TEMPLATE}: there is no unsubscribe link; put letter.unsubscribe_url into it")
    strips = cut_page(page, marks, forms, TEMPLATE)
    _require_cuts(strips, letter)
    return _Draft(letter=letter, text=text, page=strips)


def render_page(letter: Letter, templates: Templates, cut: Callable[[int], str]) -> str:
    """The HTML part of a letter, inlined. Raises TemplateError and InlineError."""
    page = templates.render(TEMPLATE, letter=letter, wording=wording.constants(letter.words), cut=cut)
    return inline(page, sources=mail_sources(templates), template=TEMPLATE)


def mail_sources(templates: Templates) -> Iterator[tuple[str, str]]:
    """The templates that a page may come from, for messages that name a line."""
    return ((name, text) for name, text in templates.sources() if name.startswith("mail/"))


def _require_cuts(strips: Iterable[Strip], letter: Letter) -> None:
    found = {strip.mask for strip in strips}
    titles = {item.mask: item.title for item in letter.items} | {title.mask: title.title for title in letter.titles}
    for mask, title in titles.items():
        if mask not in found:
            raise MailError(
                f"template {TEMPLATE}: nothing is cut for {title!r}; put {{{{ cut(item.mask) }}}} on a line before "
                "each item, and the same before each title"
            )


def _forms(digest: Digest, letter: Letter) -> dict[str, tuple[str, ...]]:
    """Every form of the fields that hang on the choice, in the order of their axis."""
    articles = digest.articles
    words, summaries, firsts = letter.words, range(len(articles) + 1), articles or (None,)
    most = wording.minutes(words_of(*letter.notices, *letter.items, *letter.titles))
    told = {
        "subject": [wording.subject(words, digest, number) for number in summaries],
        "counts": [wording.counts_sentence(words, digest, number) for number in summaries],
        "reading": [wording.reading_words(words, number) for number in range(1, most + 1)],
        "preheader": [clean(wording.preheader(words, digest, first)) for first in firsts],
        "opening": [clean(wording.opening(words, digest, first)) for first in firsts],
        "rest": [wording.rest_words(words, number) for number in range(len(digest.titles) + 1)],
    }
    return {name: tuple(forms) if len(set(forms)) > 1 else (forms[0],) for name, forms in told.items()}


# -- size -------------------------------------------------------------------------------------------------------------


def _size(page: Iterable[Strip], letter: Letter, most_titles: int) -> int:
    """The most bytes that a page can come to, whatever is chosen, with CRLF and real links."""
    fixed, titles = 0, {title.mask: 0 for title in letter.titles}
    for strip in page:
        links = sum(form.count(letter.unsubscribe_url) for form in strip.forms)
        size = strip.size + max(form.count("\n") for form in strip.forms) + links * _URL_SIZE
        if strip.mask in titles:
            titles[strip.mask] += size
        else:
            fixed += size
    return fixed + sum(sorted(titles.values(), reverse=True)[:most_titles])


def _fitting(whole: _Draft, brief: _Draft, plan: _Plan, where: str) -> _Plan:
    """Tell the last items briefly, one after another, then fewer titles, until a page is small enough."""
    mask, size = 0, plan.size
    for item in reversed(whole.letter.items):
        mask |= item.mask
        size = _size(_shortened(whole, brief, mask).page, whole.letter, plan.most_titles)
        if size <= LARGEST_SIZE:
            return _Plan(size=size, brief=mask, most_titles=plan.most_titles)
    shortest = _shortened(whole, brief, mask)
    for most_titles in reversed(range(plan.most_titles)):
        size = _size(shortest.page, whole.letter, most_titles)
        if size <= LARGEST_SIZE:
            return _Plan(size=size, brief=mask, most_titles=most_titles)
    raise MailError(
        f"{where}: {size:,} bytes of HTML, told as briefly as can be; at most {LARGEST_SIZE:,} are right. "
        "Lower full_items, or shorten the notices"
    )


def _shortened(whole: _Draft, brief: _Draft, mask: int) -> _Draft:
    """The whole draft with the items of `mask` as the brief one tells them."""
    if not mask:
        return whole
    return replace(
        whole,
        text=tuple(short if long.mask & mask else long for long, short in zip(whole.text, brief.text, strict=True)),
        page=tuple(short if long.mask & mask else long for long, short in zip(whole.page, brief.page, strict=True)),
    )


def _counted(whole: _Draft, brief: _Draft, mask: int) -> tuple[int, ...]:
    """The words of each article, items first."""
    pairs = zip(whole.letter.items, brief.letter.items, strict=True)
    items = (words_of(short if long.mask & mask else long) for long, short in pairs)
    return (*items, *(words_of(title) for title in whole.letter.titles))


def _warnings(plan: _Plan, most_titles: int) -> Iterator[str]:
    if plan.size >= WARN_SIZE:
        yield f"up to {plan.size:,} bytes of HTML; mail readers cut what passes 100,000"
    if plan.brief:
        number = plan.brief.bit_count()
        told = "1 summary is" if number == 1 else f"{number} summaries are"
        yield f"the last {told} told briefly, so that all fits into {LARGEST_SIZE:,} bytes"
    if plan.most_titles < most_titles:
        yield f"{plan.most_titles} titles instead of {most_titles} fit into {LARGEST_SIZE:,} bytes"


# -- bytes ------------------------------------------------------------------------------------------------------------


def _head(letter: Letter, digest: Digest, site: Site) -> Iterator[Fragment | Forms]:
    """The header fields; the subject has a form for each number of articles."""
    for field in fields.of_digest(letter, digest.newsletter, digest.planned.period, site):
        if field.startswith("Subject: "):
            subjects = _forms(digest, letter)["subject"]
            told = tuple(headers.text_header("Subject", subject).encode() for subject in subjects)
            yield Forms(mask=0, axis=Axis.SUMMARIES, forms=told)
        else:
            yield Fragment(mask=0, content=field.encode())


def _where(digest: Digest) -> str:
    return f"newsletter {digest.newsletter.slug}, {digest.planned.period}"
