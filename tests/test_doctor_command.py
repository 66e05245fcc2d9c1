"""`newsletter doctor` and `newsletter dkim`: what is told of a good installation, and of each thing that is wrong."""

from __future__ import annotations

import shutil
import sqlite3
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dkim
import pytest
import trustme
from dns_server import DnsServer
from fault_server import Fault, FaultServer
from workshop import NOW, Workshop, open_workshop

from newsletter.doctor.finding import Level
from newsletter.doctor.names import judge_dmarc, judge_key, judge_spf, tags
from newsletter.doctor.resolver import Answer, resolver
from newsletter.errors import UsageError
from newsletter.mail.records import record_of, zone_line
from newsletter.mail.sign import Signer, load_keys, make_key
from newsletter.store.schema import REVISION

_DKIM = """
[delivery.dkim]
selector = "n1"
key_file = "var/n1.pem"
ed25519_selector = "e1"
ed25519_key_file = "var/e1.pem"

"""
_BEFORE = 'folder = "var/maildir"\n'
_DOMAIN = "ms-digest.example.org"


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return open_workshop(tmp_path)


def _doctor(workshop: Workshop, *arguments: str, status: int = 0) -> dict[str, dict[str, str]]:
    """Findings by what they are about; each thing is told once."""
    findings = workshop.told("doctor", "--now", NOW, *arguments, status=status)["findings"]
    assert len({each["check"] for each in findings}) == len(findings)
    return {each["check"]: each for each in findings}


def _only(findings: dict[str, dict[str, str]], level: str) -> list[str]:
    return [check for check, each in findings.items() if each["level"] == level]


# -- the house --------------------------------------------------------------------------------------------------------


def test_a_new_installation_is_told_what_its_first_start_makes_and_nothing_is_changed(workshop: Workshop) -> None:
    before = workshop.files(".")
    findings = _doctor(workshop)
    assert _only(findings, "warn") == ["secrets", "database"]
    assert _only(findings, "fail") == []
    assert workshop.files(".") == before


def test_an_installation_at_work_is_in_order(workshop: Workshop) -> None:
    workshop.told("ingest", "--now", NOW)
    workshop.told("publish", "--now", NOW)
    before = workshop.files(".")
    findings = _doctor(workshop)
    assert _only(findings, "warn") == _only(findings, "fail") == []
    assert findings["database"]["found"] == f"version {REVISION}"
    assert workshop.files(".") == before
    done = workshop.run("doctor", "--now", NOW)
    assert done.returncode == 0
    assert b" 0 to look at, 0 wrong" in done.stdout


def test_a_mistake_in_the_configuration_is_a_finding(workshop: Workshop) -> None:
    workshop.change("tick_seconds = 30", "tick_seconds = 0")
    (finding,) = workshop.told("doctor", status=1)["findings"]
    assert finding["level"] == "fail"
    assert "schedule.tick_seconds: found 0" in finding["found"]
    assert "1 to 3600" in finding["right"]


def test_a_file_in_the_place_of_a_folder_is_told(workshop: Workshop) -> None:
    (workshop.folder / "public").write_text("")
    findings = _doctor(workshop, status=1)
    assert _only(findings, "fail") == ["paths.public"]
    assert "is no folder" in findings["paths.public"]["found"]


def test_private_files_that_others_can_read_are_told(workshop: Workshop) -> None:
    workshop.change(_BEFORE, _BEFORE + _DKIM)
    workshop.change('# password_file = "var/smtp-password"', 'password_file = "var/smtp-password"')
    workshop.told("dkim")
    workshop.told("ingest", "--now", NOW)
    (workshop.folder / "var/smtp-password").write_text("swordfish\n")
    assert workshop.run("password", "--stdin", stdin=b"correct swordfish battery\n").returncode == 0
    for name in ("secrets", "newsletter.db", "n1.pem", "smtp-password", "operator-password"):
        (workshop.folder / "var" / name).chmod(0o644)
    findings = _doctor(workshop, status=1)
    assert _only(findings, "fail") == [
        "secrets",
        "password of relay smtp",
        "web.password_file",
        "delivery.dkim",
        "store.url: newsletter.db",
    ]
    for check in _only(findings, "fail"):
        assert "can be read by others" in findings[check]["found"]
        assert "600" in findings[check]["right"]
    assert "swordfish" not in str(findings)


