"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

WORD = sa.String().with_variant(sa.String(collation="C"), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "article",
        sa.Column("id", WORD, nullable=False),
        sa.Column("slug", WORD, nullable=False),
        sa.Column("source", WORD, nullable=False),
        sa.Column("key", WORD, nullable=False),
        sa.Column("raw_hash", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("publish_after", MOMENT, nullable=True),
        sa.Column("published", MOMENT, nullable=False),
        sa.Column("published_precision", sa.String(), nullable=False),
        sa.Column("date_origin", sa.String(), nullable=False),
        sa.Column("first_seen", MOMENT, nullable=False),
        sa.Column("updated", MOMENT, nullable=False),
        sa.Column("topics", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("page", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_article"),
        sa.UniqueConstraint("slug", name="uq_article_slug"),
        sa.UniqueConstraint("source", "key", name="uq_article_source_key"),
    )
    op.create_index("ix_article_published", "article", ["published"])
    op.create_table(
        "digest",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("newsletter", WORD, nullable=False),
        sa.Column("period", WORD, nullable=False),
        sa.Column("window_start", MOMENT, nullable=False),
        sa.Column("window_end", MOMENT, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("catch_up", sa.Boolean(), nullable=False),
        sa.Column("mailed", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_digest"),
        sa.UniqueConstraint("newsletter", "period", name="uq_digest_newsletter_period"),
        sa.UniqueConstraint("newsletter", "window_start", name="uq_digest_newsletter_window_start"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_digest_state", "digest", ["state"])
    op.create_table(
        "quarantine",
        sa.Column("source", WORD, nullable=False),
        sa.Column("key", WORD, nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("source", "key", name="pk_quarantine"),
    )
    op.create_table(
        "source_run",
        sa.Column("source", WORD, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("new", sa.Integer(), nullable=False),
        sa.Column("revised", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("quarantined", sa.Integer(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("first", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("source", name="pk_source_run"),
    )
    op.create_table(
        "subscriber",
        sa.Column("id", WORD, nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("address_folded", WORD, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_subscriber"),
        sa.UniqueConstraint("address_folded", name="uq_subscriber_address_folded"),
    )
    op.create_table(
        "suppression",
        sa.Column("address_key", WORD, nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("address_key", name="pk_suppression"),
    )
    op.create_table(
        "tick",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tick"),
    )
    op.create_table(
        "delivery",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("digest_id", NUMBER, nullable=False),
        sa.Column("subscriber_id", WORD, nullable=False),
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("message_id", WORD, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("lease_until", MOMENT, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", MOMENT, nullable=True),
        sa.Column("ambiguous", sa.Boolean(), nullable=False),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("enhanced", sa.String(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["digest_id"], ["digest.id"], name="fk_delivery_digest_id"),
        sa.PrimaryKeyConstraint("id", name="pk_delivery"),
        sa.UniqueConstraint("digest_id", "subscriber_id", name="uq_delivery_digest_id_subscriber_id"),
        sa.UniqueConstraint("message_id", name="uq_delivery_message_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_delivery_digest_id_state", "delivery", ["digest_id", "state"])
    op.create_index("ix_delivery_domain_state", "delivery", ["domain", "state"])
    op.create_index("ix_delivery_state_next_at", "delivery", ["state", "next_at"])
    op.create_table(
        "digest_article",
        sa.Column("newsletter", WORD, nullable=False),
        sa.Column("article_id", WORD, nullable=False),
        sa.Column("digest_id", NUMBER, nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"], name="fk_digest_article_article_id"),
        sa.ForeignKeyConstraint(["digest_id"], ["digest.id"], name="fk_digest_article_digest_id"),
        sa.PrimaryKeyConstraint("newsletter", "article_id", name="pk_digest_article"),
    )
    op.create_index("ix_digest_article_digest_id", "digest_article", ["digest_id"])
    op.create_table(
        "mailing",
        sa.Column("digest_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("template", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["digest_id"], ["digest.id"], name="fk_mailing_digest_id"),
        sa.PrimaryKeyConstraint("digest_id", name="pk_mailing"),
    )
    op.create_table(
        "notice",
        sa.Column("id", WORD, nullable=False),
        sa.Column("article_id", WORD, nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("published", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"], name="fk_notice_article_id"),
        sa.PrimaryKeyConstraint("id", name="pk_notice"),
    )
    op.create_index("ix_notice_article_id", "notice", ["article_id"])
    op.create_table(
        "subscription",
        sa.Column("subscriber_id", WORD, nullable=False),
        sa.Column("newsletter", WORD, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("consent_text", sa.Text(), nullable=False),
        sa.Column("consent_at", MOMENT, nullable=False),
        sa.Column("consent_source", sa.String(), nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscriber.id"], name="fk_subscription_subscriber_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("subscriber_id", "newsletter", name="pk_subscription"),
    )
    op.create_index("ix_subscription_newsletter_state", "subscription", ["newsletter", "state"])
    op.create_table(
        "delivery_event",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("delivery_id", NUMBER, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("enhanced", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name="fk_delivery_event_delivery_id"),
        sa.PrimaryKeyConstraint("id", name="pk_delivery_event"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_delivery_event_delivery_id", "delivery_event", ["delivery_id"])
    op.create_table(
        "digest_notice",
        sa.Column("newsletter", WORD, nullable=False),
        sa.Column("notice_id", WORD, nullable=False),
        sa.Column("digest_id", NUMBER, nullable=False),
        sa.Column("shown", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["digest_id"], ["digest.id"], name="fk_digest_notice_digest_id"),
        sa.ForeignKeyConstraint(["notice_id"], ["notice.id"], name="fk_digest_notice_notice_id"),
        sa.PrimaryKeyConstraint("newsletter", "notice_id", name="pk_digest_notice"),
    )
    op.create_index("ix_digest_notice_digest_id", "digest_notice", ["digest_id"])


def downgrade() -> None:
    op.drop_index("ix_digest_notice_digest_id", table_name="digest_notice")
    op.drop_table("digest_notice")
    op.drop_index("ix_delivery_event_delivery_id", table_name="delivery_event")
    op.drop_table("delivery_event")
    op.drop_index("ix_subscription_newsletter_state", table_name="subscription")
    op.drop_table("subscription")
    op.drop_index("ix_notice_article_id", table_name="notice")
    op.drop_table("notice")
    op.drop_table("mailing")
    op.drop_index("ix_digest_article_digest_id", table_name="digest_article")
    op.drop_table("digest_article")
    op.drop_index("ix_delivery_state_next_at", table_name="delivery")
    op.drop_index("ix_delivery_domain_state", table_name="delivery")
    op.drop_index("ix_delivery_digest_id_state", table_name="delivery")
    op.drop_table("delivery")
    op.drop_table("tick")
    op.drop_table("suppression")
    op.drop_table("subscriber")
    op.drop_table("source_run")
    op.drop_table("quarantine")
    op.drop_index("ix_digest_state", table_name="digest")
    op.drop_table("digest")
    op.drop_index("ix_article_published", table_name="article")
    op.drop_table("article")
