"""What comes back changes what is mailed, where it proves that it is about a message of ours, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from returned import ANN, DATA, FALSE_PATH, TOKENS, Office
from sqlalchemy import update

from newsletter.bounces import GRACE, judge, take, worn_out
from newsletter.errors import MailboxError
from newsletter.incoming.maildir import Maildir
from newsletter.model import DeliveryState, SubscriptionState
from newsletter.model.incoming import BounceKind, Failure, Fate, Letter, PastDelivery, Report, ReportKind
from newsletter.store import schema
from newsletter.store.bounces import Bounces
from newsletter.store.database import open_database
from newsletter.store.persons import Persons
from newsletter.store.subscribers import Subscribers
from newsletter.tokens import Tokens

START = datetime(2026, 1, 1, tzinfo=UTC)
SOFT = "postfix-mailbox-full"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    database = open_database(f"sqlite:///{tmp_path / 'newsletter.db'}")
    yield Office(database, tmp_path / "mail")
    database.close()


# -- deciding ----------------------------------------------------------------------------------------------------------


def _judged(*failures: Failure, partly: bool = False) -> BounceKind:
    return judge(Report(kind=ReportKind.BOUNCE, failures=failures, partly=partly))[0]


@pytest.mark.parametrize("status", ["5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"])
def test_a_dead_address(status: str) -> None:
    assert _judged(Failure(status=status, code=550)) is BounceKind.HARD


@pytest.mark.parametrize(
    "failure",
    [
        Failure(status="5.2.2", code=552),
        Failure(status="4.2.2"),
        Failure(status="4.4.1"),
        Failure(status="5.4.4"),
        Failure(status="5.1.8"),
        Failure(status="5.5.0", words="no such user"),  # the status is specific, and says something else
        Failure(status="4.0.0", code=450, words="450 user unknown, for now"),
        Failure(words="who knows"),
        Failure(),
    ],
)
def test_a_mailbox_that_is_full_or_out_of_reach(failure: Failure) -> None:
    assert _judged(failure) is BounceKind.SOFT


@pytest.mark.parametrize(
    "failure",
    [
        Failure(status="5.7.1"),
        Failure(status="5.7.26"),
        Failure(status="4.7.0"),
        Failure(words="554 rejected: SPAM"),
        Failure(status="5.1.1", words="550 5.1.1 blocked by our policy"),
        Failure(status="5.0.0", words="listed in a DNSBL, user unknown"),
    ],
)
def test_what_a_policy_refuses_is_no_recipients_fault(failure: Failure) -> None:
    assert _judged(failure) is BounceKind.POLICY


@pytest.mark.parametrize(
    "failure",
    [
        Failure(status="5.3.4"),
        Failure(status="5.6.0"),
        Failure(status="5.6.1"),
        Failure(code=552, words="552 message too large"),
    ],
)
def test_what_is_wrong_with_a_message_is_no_recipients_fault(failure: Failure) -> None:
    assert _judged(failure) is BounceKind.MESSAGE


@pytest.mark.parametrize(
    "words",
    [
        "550 User unknown",
        "No such user here",
        "550 Recipient not found",
        "This account doesn't exist",
        "553 invalid mailbox",
    ],
)
def test_words_stand_in_for_a_status_that_says_nothing(words: str) -> None:
    assert _judged(Failure(status="5.0.0", code=550, words=words)) is BounceKind.HARD
    assert _judged(Failure(words=words)) is BounceKind.HARD


def test_the_name_of_a_server_is_no_word_of_its_own() -> None:
    words = "host mx.spamblock.example [192.0.2.1] said: 550 5.1.1 <policy@example.org> no such user, see https://block.example/spam"
    assert _judged(Failure(status="5.1.1", words=words)) is BounceKind.HARD


def test_the_mildest_of_several_failures_counts() -> None:
    hard, soft, policy = Failure(status="5.1.1"), Failure(status="5.2.2"), Failure(status="5.7.1")
    assert _judged(hard, soft) is BounceKind.SOFT
    assert _judged(soft, policy, hard) is BounceKind.POLICY
    assert _judged(hard, hard) is BounceKind.HARD
    assert _judged(hard, partly=True) is BounceKind.SOFT


def _history(*told: tuple[int, str]) -> list[PastDelivery]:
    """Days since the start, and `soft`, `policy`, `arrived` or the enhanced code of a refusal at once; newest first."""
    return [_past(number, day, what) for number, (day, what) in enumerate(sorted(told, reverse=True))]


def _past(number: int, day: int, what: str) -> PastDelivery:
    at = START + timedelta(days=day)
    if what == "arrived":
        return PastDelivery(delivery_id=number, at=at, state=DeliveryState.SENT)
    if what[0].isdigit():
        return PastDelivery(delivery_id=number, at=at, state=DeliveryState.BOUNCED, enhanced=what)
    return PastDelivery(delivery_id=number, at=at, state=DeliveryState.BOUNCED, bounce=BounceKind(what))


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([(0, "soft"), (7, "soft"), (14, "soft"), (21, "soft"), (28, "soft")], True),
        ([(0, "soft"), (7, "soft"), (14, "soft"), (21, "soft")], False),  # four
        ([(day, "soft") for day in range(14)], False),  # thirteen days
        ([(day, "soft") for day in range(15)], True),
        ([(0, "soft"), (7, "soft"), (10, "arrived"), (14, "soft"), (21, "soft"), (28, "soft")], False),
        ([(0, "arrived"), (1, "soft"), (7, "soft"), (14, "soft"), (21, "soft"), (28, "soft")], True),
        ([(0, "soft"), (7, "policy"), (14, "soft"), (21, "soft"), (28, "soft")], False),  # a policy does not count
        (
            [(0, "soft"), (7, "policy"), (8, "soft"), (14, "soft"), (21, "soft"), (28, "soft")],
            True,
        ),  # nor does it break
        ([(0, "5.2.2"), (7, "4.4.1"), (14, "soft"), (21, "soft"), (28, "soft")], True),  # refused at once counts
        ([(0, "5.7.1"), (7, "5.7.1"), (14, "soft"), (21, "soft"), (28, "soft")], False),
        ([], False),
    ],
)
def test_an_address_is_worn_out_by_five_soft_bounces_over_two_weeks(
    told: list[tuple[int, str]], expected: bool
) -> None:
    now = START + timedelta(days=max((day for day, _ in told), default=0) + 1)
    assert worn_out(_history(*told), now) is expected


def test_what_was_sent_lately_may_still_come_back() -> None:
    """A daily newsletter, whose bounces take days: what lies between them and has not come back yet breaks no row."""
    told = [(0, "soft"), (5, "soft"), (10, "soft"), (15, "soft"), (16, "arrived"), (20, "soft")]
    day = START + timedelta(days=16)
    assert worn_out(_history(*told), day + GRACE - timedelta(seconds=1))
    assert not worn_out(_history(*told), day + GRACE)


@given(st.lists(st.tuples(st.integers(0, 300), st.sampled_from(["soft", "policy", "arrived", "5.2.2"])), max_size=30))
def test_nobody_is_worn_out_without_the_number_and_the_time(told: list[tuple[int, str]]) -> None:
    now = START + timedelta(days=400)
    if worn_out(_history(*told), now):
        last = max((day for day, what in told if what == "arrived"), default=-1)
        run = [day for day, what in told if what in {"soft", "5.2.2"} and day >= last]
        assert len(run) >= 5
        assert max(run) - min(run) >= 14


# -- doing -------------------------------------------------------------------------------------------------------------


def test_a_dead_address_gets_nothing_any_more(office: Office) -> None:
    sent = office.send()
    assert office.words(sent.returned("postfix-unknown-user")) == {"hard": 1}
    record = office.delivery(sent)
    assert (record.state, record.code, record.enhanced) == (DeliveryState.BOUNCED, 550, "5.1.1")
    assert office.events(sent) == ["claimed", "accepted", "bounced-hard"]
    assert office.suppressed()
    assert office.standing() is SubscriptionState.CONFIRMED
    assert office.flags() == ["S"]


@pytest.mark.parametrize("path", sorted(DATA.glob("*.eml")), ids=lambda path: path.stem)
def test_every_example_has_the_consequence_that_it_should(office: Office, path: Path) -> None:
    import json

    told = json.loads(path.with_suffix(".json").read_text())
    sent, other = office.send(), office.send("bob@example.net")
    before = office.everything()
    tally = office.take_in(sent.returned(path.stem))
    kind = told.get("judged", told["kind"])
    words = {"unknown": "unclear", "unsubscribe": "unsubscribed"}
    assert dict(tally.counts) == {words.get(kind, kind): 1}
    assert office.suppressed() == (kind in {"hard", "complaint"})
    left = kind in {"complaint", "unsubscribe"}
    assert office.standing() == (SubscriptionState.UNSUBSCRIBED if left else SubscriptionState.CONFIRMED)
    assert (office.delivery(sent).state is DeliveryState.BOUNCED) == ("judged" in told)
    assert office.flags() == ["F" if kind == "unknown" else "S"]
    if kind in {"unknown", "automatic", "delayed"}:
        assert office.everything() == before
    assert not office.suppressed("bob@example.net")
    assert office.delivery(other).state is DeliveryState.SENT


def test_a_complaint_is_a_persons_and_a_dead_mailbox_is_that_one_alone(office: Office) -> None:
    dead, angry = office.send("bea+digest@example.net"), office.send("a.b+x@gmail.com")
    office.take_in(dead.returned("postfix-unknown-user"), angry.returned("arf-abuse"))
    people, key, person = Subscribers(office.database), TOKENS.address_key, TOKENS.person_key
    assert people.suppressed(key("bea+digest@example.net"))
    assert not people.suppressed(key("bea@example.net"))
    assert not people.suppressed(person("bea@example.net"))
    assert people.suppressed(key("ab@gmail.com")), "whatever is sent to that mailbox"
    assert people.suppressed(person("ab@gmail.com"))


def test_a_mailbox_that_is_known_by_many_spellings_is_dead_in_all(office: Office) -> None:
    office.take_in(office.send("a.b+x@gmail.com").returned("postfix-unknown-user"))
    assert office.suppressed("AB@googlemail.com")
    assert not office.suppressed("ab@example.org")


def test_the_operator_hears_which_domains_mistrust_us(office: Office) -> None:
    ann, bob, eve = (office.send(address) for address in (ANN, "bob@example.net", "eve@example.com"))
    tally = office.take_in(
        ann.returned("gmail-unauthenticated"), bob.returned("arf-abuse"), eve.returned("postfix-unknown-user")
    )
    assert tally.domains == {"example.net": 2}
    counts = {(each.domain, each.kind.value): each.number for each in Bounces(office.database).by_domain(office.now)}
    assert counts == {("example.net", "policy"): 1, ("example.net", "complaint"): 1, ("example.com", "hard"): 1}


def test_the_same_report_again_changes_nothing(office: Office) -> None:
    ann, bob = office.send(), office.send("bob@example.net")
    reports = (ann.returned(SOFT), bob.returned("arf-abuse"), bob.returned("unsubscribe-by-link"))
    assert office.words(*reports) == {"soft": 1, "complaint": 1, "repeated": 1}
    office.later(days=1)
    before = office.everything()
    assert office.words(*reports, ann.returned("postfix-unknown-user")) == {"repeated": 4}
    assert office.everything() == before


FORGERIES = {
    "an invented signature": lambda path: path[:28] + ".aaaaaaaaaa" + path[39:],
    "one letter of the signature": lambda path: path[:38] + ("a" if path[38] != "a" else "b") + path[39:],
    "another message's signature": lambda path: "b+" + "a" * 26 + path[28:],
    "another installation's": lambda path: Tokens(["x" * 40]).return_path(
        f"<{path[2:28]}@x.org>", "b@bounces.example.org"
    ),
    "the example's own": lambda _: FALSE_PATH,
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_return_path_changes_nothing(office: Office, name: str) -> None:
    """Not even where the message's true id stands in the copy."""
    sent = office.send()
    before = office.everything()
    path = FORGERIES[name](sent.return_path)
    assert path != sent.return_path
    for report in ("postfix-unknown-user", "qmail-no-mailbox", "exim-plain"):
        assert office.words(sent.returned(report, path=path)) == {"forged": 1}
    assert office.everything() == before


