"""What lies on this machine: folders, private files, the database, the clock, the disk."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from newsletter.config import SECRETS_VARIABLE, Config, read_operator_password, read_relay_password, read_secrets
from newsletter.doctor.finding import Finding, fail, ok, warn
from newsletter.errors import ConfigError, StoreError
from newsletter.mail import REQUIRED_TEMPLATES as MAIL_TEMPLATES
from newsletter.mail.sign import load_keys
from newsletter.pages import REQUIRED_TEMPLATES as PAGE_TEMPLATES
from newsletter.periods import leap
from newsletter.store.standing import Standing, look
from newsletter.templating import Templates

_LITTLE, _TOO_LITTLE = 1_000_000_000, 100_000_000  # octets free


def examine(config: Config, now: datetime) -> Iterator[Finding]:
    yield _templates(config)
    yield from _folders(config)
    yield from _disks(config)
    yield _secrets(config)
    yield from _passwords(config)
    yield from _operator_password(config)
    yield from _keys(config)
    yield from _database_files(config)
    standing = _standing(config)
    yield standing if isinstance(standing, Finding) else _revision(standing)
    if not isinstance(standing, Finding) and standing.may_change:
        yield warn(
            "database role",
            "this role may change and drop tables, which only migrations need",
            "a role that reads and writes rows alone; see docs/operating.md",
        )
    yield _clock(config, now, None if isinstance(standing, Finding) else standing.last_tick)


# -- folders and the disk ---------------------------------------------------------------------------------------------


def _templates(config: Config) -> Finding:
    templates = Templates(Path(config.paths.templates) if config.paths.templates else None)
    missing = templates.missing((*MAIL_TEMPLATES, *PAGE_TEMPLATES))
    if missing:
        return fail("templates", f"{', '.join(missing)} cannot be found", "install the package again")
    return ok("templates", config.paths.templates or "those of the package")


def folders(config: Config) -> dict[str, Path]:
    """Key of the configuration -> a folder that is written to."""
    found = {"paths.public": Path(config.paths.public), "paths.state": Path(config.paths.state)}
    if config.delivery.transport == "maildir":
        found["delivery.maildir.folder"] = Path(config.delivery.maildir.folder)
    database = database_file(config)
    return found if database is None else found | {"store.url": database.parent}


def database_file(config: Config) -> Path | None:
    url = config.store.url
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None


def _folders(config: Config) -> Iterator[Finding]:
    for key, folder in folders(config).items():
        there = _nearest(folder)
        right = f"a folder that user {os.geteuid()} may write to"
        if not there.is_dir():
            yield fail(key, f"{there} is no folder", right)
        elif not os.access(there, os.W_OK | os.X_OK):
            yield fail(key, f"{there} cannot be written to", right)
        else:
            yield ok(key, f"{folder} can be {'written to' if there == folder else 'made'}")


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest thing above it that exists."""
    return next(each for each in (folder, *folder.parents) if os.path.lexists(each))


def _disks(config: Config) -> Iterator[Finding]:
    """Each file system once, though several folders lie on it."""
    disks: dict[int, Path] = {}
    for folder in map(_nearest, folders(config).values()):
        disks.setdefault(folder.stat().st_dev, folder)
    for folder in disks.values():
        free = shutil.disk_usage(folder).free
        check, found = f"disk of {folder}", f"{free / 1e9:.1f} GB free"
        if free < _TOO_LITTLE:
            yield fail(check, found, "at least 0.1 GB: a full disk stops every delivery")
        elif free < _LITTLE:
            yield warn(check, found, "1 GB or more")
        else:
            yield ok(check, found)


# -- private files ----------------------------------------------------------------------------------------------------


def _secrets(config: Config) -> Finding:
    path = Path(config.secrets.file)
    if SECRETS_VARIABLE not in os.environ and not os.path.lexists(path):
        return warn(
            "secrets", f"{path} is not there", "nothing to do at the first start, which makes it; else restore it"
        )
    try:
        number = len(read_secrets(config))
    except ConfigError as error:
        return _refused("secrets", error)
    return ok("secrets", f"{number} in {SECRETS_VARIABLE if SECRETS_VARIABLE in os.environ else path}")


