"""The only reader of the operator's file and of the environment. What may stand in the file is told by `tables`."""

from __future__ import annotations

import os
import secrets
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from newsletter.config.explain import explain, keys
from newsletter.config.tables import (
    IMAP_PASSWORD_VARIABLE,
    SECRETS_VARIABLE,
    SMTP_PASSWORD_VARIABLE,
    THIS_MACHINE,
    Config,
    DkimConfig,
    ImapConfig,
    RelayConfig,
    SmtpConfig,
    SourceConfig,
)
from newsletter.errors import ConfigError

__all__ = [
    "IMAP_PASSWORD_VARIABLE",
    "SECRETS_VARIABLE",
    "SMTP_PASSWORD_VARIABLE",
    "Config",
    "DkimConfig",
    "ImapConfig",
    "RelayConfig",
    "SmtpConfig",
    "SourceConfig",
    "fields",
    "load",
    "read_imap_password",
    "read_operator_password",
    "read_private",
    "read_relay_password",
    "read_secrets",
    "read_smtp_password",
]


def load(path: Path) -> Config:
    """The configuration in `path`. Raises ConfigError with one line for each thing that is wrong."""
    raw = _read_toml(path)
    try:
        config = Config.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(*explain(path, error, Config)) from None
    found = (
        *_duplicates(config),
        *_places(config),
        *_relays(config),
        *_dkim(config),
        *_bounces(config),
        *_missing_folders(config, path.parent),
    )
    problems = [f"{path}: {problem}" for problem in found]
    if problems:
        raise ConfigError(*problems)
    return _absolute(config, path.resolve().parent)


def read_secrets(config: Config) -> tuple[str, ...]:
    """The ring of secrets, newest first: from the environment, else from the file, which is made when it is missing."""
    told = os.environ.get(SECRETS_VARIABLE)
    path = Path(config.secrets.file)
    if told is None and not path.exists():
        _make_secrets(path)
    ring = tuple((told if told is not None else read_private(path, "secrets.file")).split())
    if not ring or any(len(secret) < 32 for secret in ring):
        where = SECRETS_VARIABLE if told is not None else f"secrets.file {path}"
        raise ConfigError(f"{where}: each secret needs at least 32 characters, one secret a line, the newest first")
    return ring


def read_smtp_password(config: Config) -> str | None:
    """The relay's password: from the environment, else from the file; None where no account is used."""
    return _password(SMTP_PASSWORD_VARIABLE, config.delivery.smtp, "delivery.smtp")


def read_relay_password(config: Config, relay: RelayConfig) -> str | None:
    """The password of one of `config.delivery.relays()`, as `read_smtp_password`; each has a variable of its own."""
    if relay not in config.delivery.relay:
        return read_smtp_password(config)
    return _password(relay.password_variable, relay, f'delivery.relay "{relay.name}"')


def read_imap_password(config: Config) -> str:
    """The password of the mailbox of bounces. Raises ConfigError where there is none."""
    told = os.environ.get(IMAP_PASSWORD_VARIABLE)
    imap = config.bounces.imap
    if told is not None:
        return told
    if imap is None or imap.password_file is None:
        raise ConfigError(
            f"bounces.imap.password_file: missing; name a file of mode 0600, or set {IMAP_PASSWORD_VARIABLE}"
        )
    return read_private(Path(imap.password_file), "bounces.imap.password_file").strip()


def read_operator_password(config: Config) -> str | None:
    """The hash of the operator's password; None where none is set. Raises ConfigError if others can read the file."""
    path = Path(config.web.password_file)
    if not os.path.lexists(path):
        return None
    return read_private(path, "web.password_file").strip() or None


def read_private(path: Path, key: str) -> str:
    """What `path` holds, which the configuration names as `key`. Raises ConfigError if others can read it, or we cannot."""
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigError(f"{key}: {path} can be read by others; it should have mode 0600 (chmod 600 {path})")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{key}: {path} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{key}: {path} is not text in UTF-8") from None


def _password(variable: str, smtp: SmtpConfig, key: str) -> str | None:
    told = os.environ.get(variable)
    if told is not None or smtp.password_file is None:
        return told
    return read_private(Path(smtp.password_file), f"{key}.password_file").strip()


def fields() -> Iterator[tuple[str, str]]:
    """Every key of the file with its description, for the test that holds `config.toml` complete."""
    return keys(Config)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); name the file with --config FILE") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None


def _duplicates(config: Config) -> Iterator[str]:
    delivery = config.delivery
    for kind, key, named in (
        ("source", "slug", [part.slug for part in config.source]),
        ("newsletter", "slug", [part.slug for part in config.newsletter]),
        ("delivery.relay", "name", [part.name for part in delivery.relay]),
        ("delivery.pace", "domain", [part.domain for part in delivery.pace]),
    ):
        for number, name in enumerate(named, 1):
            if name in named[: number - 1]:
                yield f'{kind}[{number}].{key}: found "{name}" a second time; each {kind} needs a {key} of its own'


