"""The tables of the operator's file. Each field's description is what `config.toml` says of the key and what an error says
would be right.
"""

from __future__ import annotations

import difflib
from datetime import date, time, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from newsletter.model import Audience, Cadence, CatchUp, Newsletter, Restraint, Site
from newsletter.words import known_locale

SECRETS_VARIABLE = "NEWSLETTER_SECRETS"
SMTP_PASSWORD_VARIABLE = "NEWSLETTER_SMTP_PASSWORD"  # noqa: S105 - the name of a variable, not a password
IMAP_PASSWORD_VARIABLE = "NEWSLETTER_IMAP_PASSWORD"  # noqa: S105 - the name of a variable, not a password
THIS_MACHINE = frozenset({"127.0.0.1", "::1", "localhost"})
_USUAL_LANGUAGES = frozenset({"en", "en-GB", "en-US"})


def _zone(name: str) -> str:
    if name not in available_timezones():
        near = difflib.get_close_matches(name, available_timezones(), n=1)
        raise ValueError(f"no such zone{f'; did you mean {near[0]}?' if near else ''}")
    return name


def _language(tag: str) -> str:
    """A language that Babel knows, and so knows how to write dates in."""
    if tag in _USUAL_LANGUAGES or known_locale(tag) is not None:
        return tag
    from babel.localedata import locale_identifiers  # noqa: PLC0415 - the usual languages do without Babel

    known = [name.replace("_", "-") for name in locale_identifiers()]
    near = difflib.get_close_matches(tag, sorted(known, key=len), n=1)
    raise ValueError(f"no such language{f'; did you mean {near[0]}?' if near else ''}")


def _own_address(host: str) -> str:
    return host if host == "localhost" else str(ip_address(host))


def _networks(told: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str(ip_network(each)) for each in told)


def _hours(told: Any) -> tuple[time, time]:
    """Two local times, told as `["07:00", "21:00"]`."""
    try:
        begin, end = (time.fromisoformat(one) for one in told)
    except (TypeError, ValueError):
        raise ValueError("two local times are needed") from None
    if begin == end or begin.tzinfo is not None or end.tzinfo is not None:
        raise ValueError("two different local times are needed")
    return begin, end


