"""Which spellings of an address mean one person, and which of them certainly one mailbox."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.addresses import mailbox_of, person_of


@pytest.mark.parametrize(
    ("spelt", "meant"),
    [
        ("Ann@Example.ORG", "ann@example.org"),
        (" ann+news@example.org ", "ann@example.org"),
        ("a.n.n+x@gmail.com", "ann@gmail.com"),
        ("Ann@GoogleMail.com", "ann@gmail.com"),
        ("a.n.n@example.org", "a.n.n@example.org"),
        ("ann@example.org.", "ann@example.org"),
        ("ann@b\u00fccher.example", "ann@xn--bcher-kva.example"),
        ("ann@XN--BCHER-KVA.example", "ann@xn--bcher-kva.example"),
        ("\uff41nn@\uff45xample.org", "ann@example.org"),
        ("stra\u00dfe@example.org", "strasse@example.org"),
        ("ann@" + "x" * 70 + ".org", "ann@" + "x" * 70 + ".org"),
    ],
)
def test_many_spellings_mean_one_person(spelt: str, meant: str) -> None:
    assert person_of(spelt) == meant


def spellings(mailbox: str) -> st.SearchStrategy[str]:
    """Ways to write one mailbox of gmail.com, that mean the same to its host."""
    local = mailbox.partition("@")[0]

    def write(dots: list[bool], tag: str, capitals: list[bool], domain: str) -> str:
        dotted = "".join(f".{letter}" if dot else letter for letter, dot in zip(local, dots, strict=True)).lstrip(".")
        written = f"{dotted}{tag}@{domain}"
        return "".join(c.upper() if capitals[i % len(capitals)] else c for i, c in enumerate(written))

    flags = st.lists(st.booleans(), min_size=len(local), max_size=len(local))
    tags = st.just("") | st.from_regex(r"\A\+[a-z0-9.+-]{0,20}\Z")
    return st.builds(write, flags, tags, flags, st.sampled_from(["gmail.com", "googlemail.com", "gmail.com."]))


@given(spellings("victim@gmail.com"))
def test_whatever_the_spelling_limits_see_one_person(spelt: str) -> None:
    assert person_of(spelt) == "victim@gmail.com"
    assert person_of(person_of(spelt)) == "victim@gmail.com"
    assert mailbox_of(spelt.rstrip(".")) == "victim@gmail.com"


@pytest.mark.parametrize(
    ("spelt", "meant"),
    [
        ("A.B+x@gmail.com", "ab@gmail.com"),
        ("a.b+x@Outlook.com", "a.b@outlook.com"),
        ("Ann+x@example.org", "ann+x@example.org"),
        (" Ann@Example.ORG", "ann@example.org"),
        ("ann@b\u00fccher.example", "ann@b\u00fccher.example"),
    ],
)
def test_a_mailbox_is_told_only_as_far_as_it_is_known(spelt: str, meant: str) -> None:
    assert mailbox_of(spelt) == meant


@given(
    st.text("abAB.+-\u00df\u00e9\uff41", max_size=12),
    st.sampled_from(["gmail.com", "example.org", "icloud.com", "b\u00fccher.example"]),
)
def test_whoever_shares_a_mailbox_is_one_person(local: str, domain: str) -> None:
    address = f"{local}@{domain}"
    assert person_of(mailbox_of(address)) == person_of(address)
    assert mailbox_of(mailbox_of(address)) == mailbox_of(address)