def test_one_true_return_path_among_false_ones_is_enough(office: Office) -> None:
    """A mail server in between may have given the message a return path of another installation's form."""
    sent = office.send()
    data = b"Delivered-To: " + FALSE_PATH.encode() + b"\n" + sent.returned("postfix-unknown-user")
    data += b"\n"
    assert office.words(data) == {"hard": 1}


def test_a_complaint_about_a_link_that_is_not_ours(office: Office) -> None:
    sent = office.send()
    before = office.everything()
    link = TOKENS.unsubscribe(sent.newsletter, sent.subscriber_id).encode()
    false = sent.returned("arf-abuse-redacted").replace(link, link[:-3] + b"AAA")
    assert office.words(false) == {"unnamed": 1}
    assert office.everything() == before


def test_tallies_of_several_mailboxes_are_told_as_one(office: Office) -> None:
    ann, bob = office.send(), office.send("bob@example.net")
    first = office.take_in(ann.returned("gmail-unauthenticated"), b"?")
    second = office.take_in(bob.returned("gmail-unauthenticated"))
    both = first.joined(second)
    assert both.counts == {"policy": 2, "unclear": 1}
    assert (both.domains, both.for_a_person) == ({"example.net": 2}, 1)


def test_letters_whose_case_was_changed_on_the_way_prove_the_same(office: Office) -> None:
    sent = office.send()
    assert office.words(sent.returned("postfix-unknown-user", path=sent.return_path.upper())) == {"hard": 1}


