"""Run by Alembic: the connection comes from `migrate.config`, the tables from the schema."""

from __future__ import annotations

from alembic import context

from newsletter.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a table by copying it
    transactional_ddl=True,  # a migration happens whole or not at all, on SQLite too
)
with context.begin_transaction():
    context.run_migrations()
