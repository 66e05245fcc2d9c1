"""What readers may wish for, in every combination."""

from __future__ import annotations

from datetime import date

from hypothesis import strategies as st

from newsletter.model import Audience, Cadence, Choice, Edition, Preferences

TOPICS = ("fatigue", "walking", "mri", "diet", "sleep")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland", "Asia/Kathmandu", "Australia/Lord_Howe")


def preferences() -> st.SearchStrategy[Preferences]:
    topics = st.frozensets(st.sampled_from(TOPICS), max_size=3)
    return st.builds(
        Preferences,
        cadence=st.none() | st.sampled_from(Cadence),
        topics=topics,
        unwanted_topics=topics,
        min_credibility=st.none() | st.floats(0, 5),
        audience=st.none() | st.sampled_from(Audience),
        edition=st.sampled_from(Edition),
        language=st.none() | st.sampled_from(["en", "de", "pt-BR"]),
        send_at=st.none() | st.times(),
        zone=st.none() | st.sampled_from(ZONES),
        paused_until=st.none() | st.dates(date(2026, 1, 1), date(2027, 12, 31)),
    )


def choices() -> st.SearchStrategy[Choice]:
    return st.builds(
        Choice,
        edition=st.sampled_from(Edition),
        audience=st.none() | st.sampled_from(Audience),
        articles=st.none() | st.integers(0, 2**200),
        cadence=st.none() | st.sampled_from(Cadence),
        language=st.none() | st.sampled_from(["en", "de", "pt-BR"]),
    )
