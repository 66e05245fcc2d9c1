"""What the database holds: one MetaData for SQLite and PostgreSQL.

The migrations build exactly this; a test compares the two. `REVISION` names the newest migration, so that a database
that is up to date is recognised without loading Alembic.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    event,
    literal_column,
    text,
)

REVISION = "0005"

#: PostgreSQL compares by the rules of a language unless told otherwise; SQLite by code point. Both do the latter here,
#: so that the same rows come back in the same order.
Word = String().with_variant(String(collation="C"), "postgresql")

#: Row numbers. SQLite counts by itself only in a column that it calls INTEGER.
Number = BigInteger().with_variant(Integer, "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, to the microsecond: aware and in UTC both in and out. A naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.utcoffset() is None:
            raise ValueError(f"an aware datetime is required, not {value!r}")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# Articles. `revision` counts up with every transaction that changes articles, so that what has changed since is found
# without a look at the rest. Topics, status and publish_after are columns because questions are asked about them; they stand in no
# document a second time. The documents (summary, facts, page) are JSON, see documents.py.
article = Table(
    "article",
    metadata,
    Column("id", Word, primary_key=True),
    Column("slug", Word, nullable=False, unique=True),
    Column("source", Word, nullable=False),
    Column("key", Word, nullable=False),
    Column("raw_hash", String, nullable=False),
    Column("status", String, nullable=False, index=True),
    Column("publish_after", UtcDateTime, index=True),
    Column("published", UtcDateTime, nullable=False),
    Column("published_precision", String, nullable=False),
    Column("date_origin", String, nullable=False),
    Column("first_seen", UtcDateTime, nullable=False),
    Column("updated", UtcDateTime, nullable=False),
    Column("topics", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("facts", Text, nullable=False),
    Column("page", Text, nullable=False),
    Column("revision", BigInteger, nullable=False, server_default="0", index=True),
    UniqueConstraint("source", "key"),
    Index("ix_article_lists", "published", "status", "publish_after", "revision", "id"),  # lists need no more than this
)

notice = Table(
    "notice",
    metadata,
    Column("id", Word, primary_key=True),
    Column("article_id", Word, ForeignKey("article.id"), nullable=False, index=True),
    Column("status", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("published", UtcDateTime, nullable=False),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("source", Word, primary_key=True),
    Column("key", Word, primary_key=True),
    Column("code", String, nullable=False),
    Column("message", Text, nullable=False),
    Column("line", Integer),
    Column("at", UtcDateTime, nullable=False),
)

# What each source gave when it was last asked. A source without a row has never been read to its end.
source_run = Table(
    "source_run",
    metadata,
    Column("source", Word, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("new", Integer, nullable=False),
    Column("revised", Integer, nullable=False),
    Column("unchanged", Integer, nullable=False),
    Column("quarantined", Integer, nullable=False),
    Column("problem", Text),
    Column("first", Boolean, nullable=False),
)

# Digests of one newsletter form a chain, hence the second unique key: two digests never begin at one moment.
digest = Table(
    "digest",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("newsletter", Word, nullable=False),
    Column("period", Word, nullable=False),
    Column("window_start", UtcDateTime, nullable=False),
    Column("window_end", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("catch_up", Boolean, nullable=False),
    Column("mailed", Boolean, nullable=False),
    Column("state", String, nullable=False, index=True),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("newsletter", "period"),
    UniqueConstraint("newsletter", "window_start"),
    sqlite_autoincrement=True,
)

digest_article = Table(
    "digest_article",
    metadata,
    Column("newsletter", Word, primary_key=True),
    Column("article_id", Word, ForeignKey("article.id"), primary_key=True),
    Column("digest_id", Number, ForeignKey("digest.id"), nullable=False, index=True),
    Column("place", String, nullable=False),
    Column("position", Integer, nullable=False),
)

digest_notice = Table(
    "digest_notice",
    metadata,
    Column("newsletter", Word, primary_key=True),
    Column("notice_id", Word, ForeignKey("notice.id"), primary_key=True),
    Column("digest_id", Number, ForeignKey("digest.id"), nullable=False, index=True),
    Column("shown", Boolean, nullable=False),
    Column("position", Integer, nullable=False),
)

# The emails of a digest: one in the newsletter's own form, whose `form` is empty, and one for each language and each slower
# cadence that somebody wants, such as "monthly" or "de". One of a slower cadence tells of the digests before it too.
mailing = Table(
    "mailing",
    metadata,
    Column("digest_id", Number, ForeignKey("digest.id"), primary_key=True, autoincrement=False),
    Column("form", Word, primary_key=True, server_default=""),
    Column("subject", Text, nullable=False),
    Column("template", LargeBinary, nullable=False),
)

subscriber = Table(
    "subscriber",
    metadata,
    Column("id", Word, primary_key=True),
    Column("address", String, nullable=False),
    Column("address_folded", Word, nullable=False, unique=True),
    Column("name", String, nullable=False),
)

# `preferences` is JSON, None for the usual ones. `since` is the end of the last digest that was there when the subscription
# was confirmed; nothing of it or before it is owed. `changed_at` is when the cadence was last changed.
subscription = Table(
    "subscription",
    metadata,
    Column("subscriber_id", Word, ForeignKey("subscriber.id", ondelete="CASCADE"), primary_key=True),
    Column("newsletter", Word, primary_key=True),
    Column("state", String, nullable=False),
    Column("consent_text", Text, nullable=False),
    Column("consent_at", UtcDateTime, nullable=False),
    Column("consent_source", String, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("preferences", Text),
    Column("since", UtcDateTime),
    Column("changed_at", UtcDateTime),
    Index(None, "newsletter", "state", "subscriber_id"),
)

# What was asked for on the sign-up page and is not confirmed yet; no subscriber stands behind it. `address_key` is the keyed
# hash of all spellings that may mean one person. `answered`: it has been decided what mail the address gets, if any.
request = Table(
    "request",
    metadata,
    Column("id", Word, primary_key=True),
    Column("address", String, nullable=False),
    Column("address_key", Word, nullable=False, index=True),
    Column("newsletters", Text, nullable=False),
    Column("preferences", Text),
    Column("consent_text", Text, nullable=False),
    Column("consent_source", String, nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("answered", Boolean, nullable=False),
)

# The links that confirm a request, by the hash of their token: every attempt to send the mail makes another one.
confirmation = Table(
    "confirmation",
    metadata,
    Column("token_hash", Word, primary_key=True),
    Column("request_id", Word, ForeignKey("request.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
)

# How many mails that nobody had confirmed went to an address, and when the last one did. By a keyed hash, for it has to
# outlive the request; with `preferences/` before it, the same of links to preferences.
asked = Table(
    "asked",
    metadata,
    Column("address_key", Word, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

# Notes that wait to be sent, to a request or to a subscriber. Claimed like deliveries; a row goes when its note is sent.
note = Table(
    "note",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("kind", String, nullable=False),
    Column("newsletters", Text, nullable=False),
    Column("request_id", Word, ForeignKey("request.id", ondelete="CASCADE"), index=True),
    Column("subscriber_id", Word, ForeignKey("subscriber.id", ondelete="CASCADE"), index=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("next_at", UtcDateTime, nullable=False, index=True),
    Column("attempts", Integer, nullable=False),
    Column("owner", String),
    Column("lease_until", UtcDateTime),
    sqlite_autoincrement=True,
)

# Notes that may have left, by their Message-ID, so that what comes back for one finds whom it was to; by keyed hashes, for it
# outlives requests. `returned` is what came back last.
sent_note = Table(
    "sent_note",
    metadata,
    Column("message_id", Word, primary_key=True),
    Column("request_id", Word, index=True),
    Column("subscriber_id", Word, index=True),
    Column("address_key", Word, nullable=False),
    Column("person_key", Word, nullable=False, index=True),
    Column("domain", String, nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("returned", String),
)

# How often something was done within a stretch of time, by what it was and a keyed hash of who did it.
allowance = Table(
    "allowance",
    metadata,
    Column("scope", Word, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("since", UtcDateTime, nullable=False, index=True),
)

# By the keyed hash of an address that must not be mailed, or of a person who wants no mail however they spell theirs.
suppression = Table(
    "suppression",
    metadata,
    Column("address_key", Word, primary_key=True),
    Column("reason", String, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

# Forms of a mailing that deliveries take, each once: a JSON text.
choice = Table(
    "choice",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("text", Text, nullable=False, unique=True),
    sqlite_autoincrement=True,
)

# `choice_id` names what of the mailing it carries, None for all; it is no foreign key either, for it costs a look a row.
# `reason` tells why a delivery was skipped.
# `subscriber_id` is no foreign key: the ledger outlives a person who was erased, and then says nothing of them.
# `next_at` is when an open delivery may be claimed, so that the index over (state, next_at) is the queue. `reserved_at` is
# when its domain's pace gave it that moment.
_DUE = text("state = 'sending' OR state = 'deferred'")

delivery = Table(
    "delivery",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("digest_id", Number, ForeignKey("digest.id"), nullable=False),
    Column("subscriber_id", Word, nullable=False),
    Column("domain", String, nullable=False),
    Column("message_id", Word, nullable=False, unique=True),
    Column("state", String, nullable=False),
    Column("owner", String),
    Column("lease_until", UtcDateTime),
    Column("attempts", Integer, nullable=False),
    Column("next_at", UtcDateTime),
    Column("reserved_at", UtcDateTime),
    Column("ambiguous", Boolean, nullable=False),
    Column("code", Integer),
    Column("enhanced", String),
    Column("choice_id", BigInteger),
    Column("reason", String),
    Column("created_at", UtcDateTime, nullable=False),
    Column("sent_at", UtcDateTime),
    UniqueConstraint("digest_id", "subscriber_id"),
    Index(None, "digest_id", "state"),
    # Of what has ended nobody asks when it is due; an index costs at each change of a row that it holds.
    Index("ix_delivery_due", "state", "next_at", sqlite_where=_DUE, postgresql_where=_DUE),
    sqlite_autoincrement=True,
)

delivery_event = Table(
    "delivery_event",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("delivery_id", Number, ForeignKey("delivery.id"), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", String, nullable=False),
    Column("code", Integer),
    Column("enhanced", String),
    sqlite_autoincrement=True,
)

# What came back for a delivery that was sent: its state says that, this says why, once for each attempt and kind. It is
# small beside the ledger, so that it can be asked about.
bounce = Table(
    "bounce",
    metadata,
    Column("delivery_id", Number, ForeignKey("delivery.id"), primary_key=True, autoincrement=False),
    Column("kind", Word, primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("domain", String, nullable=False),
    Column("enhanced", String),
    Column("at", UtcDateTime, nullable=False, index=True),
)

tick = Table(
    "tick",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
)

# What articles are about, for "You may also like" and for near-duplicates, see related.py. Every row below is made
# from the articles alone and can be made again. `index_entry` keeps what was counted, so that it can be taken back;
# the others name an article by its `number`, without a foreign key, which would cost a look for each of a hundred rows.
index_entry = Table(
    "index_entry",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("article_id", Word, ForeignKey("article.id"), nullable=False, unique=True),
    Column("plain_title", Text, nullable=False),
    Column("terms", Text, nullable=False),
    Column("marks", Text, nullable=False),
    sqlite_autoincrement=True,
)

# How many articles contain a term. The empty term is in every article.
index_term = Table(
    "index_term",
    metadata,
    Column("term", Word, primary_key=True),
    Column("articles", Integer, nullable=False),
    sqlite_with_rowid=False,
)

# Ordered by weight within a term, so that the articles which a term tells most of are read first, and alone.
index_posting = Table(
    "index_posting",
    metadata,
    Column("term", Word, primary_key=True),
    Column("weight", Integer, primary_key=True, autoincrement=False),
    Column("number", Number, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

index_mark = Table(
    "index_mark",
    metadata,
    Column("mark", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Number, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

# Which articles readers can find, by a number that grows with the moment of publication: so the database's own full-text
# index gives the newest first without sorting. The roots of their words lie in `search_words`, which each database makes
# in its own way: a virtual table of SQLite's FTS5, and on PostgreSQL a table with GIN indexes over tsvector.
search_entry = Table(
    "search_entry",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("article_id", Word, ForeignKey("article.id"), nullable=False, unique=True),
)

#: What SQLAlchemy cannot say of a table. SQLite adds tables of its own, whose names begin with this one's.
SEARCH_WORDS = "search_words"
SEARCH_WORDS_MADE = {
    "sqlite": (
        "CREATE VIRTUAL TABLE search_words USING fts5(title, body, marks, tokenize = 'ascii', detail = 'full')",
    ),
    "postgresql": (
        "CREATE TABLE search_words (number BIGINT PRIMARY KEY, title TSVECTOR NOT NULL, words TSVECTOR NOT NULL)",
        "CREATE INDEX ix_search_words_title ON search_words USING gin (title) WITH (fastupdate = off)",
        "CREATE INDEX ix_search_words_words ON search_words USING gin (words) WITH (fastupdate = off)",
    ),
}
for _dialect, _statements in SEARCH_WORDS_MADE.items():
    for _statement in _statements:
        event.listen(search_entry, "after_create", DDL(_statement).execute_if(dialect=_dialect))  # type: ignore[no-untyped-call]
event.listen(search_entry, "before_drop", DDL("DROP TABLE IF EXISTS search_words"))  # type: ignore[no-untyped-call]

# Documents that tell of an article which another document had given already.
twin = Table(
    "twin",
    metadata,
    Column("source", Word, primary_key=True),
    Column("key", Word, primary_key=True),
    Column("raw_hash", String, nullable=False),
    Column("article_id", Word, ForeignKey("article.id"), nullable=False),
)

# Topics by the slug that their spellings share, under the name that came first, with the number of their articles.
topic = Table(
    "topic",
    metadata,
    Column("slug", Word, primary_key=True),
    Column("name", String, nullable=False),
    Column("articles", Integer, nullable=False),
)

# Which articles have a topic, in the order of publication.
article_topic = Table(
    "article_topic",
    metadata,
    Column("slug", Word, primary_key=True),
    Column("published", UtcDateTime, primary_key=True),
    Column("article_id", Word, ForeignKey("article.id"), primary_key=True, index=True),
    sqlite_with_rowid=False,
)

# "You may also like" of each article, the nearest first.
neighbour = Table(
    "neighbour",
    metadata,
    Column("article_id", Word, ForeignKey("article.id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("other_id", Word, ForeignKey("article.id"), nullable=False, index=True),
    sqlite_with_rowid=False,
)

# Feeds that have been published; `name` is a path below `public/` without a suffix. Once here, an id stays what it is.
feed = Table(
    "feed",
    metadata,
    Column("name", Word, primary_key=True),
    Column("id", Word, nullable=False),
    Column("title", String, nullable=False),
)

# Every entry of every feed in the order in which it was published there: the record that archive documents are cut from.
# `subject` names what the entry tells of, by `kind`; `document` is the archive document that holds it, None while it is
# in the live document. An entry that changes later is published again, at a later position.
feed_entry = Table(
    "feed_entry",
    metadata,
    Column("feed", Word, ForeignKey("feed.name"), primary_key=True),
    Column("position", Number, primary_key=True, autoincrement=False),
    Column("kind", String, nullable=False),
    Column("subject", Word, nullable=False),
    Column("entry_id", Word, nullable=False),
    Column("updated", UtcDateTime, nullable=False),
    Column("month", String, nullable=False),
    Column("size", Integer, nullable=False),
    Column("document", Word),
    Index(None, "subject", "feed"),
    Index(None, "feed", "document", "position"),
)

# The archive documents of each feed, numbered from 1. `following` is the name of the next one, known before it exists.
# `hashes` tells which bytes were published, by suffix.
feed_document = Table(
    "feed_document",
    metadata,
    Column("feed", Word, ForeignKey("feed.name"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("name", Word, nullable=False),
    Column("following", Word, nullable=False),
    Column("hashes", Text, nullable=False),
    UniqueConstraint("feed", "name"),
)
# Of the documents next to none is unwritten, so that they have an index of their own.
unwritten = feed_document.c.hashes == literal_column("'{}'")
Index("ix_feed_document_unwritten", *feed_document.primary_key, sqlite_where=unwritten, postgresql_where=unwritten)

# How far a step that works through what is new has come, and what its outcome hangs on besides.
progress = Table(
    "progress",
    metadata,
    Column("name", Word, primary_key=True),
    Column("reached", BigInteger, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("fingerprint", String, nullable=False),
)

# Feeds whose new bytes are live and of which the hub has not been told yet.
hub_ping = Table("hub_ping", metadata, Column("address", Word, primary_key=True))

# What is not to be mailed for now. `until` is None where an operator has to say that it may go on.
pause = Table(
    "pause",
    metadata,
    Column("scope", Word, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("until", UtcDateTime),
    Column("automatic", Boolean, nullable=False),
)

# How fast mail may leave to a domain or by a relay, as far as it has to be remembered: what a complaint taught, up to
# when slots are reserved, how many on the last day, and whether a relay can be reached. At rest there is no row.
pace = Table(
    "pace",
    metadata,
    Column("scope", Word, primary_key=True),
    Column("slowed_to", Float),
    Column("slowed_at", UtcDateTime),
    Column("arrival", UtcDateTime),
    Column("day", Date),
    Column("reserved", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("closed_until", UtcDateTime),
)
