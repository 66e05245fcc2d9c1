"""Commands about articles: one document, the sources, what is kept."""

from __future__ import annotations

import sys
from dataclasses import asdict, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from newsletter.cli.base import at, common_options, json_option, leave, opened, print_json, table

if TYPE_CHECKING:
    from newsletter.model import Document


@click.command()
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@json_option
def parse(file: Path, as_json: bool) -> None:
    """Show what one document becomes; store nothing. A FILE of - reads standard input."""
    from newsletter.sources.base import Source
    from newsletter.sources.capture import Capture
    from newsletter.sources.places import File, Stream

    place = Stream(sys.stdin.buffer) if str(file) == "-" else File(file)
    source = Source("parse", place, Capture())
    document = source.parse(next(source.fetch()), ())
    told = _document(document)
    if as_json:
        print_json(told)
        return
    for name, value in told.items():
        shown = value if isinstance(value, list) else [value]
        click.secho(name.replace("_", " "), bold=True)
        for each in shown or ["none"]:
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
def ingest(config_path: Path, as_json: bool, now: datetime | None) -> None:
    """Take in new and changed articles from every source."""
    with opened(config_path) as app:
        reports = app.ingest(at(now))
    quarantined = [entry for report in reports for entry in report.quarantined]
    if as_json:
        print_json({"sources": reports})
    else:
        rows = [(r.source, len(r.new), len(r.revised), len(r.unchanged), len(r.quarantined)) for r in reports]
        table("Articles", ("source", "new", "revised", "unchanged", "quarantined"), rows)
        for entry in quarantined:
            click.secho(f"quarantined {entry.source}/{entry.key}: {entry.code}: {entry.message}", fg="yellow", err=True)
    leave(1 if quarantined else 0)


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name}: {each}" for name, each in value.items() if each is not None)
    if value is None:
        return "none"
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    return str(value)
