"""Whether the way out is open: each relay can be reached, is who it says, and lets us in. No message is begun."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from newsletter.config import Config, RelayConfig, read_relay_password
from newsletter.doctor.finding import Finding, fail, ok, warn
from newsletter.errors import ConfigError, TransportError
from newsletter.transports.smtp import Reception, Relay, Smtp, Timeouts

_SOON = timedelta(days=14)
_IMPATIENT = Timeouts(connect=10, greeting=20, command=20, message=40)


def examine(config: Config, now: datetime) -> Iterator[Finding]:
    """The way out that is configured; the others may be anything."""
    told = config.delivery
    if told.transport == "maildir":
        yield ok("delivery.transport", "maildir: nothing leaves this machine")
    elif told.transport == "sendmail":
        yield _program(Path(told.sendmail.program))
    elif told.transport == "lmtp":
        store = Relay(host=told.lmtp.host, port=told.lmtp.port, security="none", protocol="lmtp", timeouts=_IMPATIENT)
        yield _called("mail store", lambda: store, "a mail store that answers there; compare [delivery.lmtp]", now)
    else:
        for relay in told.relays():
            right = f'a relay that answers there with security "{relay.security}"; compare host, port and security'
            yield _called(f"relay {relay.name}", partial(_relay, config, relay), right, now)


def _program(program: Path) -> Finding:
    """Calling it would send something, so it is only looked at."""
    if os.access(program, os.X_OK) and program.is_file():
        return ok("delivery.sendmail", f"{program} can be called")
    return fail(
        "delivery.sendmail", f"{program} is no program that can be called", "the path of this machine's sendmail"
    )


def _called(check: str, open_relay: Callable[[], Relay], right: str, now: datetime) -> Finding:
    try:
        relay = open_relay()
        reception = Smtp(relay).call()
    except ConfigError as error:
        found, _, remedy = error.message.partition("; ")
        return fail(check, found, remedy or "see [delivery] of the configuration")
    except TransportError as error:
        return fail(check, f"{_place(relay)}: {error.message}", _remedy(relay, error) or right)
    return _judged(check, _place(relay), reception, now)


def _place(relay: Relay) -> str:
    return relay.host if "/" in relay.host else f"{relay.host}:{relay.port}"


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


def _remedy(relay: Relay, error: TransportError) -> str:
    """For what a relay's answer tells apart; empty where it does not."""
    if "certificate" in error.message.lower():
        return f"a certificate for {relay.host} that is trusted; for one of your own authority, `ca_file`"
    if error.message.startswith("AUTH"):
        return "an account that the relay takes; compare `username` and the password"
    return ""


def _judged(check: str, place: str, reception: Reception, now: datetime) -> Finding:
    secured = reception.tls or "in clear, on this machine"
    found = f"{place}: reached, {secured}{', logged in' if reception.logged_in else ''}"
    until = reception.certificate_until
    if until is not None and until - now < _SOON:
        return warn(check, f"{found}; its certificate ends on {until:%Y-%m-%d}", "a new certificate before that day")
    return ok(check, found)
