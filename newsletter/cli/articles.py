"""Commands about articles: one document, the sources, what is kept."""

from __future__ import annotations

import sys
from dataclasses import asdict, fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from newsletter.cli.base import (
    at,
    common_options,
    config_option,
    json_option,
    leave,
    opened,
    print_json,
    progress,
    stamp,
    table,
)
from newsletter.errors import DocumentError, UsageError

if TYPE_CHECKING:
    from newsletter.config import SourceConfig
    from newsletter.model import Article, Document, Facts, Summary


@click.command()
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--kind", default=None, help="captures, html, markdown, json, csv, feed, pubmed or wordpress.")
@json_option
def parse(file: Path, as_json: bool, kind: str | None) -> None:
    """Show what one document becomes; store nothing. A FILE of - reads standard input.

    Without --kind the file's name tells its kind. Of a file of many documents the first is shown.
    """
    from newsletter.sources.base import Source
    from newsletter.sources.kinds import KINDS, format_of, kind_of, limit_of
    from newsletter.sources.places import File, Stream

    if kind is not None and kind not in KINDS:
        raise UsageError(f'no kind "{kind}"; there are: {", ".join(KINDS)}')
    documents = format_of(kind or kind_of(file.name))
    limit = limit_of(documents)
    place = Stream(sys.stdin.buffer, bytes_limit=limit) if str(file) == "-" else File(file, limit)
    source = Source("parse", place, documents)
    first = next(source.fetch(), None)
    if first is None:
        raise DocumentError("E-EMPTY", f"{file}: there is no document in it")
    _print(_document(source.parse(first)), as_json=as_json)


def _print(told: dict[str, Any], *, as_json: bool) -> None:
    """Names in bold, each value on lines of its own."""
    if as_json:
        print_json(told)
        return
    for name, value in told.items():
        click.secho(name.replace("_", " "), bold=True)
        for each in (value if isinstance(value, list | tuple) else [value]) or ["none"]:
            click.echo(f"  {_plain(each)}")


def _document(document: Document) -> dict[str, Any]:
    """The keys that `newsletter parse --json` promises."""
    summary = document.summary
    return {
        "title": summary.title,
        "credibility": summary.credibility,
        "interest": summary.interest,
        "key_takeaway": summary.key_takeaway,
        "what_they_found": list(summary.what_they_found),
        "who_should_care": list(summary.who_should_care),
        "considerations": list(summary.considerations),
        "topics": list(summary.topics),
        "topics_raw": document.topics_raw,
        "related": [
            {"title": each.title, "date": each.date.day if each.date else None, "teaser": each.teaser}
            for each in document.related
        ],
        "journal": summary.journal,
        "warnings": [{"code": each.code, "message": each.message} for each in document.warnings],
    }


@click.command()
@common_options
@click.option("--stdin", "source", default=None, help="Read this source's documents from standard input instead.")
def ingest(config_path: Path, as_json: bool, now: datetime | None, source: str | None = None) -> None:
    """Take in new and changed articles from every source."""
    stream = None if source is None else (source, sys.stdin.buffer)
    with opened(config_path) as app, progress(None, "taking in") as advance:
        reports = app.ingest(at(now), told=advance, stream=stream)
    quarantined = [entry for report in reports for entry in report.quarantined]
    problems = [report.problem for report in reports if report.problem is not None]
    if as_json:
        print_json({"sources": reports})
    else:
        rows = [(r.source, len(r.new), len(r.revised), len(r.unchanged), len(r.quarantined)) for r in reports]
        table("Articles", ("source", "new", "revised", "unchanged", "quarantined"), rows)
        for entry in quarantined:
            click.secho(f"quarantined {entry.source}/{entry.key}: {entry.code}: {entry.message}", fg="yellow", err=True)
        for doubt in (doubt for report in reports for doubt in report.doubts):
            click.secho(f"doubt {doubt}", fg="yellow", err=True)
        for problem in problems:
            click.secho(f"unreadable {problem}", fg="red", err=True)
    leave(1 if quarantined or problems else 0)


@click.command()
@json_option
@config_option
def sources(config_path: Path, as_json: bool) -> None:
    """List the sources that are configured, and what each gave when it was last asked."""
    with opened(config_path) as app:
        found = app.sources()
    if as_json:
        told = [{"source": each.slug, "kind": each.kind, "place": _place(each), "last": run} for each, run in found]
        print_json({"sources": told})
        return
    rows = [
        (each.slug, each.kind, _place(each), *((run.at, run.new, run.quarantined) if run else ("never", "", "")))
        for each, run in found
    ]
    table("Sources", ("source", "kind", "place", "last asked", "new", "quarantined"), rows)
    for _, run in found:
        if run is not None and run.problem is not None:
            click.secho(f"unreadable {run.problem}", fg="red")