def test_a_message_that_the_ledger_does_not_know(office: Office) -> None:
    office.send()
    before = office.everything()
    stranger = TOKENS.return_path(TOKENS.message_id("weekly", "2020-W01", "nobody", "x.org"), "b@bounces.example.org")
    sent = office.send("bob@example.net")
    before = office.everything()
    assert office.words(sent.returned("postfix-unknown-user", path=stranger)) == {"unknown-delivery": 1}
    assert office.everything() == before


def test_without_return_paths_the_id_of_the_copy_is_the_proof(office: Office) -> None:
    """Nobody knows it but who had the message in hands."""
    ann, bob = office.send(), office.send("bob@example.net")
    plain = "digest@news.example.org"
    assert office.words(ann.returned("postfix-unknown-user", path=plain)) == {"hard": 1}
    told = bob.returned("postfix-unknown-user", path=plain).replace(
        bob.message_id.encode(), b"<other@news.example.org>"
    )
    assert office.words(told) == {"unknown-delivery": 1}
    unnamed = bob.returned("postfix-unknown-user", path=plain).replace(b"Message-ID:", b"X:")
    assert office.words(unnamed) == {"unnamed": 1}
    assert not office.suppressed("bob@example.net")


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("pending", "not-sent"),
        ("deferred", "not-sent"),
        ("suppressed", "not-sent"),
        ("cancelled", "not-sent"),
        ("bounced", "repeated"),
    ],
)
def test_what_has_not_left_cannot_come_back(office: Office, state: str, word: str) -> None:
    sent = office.send()
    with office.database.begin() as connection:
        connection.execute(update(schema.delivery).values(state=state, sent_at=None))
    before = office.everything()
    assert office.words(sent.returned("postfix-unknown-user")) == {word: 1}
    assert office.words(sent.returned("arf-abuse")) == {word: 1}
    assert office.everything() == before


