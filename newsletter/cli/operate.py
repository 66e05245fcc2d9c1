"""Commands of the operator: what is due, what goes out, what happened."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from newsletter.cli.base import (
    at,
    common_options,
    config_option,
    leave,
    opened,
    print_json,
    progress,
    stamp,
    stop_on_signal,
    table,
)

if TYPE_CHECKING:
    from newsletter.app import App, Status
    from newsletter.config import Config
    from newsletter.model import Digest, Pause, PlannedDigest


@click.command()
@common_options
@click.option("--catch-up", is_flag=True, help="Believe the clock although it leapt.")
@click.option("--all", "everything", is_flag=True, help="Make every page and feed anew, also what has not changed.")
def publish(config_path: Path, as_json: bool, now: datetime | None, catch_up: bool, everything: bool) -> None:
    """Compose every digest that is due, and bring feeds and pages up to date."""
    from newsletter.publish import Refused

    with opened(config_path) as app:
        report = app.publish(at(now), catch_up=catch_up, everything=everything)
    refused = [result for result in report.results if isinstance(result, Refused)]
    problems = [*(report.files.problems if report.files else ()), *([report.hub] if report.hub else [])]
    if as_json:
        print_json(report)
    else:
        recorded = [result for result in report.results if not isinstance(result, Refused)]
        rows = [(*_name(r.planned), r.articles, r.notices, r.deliveries) for r in recorded if r.planned.mailed]
        table("Digests", ("newsletter", "period", "articles", "notices", "deliveries"), rows)
        back_issues = sum(1 for r in recorded if not r.planned.mailed and (r.articles or r.notices))
        if back_issues:
            click.echo(f"and {back_issues} back issues for pages and feeds, mailed to nobody")
        if report.files is not None:
            files = report.files
            click.echo(f"files: {files.written} written, {files.unchanged} unchanged, {files.removed} removed")
        for newsletter, period, warning in ((*_name(r.planned), told) for r in recorded for told in r.warnings):
            click.secho(f"{newsletter} {period}: {warning}", fg="yellow", err=True)
        for each in refused:
            newsletter, period = _name(each.planned)
            click.secho(f"refused {newsletter} {period}: {each.message}", fg="red", err=True)
        for repair in report.files.repaired if report.files else ():
            click.secho(f"repaired {repair}", fg="yellow", err=True)
        for problem in problems:
            click.secho(problem, fg="red", err=True)
    leave(1 if refused or problems else 0)


@click.command()
@common_options
def plan(config_path: Path, as_json: bool, now: datetime | None) -> None:
    """Show which digests `publish` would compose now; change nothing."""
    with opened(config_path) as app:
        digests = [draft.digest for draft in app.plan(at(now))]
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
        print_json({"due": told})
        return
    rows = [(*_name(digest.planned), digest.planned.due_at, len(digest.placed), _mailed(digest)) for digest in digests]
    table("Due now", ("newsletter", "period", "due since", "articles", "mailed"), rows)


@click.command()
@common_options
def deliver(config_path: Path, as_json: bool, now: datetime | None) -> None:
    """Answer who has signed up, and send every note and delivery that is due."""
    from newsletter import clock

    stop = stop_on_signal()
    told = clock.now if now is None else lambda: now
    with opened(config_path) as app, app.delivery.sole_process():
        app.delivery.begin(at(now))
        _erase_again(app, at(now))
        app.delivery.lift_automatic()
        answers = app.readers.answer(at(now))
        notes = app.readers.send_notes(told, stop)
        with progress(app.delivery.due(at(now)), "delivering") as advance:
            counts = app.delivery.send(told, stop=stop, told=lambda _: advance())
        paused = app.delivery.pauses(at(now))
    if as_json:
        print_json({"answers": answers, "notes": notes, "deliveries": counts, "paused": paused})
    elif counts or notes:
        rows = [("note", *each) for each in sorted(notes.items())] + [
            ("delivery", *each) for each in sorted(counts.items())
        ]
        table("Deliveries", ("kind", "state", "number"), rows)
    else:
        click.echo("nothing to deliver")
    _tell_paused(paused)
    leave(1 if paused else 0)


def _erase_again(app: App, now: datetime) -> None:
    again = app.readers.erase_again(now)
    if again:
        click.secho(f"{again} erased again: this database was put back and still held them", fg="yellow", err=True)


@click.command()
@config_option
def run(config_path: Path) -> None:
    """Tick, send and serve in the foreground until SIGTERM or Ctrl-C."""
    from newsletter import clock, logs, scheduler
    from newsletter.web import server

    logs.set_up()
    stop = stop_on_signal()
    with opened(config_path) as app, app.delivery.sole_process():
        app.delivery.begin(clock.now())
        _erase_again(app, clock.now())
        web = app.config.web
        with server.serving(app, web.host, web.port) as address, scheduler.running(app, stop):
            every = (
                "once a minute in the fleet"
                if app.delivery.many_machines
                else f"every {app.config.schedule.tick_seconds} s"
            )
            click.echo(f"serving {address} and ticking {every}; Ctrl-C ends it")
            stop.wait()
            click.echo("finishing what is in flight")


@click.command()
@common_options
def status(config_path: Path, as_json: bool, now: datetime | None) -> None:
    """Show newsletters, last and next digest, and deliveries by state."""
    with opened(config_path) as app:
        told = app.status(at(now))
        config = app.config
    if as_json:
        print_json(_status_json(told))
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
    table("Newsletters", ("newsletter", "subscribers", "digests", "last", "next", "deliveries"), rows)
    click.echo(f"articles: {told.articles}; quarantined: {len(told.quarantined)}; last tick: {stamp(told.last_tick)}")
    for entry in told.quarantined:
        click.secho(f"quarantined {entry.source}/{entry.key}: {entry.code}: {entry.message}", fg="yellow")
    for each in told.newsletters:
        if each.refused:
            click.secho(f"refused: {each.refused}", fg="red")
    if told.refusal:
        click.secho(f"clock: {told.refusal}", fg="red")
    _tell_paused(told.paused)
    worst = [each for each in told.bounces if each.kind in {"policy", "complaint"}][:5]
    for bounce in worst:
        click.secho(f"came back from {bounce.domain} in 30 days: {bounce.number} {bounce.kind}", fg="yellow", err=True)
    _where(config)


def _tell_paused(paused: Sequence[Pause]) -> None:
    for each in paused:
        until = "until you resume it" if each.until is None else f"until {stamp(each.until)}"
        click.secho(f"paused {each.scope}, {until}: {each.reason}", fg="yellow", err=True)


def _local(moment: datetime, zone: str) -> str:
    from zoneinfo import ZoneInfo

    return moment.astimezone(ZoneInfo(zone)).strftime("%a %d %b %H:%M ") + zone


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
                "refused": each.refused or None,
            }
            for each in told.newsletters
        ],
        "articles": told.articles,
        "quarantined": told.quarantined,
        "last_tick": told.last_tick,
        "clock_refused": told.refusal,
        "paused": told.paused,
        "bounces": told.bounces,
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
