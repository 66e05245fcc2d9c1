"""The command line. Heavy imports stay inside the commands, so that `--help` answers at once.

Exit status: 0 done; 1 done, but something needs a hand (a quarantined document, a refused digest, a clock or a relay
that cannot be trusted); 2 not done, because the configuration, the command or the document cannot be used.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar

import click

from newsletter import __version__
from newsletter.errors import ClockRefused, ConfigError, DocumentError, NewsletterError, RelayFailure

if TYPE_CHECKING:
    from newsletter.app import App, Status
    from newsletter.config import Config
    from newsletter.model import Digest, Document, PlannedDigest

Command = TypeVar("Command", bound=Callable[..., Any])


class _Moment(click.ParamType["datetime"]):
    """An instant with its zone, such as 2026-11-20T09:00:00Z."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        from datetime import UTC

        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f'"{value}" is not a time such as 2026-11-20T09:00:00Z', param, ctx)
        if moment.tzinfo is None:
            self.fail(f'"{value}" has no zone; write for example {value}Z', param, ctx)
        return moment.astimezone(UTC)


_config = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    default=Path("config.toml"),
    show_default=True,
    help="The operator's file.",
)
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON value, for machines.")
_now = click.option("--now", type=_Moment(), default=None, help="Act as if it were this time (with its zone).")


def _common(command: Command) -> Command:
    """The options that every command has where time matters."""
    for option in (_now, _json, _config):
        command = option(command)
    return command


