"""What the running process tells an operator: one line an event, with ids and never an address."""

from __future__ import annotations

import sys

import structlog


def set_up() -> None:
    """Log to standard output: in colours on a terminal, as JSON otherwise.

    Tracebacks are plain. The renderer that comes with a terminal's colours also prints every local variable, which may
    be a person's address or a whole message.
    """
    terminal = sys.stdout.isatty()
    shown: tuple[structlog.typing.Processor, ...] = (
        (structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),)
        if terminal
        else (structlog.processors.format_exc_info, structlog.processors.JSONRenderer())
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *shown,
        ]
    )
