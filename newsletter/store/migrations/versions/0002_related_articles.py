"""What articles are about: the index for related articles and near-duplicates."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

WORD = sa.String().with_variant(sa.String(collation="C"), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "index_entry",
        sa.Column("number", NUMBER, autoincrement=True, nullable=False),
        sa.Column("article_id", WORD, nullable=False),
        sa.Column("plain_title", sa.Text(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("marks", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"], name="fk_index_entry_article_id"),
        sa.PrimaryKeyConstraint("number", name="pk_index_entry"),
        sa.UniqueConstraint("article_id", name="uq_index_entry_article_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "index_term",
        sa.Column("term", WORD, nullable=False),
        sa.Column("articles", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("term", name="pk_index_term"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "index_posting",
        sa.Column("term", WORD, nullable=False),
        sa.Column("weight", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", NUMBER, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("term", "weight", "number", name="pk_index_posting"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "index_mark",
        sa.Column("mark", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", NUMBER, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("mark", "number", name="pk_index_mark"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "twin",
        sa.Column("source", WORD, nullable=False),
        sa.Column("key", WORD, nullable=False),
        sa.Column("raw_hash", sa.String(), nullable=False),
        sa.Column("article_id", WORD, nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"], name="fk_twin_article_id"),
        sa.PrimaryKeyConstraint("source", "key", name="pk_twin"),
    )


def downgrade() -> None:
    op.drop_table("twin")
    op.drop_table("index_mark")
    op.drop_table("index_posting")
    op.drop_table("index_term")
    op.drop_table("index_entry")
