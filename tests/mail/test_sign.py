"""DKIM: signatures that strangers accept, that tampering breaks, and that are the same for the same message."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from dkim.canonicalization import Relaxed
from dns_server import DnsServer
from hypothesis import example, given, settings
from hypothesis import strategies as st
from letters import make_message, make_note

from newsletter.errors import ConfigError, MailError
from newsletter.mail import sign
from newsletter.mail.note import NoteKind
from newsletter.mail.records import record_of
from newsletter.mail.sign import Key, Signer, load_key, load_keys, make_key, relaxed_body, relaxed_value
from newsletter.model.wire import Frame, Wire

SEALED = (
    "From",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Reply-To",
    "Content-Type",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Message-ID",
    "MIME-Version",
    "List-Id",
    "Feedback-ID",
    "Auto-Submitted",
)


@cache
def _keys() -> dict[str, Key]:
    return {"first": make_key("rsa"), "second": make_key("ed25519")}


def _signer() -> Signer:
    return Signer("example.org", _keys())


def _records() -> dict[str, str]:
    return {f"{selector}._domainkey.example.org": record_of(key) for selector, key in _keys().items()}


def _look_up(name: bytes, timeout: int = 5) -> bytes | None:
    found = _records().get(name.decode().rstrip("."))
    return None if found is None else found.encode()


def _judged(data: bytes) -> tuple[bool, bool]:
    """What dkimpy says of the RSA and the Ed25519 signature."""
    found = []
    for number in (0, 1):
        try:
            found.append(dkim.DKIM(data).verify(number, dnsfunc=_look_up))
        except dkim.DKIMException:
            found.append(False)
    return found[0], found[1]


@cache
def _digest() -> bytes:
    return make_message().data


# -- strangers accept them --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("made", [_digest, lambda: make_message(make_note(NoteKind.CONFIRMATION)).data])
def test_a_stranger_accepts_both_signatures(made: Callable[[], bytes]) -> None:
    data = made()
    signed = _signer().sign(data)
    assert signed.endswith(data)
    assert signed.count(b"DKIM-Signature:") == 2
    assert _judged(signed) == (True, True)


_TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="\x7f"), max_size=60)
_SPACED = st.lists(st.sampled_from(["a", ".", "From", " ", "  ", "\t", "\r\n", "\r\n\r\n", "=20", "ü"]), max_size=60)
_END = st.sampled_from(["\r\n", "end\r\n", " \r\n\t\r\n"])
_NAMES = st.sampled_from([*SEALED[1:4], *SEALED[5:], "X-Other", "subject", "LIST-ID"])


@st.composite
def _messages(draw: st.DrawFn) -> bytes:
    """Wire form, with any number of most fields, folded anywhere."""
    head = ["From: news@example.org", "Date: Mon, 16 Nov 2026 06:00:00 +0000"]
    for name in draw(st.lists(_NAMES, max_size=8)):
        space = draw(st.sampled_from(["", " ", "\t", " \r\n ", "\r\n\t  "]))
        words = draw(st.lists(_TEXT.filter(str.strip), max_size=3))
        head.append(f"{name}:{space}{draw(st.sampled_from([' ', '  ', chr(9), chr(13) + chr(10) + ' '])).join(words)}")
    order = draw(st.permutations(head))
    return ("\r\n".join(order) + "\r\n\r\n" + "".join(draw(_SPACED)) + draw(_END)).encode()


@settings(max_examples=300)
@given(_messages())
def test_a_stranger_accepts_whatever_is_in_wire_form(data: bytes) -> None:
    signed = _signer().sign(data)
    assert signed.endswith(data)
    assert _judged(signed) == (True, True)


def test_every_line_of_the_fields_is_short_and_folded_as_a_field_may_be() -> None:
    data = _digest()
    lines = _signer().sign(data).removesuffix(data).split(b"\r\n")
    assert lines.pop() == b""
    assert max(map(len, lines)) <= 78
    assert all(line.startswith((b"DKIM-Signature: v=1;", b" ")) for line in lines)


def _tags(data: bytes) -> list[dict[str, str]]:
    fields = re.findall(rb"^DKIM-Signature: (.*?)\r\n(?! )", data, re.DOTALL | re.MULTILINE)
    pairs = [
        [(part.partition("=")[0], part.partition("=")[2]) for part in re.sub(r"\s", "", field.decode()).split(";")]
        for field in fields
    ]
    return [dict(each) for each in pairs]


def test_the_tags_are_those_that_large_receivers_ask_for() -> None:
    first, second = _tags(_signer().sign(_digest()))
    assert (first["a"], first["s"], second["a"], second["s"]) == ("rsa-sha256", "first", "ed25519-sha256", "second")
    for tags in (first, second):
        assert set(tags) == {"v", "a", "c", "d", "s", "t", "h", "bh", "b"}  # no l=, i= or x=
        assert (tags["d"], tags["c"], tags["t"]) == ("example.org", "relaxed/relaxed", "1794808800")
        names = tags["h"].split(":")
        assert {name: names.count(name) for name in names} == dict.fromkeys(SEALED, 2) | {"Cc": 1}
    assert first["bh"] == second["bh"]
    assert len(base64.b64decode(first["b"])) == 256


# -- tampering breaks them --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SEALED)
@pytest.mark.parametrize("above", [True, False])
def test_a_field_that_is_added_breaks_both(name: str, above: bool) -> None:
    signed = _signer().sign(_digest())
    added = f"{name}: added@example.org\r\n".encode()
    tampered = added + signed if above else signed.replace(b"\r\n\r\n", b"\r\n" + added + b"\r\n", 1)
    assert _judged(tampered) == (False, False)


@pytest.mark.parametrize("name", [name for name in SEALED if name != "Cc"])
@pytest.mark.parametrize("change", ["removed", "changed"])
def test_a_field_that_is_removed_or_changed_breaks_both(name: str, change: str) -> None:
    signed = _signer().sign(_digest())
    new = b"" if change == "removed" else f"{name}: other\r\n".encode()
    tampered, times = re.subn(rf"^{name}: .*?\r\n(?! )".encode(), new, signed, count=1, flags=re.DOTALL | re.MULTILINE)
    assert times == 1
    assert _judged(tampered) == (False, False)


@settings(max_examples=25)
@given(st.data())
def test_an_octet_that_changes_in_the_body_breaks_both(data: st.DataObject) -> None:
    signed = _signer().sign(_digest())
    start = signed.index(b"\r\n\r\n") + 4
    place = data.draw(st.integers(start, len(signed) - 1).filter(lambda at: signed[at : at + 1].isalnum()))
    other = b"x" if signed[place : place + 1] != b"x" else b"y"
    assert _judged(signed[:place] + other + signed[place + 1 :]) == (False, False)


def test_text_that_is_added_at_the_end_breaks_both() -> None:
    assert _judged(_signer().sign(_digest()) + b"more\r\n") == (False, False)


def test_what_relays_do_to_white_space_breaks_none() -> None:
    signed = _signer().sign(_digest())
    head, _, body = signed.partition(b"\r\n\r\n")
    assert body.count(b" ") > 100
    refolded = head.replace(b"\r\n ", b"\r\n\t ").replace(b"Subject: ", b"subject:   ")
    assert _judged(refolded + b"\r\n\r\n" + body.replace(b" ", b"  ").replace(b"\r\n", b" \r\n") + b"\r\n") == (
        True,
        True,
    )


# -- the same again ---------------------------------------------------------------------------------------------------


def test_the_same_message_gives_the_same_bytes_in_every_thread_and_signer() -> None:
    data = _digest()
    with ThreadPoolExecutor(4) as pool:
        results = set(pool.map(_signer().sign, [data] * 40))
    assert results == {Signer("example.org", dict(_keys())).sign(data)}


def test_threads_do_not_mix_messages_up() -> None:
    signer, several = _signer(), [_digest() + f"{number}\r\n".encode() for number in range(40)]
    with ThreadPoolExecutor(4) as pool:
        assert [_judged(signed) for signed in pool.map(signer.sign, several)] == [(True, True)] * 40


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("Mon, 16 Nov 2026 06:00:00 +0000", 1794808800),
        ("Mon, 16 Nov 2026 07:00:00 +0100", 1794808800),
        ("Mon, 16 Nov 2026 06:00:00 -0000", 1794808800),
        ("Thu, 01 Jan 1970 00:00:00 +0000", 0),
    ],
)
def test_the_time_is_that_of_the_message(date: str, seconds: int) -> None:
    signed = _signer().sign(f"From: a@example.org\r\nDate: {date}\r\n\r\nx\r\n".encode())
    assert [tags["t"] for tags in _tags(signed)] == [str(seconds)] * 2


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"From: a@example.org\r\n", "no empty line"),
        (b"Date: Mon, 16 Nov 2026 06:00:00 +0000\r\n\r\n", "one field From"),
        (b"From: a@b.c\r\nfrom: b@b.c\r\nDate: Mon, 16 Nov 2026 06:00:00 +0000\r\n\r\n", "one field From"),
        (b"From: a@b.c\r\n\r\n", "one field Date"),
        (b"From: a@b.c\r\nDate: yesterday\r\n\r\n", "cannot be read"),
        (b"From: a@b.c\r\nDate: \xff\r\n\r\n", "cannot be read"),
        (b"From: a@b.c\r\nDate: Mon, 16 Nov 1926 06:00:00 +0000\r\n\r\n", "before 1970"),
        (b"From: a@b.c\r\nno field\r\nDate: Mon, 16 Nov 2026 06:00:00 +0000\r\n\r\n", "not a field"),
    ],
)
def test_what_cannot_be_signed_is_refused_without_quoting_it(data: bytes, told: str) -> None:
    with pytest.raises(MailError, match=told) as caught:
        _signer().sign(data)
    assert "@" not in caught.value.message


# -- the canonical forms ----------------------------------------------------------------------------------------------


def _by_the_book(body: bytes) -> bytes:
    """RFC 6376 3.4.4, in its own order of words."""
    lines = [re.sub(rb"[ \t]+", b" ", re.sub(rb"[ \t]+\Z", b"", line)) for line in body.split(b"\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    return b"".join(line + b"\r\n" for line in lines)


_BODIES = st.lists(st.sampled_from([b"a", b"bc", b" ", b"  ", b"\t", b"\r\n", b"\r\n\r\n", b".", b"="]), max_size=80)


@settings(max_examples=1500)
@given(_BODIES.map(b"".join), st.integers(1, 40))
def test_the_quick_way_gives_what_the_slow_one_gives(body: bytes, block: int) -> None:
    assert relaxed_body(body, block) == _by_the_book(body) == relaxed_body(body)


@given(_BODIES.map(b"".join))
def test_dkimpy_has_the_same_form_of_the_body(body: bytes) -> None:
    """Of a body that is in wire form: the last line ends as well."""
    assert relaxed_body(body + b"\r\n") == Relaxed.canonicalize_body(body + b"\r\n")


@given(st.lists(st.sampled_from([b"a", b" ", b"  ", b"\t", b"\r\n ", b"\r\n\t", b":"])).map(b"".join))
def test_dkimpy_has_the_same_form_of_a_field(value: bytes) -> None:
    ((_, theirs),) = Relaxed.canonicalize_headers([(b"x", value + b"\r\n")])
    assert relaxed_value(value) + b"\r\n" == theirs


def test_the_hash_of_nothing_is_the_one_of_the_rfc() -> None:
    signed = _signer().sign(b"From: a@b.c\r\nDate: Mon, 16 Nov 2026 06:00:00 +0000\r\n\r\n")
    # RFC 6376 3.4.4
    assert _tags(signed)[0]["bh"] == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    assert base64.b64encode(hashlib.sha256(b"").digest()).decode() == _tags(signed)[1]["bh"]


def test_a_real_message_keeps_its_form_in_blocks() -> None:
    body = _digest().partition(b"\r\n\r\n")[2]
    assert b"  " in body
    assert len(body) > 3 * 4096
    assert relaxed_body(body) == _by_the_book(body)


# -- other judges -----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("opendkim") is None, reason="Debian's opendkim is not installed")
@pytest.mark.parametrize("tampered", [False, True])
def test_opendkim_agrees(tmp_path: Path, tampered: bool) -> None:
    known = tmp_path / "known"
    known.write_text("".join(f"{name} {record}\n" for name, record in _records().items()))
    (tmp_path / "conf").write_text(f"Mode v\nTestPublicKeys {known}\n")
    signed = _signer().sign(_digest())
    message = tmp_path / "message"
    message.write_bytes(signed.replace(b"Caregiver Weekly", b"Caregiver weekly", 1) if tampered else signed)
    done = subprocess.run(
        [str(shutil.which("opendkim")), "-x", str(tmp_path / "conf"), "-t", str(message), "-vv"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    told = done.stdout + done.stderr
    assert ("verification (s=first, d=example.org, 2048-bit key) succeeded" in told) is not tampered, told


_MAIL_DKIM = r"""
use Mail::DKIM::Verifier; use Net::DNS::Resolver;
Mail::DKIM::DNS::resolver(Net::DNS::Resolver->new(nameservers => ['127.0.0.1'], port => $ARGV[0], recurse => 1));
my $dkim = Mail::DKIM::Verifier->new();
local $/; binmode STDIN; $dkim->PRINT(<STDIN>); $dkim->CLOSE;
print join("\n", map { $_->algorithm . " " . $_->result } $dkim->signatures), "\n";
"""


def _perl_has_mail_dkim() -> bool:
    perl = shutil.which("perl")
    return (
        perl is not None
        and not subprocess.run([perl, "-MMail::DKIM", "-e1"], capture_output=True, check=False).returncode
    )


@pytest.mark.skipif(not _perl_has_mail_dkim(), reason="Debian's libmail-dkim-perl is not installed")
@pytest.mark.parametrize("tampered", [False, True])
def test_mail_dkim_agrees(tampered: bool) -> None:
    signed = _signer().sign(_digest())
    if tampered:
        signed = signed.replace(b"Caregiver Weekly", b"Caregiver weekly", 1)
    with DnsServer({name: [record] for name, record in _records().items()}) as server:
        done = subprocess.run(
            ["perl", "-e", _MAIL_DKIM, str(server.port)], input=signed, capture_output=True, check=False, timeout=60
        )
    verdicts = dict(line.split(" ", 1) for line in done.stdout.decode().splitlines())
    assert verdicts["rsa-sha256"] == ("fail" if tampered else "pass"), done.stderr
    assert verdicts["ed25519-sha256"] != "pass" or not tampered


# -- keys -------------------------------------------------------------------------------------------------------------


def _file(folder: Path, text: str, mode: int = 0o600, name: str = "key.pem") -> Path:
    path = folder / name
    path.write_text(text)
    path.chmod(mode)
    return path


def _pem(key: object, encryption: object = None) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()).decode()  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_a_key_comes_back_from_its_file_and_never_shows_itself(tmp_path: Path, kind: str) -> None:
    key = make_key(kind)
    loaded = load_key(_file(tmp_path, key.pem))
    assert (loaded.kind, loaded.public) == (kind, key.public)
    assert repr(loaded) == "Key()"
    assert "Key()" in repr(Signer("example.org", {"s": loaded}))


def test_the_older_form_of_rsa_keys_is_read(tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    text = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    assert load_key(_file(tmp_path, text)).kind == "rsa"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = _file(tmp_path, _keys()["second"].pem, mode)
    with pytest.raises(ConfigError, match=f"{path} can be read by others; it should have mode 0600") as caught:
        load_key(path)
    assert "PRIVATE" not in caught.value.message


def test_a_file_that_is_no_usable_key_is_refused_with_the_remedy(tmp_path: Path) -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    curve = ec.generate_private_key(ec.SECP256R1())
    public = short.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    for text, told in (
        ("", "not a key that can be read"),
        ("swordfish", "not a key that can be read"),
        (_keys()["first"].pem[:600], "not a key that can be read"),
        (public, "not a key that can be read"),
        (_pem(curve), "neither an RSA nor an Ed25519 key"),
        (_pem(short), "1024 bits; it should have 2048 to 4096"),
        (_pem(curve, BestAvailableEncryption(b"swordfish")), "asks for a password"),
    ):
        path = _file(tmp_path, text)
        with pytest.raises(ConfigError) as caught:
            load_key(path)
        assert str(path) in caught.value.message
        assert told in caught.value.message
        assert "swordfish" not in caught.value.message
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not text in UTF-8"):
        load_key(path)
    with pytest.raises(ConfigError, match="is not there; `newsletter dkim` makes it"):
        load_key(tmp_path / "nowhere.pem")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_key(tmp_path)


def test_one_rsa_key_is_needed_and_one_of_a_kind_is_enough(tmp_path: Path) -> None:
    first = _file(tmp_path, _keys()["first"].pem, name="rsa")
    second = _file(tmp_path, _keys()["second"].pem, name="ed")
    assert [key.kind for key in load_keys({"a": first, "b": second}).values()] == ["rsa", "ed25519"]
    for wrong, found in (
        ({"a": second}, "ed25519"),
        ({"a": first, "b": first}, "rsa and rsa"),
        ({}, "none"),
    ):
        with pytest.raises(ConfigError, match=f"found keys of kind {found}; it should be one RSA key"):
            load_keys(wrong)


def test_a_signer_cannot_be_changed() -> None:
    keys = dict(_keys())
    signer = Signer("example.org", keys)
    before = signer.sign(_digest())
    keys.clear()
    assert signer.sign(_digest()) == before
    with pytest.raises(AttributeError):
        signer.domain = "example.com"  # type: ignore[misc]
    with pytest.raises(TypeError):
        signer.keys["first"] = _keys()["second"]  # type: ignore[index]


def test_help_does_not_wait_for_cryptography() -> None:
    program = "import sys, newsletter.cli; print('cryptography' in sys.modules, 'dns' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


_GAPPED = st.lists(
    st.lists(st.sampled_from([b"\r\n", b"\r\n", b" ", b"\t", b"a", b"a b", b"  \r\n"]), max_size=6).map(b"".join),
    min_size=1,
    max_size=9,
)


@given(_GAPPED, st.sampled_from([b"A: b\r\n\r\n", b"A: b", b""]), st.sampled_from([b"", b"end\r\n", b"\r\n"]))
@example([b"a\r\n", b" x ", b" \r\nb \r\n", b"", b"\r\n \r\n"], b"A: b\r\n\r\n", b"end\r\n")
def test_of_a_merged_message_only_the_gaps_are_looked_at_and_the_hash_is_the_same(
    pieces: list[bytes], head: bytes, end: bytes
) -> None:
    pieces = [*pieces, b""] if len(pieces) % 2 == 0 else pieces
    fixed, values = pieces[::2], pieces[1::2]
    fixed = [head + fixed[0], *fixed[1:-1], fixed[-1] + end] if len(fixed) > 1 else [head + fixed[0] + end]
    told = {str(place): value for place, value in enumerate(values)}
    wire = Frame(fixed, list(told)).fill(told)
    header, gap, body = bytes(wire).partition(b"\r\n\r\n")
    if not gap:
        return
    wanted = header, hashlib.sha256(_by_the_book(body)).digest()
    assert sign._looked_at(wire) == wanted == sign._looked_at(Wire.of(bytes(wire)))


_HEADER_PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            [b"From: a@example.org\r\n", b"Date: Mon, 16 Nov 2026 06:00:00 +0000\r\n", b"To: ", b"SUBJECT :"]
        ),
        st.lists(st.sampled_from([b"\r\n", b"\r\n\t", b" ", b"\t", b"a", b"b:", b"\r", b"\n", b"\0"]), max_size=4).map(
            b"".join
        ),
    ),
    min_size=1,
    max_size=12,
)


def _form_or_refusal(wire: Wire) -> object:
    try:
        return sign._form_of(wire)
    except MailError as error:
        return error.message


@settings(max_examples=500)
@given(_HEADER_PIECES, _HEADER_PIECES)
@example([b"From: a@b.c\r\nTo: ", b"\r\nX: ", b"\r\n"], [b"a\r\n b", b"c", b"d"])
@example([b"From: a@b.c\r\nTo:  ", b" \r\n", b"X: y\r\n"], [b" a \t b", b" "])
@example([b"From: a@b.c\r\n", b": y\r\nX: y\r\n"], [b"to"])
@example([b"From: a@b.c\r\nX\00\0: ", b"\r\n"], [b"to"])
def test_of_a_merged_header_only_the_gaps_are_looked_at_and_what_is_signed_is_the_same(
    fixed: list[bytes], values: list[bytes]
) -> None:
    fixed[-1] += b"Date: Mon, 16 Nov 2026 06:00:00 +0000\r\n\r\nHello "
    told = {str(place): (values * 12)[place] for place in range(len(fixed))}
    wire = Frame([*fixed, b"\r\nend\r\n"], list(told)).fill(told)
    assert _form_or_refusal(wire) == _form_or_refusal(Wire.of(bytes(wire)))


def test_of_an_ordinary_header_only_the_gaps_are_looked_at() -> None:
    fixed = [b"From: a@b.c\r\nTo:  ", b" \r\nDate: ", b"\r\n\r\nHello ", b"\r\nend\r\n"]
    known = sign._Known.of(Frame(fixed, ["to", "date", "name"]))
    assert known is not None
    assert known.header is not None
    header = known.header.filled([b"ann  <ann@example.org>", b"Mon, 16 Nov 2026 06:00:00 +0000", b"Ann"])
    assert header is not None
    assert header.time == 1794808800
    assert header.canonical.startswith(b"from:a@b.c\r\nto:ann <ann@example.org>\r\ndate:Mon, 16 Nov")
    assert known.header.filled([b"ann@example.org\r\n x", b"", b""]) is None


def test_a_mailing_is_known_by_its_frame() -> None:
    frame = Frame([b"To: ", b"\r\n\r\nHello  ", b",\r\nyou \r\n", b"\r\nend\r\n\r\n"], ("to", "name", "more"))
    wire = frame.fill({"to": b"ann@example.org", "name": b" Ann", "more": b"x  y "})
    known = sign._Known.of(frame)
    assert known is not None
    assert known.head(wire) == b"To: ann@example.org"
    assert known.hash(wire.values) == hashlib.sha256(b"Hello Ann,\r\nyou\r\nx y\r\nend\r\n").digest()
