"""What every test shares: how hard Hypothesis looks, and a clean environment."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings
from postgres import postgres_server

__all__ = ["postgres_server"]  # a fixture, one server a session

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")


@pytest.fixture(autouse=True)
def _no_variables_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own settings must not decide a test."""
    for name in [name for name in os.environ if name.startswith("NEWSLETTER_") and name != "NEWSLETTER_REAL_SEEDS"]:
        monkeypatch.delenv(name)