def _passwords(config: Config) -> Iterator[Finding]:
    """Those that are configured, although the transport may not need them yet."""
    for relay in config.delivery.relays():
        check = f"password of relay {relay.name}"
        try:
            password = read_relay_password(config, relay)
        except ConfigError as error:
            yield _refused(check, error)
            continue
        if relay.username is not None and not password:
            yield fail(
                check, f"none for {relay.username}", f"`password_file`, or the variable {relay.password_variable}"
            )
        elif password:
            yield ok(check, "there, and private")


def _operator_password(config: Config) -> Iterator[Finding]:
    """Of the one who looks at `/status`. There need not be any."""
    try:
        password = read_operator_password(config)
    except ConfigError as error:
        yield _refused("web.password_file", error)
        return
    if password is not None:
        yield ok("web.password_file", "there, and private")


def _keys(config: Config) -> Iterator[Finding]:
    dkim = config.delivery.dkim
    if dkim is None:
        if config.delivery.transport in {"smtp", "sendmail"}:
            yield warn(
                "delivery.dkim", "mail leaves unsigned", "a table [delivery.dkim], unless the relay signs for you"
            )
        return
    try:
        keys = load_keys(dkim.files())
    except ConfigError as error:
        yield _refused("delivery.dkim", error)
    else:
        kinds = " and ".join(f"{selector} ({key.kind})" for selector, key in keys.items())
        yield ok("delivery.dkim", f"keys {kinds} for {config.signing_domain}")


def _refused(check: str, error: ConfigError) -> Finding:
    found, _, right = error.message.partition("; ")
    return fail(check, found, right or "see docs/operating.md")


# -- the database and the clock ---------------------------------------------------------------------------------------


def _database_files(config: Config) -> Iterator[Finding]:
    path = database_file(config)
    files = [] if path is None else [("store.url", path), ("store.url", path.with_name(f"{path.name}-wal"))]
    for key, each in (*files, ("store.erased", Path(config.store.erased))):
        if os.path.lexists(each) and stat.S_IMODE(each.stat().st_mode) & 0o077:
            yield fail(
                f"{key}: {each.name}",
                f"{each} can be read by others, and says who reads about MS",
                f"chmod 600 {each}",
            )


def _standing(config: Config) -> Standing | Finding:
    path = database_file(config)
    if path is not None and not os.path.lexists(path):
        return warn(
            "database", f"{path} is not there", "nothing to do at the first start, which makes it; else restore it"
        )
    try:
        return look(config.store.url)
    except StoreError as error:
        return fail("database", error.message, "a database that answers; see store.url")
    except ImportError as error:
        return fail("database", f"{error.name} is not installed", "pip install 'newsletter[postgres]'")


def _revision(standing: Standing) -> Finding:
    found = f"version {standing.revision or 'none'}"
    if not standing.known:
        return fail(
            "database", f"{found}, which this program does not know", f"the newer program, or {standing.wanted}"
        )
    if standing.revision != standing.wanted:
        return warn("database", found, f"{standing.wanted}: the next command brings it there; back it up before")
    return ok("database", found)


def _clock(config: Config, now: datetime, last_tick: datetime | None) -> Finding:
    named = datetime.combine(config.site.tag_date, datetime.min.time(), UTC)
    if now < named:
        return fail("clock", f"{now:%Y-%m-%d %H:%M} UTC, before site.tag_date", "the time of day; start an NTP client")
    refusal = leap(now, last_tick=last_tick, elapsed=None, max_gap=config.schedule.max_gap)
    if refusal is not None:
        return fail("clock", refusal, "the time of day, or `newsletter publish --catch-up` where it is right")
    return ok("clock", f"{now:%Y-%m-%d %H:%M} UTC")