Slug = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$")]
Address = Annotated[str, Field(pattern=r"^[^\s@<>,;:\"()\[\]\\]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$")]
Line = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]+$", max_length=500)]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$"), AfterValidator(_language)]
Zone = Annotated[str, AfterValidator(_zone)]
Hours = Annotated[tuple[time, time], BeforeValidator(_hours)]
Domain = Annotated[
    str, Field(pattern=r"^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)*$")
]
FeedAddress = Annotated[str, Field(pattern=r"^https?://[^\s#@]+$")]
WebAddress = Annotated[str, Field(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*[^\s?#/])?$")]


class _Part(BaseModel):
    """A table of the file. Unknown keys are errors: a misspelt key that is silently ignored helps nobody."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class SiteConfig(_Part):
    base_url: WebAddress = Field(description="where `public/` is served, without a slash at the end")
    title: Line = Field(description="the name of the site")
    description: str = Field("", description="one sentence about the site")
    language: Language = Field("en", description="the language tag of all texts, such as en, de or pt-BR")
    author: Line = Field(description="the person or office that answers for the texts")
    contact: Address = Field(description="an address that a person reads")
    postal_address: Line = Field(description="a postal address; every digest must carry one")
    privacy_url: WebAddress | Literal[""] = Field(
        "", description="a page of your own on privacy, https://..., without a slash at the end"
    )
    tag_authority: str = Field(
        pattern=r"^[a-z0-9.-]+$", description="a host name of yours in lower case, for ids; never change it"
    )
    tag_date: date = Field(description="a day on which that name was yours (YYYY-MM-DD); never change it")


class PathsConfig(_Part):
    public: str = Field("public", min_length=1, description="the folder that web servers serve")
    templates: str | None = Field(None, description="a folder of your own templates, looked at before ours")
    state: str = Field("var", min_length=1, description="a folder for copies of what was fetched")
    studies: tuple[str, ...] = Field(
        (), strict=False, description="a list of files from PubMed (XML) or Crossref (JSON), or []"
    )
    topics: str | None = Field(None, description="a TOML file with your words on topics")


class StoreConfig(_Part):
    url: str = Field(
        "sqlite:///var/newsletter.db",
        pattern=r"^(sqlite:///|postgresql\+psycopg://).+",
        description="`sqlite:///PATH`, or `postgresql+psycopg://HOST/NAME`",
    )
    erased: str = Field("var/erased", min_length=1, description="a file that outlives a restored backup")


class SecretsConfig(_Part):
    file: str = Field(
        "var/secrets",
        min_length=1,
        description=f"a file of mode 0600, one secret a line, newest first; made if missing; {SECRETS_VARIABLE} goes before it",
    )


class ScheduleConfig(_Part):
    tick_seconds: int = Field(30, ge=1, le=3600, description="a number of seconds from 1 to 3600")
    max_gap_days: int = Field(35, ge=1, le=3660, description="a number of days from 1 to 3660")

    @property
    def max_gap(self) -> timedelta:
        return timedelta(days=self.max_gap_days)


class SourceConfig(_Part):
    slug: Slug = Field(description="a short name in a-z, 0-9 and -; part of the articles' ids, never change it")
    kind: Literal["captures", "html", "markdown", "json", "csv", "feed", "pubmed", "wordpress"] = Field(
        description='"captures", "html", "markdown", "json", "csv", "feed", "pubmed" or "wordpress"'
    )
    folder: str | None = Field(None, min_length=1, description="the folder of the documents")
    file: str | None = Field(None, min_length=1, description="a single file")
    url: FeedAddress | None = Field(None, description="a web address that starts with https:// or http://")
    private_hosts: tuple[str, ...] = Field(
        (), strict=False, description="a list of hosts of your own network that may be asked, or []"
    )
    profile: dict[str, str] = Field(default_factory=dict, description="a table of CSS selectors by part")


class MailConfig(_Part):
    from_name: Line = Field(description="the name that readers see as the sender")
    from_address: Address = Field(description="the sender's address")
    reply_to: Address = Field(description="an address that a person reads")
    test_recipients: tuple[Address, ...] = Field(
        (), strict=False, description='a list of addresses such as ["editor@example.org"], or []'
    )


class NewsletterConfig(_Part):
    slug: Slug = Field(description="a short name in a-z, 0-9 and -, unlike all others")
    title: Line = Field(description="the newsletter's name")
    description: str = Field("", description="one sentence about it")
    cadence: Cadence = Field(strict=False, description='"daily", "weekly" or "monthly"')
    zone: Zone = Field(description='an IANA time zone such as "Europe/London"')
    send_at: time = Field(description="a local time such as 07:00:00")
    audience: Audience = Field(
        Audience.GENERAL, strict=False, description='"general", "caregiver", "person-with-ms" or "clinician"'
    )
    full_items: int = Field(5, ge=1, le=50, description="a number of articles from 1 to 50")
    title_items: int = Field(20, ge=0, le=200, description="a number of titles from 0 to 200")
    topics: tuple[str, ...] = Field((), strict=False, description='a list of topics such as ["Fatigue"], or [] for all')
    min_credibility: float | None = Field(None, ge=0, le=5, strict=False, description="a number from 0 to 5")
    require_rating: bool = Field(default=False, description="true or false")
    catch_up: CatchUp = Field(CatchUp.COALESCE, strict=False, description='"coalesce", "each" or "skip"')
    discreet: bool = Field(default=False, description="true or false")
    send_window: Hours | None = Field(None, description='two different local times such as ["07:00", "21:00"]')
    from_name: Line | None = Field(None, description="a sender's name for this newsletter alone")


class MaildirConfig(_Part):
    folder: str = Field("var/maildir", min_length=1, description="a folder for messages that do not leave the machine")


class SmtpConfig(_Part):
    host: str = Field("127.0.0.1", min_length=1, description="the relay's host name")
    port: int = Field(587, ge=1, le=65535, description="a port from 1 to 65535")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description='"starttls", "tls" or, on this machine alone, "none"'
    )
    username: str | None = Field(None, description="the account at the relay, if it asks for one")
    password_file: str | None = Field(
        None, description=f"a file of mode 0600 that holds the password; {SMTP_PASSWORD_VARIABLE} goes before it"
    )
    helo_name: str | None = Field(None, description="the name that we greet with; empty: this machine's")
    ca_file: str | None = Field(None, description="a file of certificates to trust instead of the system's")
    chunking: bool = Field(default=False, description="true or false")


class WarmUpConfig(_Part):
    start: date = Field(description="the first day, YYYY-MM-DD; nothing goes by the relay before")
    first_day: int = Field(50, ge=1, le=1_000_000, description="a number of messages from 1 to 1000000")
    growth: float = Field(1.5, ge=1.05, le=10, strict=False, description="a number from 1.05 to 10")
    target: int = Field(100_000, ge=1, le=10_000_000, description="a number of messages from 1 to 10000000")


class RelayConfig(SmtpConfig):
    name: Slug = Field(description="a short name in a-z, 0-9 and -, unlike all others")
    password_file: str | None = Field(
        None, description=f"a file of mode 0600 that holds the password; {SMTP_PASSWORD_VARIABLE}_NAME goes before it"
    )
    weight: int = Field(1, ge=1, le=100, description="a number from 1 to 100")
    per_minute: int | None = Field(None, ge=1, le=1_000_000, description="a number of messages from 1 to 1000000")
    warm_up: WarmUpConfig | None = Field(None, description="a table")

    @property
    def password_variable(self) -> str:
        return f"{SMTP_PASSWORD_VARIABLE}_{self.name.upper().replace('-', '_')}"


class PaceConfig(_Part):
    domain: str = Field(pattern=r"^[^\s@A-Z]+\.[^\s@A-Z.]+$", description="a mail domain in lower case")
    per_minute: int = Field(ge=1, le=1_000_000, description="a number of messages from 1 to 1000000")


class DkimConfig(_Part):
    domain: Domain | None = Field(
        None, description="the domain of mail.from_address, or one above it such as example.org"
    )
    selector: Domain = Field(description='a name for the key in the DNS, such as "n2026"; a new key gets a new one')
    key_file: str = Field(min_length=1, description="a file of mode 0600 with an RSA key; `newsletter dkim` makes it")
    ed25519_selector: Domain | None = Field(None, description="a name for the second key in the DNS, unlike the first")
    ed25519_key_file: str | None = Field(
        None, min_length=1, description="a file of mode 0600 with an Ed25519 key; `newsletter dkim` makes it"
    )

    def files(self) -> dict[str, Path]:
        """Selector -> the file of its key, that of RSA first."""
        files = {self.selector: Path(self.key_file)}
        if self.ed25519_selector is not None and self.ed25519_key_file is not None:
            files[self.ed25519_selector] = Path(self.ed25519_key_file)
        return files


class LmtpConfig(_Part):
    host: str = Field("/run/dovecot/lmtp", min_length=1, description="the path of a socket, or a host of this machine")
    port: int = Field(24, ge=1, le=65535, description="a port from 1 to 65535")


class SendmailConfig(_Part):
    program: str = Field("/usr/sbin/sendmail", min_length=1, description="the path of a program")


class DeliveryConfig(_Part):
    transport: Literal["maildir", "smtp", "lmtp", "sendmail"] = Field(
        "maildir", description='"maildir", "smtp", "lmtp" or "sendmail"'
    )
    senders: int = Field(2, ge=1, le=64, description="a number of connections from 1 to 64")
    lease_minutes: int = Field(15, ge=13, le=1440, description="a number of minutes from 13 to 1440")
    after_crash: Literal["resend", "hold"] = Field("resend", description='"resend" or "hold"')
    max_age_days: int = Field(4, ge=1, le=30, description="a number of days from 1 to 30")
    keep_events_days: int = Field(30, ge=7, le=3660, description="a number of days from 7 to 3660")
    maildir: MaildirConfig = Field(default_factory=MaildirConfig, description="a table")
    smtp: SmtpConfig = Field(default_factory=SmtpConfig, description="a table")
    lmtp: LmtpConfig = Field(default_factory=LmtpConfig, description="a table")
    sendmail: SendmailConfig = Field(default_factory=SendmailConfig, description="a table")
    relay: tuple[RelayConfig, ...] = Field((), strict=False, description="any number of [[delivery.relay]]")
    pace: tuple[PaceConfig, ...] = Field((), strict=False, description="any number of [[delivery.pace]]")
    dkim: DkimConfig | None = Field(None, description="a table")

    def relays(self) -> tuple[RelayConfig, ...]:
        """The relays, at least one: that of `[delivery.smtp]` is called "smtp" and stands alone."""
        return self.relay or (RelayConfig(name="smtp", **self.smtp.model_dump()),)

    @property
    def lease(self) -> timedelta:
        return timedelta(minutes=self.lease_minutes)

    @property
    def max_age(self) -> timedelta:
        return timedelta(days=self.max_age_days)

    @property
    def keep_events(self) -> timedelta:
        return timedelta(days=self.keep_events_days)


class ImapConfig(_Part):
    host: str = Field(min_length=1, description="the IMAP server's host name")
    port: int = Field(993, ge=1, le=65535, description="a port from 1 to 65535")
    security: Literal["tls", "starttls", "none"] = Field(
        "tls", description='"tls", "starttls" or, on this machine alone, "none"'
    )
    username: str = Field(min_length=1, description="the account's name")
    password_file: str | None = Field(
        None, description=f"a file of mode 0600 that holds the password; {IMAP_PASSWORD_VARIABLE} goes before it"
    )
    folder: str = Field("INBOX", pattern=r"^[ -~]+$", description="the folder's name, in ASCII")
    ca_file: str | None = Field(None, description="a file of certificates to trust instead of the system's")


class BouncesConfig(_Part):
    address: Address | None = Field(
        None, description='an address with at most 26 characters before the @, such as "b@bounces.example.org"'
    )
    maildir: str | None = Field(None, min_length=1, description="a folder in Maildir form")
    imap: ImapConfig | None = Field(None, description="a table")


class SubscribeConfig(_Part):
    open: bool = Field(default=True, description="true or false")
    most_an_hour: int = Field(300, ge=1, le=1_000_000, description="a number of emails from 1 to 1000000")
    most_confirmations: int = Field(3, ge=1, le=100, description="a number of emails from 1 to 100")
    confirmation_gap_hours: int = Field(24, ge=1, le=8760, description="a number of hours from 1 to 8760")
    welcome: bool = Field(default=True, description="true or false")
    goodbye: bool = Field(default=False, description="true or false")

    @property
    def restraint(self) -> Restraint:
        return Restraint(most=self.most_confirmations, gap=timedelta(hours=self.confirmation_gap_hours))


class FeedsConfig(_Part):
    hub: FeedAddress | None = Field(None, description="the address of a WebSub hub that is told of what is new")
    topic_articles: int = Field(2, ge=1, le=1000, description="a number of articles from 1 to 1000")


class LimitsConfig(_Part):
    sign_ups: int = Field(10, ge=1, le=1_000_000, description="a number of sign-ups from 1 to 1000000")
    all_sign_ups: int = Field(3000, ge=1, le=1_000_000, description="a number of sign-ups from 1 to 1000000")
    forms: int = Field(60, ge=1, le=1_000_000, description="a number of forms from 1 to 1000000")
    searches: int = Field(30, ge=1, le=1_000_000, description="a number of searches from 1 to 1000000")


class WebConfig(_Part):
    host: Annotated[str, AfterValidator(_own_address)] = Field(
        "127.0.0.1", description='an address of this machine, "127.0.0.1" or, behind a password, "0.0.0.0"'
    )
    port: int = Field(8000, ge=0, le=65535, description="a port from 0 to 65535; 0: any free one")
    proxies: Annotated[tuple[str, ...], AfterValidator(_networks)] = Field(
        ("127.0.0.1", "::1"), strict=False, description='a list of addresses and networks such as ["127.0.0.1", "::1"]'
    )
    password_file: str = Field(
        "var/operator-password", min_length=1, description="a file of mode 0600; `newsletter password` makes it"
    )
    search: bool = Field(default=True, description="true or false")
    limits: LimitsConfig = Field(default_factory=LimitsConfig, description="a table")


class Config(_Part):
    """The whole file, with paths made absolute against the folder that it lies in."""

    site: SiteConfig = Field(description="a table")
    paths: PathsConfig = Field(default_factory=PathsConfig, description="a table")
    store: StoreConfig = Field(default_factory=StoreConfig, description="a table")
    secrets: SecretsConfig = Field(default_factory=SecretsConfig, description="a table")
    schedule: ScheduleConfig = Field(default_factory=ScheduleConfig, description="a table")
    source: tuple[SourceConfig, ...] = Field(strict=False, min_length=1, description="one [[source]] or more")
    mail: MailConfig = Field(description="a table")
    newsletter: tuple[NewsletterConfig, ...] = Field(
        strict=False, min_length=1, description="one [[newsletter]] or more"
    )
    delivery: DeliveryConfig = Field(default_factory=DeliveryConfig, description="a table")
    bounces: BouncesConfig = Field(default_factory=BouncesConfig, description="a table")
    subscribe: SubscribeConfig = Field(default_factory=SubscribeConfig, description="a table")
    feeds: FeedsConfig = Field(default_factory=FeedsConfig, description="a table")
    web: WebConfig = Field(default_factory=WebConfig, description="a table")

    def published_by(self) -> Site:
        told = self.site.model_dump()
        added = {"sign_up": self.subscribe.open, "search": self.web.search}
        return Site(**(told | {"tag_date": self.site.tag_date.isoformat()} | added))

    @property
    def mail_domain(self) -> str:
        """The domain of the sender's address, in lower case."""
        return self.mail.from_address.rpartition("@")[2].lower()

    @property
    def signing_domain(self) -> str:
        """What DKIM signatures name as `d=` (RFC 6376 3.5)."""
        dkim = self.delivery.dkim
        return self.mail_domain if dkim is None or dkim.domain is None else dkim.domain

    def newsletters(self) -> tuple[Newsletter, ...]:
        return tuple(self._newsletter(told) for told in self.newsletter)

    def _newsletter(self, told: NewsletterConfig) -> Newsletter:
        sender = {
            "from_address": self.mail.from_address,
            "reply_to": self.mail.reply_to,
            "leave_address": self.bounces.address or "",
        }
        return Newsletter(**(told.model_dump() | sender | {"from_name": told.from_name or self.mail.from_name}))