class _Group(click.Group):
    """Turns our errors into one message and an exit status; a traceback is for our own mistakes alone."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except NewsletterError as error:
            _complain(error)
            ctx.exit(1 if isinstance(error, ClockRefused | RelayFailure) else 2)
        except KeyboardInterrupt:
            ctx.exit(130)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="newsletter")
def main() -> None:
    """Plain-language research summaries in; feeds, email digests and web pages out."""


# -- one document -----------------------------------------------------------------------------------------------------


@main.command()
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@_json
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
        _print_json(told)
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


# -- the verbs --------------------------------------------------------------------------------------------------------


@main.command()
@_common
def ingest(config_path: Path, as_json: bool, now: datetime | None) -> None:
    """Take in new and changed articles from every source."""
    with _open(config_path) as app:
        reports = app.ingest(_at(now))
    quarantined = [entry for report in reports for entry in report.quarantined]
    if as_json:
        _print_json({"sources": reports})
    else:
        rows = [(r.source, len(r.new), len(r.revised), len(r.unchanged), len(r.quarantined)) for r in reports]
        _table("Articles", ("source", "new", "revised", "unchanged", "quarantined"), rows)
        for entry in quarantined:
            click.secho(f"quarantined {entry.source}/{entry.key}: {entry.code}: {entry.message}", fg="yellow", err=True)
    _exit(1 if quarantined else 0)


@main.command()
@_common
@click.option("--catch-up", is_flag=True, help="Believe the clock although it leapt.")
def publish(config_path: Path, as_json: bool, now: datetime | None, catch_up: bool) -> None:
    """Compose every digest that is due, and bring feeds and pages up to date."""
    from newsletter.publish import Refused

    with _open(config_path) as app:
        report = app.publish(_at(now), catch_up=catch_up)
    refused = [result for result in report.results if isinstance(result, Refused)]
    if as_json:
        _print_json(report)
    else:
        recorded = [result for result in report.results if not isinstance(result, Refused)]
        rows = [(*_name(r.planned), r.articles, r.notices, r.deliveries) for r in recorded if r.planned.mailed]
        _table("Digests", ("newsletter", "period", "articles", "notices", "deliveries"), rows)
        back_issues = sum(1 for r in recorded if not r.planned.mailed and (r.articles or r.notices))
        if back_issues:
            click.echo(f"and {back_issues} back issues for pages and feeds, mailed to nobody")
        if report.files is not None:
            files = report.files
            click.echo(f"files: {files.written} written, {files.unchanged} unchanged, {files.removed} removed")
        for each in refused:
            newsletter, period = _name(each.planned)
            click.secho(f"refused {newsletter} {period}: {each.message}", fg="red", err=True)
    _exit(1 if refused else 0)


@main.command()
@_common
def plan(config_path: Path, as_json: bool, now: datetime | None) -> None:
    """Show which digests `publish` would compose now; change nothing."""
    with _open(config_path) as app:
        digests = [draft.digest for draft in app.plan(_at(now))]
    told = [
        {
            "newsletter": digest.planned.newsletter,
            "period": digest.planned.period,
            "window_start": digest.planned.window_start,
            "window_end": digest.planned.window_end,
            "due_at": digest.planned.due_at,
            "mailed": _mailed(digest) == "yes",
            "catch_up": digest.planned.catch_up,
            "articles": [placed.article.title for placed in digest.placed],
            "notices": len(digest.notices),
        }
        for digest in digests
    ]
    if as_json:
        _print_json({"due": told})
        return
    rows = [(*_name(digest.planned), digest.planned.due_at, len(digest.placed), _mailed(digest)) for digest in digests]
    _table("Due now", ("newsletter", "period", "due since", "articles", "mailed"), rows)


@main.command()
@_common
def deliver(config_path: Path, as_json: bool, now: datetime | None) -> None:
    """Send every delivery that is due."""
    from newsletter import clock

    stop = _stop_on_signal()
    with _open(config_path) as app, app.sole_process():
        app.recover(_at(now))
        with _progress(app.due_deliveries(_at(now)), "delivering") as advance:
            counts = app.deliver(clock.now if now is None else lambda: now, stop=stop, told=lambda _: advance())
    if as_json:
        _print_json({"deliveries": counts})
    elif counts:
        _table("Deliveries", ("state", "number"), sorted(counts.items()))
    else:
        click.echo("nothing to deliver")


@main.command()
@_config
def run(config_path: Path) -> None:
    """Tick, send and serve in the foreground until SIGTERM or Ctrl-C."""
    from newsletter import clock, scheduler
    from newsletter.web import server

    stop = _stop_on_signal()
    with _open(config_path) as app, app.sole_process():
        app.recover(clock.now())
        web = app.config.web
        with server.serving(app, web.host, web.port) as address, scheduler.running(app, stop):
            click.echo(f"serving {address} and ticking every {app.config.schedule.tick_seconds} s; Ctrl-C ends it")
            stop.wait()
            click.echo("finishing what is in flight")


@main.command()
@_common
def status(config_path: Path, as_json: bool, now: datetime | None) -> None:
    """Show newsletters, last and next digest, and deliveries by state."""
    with _open(config_path) as app:
        told = app.status(_at(now))
        config = app.config
    if as_json:
        _print_json(_status_json(told))
        return
    rows = [
        (
            each.newsletter.slug,
            each.subscribers,
            each.digests,
            f"{each.last.planned.period} ({each.last.state})" if each.last else "none yet",
            f"{each.next.period}, due {_local(each.next.due_at, each.newsletter.zone)}",
            ", ".join(f"{count} {state}" for state, count in sorted(each.deliveries.items())) or "none",
        )
        for each in told.newsletters
    ]
    _table("Newsletters", ("newsletter", "subscribers", "digests", "last", "next", "deliveries"), rows)
    click.echo(f"articles: {told.articles}; quarantined: {len(told.quarantined)}; last tick: {_stamp(told.last_tick)}")
    for entry in told.quarantined:
        click.secho(f"quarantined {entry.source}/{entry.key}: {entry.code}: {entry.message}", fg="yellow")
    if told.refusal:
        click.secho(f"clock: {told.refusal}", fg="red")
    _where(config)


@main.command()
@click.argument("newsletter")
@click.option("--period", default=None, help="Such as 2026-11-20, 2026-W47 or 2026-11; default: the newest digest.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The folder to write to.")
@_common
def preview(
    config_path: Path, as_json: bool, now: datetime | None, newsletter: str, period: str | None, out: Path
) -> None:
    """Write one recipient's email as digest.html, digest.txt and digest.eml."""
    with _open(config_path) as app:
        shown = app.preview(newsletter, period, _at(now))
    out.mkdir(parents=True, exist_ok=True)
    files = {
        "digest.html": shown.html.encode(),
        "digest.txt": shown.text.encode(),
        "digest.eml": shown.message,
    }
    for name, data in files.items():
        (out / name).write_bytes(data)
    if as_json:
        _print_json({"newsletter": shown.newsletter, "period": shown.period, "files": [str(out / n) for n in files]})
    else:
        click.echo(f"{shown.newsletter} {shown.period}: wrote {', '.join(str(out / name) for name in files)}")


# -- subscribers ------------------------------------------------------------------------------------------------------


@main.group()
def subscribers() -> None:
    """Add, list and remove subscribers."""


@subscribers.command("add")
@click.argument("address")
@click.option("--newsletter", "newsletters", multiple=True, required=True, help="Which newsletter; may be repeated.")
@click.option("--name", default="", help="How the person wants to be addressed.")
@click.option("--consent", required=True, help="What the person agreed to, and how you know.")
@_common
def subscribers_add(
    config_path: Path,
    as_json: bool,
    now: datetime | None,
    address: str,
    newsletters: Sequence[str],
    name: str,
    consent: str,
) -> None:
    """Enter a person who has agreed to get a newsletter."""
    from newsletter.model import Consent

    agreed = Consent(text=consent, at=_at(now), source="operator")
    with _open(config_path) as app:
        added = {slug: app.add_subscriber(address, name, slug, agreed) for slug in newsletters}
    if as_json:
        _print_json({"added": added})
    else:
        for slug, new in added.items():
            click.echo(f"{slug}: {'added' if new else 'was there already'}")


