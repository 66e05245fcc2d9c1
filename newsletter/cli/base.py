"""What all commands share: options, errors, the open app, tables. Heavy imports stay inside the commands, so that `--help` answers at once.

Exit status: 0 done; 1 done, but something needs a hand (a quarantined document, a refused digest, a clock or a relay
that cannot be trusted); 2 not done, because the configuration, the command or the document cannot be used.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import is_dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar

import click

from newsletter.errors import ClockRefused, ConfigError, DocumentError, NewsletterError, RelayFailure

if TYPE_CHECKING:
    from newsletter.app import App

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


config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    default=Path("config.toml"),
    show_default=True,
    help="The operator's file.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON value, for machines.")
now_option = click.option("--now", type=_Moment(), default=None, help="Act as if it were this time (with its zone).")


def common_options(command: Command) -> Command:
    """The options that every command has where time matters."""
    for option in (now_option, json_option, config_option):
        command = option(command)
    return command


class Group(click.Group):
    """Turns our errors into one message and an exit status; a traceback is for our own mistakes alone."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except NewsletterError as error:
            _complain(error)
            ctx.exit(1 if isinstance(error, ClockRefused | RelayFailure) else 2)
        except KeyboardInterrupt:
            ctx.exit(130)


@contextmanager
def opened(config_path: Path) -> Iterator[App]:
    from newsletter.app import open_app
    from newsletter.config import load

    app = open_app(load(config_path))
    try:
        yield app
    finally:
        app.close()


def at(now: datetime | None) -> datetime:
    from newsletter import clock

    return clock.now() if now is None else now


def stop_on_signal() -> Event:
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def leave(status: int) -> None:
    click.get_current_context().exit(status)


def _complain(error: NewsletterError) -> None:
    if "--json" in sys.argv:
        code = error.code if isinstance(error, DocumentError) else type(error).__name__
        print_json({"error": code, "message": error.message})
        return
    problems = error.problems if isinstance(error, ConfigError) else (error.message,)
    for problem in problems:
        click.secho(f"newsletter: {problem}", fg="red", err=True)


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, default=_jsonable, ensure_ascii=False, indent=2))


def _jsonable(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {name: getattr(value, name) for name in value.__dataclass_fields__}
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return str(value)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
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
def progress(total: int | None, title: str) -> Iterator[Callable[[], None]]:
    """A progress bar on a terminal; nothing in a pipe. With a total of None it counts without an end in sight."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, disable=total == 0 or not sys.stderr.isatty()) as bar:
        task = bar.add_task(title, total=total)
        yield lambda: bar.advance(task)


def _cell(value: Any) -> str:
    return stamp(value) if isinstance(value, datetime) else str(value)


def stamp(moment: datetime | None) -> str:
    return "never" if moment is None else moment.strftime("%Y-%m-%d %H:%M UTC")
