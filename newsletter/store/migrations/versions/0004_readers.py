"""What readers want: preferences, requests to be confirmed, notes that wait, and forms of a mailing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

WORD = sa.String().with_variant(sa.String(collation="C"), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("subscription", sa.Column("preferences", sa.Text()))
    op.add_column("subscription", sa.Column("since", MOMENT))
    op.add_column("subscription", sa.Column("changed_at", MOMENT))
    op.execute(
        "UPDATE subscription SET since = (SELECT max(window_end) FROM digest "
        "WHERE digest.newsletter = subscription.newsletter AND digest.created_at <= subscription.consent_at)"
    )
    _index_subscriptions("newsletter_state", "newsletter_state_subscriber_id", ["newsletter", "state", "subscriber_id"])
    op.add_column("delivery", sa.Column("choice_id", sa.BigInteger()))
    op.add_column("delivery", sa.Column("reason", sa.String()))
    for name in ("state_next_at", "domain_state"):
        op.drop_index(f"ix_delivery_{name}", table_name="delivery")
    due = sa.text("state = 'sending' OR state = 'deferred'")
    op.create_index("ix_delivery_due", "delivery", ["state", "next_at"], sqlite_where=due, postgresql_where=due)
    _remake_mailing((sa.Column("form", WORD, server_default="", nullable=False),))
    op.create_table(
        "choice",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_choice"),
        sa.UniqueConstraint("text", name="uq_choice_text"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "request",
        sa.Column("id", WORD, nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("address_key", WORD, nullable=False),
        sa.Column("newsletters", sa.Text(), nullable=False),
        sa.Column("preferences", sa.Text()),
        sa.Column("consent_text", sa.Text(), nullable=False),
        sa.Column("consent_source", sa.String(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("answered", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_request"),
    )
    op.create_index("ix_request_address_key", "request", ["address_key"])
    op.create_index("ix_request_at", "request", ["at"])
    op.create_table(
        "confirmation",
        sa.Column("token_hash", WORD, nullable=False),
        sa.Column("request_id", WORD, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["request.id"], name="fk_confirmation_request_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name="pk_confirmation"),
    )
    op.create_index("ix_confirmation_request_id", "confirmation", ["request_id"])
    op.create_index("ix_confirmation_expires_at", "confirmation", ["expires_at"])
    op.create_table(
        "asked",
        sa.Column("address_key", WORD, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("address_key", name="pk_asked"),
    )
    op.create_table(
        "note",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("newsletters", sa.Text(), nullable=False),
        sa.Column("request_id", WORD),
        sa.Column("subscriber_id", WORD),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("next_at", MOMENT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String()),
        sa.Column("lease_until", MOMENT),
        sa.ForeignKeyConstraint(["request_id"], ["request.id"], name="fk_note_request_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscriber.id"], name="fk_note_subscriber_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_note"),
        sqlite_autoincrement=True,
    )
    for column in ("next_at", "request_id", "subscriber_id"):
        op.create_index(f"ix_note_{column}", "note", [column])
    op.create_table(
        "sent_note",
        sa.Column("message_id", WORD, nullable=False),
        sa.Column("request_id", WORD),
        sa.Column("subscriber_id", WORD),
        sa.Column("address_key", WORD, nullable=False),
        sa.Column("person_key", WORD, nullable=False),
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("returned", sa.String()),
        sa.PrimaryKeyConstraint("message_id", name="pk_sent_note"),
    )
    for column in ("at", "person_key", "request_id", "subscriber_id"):
        op.create_index(f"ix_sent_note_{column}", "sent_note", [column])
    op.create_table(
        "allowance",
        sa.Column("scope", WORD, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("scope", name="pk_allowance"),
    )
    op.create_index("ix_allowance_since", "allowance", ["since"])
    unwritten = sa.text("hashes = '{}'")
    op.create_index(
        "ix_feed_document_unwritten",
        "feed_document",
        ["feed", "number"],
        sqlite_where=unwritten,
        postgresql_where=unwritten,
    )


def _index_subscriptions(before: str, after: str, columns: list[str]) -> None:
    op.drop_index(f"ix_subscription_{before}", table_name="subscription")
    op.create_index(f"ix_subscription_{after}", "subscription", columns)


def _remake_mailing(form: tuple[sa.Column[str], ...]) -> None:
    """A primary key cannot be changed in place on SQLite, and a name of a constraint is taken once on PostgreSQL."""
    before = sa.table("mailing", sa.column("form"), *map(sa.column, ("digest_id", "subject", "template")))
    if not form:
        op.execute(before.delete().where(before.c.form != ""))
    op.rename_table("mailing", "mailing_before")
    if op.get_bind().dialect.name == "postgresql":
        for name in ("pk_mailing", "fk_mailing_digest_id"):
            op.execute(f"ALTER TABLE mailing_before RENAME CONSTRAINT {name} TO {name}_before")
    op.create_table(
        "mailing",
        sa.Column("digest_id", NUMBER, autoincrement=False, nullable=False),
        *form,
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("template", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["digest_id"], ["digest.id"], name="fk_mailing_digest_id"),
        sa.PrimaryKeyConstraint("digest_id", *(column.name for column in form), name="pk_mailing"),
    )
    op.execute(
        "INSERT INTO mailing (digest_id, subject, template) SELECT digest_id, subject, template FROM mailing_before"
    )
    op.drop_table("mailing_before")


def downgrade() -> None:
    op.drop_index("ix_feed_document_unwritten", "feed_document")
    for table in ("allowance", "sent_note", "note", "asked", "confirmation", "request", "choice"):
        op.drop_table(table)
    _remake_mailing(())
    op.drop_index("ix_delivery_due", table_name="delivery")
    op.create_index("ix_delivery_domain_state", "delivery", ["domain", "state"])
    op.create_index("ix_delivery_state_next_at", "delivery", ["state", "next_at"])
    for column in ("reason", "choice_id"):
        op.drop_column("delivery", column)
    _index_subscriptions("newsletter_state_subscriber_id", "newsletter_state", ["newsletter", "state"])
    for column in ("changed_at", "since", "preferences"):
        op.drop_column("subscription", column)