def test_an_account_without_a_password_is_told(workshop: Workshop) -> None:
    workshop.change('# username = "digest"', 'username = "digest"')
    findings = _doctor(workshop, status=1)
    assert "NEWSLETTER_SMTP_PASSWORD" in findings["password of relay smtp"]["right"]


@pytest.mark.parametrize(
    ("revision", "level", "told"), [("0001", "warn", "back it up before"), ("9999", "fail", "the newer program")]
)
def test_a_database_of_another_version_is_told_and_left_alone(
    workshop: Workshop, revision: str, level: str, told: str
) -> None:
    workshop.told("ingest", "--now", NOW)
    path = workshop.folder / "var/newsletter.db"
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    findings = _doctor(workshop, status=1 if level == "fail" else 0)
    assert findings["database"]["level"] == level
    assert told in findings["database"]["right"]
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (revision,)


def test_a_database_that_is_none_is_told(workshop: Workshop) -> None:
    workshop.told("ingest", "--now", NOW)
    (workshop.folder / "var/newsletter.db").write_bytes(b"not a database" * 100)
    findings = _doctor(workshop, status=1)
    assert _only(findings, "fail") == ["database"]


@pytest.mark.parametrize(
    ("now", "told"), [("2026-11-01T00:00:00Z", "before the last tick"), ("2020-01-01T00:00:00Z", "tag_date")]
)
def test_a_clock_that_went_back_is_told(workshop: Workshop, now: str, told: str) -> None:
    workshop.told("publish", "--now", NOW)
    findings = _doctor(workshop, "--now", now, status=1)
    assert _only(findings, "fail") == ["clock"]
    assert told in findings["clock"]["found"]


