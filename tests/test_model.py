"""The nouns keep their promises by themselves."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from builders import make_article, make_notice, make_site

from newsletter.errors import ClockRefused, ConfigError, TemporaryFailure
from newsletter.model import Cadence, Facts, Rating

NAIVE = datetime.fromisoformat("2026-11-20T09:00:00")
ELSEWHERE = datetime(2026, 11, 20, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize("moment", [NAIVE, ELSEWHERE])
def test_a_moment_without_utc_is_refused(moment: datetime) -> None:
    for make in (
        lambda: make_article(published=moment),
        lambda: make_notice(published=moment),
        lambda: Facts(published=moment),
        lambda: Facts(publish_after=moment),
    ):
        with pytest.raises(ValueError, match="aware datetime in UTC"):
            make()


def test_a_rating_is_a_share_of_its_scale() -> None:
    assert Rating(value=4).share == 0.8
    assert Rating(value=4, scale=10).share == 0.4


def test_a_cadence_knows_the_slower_ones() -> None:
    assert {cadence: cadence.slower for cadence in Cadence} == {
        Cadence.DAILY: (Cadence.WEEKLY, Cadence.MONTHLY),
        Cadence.WEEKLY: (Cadence.MONTHLY,),
        Cadence.MONTHLY: (),
    }


def test_addresses_of_a_site_stand_below_its_own() -> None:
    site = make_site(base_url="https://example.org/ms")
    assert site.article_url("a") == "https://example.org/ms/articles/a/"
    assert site.digest_url("daily", "2026-W47") == "https://example.org/ms/digests/daily/2026-W47/"


def test_an_error_always_has_a_message() -> None:
    assert ClockRefused().message == "The clock leapt; nothing was planned."
    assert ConfigError("a", "b").message == "a\nb"
    assert TemporaryFailure("later", code=451).code == 451
