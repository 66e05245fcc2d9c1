"""Logs: what was in a variable when something failed stays out of them."""

from __future__ import annotations

import json

import pytest
import structlog

from newsletter import logs

SECRET = "ann@example.org"


@pytest.mark.parametrize("terminal", [False, True])
def test_a_traceback_shows_no_variable(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    before = structlog.get_config()
    try:
        logs.set_up()
        _fail(SECRET)
    finally:
        structlog.configure(**before)
    told = capsys.readouterr().out
    assert "ZeroDivisionError" in told
    assert SECRET not in told
    if not terminal:
        assert json.loads(told)["event"] == "tick-failed"


def _fail(address: str) -> None:
    try:
        assert len(address) / 0
    except ZeroDivisionError:
        structlog.get_logger().exception("tick-failed", subscriber="s-1")