def test_a_disk_that_fills_up_is_told(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    from newsletter.config import load
    from newsletter.doctor import house

    config = load(workshop.folder / "config.toml")
    for free, level in ((50_000_000, Level.FAIL), (500_000_000, Level.WARN), (5_000_000_000, Level.OK)):
        usage = shutil.disk_usage(workshop.folder)._replace(free=free)
        monkeypatch.setattr(house.shutil, "disk_usage", lambda _, usage=usage: usage)
        findings = [
            each for each in house.examine(config, datetime(2026, 11, 20, tzinfo=UTC)) if each.check.startswith("disk")
        ]
        assert [each.level for each in findings] == [level]


# -- the relay --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def _certificate(authority: trustme.CA, name: str = "127.0.0.1", until: datetime | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, not_after=until).configure_cert(context)
    return context


def _by_smtp(workshop: Workshop, authority: trustme.CA, port: int) -> None:
    authority.cert_pem.write_to_path(str(workshop.folder / "ca.pem"))
    password = workshop.folder / "password"
    password.write_text("swordfish\n")
    password.chmod(0o600)
    workshop.change('transport = "maildir"', 'transport = "smtp"')
    workshop.change("port = 587", f"port = {port}")
    workshop.change(
        '# username = "digest"\n# password_file = "var/smtp-password"',
        'username = "digest"\npassword_file = "password"',
    )
    workshop.change('# ca_file = "relay.pem"', 'ca_file = "ca.pem"')


def test_the_relay_is_called_and_no_message_is_begun(workshop: Workshop, authority: trustme.CA) -> None:
    with FaultServer(starttls=_certificate(authority), accounts={"digest": "swordfish"}) as server:
        _by_smtp(workshop, authority, server.port)
        findings = _doctor(workshop)
    assert findings["relay smtp"]["level"] == "ok"
    assert "TLSv1.3, logged in" in findings["relay smtp"]["found"]
    assert findings["delivery.dkim"]["level"] == "warn"
    words = [command.split(" ")[0] for command in server.commands]
    assert words == ["ehlo", "starttls", "ehlo", "auth", "quit"]
    assert b"digest" not in server.clear


@pytest.mark.parametrize(
    ("wrong", "found", "right"),
    [
        ({"accounts": {"digest": "another"}}, "AUTH: the answer was 535", "compare `username` and the password"),
        ({"always": (Fault(at="greeting", reply="554 5.7.1 no mail from you"),)}, "554", "compare host, port"),
        ({"extensions_off": ("STARTTLS",)}, "does not offer STARTTLS", 'security "starttls"'),
    ],
)
def test_a_relay_that_does_not_let_us_in_is_told(
    workshop: Workshop, authority: trustme.CA, wrong: dict[str, Any], found: str, right: str
) -> None:
    settings = {"accounts": {"digest": "swordfish"}, "starttls": _certificate(authority)} | wrong
    with FaultServer(**settings) as server:
        _by_smtp(workshop, authority, server.port)
        finding = _doctor(workshop, status=1)["relay smtp"]
    assert finding["level"] == "fail"
    assert found in finding["found"]
    assert right in finding["right"]
    assert "swordfish" not in str(finding)


def test_a_certificate_of_a_stranger_is_told(workshop: Workshop, authority: trustme.CA) -> None:
    with FaultServer(starttls=_certificate(trustme.CA())) as server:
        _by_smtp(workshop, authority, server.port)
        finding = _doctor(workshop, status=1)["relay smtp"]
    assert "certificate" in finding["found"].lower()
    assert "ca_file" in finding["right"]


def test_a_certificate_that_ends_soon_is_told(workshop: Workshop, authority: trustme.CA) -> None:
    until = datetime.now(UTC) + timedelta(days=3)
    with FaultServer(starttls=_certificate(authority, until=until), accounts={"digest": "swordfish"}) as server:
        _by_smtp(workshop, authority, server.port)
        findings = workshop.told("doctor")["findings"]
    (finding,) = [each for each in findings if each["check"] == "relay smtp"]
    assert finding["level"] == "warn"
    assert f"ends on {until:%Y-%m-%d}" in finding["found"]


def test_every_relay_is_called(workshop: Workshop) -> None:
    workshop.change('transport = "maildir"', 'transport = "smtp"')
    text = (workshop.folder / "config.toml").read_text()
    head, _, tail = text.partition("[delivery.smtp]")
    relays = "".join(f'[[delivery.relay]]\nname = "{name}"\nport = 1\n' for name in ("first", "second"))
    (workshop.folder / "config.toml").write_text(f"{head}{relays}# -- Feeds{tail.partition('# -- Feeds')[2]}")
    assert _only(_doctor(workshop, status=1), "fail") == ["relay first", "relay second"]


def test_a_mail_store_is_called(workshop: Workshop) -> None:
    with FaultServer() as server:
        workshop.change('transport = "maildir"', 'transport = "lmtp"')
        workshop.change('host = "/run/dovecot/lmtp"\nport = 24', f'host = "127.0.0.1"\nport = {server.port}')
        finding = _doctor(workshop, status=1)["mail store"]
    assert "500" in finding["found"] or "502" in finding["found"]  # this server speaks SMTP and knows no LHLO
    assert "[delivery.lmtp]" in finding["right"]


def test_a_program_that_sends_is_looked_at_but_not_called(workshop: Workshop) -> None:
    program = workshop.folder / "sendmail"
    program.write_text("#!/bin/sh\ntouch called\n")
    program.chmod(0o644)
    workshop.change('transport = "maildir"', 'transport = "sendmail"')
    workshop.change("/usr/sbin/sendmail", str(program))
    assert _only(_doctor(workshop, status=1), "fail") == ["delivery.sendmail"]
    program.chmod(0o755)
    assert _doctor(workshop)["delivery.sendmail"]["level"] == "ok"
    assert not (workshop.folder / "called").exists()


# -- keys -------------------------------------------------------------------------------------------------------------


def test_keys_are_made_once_private_and_never_changed(workshop: Workshop) -> None:
    workshop.change(_BEFORE, _BEFORE + _DKIM)
    first = workshop.told("dkim")["keys"]
    assert [(each["name"], each["made"]) for each in first] == [
        (f"n1._domainkey.{_DOMAIN}", True),
        (f"e1._domainkey.{_DOMAIN}", True),
    ]
    before = workshop.files("var")
    for name in ("n1.pem", "e1.pem"):
        assert stat.S_IMODE((workshop.folder / "var" / name).stat().st_mode) == 0o600
    second = workshop.told("dkim")["keys"]
    assert workshop.files("var") == before
    assert [each | {"made": True} for each in second] == first
    assert "PRIVATE" not in str(first)


def test_what_is_printed_goes_into_a_zone_file_as_it_is(workshop: Workshop) -> None:
    import dns.zone

    workshop.change(_BEFORE, _BEFORE + _DKIM)
    done = workshop.run("dkim")
    assert done.returncode == 0
    zone = dns.zone.from_text(f"$TTL 60\n{done.stdout.decode()}", origin=_DOMAIN, check_origin=False)
    told = {each["name"]: each["record"] for each in workshop.told("dkim")["keys"]}
    read = {
        str(name.derelativize(zone.origin)).rstrip("."): b"".join(record.strings).decode()
        for name, _, record in zone.iterate_rdatas("TXT")
    }
    assert read == told
    assert all(len(string) <= 255 for _, _, record in zone.iterate_rdatas("TXT") for string in record.strings)


def test_without_a_table_the_operator_is_shown_one(workshop: Workshop) -> None:
    done = workshop.run("dkim")
    assert done.returncode == 2
    assert b"[delivery.dkim]" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_key_that_cannot_be_made_is_told(workshop: Workshop) -> None:
    workshop.change(_BEFORE, _BEFORE + _DKIM.replace("var/n1.pem", "config.toml/n1.pem"))
    done = workshop.run("dkim")
    assert done.returncode == 2
    assert b"cannot be made" in done.stderr


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('selector = "n1"', 'domain = "example.com"\nselector = "n1"', b"or one above it"),
        ('selector = "n1"', 'domain = "org"\nselector = "n1"', b"or one above it"),
        ('selector = "n1"', 'domain = "digest.example.org"\nselector = "n1"', b"or one above it"),
        ('selector = "n1"', 'selector = "n 1"', b"a name for the key"),
        ('ed25519_selector = "e1"', 'ed25519_selector = "n1"', b"a second time"),
        ('ed25519_selector = "e1"', "", b"both or neither"),
    ],
)
def test_a_mistake_in_the_table_is_told(workshop: Workshop, old: str, new: str, told: bytes) -> None:
    workshop.change(_BEFORE, _BEFORE + _DKIM.replace(old, new, 1))
    done = workshop.run("dkim")
    assert done.returncode == 2
    assert told in done.stderr
    assert not (workshop.folder / "var").exists()


