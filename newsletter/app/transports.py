"""The ways out that a configuration names."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from newsletter.config import Config, RelayConfig, read_relay_password
from newsletter.pacing import Limit, WarmUp
from newsletter.store.database import Database
from newsletter.store.paces import Paces
from newsletter.transports.base import Transport
from newsletter.transports.maildir import Maildir
from newsletter.transports.relays import RelayBoard, Relays, Route, scope_of
from newsletter.transports.sendmail import Sendmail
from newsletter.transports.smtp import Relay, Smtp


class Transports:
    """Opens a transport for each sender of a process; what they all have to know of the relays they share.

    Raises ConfigError for a relay that cannot be used, StoreError where the paces cannot be read.
    """

    def __init__(self, config: Config, database: Database, clock: Callable[[], datetime]) -> None:
        self._delivery = config.delivery
        self._clock = clock
        if self._delivery.transport == "smtp":
            relays = self._delivery.relays()
            self._routes = tuple(_route(config, relay) for relay in relays)
            limits = {scope_of(relay.name): _limit(relay) for relay in relays}
            self._board = RelayBoard([relay.name for relay in relays], Paces(database, limits))

    def open(self, number: int = 0, pause: Callable[[float], object] = time.sleep) -> Transport:
        """A transport for the `number`th sender, counted from 0; `pause` waits for so many seconds."""
        told = self._delivery
        if told.transport == "maildir":
            return Maildir(Path(told.maildir.folder))
        if told.transport == "sendmail":
            return Sendmail(Path(told.sendmail.program))
        if told.transport == "lmtp":
            return Smtp(Relay(host=told.lmtp.host, port=told.lmtp.port, security="none", protocol="lmtp"))
        return Relays(self._routes, self._board, clock=self._clock, number=number, pause=pause)


def _route(config: Config, told: RelayConfig) -> Route:
    relay = Relay(
        host=told.host,
        port=told.port,
        security=told.security,
        username=told.username,
        password=read_relay_password(config, told),
        helo_name=told.helo_name,
        ca_file=Path(told.ca_file) if told.ca_file else None,
        chunking=told.chunking,
    )
    return Route(name=told.name, open=lambda: Smtp(relay), weight=told.weight)


def _limit(told: RelayConfig) -> Limit:
    ramp = told.warm_up
    if ramp is None:
        return Limit(per_minute=told.per_minute)
    warm_up = WarmUp(start=ramp.start, first_day=ramp.first_day, growth=ramp.growth, target=ramp.target)
    return Limit(per_minute=told.per_minute, warm_up=warm_up)
