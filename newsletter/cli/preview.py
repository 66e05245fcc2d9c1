"""What readers would get, shown to the operator before they do: as a page of files, or as a test message."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from newsletter.cli.base import at, common_options, opened, print_json
from newsletter.errors import UsageError

if TYPE_CHECKING:
    from newsletter.app import App
    from newsletter.mail.preview import Preview

# Words of the model, which takes longer to load than `--help` may take; a test holds them equal.
_AUDIENCES = ("general", "caregiver", "person-with-ms", "clinician")
_EDITIONS = ("standard", "large-print", "compact", "text-only")
_NOTES = ("confirmation", "welcome", "goodbye", "preferences")
_TEXT_BROWSERS = frozenset({"www-browser", "links", "elinks", "lynx", "w3m"})  #: they would take the terminal


@click.command()
@click.argument("newsletter", required=False)
@click.option("--period", default=None, help="Such as 2026-11-20, 2026-W47 or 2026-11; default: the newest digest.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default=None, help="The folder to write to: preview/."
)
@click.option("--open", "show", is_flag=True, help="Open the page in a browser.")
@click.option(
    "--send", "address", default=None, help="Send one message to this address of mail.test_recipients instead."
)
@click.option(
    "--edition", type=click.Choice(_EDITIONS), default=None, help="With --send: which form; default: standard."
)
@click.option(
    "--audience", type=click.Choice(_AUDIENCES), default=None, help="With --send: for whom; default: the newsletter's."
)
@click.option("--note", type=click.Choice(_NOTES), default=None, help="With --send: a note in place of the digest.")
@common_options
def preview(
    config_path: Path,
    as_json: bool,
    now: datetime | None,
    newsletter: str | None,
    period: str | None,
    out: Path | None,
    show: bool,
    address: str | None,
    edition: str | None,
    audience: str | None,
    note: str | None,
) -> None:
    """Write a page that shows a digest in every edition and for every audience, and the notes, in light and in dark.

    Beside it lies each message, and one recipient's email by itself as digest.html, digest.txt and digest.eml.
    Without NEWSLETTER every newsletter is shown. Nothing is sent or recorded, but by --send.
    """
    if address is None and (edition or audience or note):
        raise UsageError("--edition, --audience and --note are for --send; the page shows all of them")
    if note and (audience or period):
        raise UsageError("--note says the same to every audience at any time; leave out --audience and --period")
    if address is not None and (newsletter is None or out or show):
        raise UsageError("--send takes a NEWSLETTER and writes no page; leave out --out and --open")
    with opened(config_path) as app:
        if address is None or newsletter is None:
            _write(app, newsletter, period, out or Path("preview"), at(now), as_json=as_json, show=show)
        else:
            _send(app, newsletter, period, address, edition, audience, note, at(now), as_json=as_json)


def _send(
    app: App,
    newsletter: str,
    period: str | None,
    address: str,
    edition: str | None,
    audience: str | None,
    note: str | None,
    now: datetime,
    *,
    as_json: bool,
) -> None:
    from newsletter.mail.note import NoteKind
    from newsletter.model import Audience, Choice, Edition

    choice = Choice(edition=Edition(edition or "standard"), audience=Audience(audience) if audience else None)
    told = app.send_test(newsletter, NoteKind(note) if note else period, address, choice, now)
    if note:
        _say_note(newsletter, note, choice.edition, as_json=as_json)
        return
    shown = choice.audience or "the newsletter's own audience"
    if as_json:
        print_json({"newsletter": newsletter, "period": told, "edition": choice.edition, "audience": shown})
    else:
        click.echo(f"sent a test of {newsletter} {told}: {choice.edition}, {shown}; no delivery is recorded")


def _say_note(newsletter: str, note: str, edition: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"newsletter": newsletter, "note": note, "edition": edition})
    else:
        click.echo(f"sent a test of {newsletter}, the note {note}: {edition}; its link to confirm leads nowhere")


def _write(
    app: App, newsletter: str | None, period: str | None, out: Path, now: datetime, *, as_json: bool, show: bool
) -> None:
    from newsletter.mail.preview import all_files, preview_files

    page = out / "index.html"
    if newsletter is not None:
        one = app.preview(newsletter, period, now)
        files = _save(out, preview_files(one, app.templates))
        previews: list[Preview] = [one]
        missing: list[str] = []
        told: dict[str, Any] = {"page": str(page), **_told(one), "files": files}
    else:
        previews, missing = _all(app, period, now)
        files = _save(out, all_files(previews, missing, app.templates))
        told = {"page": str(page), "newsletters": [_told(each) for each in previews], "none": missing, "files": files}
    if as_json:
        print_json(told)
    else:
        _say(previews, missing, page)
    if show:
        _open(page)


def _all(app: App, period: str | None, now: datetime) -> tuple[list[Preview], list[str]]:
    """Every newsletter that has a digest to show, and why the others have none."""
    previews: list[Preview] = []
    missing: list[str] = []
    for each in app.newsletters:
        try:
            previews.append(app.preview(each.slug, period, now))
        except UsageError as error:
            missing.append(error.message)
    if not previews:
        raise UsageError("; ".join(missing))
    return previews, missing


def _save(out: Path, files: Mapping[str, bytes]) -> list[str]:
    """The paths that were written. Raises UsageError where a file cannot be."""
    for name, data in files.items():
        path = out / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        except OSError as error:
            reason = error.strerror or str(error)
            raise UsageError(f"{path}: cannot be written ({reason}); name another folder with --out") from error
    return [str(out / name) for name in files]


def _told(shown: Preview) -> dict[str, Any]:
    return {"newsletter": shown.newsletter.slug, "period": shown.period, "warnings": shown.warnings}


def _say(previews: list[Preview], missing: list[str], page: Path) -> None:
    for each in previews:
        click.echo(f"{each.newsletter.slug} {each.period}: {each.subject}")
        for warning in each.warnings:
            click.secho(warning, fg="yellow", err=True)
    for reason in missing:
        click.echo(reason)
    click.echo(f"preview: {page}")


def _open(page: Path) -> None:
    """In a browser with windows; where there is none, the path is all that can be given."""
    import webbrowser

    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        browser = None
    windows = browser is not None and getattr(browser, "name", "") not in _TEXT_BROWSERS
    if browser is None or not windows or not browser.open(page.resolve().as_uri()):
        click.echo(f"there is no browser to open here; open {page.resolve()} yourself", err=True)
