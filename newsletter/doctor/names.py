"""What the DNS says of our mail: the keys of DKIM (RFC 6376 3.6), SPF (RFC 7208) and DMARC (RFC 9989)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from newsletter.config import Config
from newsletter.doctor.finding import Finding, fail, ok, warn
from newsletter.doctor.resolver import Answer, Ask
from newsletter.errors import ConfigError
from newsletter.mail.records import key_name, record_of
from newsletter.mail.sign import Key, load_keys

_POLICIES = ("none", "quarantine", "reject")


def examine(config: Config, ask: Ask) -> Iterator[Finding]:
    """Ask for every name that receivers of our mail will ask for."""
    sender = config.mail_domain
    for selector, key in _keys(config).items():
        name = key_name(selector, config.signing_domain)
        yield judge_key(name, key, ask(name))
    yield judge_spf(sender, ask(sender))
    yield from _dmarc(config, ask)


def _keys(config: Config) -> dict[str, Key]:
    """None where they cannot be loaded: that has been told."""
    try:
        return {} if config.delivery.dkim is None else load_keys(config.delivery.dkim.files())
    except ConfigError:
        return {}


def tags(text: str) -> dict[str, str]:
    """The tags of a record, names in lower case (RFC 6376 3.2). What is no tag is left out; the first of a name counts."""
    found: dict[str, str] = {}
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if equals:
            found.setdefault(name.strip().lower(), value.strip())
    return found


def _unasked(check: str, answer: Answer) -> Finding:
    return warn(check, f"nobody could tell: {answer.problem}", "a DNS server that answers; try again")


# -- DKIM -------------------------------------------------------------------------------------------------------------


def judge_key(name: str, key: Key, answer: Answer) -> Finding:
    """Whether the record at `name` lets the world verify what `key` signs."""
    check = f"DNS {name}"
    if answer.problem:
        return _unasked(check, answer)
    if not answer.texts:
        return fail(check, "no TXT record", f"{record_of(key)} (`newsletter dkim` shows it for a zone file)")
    if len(answer.texts) > 1:
        return fail(check, f"{len(answer.texts)} TXT records", "one alone: receivers may take any (RFC 6376 3.6.2.2)")
    problem = _key_problem(tags(answer.texts[0]), key)
    if problem:
        return fail(check, problem, record_of(key))
    if "y" in _listed(tags(answer.texts[0]), "t"):
        return warn(check, "the key at hand, but marked as a test by t=y", "the same without t=y")
    return ok(check, "the key at hand")


def _key_problem(record: dict[str, str], key: Key) -> str:
    """Why the key does not verify by the record; empty where it does."""
    version, kind = record.get("v", "DKIM1"), record.get("k", "rsa").lower()
    published = "".join(record.get("p", "").split())
    problems = {
        f"version {version}": version != "DKIM1",
        "no key in it (p= is missing)": "p" not in record,
        "a key that was revoked (an empty p=)": not published,
        f"a key of kind {kind}, and the one at hand is {key.kind}": kind != key.kind,
        "another key than the one at hand": published != key.public,
        f"only the hash {record.get('h')}, and ours is sha256": "sha256" not in _listed(record, "h", "sha256"),
        f"a key for the service {record.get('s')}, not for email": not {"*", "email"} & _listed(record, "s", "*"),
    }
    return next((problem for problem, there in problems.items() if there), "")


def _listed(record: dict[str, str], name: str, default: str = "") -> set[str]:
    return {part.strip().lower() for part in record.get(name, default).split(":")}


# -- SPF --------------------------------------------------------------------------------------------------------------


def judge_spf(domain: str, answer: Answer) -> Finding:
    """Whether the sender's domain says who may send for it. Whether the relay is among them, only the relay's owner knows."""
    check = f"SPF {domain}"
    if answer.problem:
        return _unasked(check, answer)
    records = [text for text in answer.texts if text.lower().split(" ")[0] == "v=spf1"]
    if not records:
        return warn(check, "no record", f'{domain}. IN TXT "v=spf1 include:YOUR-RELAY -all"')
    if len(records) > 1:
        return fail(check, f"{len(records)} records", "one alone: with more, none counts (RFC 7208 4.5)")
    terms = records[0].lower().split()[1:]
    if "+all" in terms or "all" in terms:
        return fail(check, f"{records[0]}: everybody may send for you", "-all or ~all at the end")
    return ok(check, records[0])


# -- DMARC ------------------------------------------------------------------------------------------------------------


def _dmarc(config: Config, ask: Ask) -> Iterator[Finding]:
    """The policy of the sender's domain, or of the nearest one above it that has any (RFC 9989 4.10)."""
    sender = config.mail_domain
    labels = sender.split(".")
    for domain in (".".join(labels[start:]) for start in range(max(len(labels) - 1, 1))):
        answer = ask(f"_dmarc.{domain}")
        if answer.problem:
            yield _unasked(f"DMARC {sender}", answer)
            return
        records = [text for text in answer.texts if tags(text).get("v") == "DMARC1"]
        if records:
            signing = None if config.delivery.dkim is None else config.signing_domain
            yield judge_dmarc(sender, domain, records, signing)
            return
    yield warn(f"DMARC {sender}", "no record", f'_dmarc.{sender}. IN TXT "v=DMARC1; p=none"')


def judge_dmarc(sender: str, domain: str, records: Sequence[str], signing: str | None) -> Finding:
    """Whether our mail passes the policy that stands at `domain`; `signing` is `d=` of our signatures, if there are any."""
    check = f"DMARC {sender}"
    if len(records) > 1:
        return fail(check, f"{len(records)} records at _dmarc.{domain}", "one alone: with more, none counts")
    record = tags(records[0])
    policy = (record.get("p") if domain == sender else record.get("sp", record.get("p"))) or ""
    found = f"{records[0]} at _dmarc.{domain}"
    if policy.lower() not in _POLICIES:
        return fail(check, f"{found}: no policy", "p=none, p=quarantine or p=reject")
    if record.get("adkim", "r").lower() == "s" and signing not in {None, sender}:
        right = f"adkim=r, or `domain` left out of [delivery.dkim], so that {sender} signs"
        return fail(check, f"{found}: only signatures of {sender} count, and ours are of {signing}", right)
    if signing is None and policy.lower() != "none":
        return warn(
            check, f"{found}, and mail leaves unsigned", "a table [delivery.dkim], unless the relay signs for you"
        )
    return ok(check, found)