@subscribers.command("list")
@click.option("--newsletter", default=None, help="Only this one.")
@_json
@_config
def subscribers_list(config_path: Path, as_json: bool, newsletter: str | None) -> None:
    """List subscriptions."""
    with _open(config_path) as app:
        found = app.subscribers(newsletter)
    rows = [(s.subscriber.address, s.subscriber.name, s.newsletter, s.state, s.consent.at) for s in found]
    columns = ("address", "name", "newsletter", "state", "consent")
    if as_json:
        _print_json({"subscriptions": [dict(zip(columns, row, strict=True)) for row in rows]})
    else:
        _table("Subscriptions", columns, rows)


@subscribers.command("remove")
@click.argument("address")
@_json
@_config
def subscribers_remove(config_path: Path, as_json: bool, address: str) -> None:
    """Delete a person and every subscription of theirs."""
    with _open(config_path) as app:
        removed = app.remove_subscriber(address)
    if as_json:
        _print_json({"removed": removed})
    else:
        click.echo("removed" if removed else "no such subscriber")


# -- helpers ----------------------------------------------------------------------------------------------------------


@contextmanager
def _open(config_path: Path) -> Iterator[App]:
    from newsletter.app import open_app
    from newsletter.config import load

    app = open_app(load(config_path))
    try:
        yield app
    finally:
        app.close()


def _at(now: datetime | None) -> datetime:
    from newsletter import clock

    return clock.now() if now is None else now


def _stop_on_signal() -> Event:
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _exit(status: int) -> None:
    click.get_current_context().exit(status)


def _complain(error: NewsletterError) -> None:
    if "--json" in sys.argv:
        code = error.code if isinstance(error, DocumentError) else type(error).__name__
        _print_json({"error": code, "message": error.message})
        return
    problems = error.problems if isinstance(error, ConfigError) else (error.message,)
    for problem in problems:
        click.secho(f"newsletter: {problem}", fg="red", err=True)


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, default=_jsonable, ensure_ascii=False, indent=2))


def _jsonable(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {name: getattr(value, name) for name in value.__dataclass_fields__}
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return str(value)


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table with colour on a terminal; aligned plain text in a pipe."""
    lines = [tuple(_cell(value) for value in row) for row in rows]
    if not lines:
        click.echo(f"{title.lower()}: none")
    elif sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table

        table = Table(*columns, title=title, title_justify="left")
        for line in lines:
            table.add_row(*line)
        Console().print(table)
    else:
        widths = [max(len(line[i]) for line in (tuple(columns), *lines)) for i in range(len(columns))]
        for line in (tuple(columns), *lines):
            click.echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


@contextmanager
def _progress(total: int, title: str) -> Iterator[Callable[[], None]]:
    """A progress bar on a terminal; nothing in a pipe."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, disable=not (total and sys.stderr.isatty())) as bar:
        task = bar.add_task(title, total=total)
        yield lambda: bar.advance(task)


def _cell(value: Any) -> str:
    return _stamp(value) if isinstance(value, datetime) else str(value)


def _stamp(moment: datetime | None) -> str:
    return "never" if moment is None else moment.strftime("%Y-%m-%d %H:%M UTC")


def _local(moment: datetime, zone: str) -> str:
    from zoneinfo import ZoneInfo

    return moment.astimezone(ZoneInfo(zone)).strftime("%a %d %b %H:%M ") + zone


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name}: {each}" for name, each in value.items() if each is not None)
    if value is None:
        return "none"
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    return str(value)


def _name(planned: PlannedDigest) -> tuple[str, str]:
    return planned.newsletter, planned.period


def _mailed(digest: Digest) -> str:
    return "yes" if digest.planned.mailed and not digest.empty else "no"


def _status_json(told: Status) -> dict[str, Any]:
    return {
        "newsletters": [
            {
                "newsletter": each.newsletter.slug,
                "subscribers": each.subscribers,
                "digests": each.digests,
                "last": each.last
                and {"period": each.last.planned.period, "state": each.last.state, "articles": len(each.last.placed)},
                "next": {"period": each.next.period, "due_at": each.next.due_at},
                "deliveries": each.deliveries,
            }
            for each in told.newsletters
        ],
        "articles": told.articles,
        "quarantined": told.quarantined,
        "last_tick": told.last_tick,
        "clock_refused": told.refusal,
    }


def _where(config: Config) -> None:
    """Where to look, for people."""
    public = Path(config.paths.public)
    places = [("pages", public / "index.html"), ("feeds", public / "feeds" / "index.html")]
    if config.delivery.transport == "maildir":
        places.append(("emails", Path(config.delivery.maildir.folder) / "new"))
    for name, path in places:
        if path.exists():
            click.echo(f"{name}: {path}")