def test_a_domain_above_the_senders_may_sign(workshop: Workshop) -> None:
    workshop.change(_BEFORE, _BEFORE + _DKIM.replace("selector", 'domain = "example.org"\nselector', 1))
    assert workshop.told("dkim")["keys"][0]["name"] == "n1._domainkey.example.org"


# -- the DNS ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def published(workshop: Workshop) -> tuple[Workshop, dict[str, list[str]]]:
    """An installation with keys, and a zone in which all is right."""
    workshop.change(_BEFORE, _BEFORE + _DKIM)
    zone = {each["name"]: [each["record"]] for each in workshop.told("dkim")["keys"]}
    zone[_DOMAIN] = ["unrelated=1", "v=spf1 ip4:192.0.2.1 -all"]
    zone[f"_dmarc.{_DOMAIN}"] = ["v=DMARC1; p=reject"]
    return workshop, zone


Published = tuple[Workshop, dict[str, list[str]]]


def test_what_is_published_rightly_is_in_order(published: Published) -> None:
    workshop, zone = published
    with DnsServer(zone) as server:
        findings = _doctor(workshop, "--dns", "--resolver", server.address)
    assert _only(findings, "fail") == []
    assert {check for check in findings if check.startswith(("DNS", "SPF", "DMARC"))} <= set(_only(findings, "ok"))
    assert set(server.asked) == set(zone)


def test_without_dns_nobody_is_asked(published: Published) -> None:
    findings = _doctor(published[0])
    assert not [check for check in findings if check.startswith(("DNS", "SPF", "DMARC"))]


def test_the_published_key_verifies_what_the_installation_signs(published: Published) -> None:
    workshop, zone = published
    keys = load_keys({"n1": workshop.folder / "var/n1.pem", "e1": workshop.folder / "var/e1.pem"})
    data = f"From: a@{_DOMAIN}\r\nDate: Fri, 20 Nov 2026 09:00:00 +0000\r\n\r\nHello\r\n".encode()
    signed = Signer(_DOMAIN, keys).sign(data)
    with DnsServer(zone) as server:
        ask = resolver(server.address)
        for number in (0, 1):
            found = dkim.DKIM(signed).verify(
                number, dnsfunc=lambda name, timeout=5: ask(name.decode().rstrip(".")).texts[0].encode()
            )
            assert found is True


