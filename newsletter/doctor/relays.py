"""Whether each relay can be reached, is who it says, and lets us in. No message is begun."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from newsletter.config import Config, RelayConfig, read_relay_password
from newsletter.doctor.finding import Finding, fail, ok, warn
from newsletter.errors import ConfigError, TransportError
from newsletter.transports.smtp import Reception, Relay, Smtp, Timeouts

_SOON = timedelta(days=14)
_IMPATIENT = Timeouts(connect=10, greeting=20, command=20, message=40)


def examine(config: Config, now: datetime) -> Iterator[Finding]:
    if config.delivery.transport != "smtp":
        yield ok("delivery.transport", "maildir: nothing leaves this machine")
        return
    for relay in config.delivery.relays():
        yield _called(config, relay, now)


def _called(config: Config, relay: RelayConfig, now: datetime) -> Finding:
    check = f"relay {relay.name}"
    place = f"{relay.host}:{relay.port}"
    try:
        reception = Smtp(_relay(config, relay)).call()
    except ConfigError as error:
        found, _, right = error.message.partition("; ")
        return fail(check, found, right or "see [delivery.smtp] of the configuration")
    except TransportError as error:
        return fail(check, f"{place}: {error.message}", _remedy(relay, error))
    return _judged(check, place, reception, now)


def _relay(config: Config, relay: RelayConfig) -> Relay:
    return Relay(
        host=relay.host,
        port=relay.port,
        security=relay.security,
        username=relay.username,
        password=read_relay_password(config, relay),
        helo_name=relay.helo_name,
        ca_file=Path(relay.ca_file) if relay.ca_file else None,
        timeouts=_IMPATIENT,
    )


def _remedy(relay: RelayConfig, error: TransportError) -> str:
    if "certificate" in error.message.lower():
        return f"a certificate for {relay.host} that is trusted; for one of your own authority, `ca_file`"
    if error.message.startswith("AUTH"):
        return "an account that the relay takes; compare `username` and the password"
    return f'a relay that answers there with security "{relay.security}"; compare host, port and security'


def _judged(check: str, place: str, reception: Reception, now: datetime) -> Finding:
    secured = reception.tls or "in clear, on this machine"
    found = f"{place}: reached, {secured}{', logged in' if reception.logged_in else ''}"
    until = reception.certificate_until
    if until is not None and until - now < _SOON:
        return warn(check, f"{found}; its certificate ends on {until:%Y-%m-%d}", "a new certificate before that day")
    return ok(check, found)
