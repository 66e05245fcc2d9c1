"""What is decided about requests and notes, and which spellings mean one mailbox."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_string, policy

import pytest
from builders import make_newsletter
from hypothesis import given, settings
from hypothesis import strategies as st
from store_builders import make_request

from newsletter import subscribe
from newsletter.addresses import is_mailbox
from newsletter.errors import (
    AmbiguousFailure,
    FormError,
    HeaderError,
    MailError,
    NewsletterError,
    PermanentFailure,
    RelayFailure,
    TemporaryFailure,
    UsageError,
)
from newsletter.mail.merge import to_field
from newsletter.model import (
    USUAL,
    Answer,
    Asked,
    Cadence,
    Consent,
    Edition,
    Known,
    NoteClaim,
    NoteKind,
    Preferences,
    Request,
    Restraint,
    Subscriber,
)

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
UNKNOWN = Known(suppressed=False, confirmed=frozenset(), asked=None)

# -- addresses ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        *("", "ann", "ann@", "@example.org", "ann@example", "a@b@example.org", "ann@example.org,bob@example.org"),
        *("Ann <ann@example.org>", "ann@example.org\nBcc: x@example.org", "ann\x00@example.org", "ann@example.org-"),
        *('"ann"@example.org', "ann @example.org", "x" * 65 + "@example.org", "ann@[127.0.0.1]"),
    ],
)
def test_what_is_not_one_address_is_said_at_its_field(address: str) -> None:
    with pytest.raises(FormError) as refused:
        _request(address=address)
    assert refused.value.problems == {"address": subscribe.NO_ADDRESS}


@pytest.mark.parametrize("chosen", [(), ("never",), ("weekly", "never")])
def test_each_field_that_cannot_be_used_is_named(chosen: tuple[str, ...]) -> None:
    with pytest.raises(FormError) as refused:
        _request(address="ann", newsletters=chosen, consent=" ")
    assert set(refused.value.problems) == {"address", "newsletters", "consent"}


def test_a_request_holds_what_was_asked_once() -> None:
    request = _request(address=" ann@example.org ", newsletters=("weekly", "daily", "weekly"))
    assert (request.address, request.newsletters) == ("ann@example.org", ("weekly", "daily"))
    assert request.id != _request().id


def _request(**told: object) -> Request:
    values = {"address": "ann@example.org", "newsletters": ("weekly",), "consent": "Yes."} | told
    return subscribe.new_request(
        address=str(values["address"]),
        newsletters=values["newsletters"],  # type: ignore[arg-type]
        preferences=USUAL,
        consent=Consent(text=str(values["consent"]), at=NOW, source="form"),
        known=("weekly", "daily"),
    )


# -- answers -----------------------------------------------------------------------------------------------------------


RESTRAINT = Restraint(most=3, gap=24 * HOUR)


def _answer(known: Known, *newsletters: str, braked: bool = False, restraint: Restraint = RESTRAINT) -> Answer:
    request = make_request(newsletters=newsletters or ("weekly",))
    return subscribe.answer(
        request, known, newsletters={"weekly", "daily"}, restraint=restraint, braked=braked, now=NOW
    )


def test_who_is_not_known_is_asked() -> None:
    assert _answer(UNKNOWN) is Answer.CONFIRM


def test_who_gets_a_part_of_it_is_asked_for_the_rest() -> None:
    assert _answer(replace(UNKNOWN, confirmed=frozenset({"weekly"})), "weekly", "daily") is Answer.CONFIRM
    assert _answer(replace(UNKNOWN, confirmed=frozenset({"weekly", "daily"})), "weekly", "daily") is Answer.REMIND


def test_a_newsletter_that_is_gone_is_not_asked_for() -> None:
    assert _answer(UNKNOWN, "gone") is Answer.NOTHING
    assert _answer(replace(UNKNOWN, confirmed=frozenset({"weekly"})), "weekly", "gone") is Answer.REMIND


@pytest.mark.parametrize("confirmed", [frozenset[str](), frozenset({"weekly"})])
@pytest.mark.parametrize(("hours", "nothing"), [(0, True), (1, True), (23.9, True), (24, False), (200, False)])
def test_one_mail_a_day_at_most(confirmed: frozenset[str], hours: float, *, nothing: bool) -> None:
    known = replace(UNKNOWN, confirmed=confirmed, asked=Asked(count=1, at=NOW - hours * HOUR))
    assert (_answer(known) is Answer.NOTHING) is nothing


@pytest.mark.parametrize(
    ("count", "told"), [(1, Answer.CONFIRM), (2, Answer.CONFIRM), (3, Answer.NOTHING), (9, Answer.NOTHING)]
)
def test_three_confirmations_ever(count: int, told: Answer) -> None:
    known = replace(UNKNOWN, asked=Asked(count=count, at=NOW - timedelta(days=400)))
    assert _answer(known) is told
    assert _answer(replace(known, confirmed=frozenset({"weekly"}))) is Answer.REMIND


def test_an_operator_says_how_often_somebody_is_asked() -> None:
    asked = replace(UNKNOWN, asked=Asked(count=3, at=NOW - 30 * HOUR))
    assert _answer(asked) is Answer.NOTHING
    assert _answer(asked, restraint=replace(RESTRAINT, most=4)) is Answer.CONFIRM
    assert _answer(asked, restraint=Restraint(most=4, gap=31 * HOUR)) is Answer.NOTHING


@pytest.mark.parametrize("confirmed", [frozenset[str](), frozenset({"weekly"})])
def test_a_suppressed_address_gets_nothing(confirmed: frozenset[str]) -> None:
    assert _answer(Known(suppressed=True, confirmed=confirmed, asked=None)) is Answer.NOTHING


def test_the_brake_lets_wait_who_would_be_written_to_and_nobody_else() -> None:
    assert _answer(UNKNOWN, braked=True) is Answer.WAIT
    assert _answer(replace(UNKNOWN, confirmed=frozenset({"weekly"})), braked=True) is Answer.WAIT
    assert _answer(replace(UNKNOWN, suppressed=True), braked=True) is Answer.NOTHING


def test_what_was_confirmed_begins_with_the_consent_of_that_moment() -> None:
    request = make_request(
        newsletters=("weekly", "gone", "daily"), preferences=Preferences(edition=Edition.LARGE_PRINT)
    )
    newsletters = {slug: make_newsletter(slug) for slug in ("weekly", "daily")}
    made = subscribe.confirmed(request, newsletters, NOW + HOUR)
    assert [each.newsletter for each in made] == ["weekly", "daily"]
    assert {each.subscriber.id for each in made} == {made[0].subscriber.id}
    assert made[0].subscriber.address == request.address
    assert made[0].consent == Consent(text="Yes, please.", at=NOW + HOUR, source="form")
    assert made[0].preferences.edition is Edition.LARGE_PRINT


@pytest.mark.parametrize(
    ("own", "wanted", "kept"),
    [
        (Cadence.DAILY, Cadence.WEEKLY, Cadence.WEEKLY),
        (Cadence.DAILY, Cadence.DAILY, None),
        (Cadence.WEEKLY, Cadence.DAILY, None),
        (Cadence.WEEKLY, Cadence.MONTHLY, Cadence.MONTHLY),
        (Cadence.MONTHLY, Cadence.MONTHLY, None),
        (Cadence.MONTHLY, None, None),
    ],
)
def test_a_newsletter_comes_no_more_often_than_it_is_written(
    own: Cadence, wanted: Cadence | None, kept: Cadence | None
) -> None:
    fitted = subscribe.fitting(Preferences(cadence=wanted, min_credibility=2), make_newsletter(cadence=own))
    assert fitted == Preferences(cadence=kept, min_credibility=2)


# -- notes -------------------------------------------------------------------------------------------------------------

NOTE = NoteClaim(
    id=1,
    kind=NoteKind.WELCOME,
    newsletters=("weekly",),
    recipient=Subscriber(id="s", address="ann@example.org"),
    of_request=False,
    owner="me",
    attempts=1,
    created_at=NOW,
)
DEAD = PermanentFailure("gone", code=550, enhanced="5.1.1")


def _told(failure: NewsletterError | None, note: NoteClaim = NOTE, now: datetime = NOW) -> tuple[object, ...]:
    outcome = subscribe.outcome_of(note, failure, now=now, max_age=timedelta(days=4))
    wait = outcome.next_at and outcome.next_at - now
    return outcome.word, wait, outcome.dead, outcome.halt


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (None, ("sent", None, False, False)),
        (DEAD, ("refused", None, True, False)),
        (PermanentFailure("policy", code=550, enhanced="5.7.1"), ("refused", None, False, False)),
        (HeaderError("two"), ("not-addressable", None, False, False)),
        (TemporaryFailure("later"), ("deferred", timedelta(minutes=1), False, False)),
        (AmbiguousFailure("lost"), ("deferred", timedelta(minutes=1), False, False)),
        (RelayFailure("no"), ("relay-refused", subscribe.RELAY_WAIT, False, True)),
        (TemporaryFailure("capped", retry_at=NOW + HOUR), ("no-relay", HOUR, False, True)),
        (MailError("template"), ("not-made", subscribe.RELAY_WAIT, False, False)),
    ],
)
def test_what_an_attempt_means(failure: NewsletterError | None, told: tuple[object, ...]) -> None:
    assert _told(failure) == told


def test_a_note_waits_longer_each_time() -> None:
    waits = [_told(TemporaryFailure(), replace(NOTE, attempts=number))[1] for number in range(1, 12)]
    assert waits == sorted(waits)  # type: ignore[type-var]
    assert waits[-1] == subscribe.BACK_OFF[-1]


@pytest.mark.parametrize("failure", [TemporaryFailure(), AmbiguousFailure(), RelayFailure(), MailError()])
@pytest.mark.parametrize(("of_request", "life"), [(True, subscribe.REQUEST_LIFE), (False, timedelta(days=4))])
def test_a_note_that_nobody_waits_for_any_more_is_given_up(
    failure: NewsletterError, life: timedelta, *, of_request: bool
) -> None:
    note = replace(NOTE, of_request=of_request)
    assert _told(failure, note, NOW + life)[0] == "expired"
    assert _told(failure, note, NOW + life - timedelta(seconds=1))[0] != "expired"


@pytest.mark.parametrize("told", ["", "../../x", "de/../..", "e", "de_AT", "de\n", "x" * 99])
def test_what_is_no_language_is_not_looked_for(told: str) -> None:
    known = Preferences(language="de-AT")
    for wanted, kept in ((Preferences(language=told), None), (known, "de-AT")):
        request = subscribe.new_request(
            address="ann@example.org",
            newsletters=("weekly",),
            preferences=wanted,
            consent=Consent(text="Yes", at=NOW, source="form"),
            known=("weekly",),
        )
        assert request.preferences.language == kept
        assert subscribe.fitting(wanted, make_newsletter()).language == kept


@settings(max_examples=2000)
@given(
    st.text(max_size=30),
    st.sampled_from(["example.org", "a@example.org", "example.org\r\nBcc: x", "b\u00fccher.example"]),
)
def test_what_a_form_lets_through_is_one_recipient_or_is_not_sent(local: str, domain: str) -> None:
    address = f"{local}@{domain}"
    if not is_mailbox(address):
        return
    try:
        field = to_field(Subscriber(id="s", address=address))
    except HeaderError:
        return
    parsed = message_from_string(f"To: {field}\n\n", policy=policy.default)
    assert len(parsed["To"].addresses) == 1
    assert list(parsed) == ["To"]


@pytest.mark.parametrize(
    ("address", "name", "newsletter", "told"),
    [
        ("two@example.org, three@example.org", "", "daily", "not one mailbox"),
        ("ann@example.org", "Ann\r\nBcc: bea@example.org", "daily", "control character"),
        ("ann@example.org", "", "yearly", 'no newsletter "yearly"'),
    ],
)
def test_what_an_operator_enters_is_held_to_the_same(address: str, name: str, newsletter: str, told: str) -> None:
    consent = Consent(text="Yes.", at=datetime(2026, 11, 20, tzinfo=UTC), source="operator")
    with pytest.raises(UsageError, match=told):
        subscribe.new_subscription(address, name, newsletter, consent, newsletters=["daily"])
