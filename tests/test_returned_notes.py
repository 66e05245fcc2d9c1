"""What comes back for a confirmation or another note: it finds whom the note was to, and a forged report changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from reading import ANN, NOW, House, Mail, open_house
from returned import DATA, FALSE_PATH

from newsletter.errors import TokenError
from newsletter.model import SubscriptionState
from newsletter.store.sent_notes import SentNotes
from newsletter.tokens import Tokens

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
COMPLAINT, DEAD, FULL = "arf-abuse", "postfix-unknown-user", "postfix-mailbox-full"
POLICY = "gmail-unauthenticated"
ID = b"abcdefghijklmnopqrstuvwxyz@news.example.org"


@dataclass(frozen=True)
class Post:
    house: House

    def back(self, *reports: bytes) -> dict[str, int]:
        """Reports arrive and are read; what came of them."""
        folder = self.house.folder / "back" / "new"
        for number, data in enumerate(reports):
            (folder / f"{number}.host").write_bytes(data)
        return dict(self.house.app.incoming.take_in(lambda: NOW + HOUR).counts)

    def suppression(self, address: str = ANN) -> str | None:
        told = self.house.app.readers.everything(address).get("suppression")
        return None if told is None else str(told["reason"])


def returned(name: str, mail: Mail, path: str | None = None) -> bytes:
    """The example of that name, about this mail."""
    data = (DATA / f"{name}.eml").read_bytes()
    return data.replace(FALSE_PATH.encode(), (path or str(mail.message["Return-Path"])[1:-1]).encode())


def by_id_alone(name: str, mail: Mail) -> bytes:
    """The same, where no return path is left in it."""
    data = (DATA / f"{name}.eml").read_bytes().replace(FALSE_PATH.encode(), b"someone@bounces.example.org")
    return data.replace(ID, str(mail.message["Message-ID"])[1:-1].encode())


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    for part in ("new", "cur", "tmp"):
        (tmp_path / "back" / part).mkdir(parents=True)
    changes = (
        ('# address = "b@bounces', 'address = "b@bounces'),
        ('# maildir = "/var/mail/bounces"', 'maildir = "back"'),
    )
    with open_house(tmp_path, *changes) as house:
        yield Post(house)


def states(post: Post) -> set[SubscriptionState]:
    return {each.state for each in post.house.app.subscribers()}


def test_who_calls_a_question_spam_is_never_asked_again(post: Post) -> None:
    post.house.ask("ann+x@example.org")
    (question,) = post.house.post()
    assert post.back(returned(COMPLAINT, question)) == {"complaint": 1}
    assert post.suppression("ann+x@example.org") == "complaint"
    with pytest.raises(TokenError):
        post.house.app.readers.confirm(question.token("confirm"), NOW + HOUR)
    for number, address in enumerate(("ann+x@example.org", ANN, "Ann+y@example.org"), 2):
        post.house.ask(address, now=NOW + number * DAY)
        assert post.house.post(NOW + number * DAY) == []
    assert post.back(returned(COMPLAINT, question)) == {"repeated": 1}


def test_a_complaint_that_comes_after_the_request_is_gone_counts_the_same(post: Post) -> None:
    post.house.ask()
    (question,) = post.house.post()
    post.house.post(NOW + 30 * DAY)
    assert "requests" not in post.house.app.readers.everything(ANN)
    assert post.back(returned(COMPLAINT, question)) == {"complaint": 1}
    assert post.suppression() == "complaint"


def test_a_complaint_about_a_question_that_was_answered_ends_what_it_began(post: Post) -> None:
    post.house.ask(ANN, "daily", "caregiver-weekly")
    (question,) = post.house.post()
    post.house.app.readers.confirm(question.token("confirm"), NOW)
    assert post.back(returned(COMPLAINT, question)) == {"complaint": 1}
    assert states(post) == {SubscriptionState.UNSUBSCRIBED}
    assert post.suppression() == "complaint"


def test_a_question_to_a_dead_address_is_void(post: Post) -> None:
    post.house.ask()
    (question,) = post.house.post()
    assert post.back(returned(DEAD, question)) == {"hard": 1}
    with pytest.raises(TokenError):
        post.house.app.readers.request_of(question.token("confirm"), NOW)
    assert "requests" not in post.house.app.readers.everything(ANN)
    assert post.suppression() is None, "it was never anybody's"


@pytest.mark.parametrize("report", [FULL, POLICY, "vacation-unix"])
def test_what_says_nothing_of_the_address_changes_nothing_for_it(post: Post, report: str) -> None:
    post.house.ask()
    (question,) = post.house.post()
    assert post.back(returned(report, question)).keys() <= {"soft", "policy", "automatic"}
    assert post.house.app.readers.request_of(question.token("confirm"), NOW).address == ANN
    assert post.suppression() is None


def test_a_dead_address_of_a_subscriber_is_suppressed_as_a_digest_does_it(post: Post) -> None:
    _, (welcome,) = post.house.confirmed("ann+x@example.org")
    assert post.back(returned(DEAD, welcome)) == {"hard": 1}
    assert post.suppression("ann+x@example.org") == "bounced"
    assert post.suppression(ANN) is None
    assert states(post) == {SubscriptionState.CONFIRMED}


def test_a_complaint_about_a_welcome_ends_everything(post: Post) -> None:
    _, (welcome,) = post.house.confirmed(ANN, "daily", "caregiver-weekly")
    assert post.back(returned(COMPLAINT, welcome)) == {"complaint": 1}
    assert states(post) == {SubscriptionState.UNSUBSCRIBED}
    assert post.suppression("Ann+other@example.org") == "complaint"


def test_the_mail_link_of_a_welcome_to_several_ends_them_all(post: Post) -> None:
    _, (welcome,) = post.house.confirmed(ANN, "daily", "caregiver-weekly")
    asked = f"From: ann@example.org\nSubject: unsubscribe {welcome.token('unsubscribe')}\n\n".encode()
    assert post.back(asked) == {"unsubscribed": 1}
    assert states(post) == {SubscriptionState.UNSUBSCRIBED}
    assert post.back(asked + b"again\n") == {"repeated": 1}


@pytest.mark.parametrize("report", [COMPLAINT, DEAD])
def test_a_forged_report_changes_nothing(post: Post, report: str) -> None:
    post.house.ask()
    (question,) = post.house.post()
    path = str(question.message["Return-Path"])[1:-1]
    name = path[2:28]
    false = (
        path[:38] + ("a" if path[38] != "a" else "b") + path[39:],
        "b+" + "a" * 26 + path[28:],
        Tokens(["x" * 40]).return_path(f"<{name}@x.org>", "b@bounces.ms-digest.example.org"),
    )
    assert post.back(*(returned(report, question, each) for each in false)) == {"forged": 3}
    assert post.house.app.readers.request_of(question.token("confirm"), NOW).address == ANN
    assert post.suppression() is None


def test_the_id_of_the_message_is_proof_where_no_return_path_is_left(post: Post) -> None:
    post.house.ask()
    (question,) = post.house.post()
    assert post.back(by_id_alone(COMPLAINT, question)) == {"complaint": 1}
    assert post.suppression() == "complaint"


def test_what_was_sent_long_ago_is_forgotten(post: Post) -> None:
    post.house.ask()
    (question,) = post.house.post()
    assert len(post.house.app.readers.everything(ANN)["sent_notes"]) == 1
    post.house.post(NOW + 91 * DAY)
    assert "sent_notes" not in post.house.app.readers.everything(ANN)
    assert post.back(returned(COMPLAINT, question)) == {"unknown-delivery": 1}


def test_who_is_erased_leaves_no_note(post: Post) -> None:
    _, (welcome,) = post.house.confirmed()
    post.house.app.readers.erase(welcome.token("preferences"), NOW)
    notes = SentNotes(post.house.app._database)
    assert notes.find_message([str(welcome.message["Message-ID"])]) is None
    assert post.back(returned(COMPLAINT, welcome)) == {"unknown-delivery": 1}


def test_a_complaint_is_believed_by_the_link_to_leave_before_there_was_a_digest(post: Post) -> None:
    _, (welcome,) = post.house.confirmed()
    token = welcome.token("unsubscribe").encode()
    data = (DATA / "arf-abuse-redacted.eml").read_bytes()
    old = b"weekly.0123456789abcdef0123456789abcdef.c2lnbmF0dXJlLXNpZ25hdHVyZQ"
    assert old in data
    assert post.back(data.replace(old, token)) == {"complaint": 1}
    assert states(post) == {SubscriptionState.UNSUBSCRIBED}