def _places(config: Config) -> Iterator[str]:
    for number, source in enumerate(config.source, 1):
        given = [name for name in ("folder", "file", "url") if getattr(source, name) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none of them"
            yield f"source[{number}]: found {found}; it should have exactly one of `folder`, `file` and `url`"


def _relays(config: Config) -> Iterator[str]:
    if config.delivery.relay and "smtp" in config.delivery.model_fields_set:
        yield "delivery: found `smtp` and `relay`; it should have one of them: put every relay into a [[delivery.relay]]"


def _dkim(config: Config) -> Iterator[str]:
    dkim = config.delivery.dkim
    if dkim is None:
        return
    domain, sender = config.signing_domain, config.mail_domain
    if "." not in domain or not f".{sender}".endswith(f".{domain}"):
        yield (
            f'delivery.dkim.domain: found "{domain}", but mail.from_address is at {sender}; '
            "it should be that domain or one above it, or DMARC does not count the signature"
        )
    if (dkim.ed25519_selector is None) != (dkim.ed25519_key_file is None):
        yield "delivery.dkim: found one of `ed25519_selector` and `ed25519_key_file`; it should have both or neither"
    if dkim.selector == dkim.ed25519_selector:
        yield f'delivery.dkim.ed25519_selector: found "{dkim.selector}" a second time; each key needs a selector of its own'


def _bounces(config: Config) -> Iterator[str]:
    address, imap = config.bounces.address, config.bounces.imap
    if address is not None and len(address.rpartition("@")[0]) > 26:
        yield (
            f'bounces.address: found "{address}"; it should be an address with at most 26 characters before the @, '
            "because 38 more come to them"
        )
    if imap is not None and imap.security == "none" and imap.host not in THIS_MACHINE:
        yield f'bounces.imap.security: found "none" for {imap.host}; it should be "tls" or "starttls", or this machine'


def _missing_folders(config: Config, base: Path) -> Iterator[str]:
    if config.paths.templates is not None and not (base / config.paths.templates).is_dir():
        yield f'paths.templates: found "{config.paths.templates}", which is no folder; it should be a folder of templates'


def _absolute(config: Config, base: Path) -> Config:
    def resolved(name: str | None) -> str | None:
        return None if name is None else str(base / name)

    url = config.store.url
    if url.startswith("sqlite:///"):
        url = f"sqlite:///{base / url.removeprefix('sqlite:///')}"

    def with_files(smtp: SmtpConfig) -> SmtpConfig:
        files = {"password_file": resolved(smtp.password_file), "ca_file": resolved(smtp.ca_file)}
        return smtp.model_copy(update=files)

    def with_keys(dkim: DkimConfig) -> DkimConfig:
        files = {"key_file": resolved(dkim.key_file), "ed25519_key_file": resolved(dkim.ed25519_key_file)}
        return dkim.model_copy(update=files)

    delivery = {
        "dkim": config.delivery.dkim and with_keys(config.delivery.dkim),
        "maildir": config.delivery.maildir.model_copy(update={"folder": resolved(config.delivery.maildir.folder)}),
        "smtp": with_files(config.delivery.smtp),
        "relay": tuple(map(with_files, config.delivery.relay)),
    }

    def with_account(imap: ImapConfig) -> ImapConfig:
        files = {"password_file": resolved(imap.password_file), "ca_file": resolved(imap.ca_file)}
        return imap.model_copy(update=files)

    told = config.bounces
    bounces = {"maildir": resolved(told.maildir), "imap": told.imap and with_account(told.imap)}
    paths = {
        "public": resolved(config.paths.public),
        "templates": resolved(config.paths.templates),
        "state": resolved(config.paths.state),
        "studies": tuple(str(base / name) for name in config.paths.studies),
        "topics": resolved(config.paths.topics),
    }
    return config.model_copy(
        update={
            "paths": config.paths.model_copy(update=paths),
            "store": config.store.model_copy(update={"url": url, "erased": resolved(config.store.erased)}),
            "secrets": config.secrets.model_copy(update={"file": resolved(config.secrets.file)}),
            "source": tuple(
                part.model_copy(update={"folder": resolved(part.folder), "file": resolved(part.file)})
                for part in config.source
            ),
            "delivery": config.delivery.model_copy(update=delivery),
            "bounces": config.bounces.model_copy(update=bounces),
            "web": config.web.model_copy(update={"password_file": resolved(config.web.password_file)}),
        }
    )


def _make_secrets(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(48) + "\n")