def test_what_is_delivered_verifies_by_what_is_published(published: Published) -> None:
    workshop, zone = published
    workshop.told("ingest", "--now", NOW)
    person = ("ann@example.org", "--newsletter", "daily", "--consent", "t", "--now", "2026-11-01T00:00:00Z")
    workshop.told("subscribers", "add", *person)
    workshop.told("publish", "--now", NOW)
    assert workshop.told("deliver", "--now", NOW)["deliveries"] == {"sent": 1}
    (message,) = workshop.files("var/maildir/new").values()
    wire = message if b"\r\n" in message else message.replace(b"\n", b"\r\n")
    with DnsServer(zone) as server:
        ask = resolver(server.address)

        def record(name: bytes, **_: object) -> bytes:
            return ask(name.decode().rstrip(".")).texts[0].encode()

        signed = dkim.DKIM(wire)
        assert [signed.verify(number, dnsfunc=record) for number in (0, 1)] == [True, True]
    assert wire.count(b"DKIM-Signature:") == 2


def test_a_key_that_is_missing_stops_a_delivery_before_it_begins(workshop: Workshop) -> None:
    workshop.change(_BEFORE, _BEFORE + _DKIM)
    done = workshop.run("deliver", "--now", NOW)
    assert done.returncode == 2
    assert b"n1.pem is not there; `newsletter dkim` makes it" in done.stderr


def test_an_empty_zone_is_told_with_the_records_to_publish(published: Published) -> None:
    workshop, zone = published
    with DnsServer({}) as server:
        findings = _doctor(workshop, "--resolver", server.address, status=1)
    assert _only(findings, "fail") == [f"DNS n1._domainkey.{_DOMAIN}", f"DNS e1._domainkey.{_DOMAIN}"]
    for selector in ("n1", "e1"):
        assert zone[f"{selector}._domainkey.{_DOMAIN}"][0] in findings[f"DNS {selector}._domainkey.{_DOMAIN}"]["right"]
    assert findings[f"SPF {_DOMAIN}"]["level"] == findings[f"DMARC {_DOMAIN}"]["level"] == "warn"
    assert server.asked[-2:] == [f"_dmarc.{_DOMAIN}", "_dmarc.example.org"]


def test_a_server_that_fails_or_is_silent_blames_nobody(published: Published) -> None:
    workshop, zone = published
    names = (f"n1._domainkey.{_DOMAIN}", _DOMAIN)
    with DnsServer(zone, broken=frozenset(names[:1]), silent=frozenset(names[1:])) as server:
        findings = _doctor(workshop, "--resolver", server.address)
    assert "SERVFAIL" in findings[f"DNS {names[0]}"]["found"]
    assert "no answer in 5 seconds" in findings[f"SPF {names[1]}"]["found"]
    assert findings[f"DMARC {_DOMAIN}"]["level"] == "ok"


def test_a_long_record_comes_over_tcp() -> None:
    with DnsServer({"long.example.org": ["x" * 3000]}) as server:
        assert resolver(server.address)("long.example.org") == Answer(("x" * 3000,))
        assert server.over_tcp == 1


@pytest.mark.parametrize("server", ["x", "127.0.0.1:0", "127.0.0.1:99999", "dns.example.org", "127.0.0.1:x", ""])
def test_a_resolver_is_an_address(server: str) -> None:
    with pytest.raises(UsageError, match="--resolver"):
        resolver(server)


_RSA, _ED = make_key("rsa"), make_key("ed25519")


