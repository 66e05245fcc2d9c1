"""What has been published: topics, neighbours, and the entries and archive documents of feeds."""

from __future__ import annotations

import json
from collections import Counter

import sqlalchemy as sa
from alembic import op

from newsletter.topics import topic_slug

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

WORD = sa.String().with_variant(sa.String(collation="C"), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    # No batch: SQLite would make the table anew, and the rows that refer to it forbid that.
    op.add_column("article", sa.Column("revision", sa.BigInteger(), server_default="0", nullable=False))
    op.create_index("ix_article_revision", "article", ["revision"])
    op.create_index("ix_article_publish_after", "article", ["publish_after"])
    op.create_index("ix_article_status", "article", ["status"])
    op.drop_index("ix_article_published", "article")
    op.create_index("ix_article_lists", "article", ["published", "status", "publish_after", "revision", "id"])
    op.create_table(
        "topic",
        sa.Column("slug", WORD, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("articles", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("slug", name="pk_topic"),
    )
    op.create_table(
        "article_topic",
        sa.Column("slug", WORD, nullable=False),
        sa.Column("published", sa.DateTime(timezone=True), nullable=False),
        sa.Column("article_id", WORD, nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"], name="fk_article_topic_article_id"),
        sa.PrimaryKeyConstraint("slug", "published", "article_id", name="pk_article_topic"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_article_topic_article_id", "article_topic", ["article_id"])
    _fill_topics()
    for table in ("index_posting", "index_mark", "index_term", "index_entry"):
        op.execute(sa.table(table).delete())  # its numbers are counted in another way now; `catch_up` makes it anew
    op.create_table(
        "neighbour",
        sa.Column("article_id", WORD, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("other_id", WORD, nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"], name="fk_neighbour_article_id"),
        sa.ForeignKeyConstraint(["other_id"], ["article.id"], name="fk_neighbour_other_id"),
        sa.PrimaryKeyConstraint("article_id", "position", name="pk_neighbour"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_neighbour_other_id", "neighbour", ["other_id"])
    op.create_table(
        "feed",
        sa.Column("name", WORD, nullable=False),
        sa.Column("id", WORD, nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_feed"),
    )
    op.create_table(
        "feed_entry",
        sa.Column("feed", WORD, nullable=False),
        sa.Column("position", NUMBER, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", WORD, nullable=False),
        sa.Column("entry_id", WORD, nullable=False),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=False),
        sa.Column("month", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("document", WORD, nullable=True),
        sa.ForeignKeyConstraint(["feed"], ["feed.name"], name="fk_feed_entry_feed"),
        sa.PrimaryKeyConstraint("feed", "position", name="pk_feed_entry"),
    )
    op.create_index("ix_feed_entry_subject_feed", "feed_entry", ["subject", "feed"])
    op.create_index("ix_feed_entry_feed_document_position", "feed_entry", ["feed", "document", "position"])
    op.create_table(
        "feed_document",
        sa.Column("feed", WORD, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", WORD, nullable=False),
        sa.Column("following", WORD, nullable=False),
        sa.Column("hashes", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["feed"], ["feed.name"], name="fk_feed_document_feed"),
        sa.PrimaryKeyConstraint("feed", "number", name="pk_feed_document"),
        sa.UniqueConstraint("feed", "name", name="uq_feed_document_feed_name"),
    )
    op.create_table(
        "progress",
        sa.Column("name", WORD, nullable=False),
        sa.Column("reached", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_progress"),
    )
    op.create_table(
        "hub_ping",
        sa.Column("address", WORD, nullable=False),
        sa.PrimaryKeyConstraint("address", name="pk_hub_ping"),
    )
    op.add_column("delivery", sa.Column("reserved_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "bounce",
        sa.Column("delivery_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("enhanced", sa.String(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name="fk_bounce_delivery_id"),
        sa.PrimaryKeyConstraint("delivery_id", "kind", "attempt", name="pk_bounce"),
    )
    op.create_index("ix_bounce_at", "bounce", ["at"])
    op.create_table(
        "pause",
        sa.Column("scope", WORD, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("automatic", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("scope", name="pk_pause"),
    )
    op.create_table(
        "pace",
        sa.Column("scope", WORD, nullable=False),
        sa.Column("slowed_to", sa.Float(), nullable=True),
        sa.Column("slowed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("arrival", sa.DateTime(timezone=True), nullable=True),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("reserved", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("closed_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("scope", name="pk_pace"),
    )


def _fill_topics() -> None:
    """Take the topics of the articles that are there already."""
    connection = op.get_bind()
    article = sa.table("article", sa.column("id"), sa.column("topics"), sa.column("published", sa.DateTime(timezone=True)))
    rows = connection.execute(sa.select(article).order_by(article.c.published, article.c.id)).all()
    found: dict[tuple[str, str], tuple[str, sa.Row]] = {}
    for row in rows:
        for name in json.loads(row.topics):
            found.setdefault((topic_slug(name), row.id), (name, row))
    names = {}
    for (slug, _), (name, _row) in found.items():
        names.setdefault(slug, name)
    counts = Counter(slug for slug, _ in found)
    topics = sa.table("topic", sa.column("slug"), sa.column("name"), sa.column("articles"))
    links = sa.table("article_topic", sa.column("slug"), sa.column("published", sa.DateTime(timezone=True)), sa.column("article_id"))
    if found:
        connection.execute(sa.insert(topics), [{"slug": s, "name": n, "articles": counts[s]} for s, n in names.items()])
        connection.execute(
            sa.insert(links),
            [{"slug": s, "published": r.published, "article_id": i} for (s, i), (_, r) in found.items()],
        )


def downgrade() -> None:
    for table in ("bounce", "pace", "pause", "hub_ping", "progress", "feed_document", "feed_entry", "feed", "neighbour", "article_topic", "topic"):
        op.drop_table(table)
    op.drop_column("delivery", "reserved_at")
    op.drop_index("ix_article_lists", "article")
    op.create_index("ix_article_published", "article", ["published"])
    op.drop_index("ix_article_status", "article")
    op.drop_index("ix_article_publish_after", "article")
    op.drop_index("ix_article_revision", "article")
    op.drop_column("article", "revision")
