"""Search: which articles can be found, and the database's own full-text index of their words."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

WORD = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "search_entry",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("article_id", WORD, nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"], name="fk_search_entry_article_id"),
        sa.PrimaryKeyConstraint("number", name="pk_search_entry"),
        sa.UniqueConstraint("article_id", name="uq_search_entry_article_id"),
    )
    if op.get_bind().dialect.name == "sqlite":
        op.execute("CREATE VIRTUAL TABLE search_words USING fts5(title, body, marks, tokenize = 'ascii', detail = 'full')")
        return
    op.execute("CREATE TABLE search_words (number BIGINT PRIMARY KEY, title TSVECTOR NOT NULL, words TSVECTOR NOT NULL)")
    op.execute("CREATE INDEX ix_search_words_title ON search_words USING gin (title) WITH (fastupdate = off)")
    op.execute("CREATE INDEX ix_search_words_words ON search_words USING gin (words) WITH (fastupdate = off)")


def downgrade() -> None:
    op.execute("DROP TABLE search_words")
    op.drop_table("search_entry")
    op.execute("DELETE FROM progress WHERE name = 'search'")