@pytest.mark.parametrize("state", ["unknown", "deferred", "expired"])
def test_a_bounce_settles_what_was_in_doubt(office: Office, state: str) -> None:
    """The answer was lost, and now it is known that the message had been taken: it is not sent again."""
    sent = office.send()
    values = {"state": state, "sent_at": None, "ambiguous": True, "next_at": office.now}
    with office.database.begin() as connection:
        connection.execute(update(schema.delivery).values(values))
    assert office.words(sent.returned(SOFT)) == {"soft": 1}
    assert office.delivery(sent).state is DeliveryState.BOUNCED
    assert office.delivery(sent).next_at is None


def test_a_bounce_that_is_faster_than_our_own_record_waits(office: Office) -> None:
    sent = office.send(accepted=False)
    assert office.words(sent.returned("postfix-unknown-user")) == {"too-early": 1}
    assert office.flags() == ["new"]
    with office.database.begin() as connection:
        connection.execute(update(schema.delivery).values(state="sent", sent_at=office.now))
    assert office.words() == {"hard": 1}
    assert office.flags() == ["S"]


def test_soft_bounces_wear_an_address_out(office: Office) -> None:
    for week in range(5):
        assert not office.suppressed(), week
        sent = office.send()
        office.later(days=1)
        assert office.words(sent.returned(SOFT)) == {"soft": 1}
        office.later(days=6)
    assert office.suppressed()