@pytest.mark.parametrize(
    ("text", "level", "told"),
    [
        (record_of(_ED), "ok", "the key at hand"),
        (f"k=ed25519;p={_ED.public}", "ok", "the key at hand"),
        (
            f" v = DKIM1 ; K = Ed25519 ; h=sha1:sha256; s=email; t=s; n=a;p= {_ED.public[:9]} {_ED.public[9:]} ;",
            "ok",
            "at hand",
        ),
        (f"v=DKIM1; k=ed25519; t=y:s; p={_ED.public}", "warn", "t=y"),
        (record_of(make_key("ed25519")), "fail", "another key"),
        (record_of(_RSA), "fail", "kind rsa"),
        (f"v=DKIM1; p={_ED.public}", "fail", "kind rsa"),
        ("v=DKIM1; k=ed25519; p=", "fail", "revoked"),
        ("v=DKIM1; k=ed25519", "fail", "p= is missing"),
        (f"v=DKIM2; k=ed25519; p={_ED.public}", "fail", "version DKIM2"),
        (f"v=DKIM1; k=ed25519; h=sha1; p={_ED.public}", "fail", "only the hash sha1"),
        (f"v=DKIM1; k=ed25519; s=tlsrpt; p={_ED.public}", "fail", "service tlsrpt"),
        ("anything at all", "fail", "p= is missing"),
    ],
    ids=lambda told: "record" if "p=" in told else told,  # the keys are others each time
)
def test_a_record_is_compared_with_the_key(text: str, level: str, told: str) -> None:
    finding = judge_key("e1._domainkey.example.org", _ED, Answer((text,)))
    assert finding.level == level
    assert told in finding.found
    if level == "fail":
        assert finding.right == record_of(_ED)


def test_two_records_of_one_name_are_one_too_many() -> None:
    assert judge_key("n", _ED, Answer((record_of(_ED),) * 2)).level == "fail"


@pytest.mark.parametrize(
    ("texts", "level", "told"),
    [
        (("v=spf1 -all",), "ok", "v=spf1"),
        (("V=SPF1 include:relay.example.net ~all", "v=spf10 +all", "other"), "ok", "relay"),
        ((), "warn", "no record"),
        (("v=spf1",) * 2, "fail", "2 records"),
        (("v=spf1 +all",), "fail", "everybody"),
        (("v=spf1 a all",), "fail", "everybody"),
    ],
)
def test_spf(texts: tuple[str, ...], level: str, told: str) -> None:
    finding = judge_spf("example.org", Answer(texts))
    assert finding.level == level
    assert told in finding.found


@pytest.mark.parametrize(
    ("domain", "records", "signing", "level", "told"),
    [
        ("news.example.org", ["v=DMARC1; p=none"], "news.example.org", "ok", "p=none"),
        ("news.example.org", ["v=DMARC1; p=reject; adkim=s"], "news.example.org", "ok", "adkim=s"),
        (
            "news.example.org",
            ["v=DMARC1; p=reject; adkim=s"],
            "example.org",
            "fail",
            "only signatures of news.example.org",
        ),
        ("news.example.org", ["v=DMARC1; p=reject; adkim=r"], "example.org", "ok", "p=reject"),
        ("news.example.org", ["v=DMARC1; p=reject"], None, "warn", "unsigned"),
        ("news.example.org", ["v=DMARC1; p=none"], None, "ok", "p=none"),
        ("example.org", ["v=DMARC1; p=none; sp=reject"], None, "warn", "at _dmarc.example.org"),
        ("news.example.org", ["v=DMARC1; rua=mailto:x"], None, "fail", "no policy"),
        ("news.example.org", ["v=DMARC1; p=none"] * 2, None, "fail", "2 records"),
    ],
)
def test_dmarc(domain: str, records: list[str], signing: str | None, level: str, told: str) -> None:
    finding = judge_dmarc("news.example.org", domain, records, signing)
    assert finding.level == level
    assert told in finding.found


def test_a_policy_of_the_domain_above_counts(published: Published) -> None:
    workshop, zone = published
    zone["_dmarc.example.org"] = zone.pop(f"_dmarc.{_DOMAIN}")
    with DnsServer(zone) as server:
        assert "at _dmarc.example.org" in _doctor(workshop, "--resolver", server.address)[f"DMARC {_DOMAIN}"]["found"]


def test_tags_are_read_leniently_and_the_first_counts() -> None:
    assert tags("v=DKIM1;; p = a=b ;p=c; junk") == {"v": "DKIM1", "p": "a=b"}


def test_a_record_is_cut_where_a_string_of_the_dns_ends() -> None:
    assert zone_line("n.example.org", "x" * 256) == f'n.example.org. IN TXT ( "{"x" * 255}" "x" )'