def _place(source: SourceConfig) -> str:
    return str(source.folder or source.file or source.url)


@click.command()
def schema() -> None:
    """Print the fields of articles in JSON and CSV files, as a JSON Schema."""
    from newsletter.sources.fields import json_schema

    print_json(json_schema())


@click.group()
def topics() -> None:
    """What articles are about."""


@topics.command("review")
@json_option
@config_option
def topics_review(config_path: Path, as_json: bool) -> None:
    """List topics that could not be told apart with confidence, with other readings of the same text."""
    with opened(config_path) as app:
        doubts = app.doubtful_topics()
    if as_json:
        print_json({"doubtful": doubts})
        return
    for doubt in doubts:
        click.secho(doubt.topics_raw, bold=True)
        click.echo(f"  {doubt.title}")
        click.echo(f"  taken:  {'; '.join(doubt.topics) or 'nothing'}")
        for other in doubt.readings:
            click.echo(f"  or:     {'; '.join(other)}")
    click.echo(f"{len(doubts)} doubtful; settle them under [lists] in the file that `paths.topics` names")


@click.group()
def quarantine() -> None:
    """Documents that could not be used."""


@quarantine.command("list")
@json_option
@config_option
def quarantine_list(config_path: Path, as_json: bool) -> None:
    """List them with their reasons."""
    with opened(config_path) as app:
        entries = app.quarantined()
    if as_json:
        print_json({"quarantined": entries})
    else:
        rows = [(entry.source, entry.key, entry.code, entry.line or "", entry.at) for entry in entries]
        table("Quarantine", ("source", "document", "code", "line", "since"), rows)


@quarantine.command("show")
@click.argument("document")
@json_option
@config_option
def quarantine_show(config_path: Path, as_json: bool, document: str) -> None:
    """Say what is wrong with one DOCUMENT, named SOURCE/KEY or KEY."""
    with opened(config_path) as app:
        found = [entry for entry in app.quarantined() if document in {entry.key, f"{entry.source}/{entry.key}"}]
    if not found:
        raise UsageError(f'no document "{document}" in quarantine; `newsletter quarantine list` shows all')
    if as_json:
        print_json({"quarantined": found})
        return
    for entry in found:
        click.secho(f"{entry.source}/{entry.key}: {entry.code}", bold=True)
        click.echo(f"  {entry.message}\n  since {stamp(entry.at)}")


@quarantine.command("retry")
@common_options
@click.pass_context
def quarantine_retry(ctx: click.Context, config_path: Path, as_json: bool, now: datetime | None) -> None:
    """Try them again: the same as `newsletter ingest`, which always does."""
    ctx.invoke(ingest, config_path=config_path, as_json=as_json, now=now)


@click.group("articles")
def shelf() -> None:
    """Articles that were taken in."""


@shelf.command("list")
@click.option("--topic", default=None, help="Only those with this topic.")
@common_options
def articles_list(config_path: Path, as_json: bool, now: datetime | None, topic: str | None) -> None:
    """List what readers can see, newest first."""
    with opened(config_path) as app:
        found = [each for each in app.articles(at(now)) if topic is None or _has_topic(each, topic)]
    if as_json:
        print_json({"articles": [_row(each) for each in found]})
    else:
        rows = [(each.published.date(), each.slug, each.status, each.title) for each in found]
        table("Articles", ("published", "article", "status", "title"), rows)


@shelf.command("show")
@click.argument("slug")
@json_option
@config_option
def articles_show(config_path: Path, as_json: bool, slug: str) -> None:
    """Show one article with its dates and where they come from."""
    with opened(config_path) as app:
        article = app.article(slug)
    facts = {name: value for name, value in _fields(article.facts).items() if name not in {"published", "status"}}
    told = _row(article) | _fields(article.summary) | facts | {"topics_raw": article.topics_raw}
    _print(told, as_json=as_json)


def _fields(value: Summary | Facts) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _row(article: Article) -> dict[str, Any]:
    return {
        "id": article.id,
        "slug": article.slug,
        "title": article.title,
        "source": f"{article.source}/{article.key}",
        "status": article.status,
        "published": article.published,
        "published_precision": article.published_precision,
        "date_origin": article.date_origin,
        "first_seen": article.first_seen,
        "updated": article.updated,
    }


def _has_topic(article: Article, topic: str) -> bool:
    return topic.casefold() in {each.casefold() for each in article.summary.topics}


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name}: {each}" for name, each in value.items() if each is not None)
    if value is None:
        return "none"
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    return str(value)