def test_a_message_that_arrived_begins_the_count_anew(office: Office) -> None:
    for week in range(9):
        sent = office.send()
        office.later(days=1)
        if week != 4:
            office.words(sent.returned(SOFT))
        office.later(days=6)
    assert not office.suppressed()
    sent = office.send()
    office.words(sent.returned(SOFT))
    assert office.suppressed()


def test_policies_never_wear_an_address_out(office: Office) -> None:
    for _ in range(10):
        sent = office.send()
        office.words(sent.returned("gmail-unauthenticated"))
        office.later(days=7)
    assert not office.suppressed()


def test_a_complaint_ends_one_subscription_and_all_mail(office: Office) -> None:
    sent = office.send()
    office.subscribe(ANN, "daily")
    assert office.words(sent.returned("arf-abuse-redacted")) == {"complaint": 1}
    assert (office.standing(), office.standing(newsletter="daily")) == ("unsubscribed", "confirmed")
    assert office.suppressed()
    assert office.delivery(sent).state is DeliveryState.SENT


def test_an_erased_person_is_not_written_down_again(office: Office) -> None:
    sent = office.send()
    Persons(office.database).erase(ANN, (), lambda _: None)
    assert office.words(sent.returned("postfix-unknown-user")) == {"hard": 1}
    assert not office.suppressed()
    assert office.words(sent.returned("unsubscribe-by-link")) == {"repeated": 1}


def test_a_token_that_was_mangled_is_for_a_person(office: Office) -> None:
    sent = office.send()
    data = sent.returned("unsubscribe-by-link").replace(b"unsubscribe weekly", b"unsubscribe weeklz")
    assert office.words(data) == {"unclear": 1}
    assert office.standing() is SubscriptionState.CONFIRMED
    assert office.flags() == ["F"]


def test_killed_between_the_commit_and_the_mark_it_is_done_once(office: Office) -> None:
    class Killed(Maildir):
        def settle(self, letter: Letter, fate: Fate) -> None:
            raise MailboxError("killed")

    sent = office.send()
    with pytest.raises(MailboxError):
        office.take_in(sent.returned(SOFT), mailbox=Killed(office.folder))
    before = office.everything()
    assert office.words() == {"repeated": 1}
    assert office.everything() == before
    assert office.flags() == ["S"]


def test_it_stops_between_two_messages(office: Office) -> None:
    from newsletter.bounces import take_in

    sent = office.send()
    office.post_in(sent.returned("vacation-unix"), sent.returned(SOFT))
    tally = take_in(Maildir(office.folder), office.desk, lambda: office.now, stopped=lambda: True)
    assert dict(tally.counts) == {"automatic": 1}
    assert office.flags() == ["S", "new"]


@given(st.binary(max_size=300))
def test_no_message_stops_the_others(data: bytes) -> None:
    class Nothing:
        """A ledger that knows nobody."""

        def find(self, name: str) -> None: ...
        def find_message(self, message_ids: object) -> None: ...
        def newest(self, subscriber_id: str, newsletter: str) -> None: ...
        def unsubscribe(self, *told: object) -> bool:
            return False

    from newsletter.bounces import Desk
    from newsletter.incoming.parse import read

    desk = Desk(store=Nothing(), notes=Nothing(), subscribers=Nothing(), names=TOKENS, read=read)  # type: ignore[arg-type]
    assert take(Letter("", data), desk, START).delivery_id is None
