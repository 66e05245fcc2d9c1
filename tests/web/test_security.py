"""What docs/security.md promises of the pages for readers, statement by statement."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from readers_site import Household, Site, link_in, readers_site, told
from workshop import ROOT

_PREFETCHES = 100


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with readers_site(tmp_path_factory.mktemp("security")) as site:
        yield site


@pytest.fixture
def home(site: Site) -> Household:
    return site.household()


@pytest.fixture(scope="module")
def reader(site: Site) -> str:
    return site.reader("reader@example.org", "daily", "caregiver-weekly")


@pytest.fixture(scope="module")
def links(site: Site, reader: str) -> dict[str, str]:
    """A working link of every kind, as mails hold them."""
    home = site.household()
    home.sign_up("pending@example.org")
    (mail,) = site.mail_to("pending@example.org")
    return {
        "unsubscribe": site.unsubscribe_link(reader),
        "preferences": site.preferences_link(reader),
        "confirm": link_in(mail, "confirm"),
    }


def tables(site: Site) -> list[str]:
    """Every row of every table."""
    path = site.workshop.folder / "var" / "newsletter.db"
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        rows = list(connection.iterdump())
    connection.close()
    return rows


def every_path(links: dict[str, str]) -> list[str]:
    behind = ("", "/data", "/erase")
    return [
        "/subscribe",
        "/subscribe/form",
        links["confirm"],
        links["unsubscribe"],
        *(links["preferences"] + end for end in behind),
    ]


# -- S1 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["unsubscribe", "preferences", "confirm"])
def test_a_token_with_one_letter_changed_opens_nothing(site: Site, links: dict[str, str], kind: str) -> None:
    path = links[kind]
    start = len(kind) + 2
    before = site.wanted_of("reader@example.org")
    home = site.household()
    for place in range(start, len(path)):
        other = "A" if path[place] != "A" else "B"
        wrong = path[:place] + other + path[place + 1 :]
        assert home.get(wrong).status == 404, wrong[place:]
    for place in range(start, len(path), 3):
        assert home.post(path[:place] + path[place + 1 :]).status == 404
    assert site.wanted_of("reader@example.org") == before


def test_a_token_is_good_for_its_purpose_and_newsletter_alone(
    site: Site, links: dict[str, str], home: Household
) -> None:
    tokens = {kind: path.split("/")[2] for kind, path in links.items()}
    for kind in tokens:
        for other, token in tokens.items():
            if kind != other:
                assert home.get(f"/{kind}/{token}").status == 404
                assert home.post(f"/{kind}/{token}").status == 404
    moved = links["unsubscribe"].replace("/daily.", "/caregiver-weekly.")
    assert moved != links["unsubscribe"]
    assert home.post(moved).status == 404


# -- S3 ---------------------------------------------------------------------------------------------------------------


def test_a_hundred_prefetches_of_every_link_leave_the_tables_as_they_were(
    site: Site, links: dict[str, str], home: Household
) -> None:
    before = tables(site)
    for path in every_path(links):
        for method in ("GET", "HEAD"):
            statuses = {home.get(path, method).status for _ in range(_PREFETCHES // 2)}
            assert statuses == {200}, path
    assert tables(site) == before


def test_one_press_needs_no_cookie_no_login_and_no_detour(site: Site, home: Household) -> None:
    leaving = site.unsubscribe_link(site.reader("leaving@example.org"))
    boundary = "----x"
    part = f'--{boundary}\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--{boundary}--\r\n'
    bodies = {
        "application/x-www-form-urlencoded": b"List-Unsubscribe=One-Click",
        f"multipart/form-data; boundary={boundary}": part.encode(),
    }
    for kind, body in bodies.items():
        answer = site.ask(leaving, "POST", body, Content_Type=kind)
        assert (answer.status, answer.headers["Location"], answer.headers["Set-Cookie"]) == (200, None, None)
    assert site.wanted_of("leaving@example.org")["daily"][0] == "unsubscribed"
    assert "Pressed by mistake?" in told(answer)


# -- S4 ---------------------------------------------------------------------------------------------------------------


def test_one_victim_in_many_spellings_gets_one_mail_without_a_word_of_the_sender(site: Site) -> None:
    spellings = [f"Vic.Tim+{number}@GMail.com" for number in range(20)] + ["v.i.c.t.i.m@googlemail.com"]
    fields = [("name", "BUY PILLS http://wicked.example"), ("zone", "Europe/Paris")]
    for spelling in spellings:
        assert site.household().sign_up(spelling, more=fields).status == 200
    mails = [mail for spelling in spellings for mail in site.mail_to(spelling)]
    assert len(mails) == 1
    whole = mails[0].as_string()
    assert "wicked" not in whole
    assert "Paris" not in whole


# -- S5 ---------------------------------------------------------------------------------------------------------------


def test_the_answer_is_the_same_whoever_the_address_belongs_to(site: Site, reader: str) -> None:
    site.app.readers.suppress("suppressed@example.org", site.now())
    site.household().sign_up("waiting@example.org")
    site.app.readers.answer(site.now())
    told_of = {
        address: site.household().sign_up(address)
        for address in ("reader@example.org", "nobody@example.org", "suppressed@example.org", "waiting@example.org")
    }
    assert {(answer.status, answer.body) for answer in told_of.values()} == {(200, told_of["nobody@example.org"].body)}
    fields = [{name for name in answer.headers if name != "date"} for answer in told_of.values()]
    assert fields == [fields[0]] * len(fields)
    site.mail_to("nobody@example.org")


# -- S6 ---------------------------------------------------------------------------------------------------------------


def test_nobody_learns_an_address_from_an_address(site: Site, links: dict[str, str], home: Household) -> None:
    for path in every_path(links):
        assert "reader" not in path
        answer = home.get(path)
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        if not path.endswith("/data"):
            assert not re.findall(rb'(?:href|action)="[^"]*reader(?:@|%40)', answer.body)


# -- S16 --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/unsubscribe/../subscribe",
        "/unsubscribe/..%2f..%2fsecret.txt",
        "/preferences/%2e%2e/secret.txt",
        "/preferences//data",
        "/confirm/",
        "/confirm/a/b",
        "/confirm/%00",
        "/confirm/%ff%fe",
        "/confirm/" + "a" * 7000,
        "/confirm/%0d%0aSet-Cookie:%20a=b",
        "/subscribe/..%5cform",
        "/subscribe/",
        "//subscribe",
        "/subscribe;x",
        "/SUBSCRIBE",
        "/preferences/{{7777*3}}",
        "/unsubscribe/daily.1.2/preferences/",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_path_that_is_none_leads_nowhere(home: Household, path: str, method: str) -> None:
    answer = home.get(path) if method == "GET" else home.post(path)
    assert answer.status in ({404} if method == "GET" else {404, 405})
    assert answer.headers["Location"] is None
    assert answer.headers["Set-Cookie"] is None
    assert b"not public" not in answer.body
    assert b"23331" not in answer.body


# -- headers, hosts, frames (S19) -------------------------------------------------------------------------------------


def test_no_field_of_a_request_becomes_one_of_an_answer(home: Household) -> None:
    wicked = "/subscribe?newsletter=daily%0d%0aSet-Cookie:%20a=b&x=%0aLocation:%20https://wicked.example"
    for path in (wicked, "/confirm/x%0d%0aSet-Cookie:a=b", "/preferences/x%0aX-Evil:1/data"):
        answer = home.get(path)
        assert answer.headers["Set-Cookie"] is None
        assert answer.headers["Location"] is None
        assert answer.headers["X-Evil"] is None


def test_the_host_that_somebody_names_is_in_no_answer(site: Site, links: dict[str, str]) -> None:
    for path in every_path(links):
        forwarded = {
            "X_Forwarded_Host": "wicked.example",
            "Forwarded": "host=wicked.example",
            "X_Original_URL": "/wicked",
        }
        answer = site.ask(path, Host="wicked.example", **forwarded)
        assert answer.status == 200
        assert b"wicked" not in answer.body
        assert "wicked" not in str(answer.headers)


def test_no_page_is_framed_sniffed_kept_or_found(site: Site, links: dict[str, str], home: Household) -> None:
    for path in (*every_path(links), "/confirm/x", "/healthz", "/subscribe/"):
        answer = home.get(path)
        if answer.status == 404 and path == "/subscribe/":
            continue  # no page of these at all
        policy = answer.headers["Content-Security-Policy"]
        for rule in ("default-src 'none'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"):
            assert rule in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer.headers["X-Robots-Tag"] == "noindex"
        assert answer.headers["Set-Cookie"] is None
        assert answer.headers["Server"] is None


def test_what_is_written_into_a_page_is_text(home: Household) -> None:
    sharp = '"><script>alert(1)</script>'
    answer = home.post("/subscribe", [("address", sharp), ("zone", sharp), ("hour", sharp), ("topics", sharp)])
    assert answer.status == 422
    assert b"<script" not in answer.body
    assert b"&#34;&gt;&lt;script&gt;" in answer.body


# -- forms ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "text/xml", "", "multipart/mixed; boundary=x"])
def test_a_form_of_another_type_is_not_read(site: Site, links: dict[str, str], kind: str) -> None:
    for path in ("/subscribe", links["confirm"], links["preferences"], f"{links['unsubscribe']}/preferences"):
        answer = site.ask(path, "POST", b"a=b", Content_Type=kind)
        assert answer.status == 415
        assert "application/x-www-form-urlencoded" in answer.headers["Accept-Post"]


def test_a_long_body_is_not_read(site: Site, links: dict[str, str]) -> None:
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    for path in ("/subscribe", links["unsubscribe"], links["preferences"]):
        assert site.ask(path, "POST", b"x" * 16385, **form).status == 413
    lied = {"Content_Length": "99999999999999999999", **form}
    assert site.ask("/subscribe", "POST", None, **lied).status in {400, 413}


# -- S28 --------------------------------------------------------------------------------------------------------------


MOST_POSTS = 60


def test_every_public_post_has_a_limit_but_the_way_out(site: Site, links: dict[str, str]) -> None:
    unsubscribe, preferences = links["unsubscribe"], links["preferences"]
    leaving = site.unsubscribe_link(site.reader("busy@example.org"))
    limited = {
        "/subscribe": 422,
        "/confirm/x": 404,
        "/unsubscribe/daily.x.y": 404,
        f"{unsubscribe}/preferences": 200,
        "/preferences/x": 404,
        "/preferences/x/erase": 404,
        preferences: 422,
    }
    for path, status in limited.items():
        home = site.household()
        fields = [("newsletters", "daily"), ("daily.edition", "none")]
        found = [home.post(path, fields).status for _ in range(MOST_POSTS)]
        assert found == [status] * MOST_POSTS, path
        refused = home.post(path, fields)
        assert refused.status == 429
        assert 0 < int(refused.headers["Retry-After"]) <= 3600
        assert home.get(path.removesuffix("/preferences")).status != 429, "looking is free"
        assert home.post(leaving).status == 200, "and so is leaving"
    assert site.ask(leaving, "POST", b"List-Unsubscribe=One-Click").status == 200


# -- the document -----------------------------------------------------------------------------------------------------


def test_every_test_that_the_document_names_is_there() -> None:
    document = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)`((?:[,;]? `test_\w+`)+)", document)
    assert len(named) > 20
    for path, names in named:
        text = Path(ROOT / path).read_text(encoding="utf-8")
        for name in re.findall(r"test_\w+", names):
            assert f"def {name}(" in text, f"{path}: {name}"
    told_of = set(re.findall(r"^\| (S\d+) \|", document, re.MULTILINE))
    assert told_of == {f"S{number}" for number in (*range(1, 7), *range(16, 31))}
