"""Signing up, confirming, changing, leaving, taking one's data and being forgotten, as readers live it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading import ANN, CONSENT, NOW, House, open_house

from newsletter.errors import FormError, TokenError
from newsletter.model import USUAL, Cadence, Edition, Preferences, SubscriptionState

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CONFIRMED, ENDED = SubscriptionState.CONFIRMED, SubscriptionState.UNSUBSCRIBED


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path) as opened:
        yield opened


def states(house: House) -> dict[str, SubscriptionState]:
    return {each.newsletter: each.state for each in house.app.subscribers()}


# -- in ----------------------------------------------------------------------------------------------------------------


def test_nothing_but_one_question_comes_before_they_say_yes(house: House) -> None:
    house.ask(ANN, "daily", "caregiver-weekly")
    (question,) = house.post()
    assert question.to == ANN
    assert "MS Research Daily and MS Research for Caregivers" in " ".join(question.text.split())
    assert not [name for name in question.message if name.startswith("List-")]
    assert house.app.subscribers() == ()
    assert house.post(NOW + HOUR) == []


def test_a_yes_begins_all_of_it_and_is_welcomed(house: House) -> None:
    wanted = Preferences(edition=Edition.TEXT_ONLY, cadence=Cadence.WEEKLY, language="de")
    house.ask(ANN, "daily", "caregiver-weekly", preferences=wanted)
    (question,) = house.post()
    assert question.message.get_content_type() == "text/plain"
    assert "Wir hoffen, das waren Sie" in " ".join(question.text.split())
    token = question.token("confirm")
    assert house.app.readers.request_of(token, NOW + HOUR).newsletters == ("daily", "caregiver-weekly")
    house.app.readers.confirm(token, NOW + HOUR)
    assert states(house) == {"daily": CONFIRMED, "caregiver-weekly": CONFIRMED}
    daily = next(each for each in house.app.subscribers() if each.newsletter == "daily")
    assert daily.preferences == wanted
    assert (daily.consent.text, daily.consent.at, daily.consent.source) == (CONSENT, NOW + HOUR, "form")
    (welcome,) = house.post(NOW + HOUR)
    assert welcome.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    text = " ".join(welcome.text.split())
    for title in ("MS Research Daily", "MS Research for Caregivers"):
        assert f"{title} kommt einmal in der Woche" in text, "as often as they want it"
    person = house.app.readers.person(welcome.token("preferences"), NOW + HOUR)
    assert person.subscriber == daily.subscriber
    assert set(person.subscriptions) == {"daily", "caregiver-weekly"}


def test_one_welcome_says_how_often_each_comes_and_its_link_ends_them_all(house: House) -> None:
    monthly = "clinician-monthly"
    _, (welcome,) = house.confirmed(ANN, "daily", "caregiver-weekly", monthly)
    text = " ".join(welcome.text.split())
    assert "MS Research Daily comes once a day" in text
    assert "MS Research for Caregivers comes once a week" in text
    assert "MS Research for Clinicians comes once a month" in text
    token = welcome.token("unsubscribe")
    assert house.app.readers.newsletter_of(token).title == (
        "MS Research Daily, MS Research for Caregivers and MS Research for Clinicians"
    )
    house.app.readers.unsubscribe(token, NOW + HOUR)
    assert states(house) == dict.fromkeys(("daily", "caregiver-weekly", monthly), ENDED)


def test_a_welcome_to_one_newsletter_need_not_say_which(house: House) -> None:
    _, (welcome,) = house.confirmed()
    assert "It comes once a day" in " ".join(welcome.text.split())
    assert house.app.tokens.read_unsubscribe(welcome.token("unsubscribe")).newsletter == "daily"


def test_a_yes_counts_once_and_not_too_late(house: House) -> None:
    house.ask()
    (question,) = house.post()
    token = question.token("confirm")
    for link, when in ((token, NOW + 2 * DAY), (token[:-1], NOW), ("", NOW), ("\ud800", NOW)):
        with pytest.raises(TokenError):
            house.app.readers.confirm(link, when)
        with pytest.raises(TokenError):
            house.app.readers.request_of(link, when)
    house.app.readers.confirm(token, NOW)
    with pytest.raises(TokenError):
        house.app.readers.confirm(token, NOW)


def test_a_question_holds_nothing_that_the_stranger_wrote(house: House) -> None:
    house.ask(ANN, "daily", consent="BUY MY PILLS https://evil.example")
    (question,) = house.post()
    assert "PILLS" not in question.message.as_string()
    assert "evil" not in question.message.as_string()


def test_a_form_is_told_what_is_wrong_with_it(house: House) -> None:
    with pytest.raises(FormError) as refused:
        house.ask("nobody", "never", consent="")
    assert set(refused.value.problems) == {"address", "newsletters", "consent"}
    german = house.app.templates.for_language("de").words
    for text in refused.value.problems.values():
        assert german.gettext(text) != text, "each can be said in another language"
    assert house.post() == []


def test_nobody_signs_up_where_that_is_closed(tmp_path: Path) -> None:
    with open_house(tmp_path, ("open = true", "open = false")) as house:
        assert not house.app.readers.open
        with pytest.raises(FormError):
            house.ask()


def test_a_second_mail_on_one_day_is_not_sent_and_a_fourth_question_never(house: House) -> None:
    sent = []
    for day in (0, 0.5, 1, 2, 3, 400):
        house.ask(now=NOW + day * DAY)
        sent.append(len(house.post(NOW + day * DAY)))
    assert sent == [1, 0, 1, 1, 0, 0]


def test_an_operator_may_ask_less_often(tmp_path: Path) -> None:
    changes = (("most_confirmations = 3", "most_confirmations = 2"), ("gap_hours = 24", "gap_hours = 48"))
    with open_house(tmp_path, *changes) as house:
        sent = []
        for day in (0, 1, 2, 5):
            house.ask(now=NOW + day * DAY)
            sent.append(len(house.post(NOW + day * DAY)))
        assert sent == [1, 0, 1, 0]


def test_who_said_yes_may_ask_again(house: House) -> None:
    for day in range(5):
        house.confirmed(now=NOW + day * DAY)
        house.app.readers.unsubscribe(_way_out(house), NOW + day * DAY)
    assert states(house) == {"daily": ENDED}
    assert len({each.subscriber.id for each in house.app.subscribers()}) == 1


def _way_out(house: House, newsletter: str = "daily") -> str:
    (person,) = {each.subscriber.id for each in house.app.subscribers()}
    return house.app.tokens.unsubscribe(newsletter, person)


def test_who_gets_it_already_is_sent_a_link_in_place_of_a_question(house: House) -> None:
    house.confirmed()
    house.ask(ANN.upper(), "daily", now=NOW + DAY)
    (mail,) = house.post(NOW + DAY)
    assert mail.subject == "Your link to change what we send you"
    assert mail.to == ANN, "as its owner wrote it"
    assert house.app.readers.person(mail.token("preferences"), NOW + DAY).subscriber.address == ANN
    house.ask(now=NOW + DAY + HOUR)
    assert house.post(NOW + DAY + HOUR) == []


def test_a_suppressed_address_gets_nothing_at_all(house: House) -> None:
    house.app.readers.suppress(ANN, NOW)
    for address in (ANN, "Ann+tag@example.org"):
        house.ask(address)
    assert house.post() == []
    assert house.app.readers.unsuppress(ANN)
    assert not house.app.readers.unsuppress(ANN)
    house.ask()
    assert len(house.post()) == 1


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("a.b+x@gmail.com", ("ab@gmail.com", "A.B@googlemail.com", "ab+y@gmail.com")),
        ("ann+digest@example.org", ("ann@example.org", "Ann+other@EXAMPLE.org")),
        ("ann@b\u00fccher.example", ("ann@xn--bcher-kva.example",)),
    ],
)
def test_who_wants_no_mail_gets_none_however_they_are_spelt(house: House, said: str, asked: tuple[str, ...]) -> None:
    house.app.readers.suppress(said, NOW, "complaint")
    for number, address in enumerate((said, *asked)):
        house.ask(address, now=NOW + number * 2 * DAY)
        assert house.post(NOW + number * 2 * DAY) == [], address
        assert house.app.readers.everything(address)["suppression"]["reason"] == "complaint"
    assert house.app.readers.unsuppress(said)
    house.ask(asked[0], now=NOW + 20 * DAY)
    assert len(house.post(NOW + 20 * DAY)) == 1


def test_a_question_that_waits_is_not_asked_after_a_complaint(house: House) -> None:
    house.ask("ann@example.org")
    house.app.readers.answer(NOW)
    house.app.readers.suppress("ann+digest@example.org", NOW, "complaint")
    assert house.post() == []


def test_the_brake_holds_up_and_loses_nobody(tmp_path: Path) -> None:
    with open_house(tmp_path, ("most_an_hour = 300", "most_an_hour = 2")) as house:
        for number in range(5):
            house.ask(f"reader{number}@example.org", now=NOW + number * timedelta(seconds=1))
        came = [sorted(mail.to for mail in house.post(NOW + hours * HOUR)) for hours in (0, 0.5, 1, 2)]
    assert [len(each) for each in came] == [2, 0, 2, 1]
    assert [each for some in came for each in some] == [f"reader{number}@example.org" for number in range(5)]


# -- out ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("goodbye", [False, True])
def test_leaving_is_one_press_and_may_be_pressed_twice(tmp_path: Path, *, goodbye: bool) -> None:
    changes = [("goodbye = false", "goodbye = true")] if goodbye else []
    with open_house(tmp_path, *changes) as house:
        _, (welcome,) = house.confirmed()
        token = welcome.token("unsubscribe")
        assert house.app.readers.newsletter_of(token).slug == "daily"
        for _ in range(2):
            assert house.app.readers.unsubscribe(token, NOW + DAY).slug == "daily"
        assert states(house) == {"daily": ENDED}
        assert [mail.subject for mail in house.post(NOW + DAY)] == ["You have left MS Research Daily"] * goodbye


def test_presses_that_come_together_are_one_goodbye_each(tmp_path: Path) -> None:
    with open_house(tmp_path, ("goodbye = false", "goodbye = true")) as house:
        _, (welcome,) = house.confirmed()
        token = welcome.token("unsubscribe")
        unheard_of = house.app.tokens.unsubscribe("weekly-of-old", "0" * 32)
        nobody = house.app.tokens.unsubscribe("daily", "0" * 32)
        told = house.app.readers.unsubscribe_all([token, "x", token, unheard_of, nobody], NOW + DAY)
        assert [newsletter and newsletter.slug for newsletter in told] == ["daily", None, "daily", None, "daily"]
        assert house.app.readers.unsubscribe_all(["x"], NOW + DAY) == [None]
        assert len(house.post(NOW + DAY)) == 1


def test_a_link_to_leave_works_after_ten_years(house: House) -> None:
    _, (welcome,) = house.confirmed()
    house.app.readers.unsubscribe(welcome.token("unsubscribe"), NOW + 3653 * DAY)
    assert states(house) == {"daily": ENDED}


def test_links_of_the_wrong_kind_open_nothing(house: House) -> None:
    _, (welcome,) = house.confirmed()
    leave, choose = welcome.token("unsubscribe"), welcome.token("preferences")
    readers = house.app.readers
    with pytest.raises(TokenError):
        readers.person(leave, NOW)
    with pytest.raises(TokenError):
        readers.unsubscribe(choose, NOW)
    with pytest.raises(TokenError):
        readers.confirm(choose, NOW)


# -- preferences -------------------------------------------------------------------------------------------------------


def test_what_a_person_wants_is_heeded(house: House) -> None:
    _, (welcome,) = house.confirmed(ANN, "daily")
    token = welcome.token("preferences")
    large = Preferences(edition=Edition.LARGE_PRINT, cadence=Cadence.MONTHLY)
    house.app.readers.prefer(token, {"daily": None, "caregiver-weekly": large}, NOW + DAY)
    found = {each.newsletter: each for each in house.app.subscribers()}
    assert found["daily"].state is ENDED
    weekly = found["caregiver-weekly"]
    assert (weekly.state, weekly.preferences, weekly.consent.source) == (CONFIRMED, large, "preferences")
    house.app.readers.prefer(token, {"caregiver-weekly": replace(large, cadence=Cadence.DAILY)}, NOW + DAY)
    (_, weekly) = sorted(house.app.subscribers(), key=lambda each: each.state is CONFIRMED)
    assert weekly.preferences == Preferences(edition=Edition.LARGE_PRINT), "no more often than it is written"
    with pytest.raises(FormError):
        house.app.readers.prefer(token, {"daily": USUAL, "never": USUAL}, NOW + DAY)
    assert states(house)["daily"] is ENDED, "all or nothing"


def test_a_link_to_preferences_works_for_a_week(house: House) -> None:
    _, (welcome,) = house.confirmed()
    token = welcome.token("preferences")
    house.app.readers.person(token, NOW + 7 * DAY)
    readers, late = house.app.readers, NOW + 7 * DAY + timedelta(seconds=1)
    for use in (
        lambda: readers.person(token, late),
        lambda: readers.prefer(token, {"daily": None}, late),
        lambda: readers.export(token, late),
        lambda: readers.erase(token, late),
    ):
        with pytest.raises(TokenError, match="too old"):
            use()
    assert states(house) == {"daily": CONFIRMED}


def test_a_forwarded_digest_sends_a_link_to_its_owner_once_an_hour(house: House) -> None:
    _, (welcome,) = house.confirmed()
    token = welcome.token("unsubscribe")
    came = []
    for minutes in (0, 1, 59, 60):
        now = NOW + timedelta(minutes=minutes)
        house.app.readers.ask_preferences(token, now)
        came.append([mail.to for mail in house.post(now)])
    assert came == [[ANN], [], [], [ANN]]


def test_who_has_left_can_still_see_and_delete_what_we_know(house: House) -> None:
    _, (welcome,) = house.confirmed()
    house.app.readers.unsubscribe(welcome.token("unsubscribe"), NOW)
    house.app.readers.ask_preferences(welcome.token("unsubscribe"), NOW)
    (mail,) = house.post()
    assert house.app.readers.person(mail.token("preferences"), NOW).subscriptions["daily"].state is ENDED
    house.app.readers.erase(mail.token("preferences"), NOW)
    assert house.app.subscribers() == ()


# -- everything, and nothing ---------------------------------------------------------------------------------------------


def test_a_person_gets_a_copy_of_everything(house: House) -> None:
    _, (welcome,) = house.confirmed()
    house.ask(ANN, "caregiver-weekly", now=NOW + HOUR)
    told = house.app.readers.export(welcome.token("preferences"), NOW)
    assert told["address"] == ANN
    assert [(each["newsletter"], each["consent_text"]) for each in told["subscriptions"]] == [("daily", CONSENT)]
    assert [each["newsletters"] for each in told["requests"]] == [["caregiver-weekly"]]
    assert house.app.readers.everything("nobody@example.org") == {}


def test_an_erased_person_stands_in_no_file_of_the_database(house: House) -> None:
    """With people before and after them, so that rows have moved between pages."""
    victim = "Zuleika.Quix+News@Example-Hospital.org"
    crowd = [f"reader{number:04}@example.net" for number in range(300)]
    _, (welcome,) = house.confirmed(victim)
    for number, address in enumerate(crowd):
        house.app.add_subscriber(address, "X" * (number % 90), "daily", house.app.subscribers()[0].consent)
        if number % 50 == 0:
            house.app.add_subscriber(victim, f"Zuleika the {number}th", "daily", house.app.subscribers()[0].consent)
    house.app.readers.ask_preferences(welcome.token("unsubscribe"), NOW)
    house.ask(victim, "clinician-monthly", now=NOW + HOUR)
    traces = re.compile(rb"zuleika|quix|example-hospital", re.IGNORECASE)
    files = sorted((house.folder / "var").glob("newsletter.db*"))
    assert len(files) >= 3
    assert any(traces.search(path.read_bytes()) for path in files)
    house.app.readers.erase(welcome.token("preferences"), NOW)
    for path in sorted((house.folder / "var").glob("newsletter.db*")):
        assert not traces.search(path.read_bytes()), path.name
    assert len(house.app.subscribers()) == len(crowd)
    with pytest.raises(TokenError):
        house.app.readers.person(welcome.token("preferences"), NOW)
    with pytest.raises(TokenError):
        house.app.readers.ask_preferences(welcome.token("preferences"), NOW)
    house.app.readers.ask_preferences(welcome.token("unsubscribe"), NOW)
    assert house.post() == []


def test_an_erased_person_who_bounced_is_still_not_written_to(house: House) -> None:
    house.app.readers.suppress(ANN, NOW)
    house.ask()
    assert house.app.readers.forget(ANN, NOW)
    assert not house.app.readers.forget(ANN, NOW)
    house.ask()
    assert house.post() == []


# -- what an attacker may try ------------------------------------------------------------------------------------------


def test_many_spellings_of_one_victim_give_one_mail(house: House) -> None:
    for number in range(250):
        dotted = "".join(c + "." * ((number >> i) & 1) for i, c in enumerate("victi")) + "m"
        spelt = dotted if number % 3 else dotted.upper()
        house.ask(f"{spelt}+{number}@{'gmail.com' if number % 2 else 'GoogleMail.com'}", now=NOW + number * HOUR / 250)
    assert len(house.post(NOW + HOUR)) == 1


def test_asking_writes_one_row_whoever_the_address_belongs_to(house: House) -> None:
    """The statements are the same for a stranger, a subscriber, somebody who is suppressed, and one who is asked already."""
    house.confirmed("known@example.org")
    house.app.readers.suppress("gone@example.org", NOW)
    house.ask("pending@example.org")
    house.post()
    seen = []
    for address in ("known@example.org", "gone@example.org", "pending@example.org", "other@example.org"):
        statements: list[str] = []
        engine = house.app.readers._requests._database._open()
        connection = engine.raw_connection()
        driver = connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.set_trace_callback(statements.append)
        connection.close()  # back into the pool, which hands it out next
        house.ask(address)
        driver.set_trace_callback(None)
        seen.append([re.sub(r"'[^']*'", "?", statement) for statement in statements])
    assert len(seen[0]) == 3, "BEGIN, INSERT, COMMIT"
    assert all(each == seen[0] for each in seen)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    local=st.text(min_size=1, max_size=12),
    domain=st.sampled_from(
        ["example.org", "example.org\r\nBcc: x@example.com", "a@example.org", "example.org,b@x.org"]
    ),
    break_=st.sampled_from(["", "\r\n", "\n", "\r", "\x00", "\u2028", ",", ";", " "]),
)
def test_no_address_ever_becomes_another_header_or_recipient(
    house: House, local: str, domain: str, break_: str
) -> None:
    with suppress(FormError):
        house.ask(f"{local}{break_}@{domain}")
    for mail in house.post():
        assert len(mail.message["To"].addresses) == 1
        assert mail.message["Bcc"] is None
        assert mail.message["To"].addresses[0].addr_spec.count("@") == 1
