from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from builders import make_article
from sqlalchemy import Connection, inspect, text
from store_builders import NOW, make_subscription

from newsletter.errors import StoreError
from newsletter.model import Accepted
from newsletter.store import migrate
from newsletter.store.articles import Articles
from newsletter.store.database import Database, open_database
from newsletter.store.listings import Listings
from newsletter.store.related import RelatedIndex
from newsletter.store.schema import REVISION, SEARCH_WORDS, metadata
from newsletter.store.subscribers import Subscribers
from newsletter.store.topics import Topics


def _described(connection: Connection) -> dict[str, Any]:
    """Everything that the database itself says of its tables."""
    looked = inspect(connection)
    return {
        name: {
            "columns": {
                column["name"]: (
                    str(column["type"]),
                    getattr(column["type"], "collation", None),
                    column["nullable"],
                    column["default"],
                )
                for column in looked.get_columns(name)
            },
            "primary": looked.get_pk_constraint(name),
            "unique": sorted(map(repr, looked.get_unique_constraints(name))),
            "indexes": sorted(map(_index_words, looked.get_indexes(name))),
            "foreign": sorted(map(repr, looked.get_foreign_keys(name))),
            "options": looked.get_table_options(name),
        }
        for name in looked.get_table_names()
        if name != "alembic_version"
    }


def _index_words(told: Mapping[str, Any]) -> str:
    """SQLAlchemy gives the condition of an index that has one as an expression, and each has a name of its own."""
    options = {name: str(value) for name, value in told.get("dialect_options", {}).items()}
    return repr({**told, "dialect_options": options})


def _differences(connection: Connection) -> list[Any]:
    """What Alembic would change, but for the index of words and its shadows, of which metadata cannot speak."""

    def ours(name: str | None, kind: str, _: object) -> bool:
        return kind != "table" or not (name or "").startswith(SEARCH_WORDS)

    found: list[Any] = compare_metadata(MigrationContext.configure(connection, opts={"include_name": ours}), metadata)
    return found


def test_the_newest_migration_is_the_one_that_the_schema_names() -> None:
    assert ScriptDirectory.from_config(migrate.config()).get_current_head() == REVISION


def test_migrated_needs_no_change_to_become_the_schema(database: Database) -> None:
    with database.begin() as connection:
        assert _differences(connection) == []


def test_migrated_equals_created(database: Database) -> None:
    """Names and columns of every key and index too, which the comparison above leaves out."""
    with database.begin() as connection:
        migrated = _described(connection)
        metadata.drop_all(connection)
        metadata.create_all(connection)
        created = _described(connection)
    assert migrated == created
    assert {name for name in migrated if not name.startswith(SEARCH_WORDS)} == set(metadata.tables)
    assert SEARCH_WORDS in migrated


def test_a_migration_can_be_undone(database: Database) -> None:
    with database.begin() as connection:
        command.downgrade(migrate.config(connection), "base")
        assert inspect(connection).get_table_names() == ["alembic_version"]
        migrate.migrate(connection)
        assert _differences(connection) == []


def test_articles_of_an_older_version_keep_their_topics_and_are_indexed_anew(url: str) -> None:
    """0003 reads topics out of the articles that are there, and empties an index that was counted in another way."""
    opened = open_database(url)
    articles = [make_article("a", topics=("Gait", "Sleep")), make_article("b", topics=("gait",))]
    Articles(opened).save_all([Accepted(article=each, raw_hash="hash") for each in articles])
    with opened.begin() as connection:
        command.downgrade(migrate.config(connection), "0002")
    opened.close()
    opened = open_database(url)
    assert Topics(opened).names() == {"Gait": 2, "Sleep": 1}
    assert Listings(opened).revision() == 0
    assert RelatedIndex(opened).catch_up() == 2
    assert [each.slug for each in RelatedIndex(opened).nearest(articles[0], now=articles[0].published)] == ["b"]
    opened.close()


def test_people_of_an_older_version_stay_subscribed(url: str) -> None:
    """0004 lays them in the order of their ids."""
    opened = open_database(url)
    people = [
        make_subscription(f"{name}@example.org", newsletter=slug) for name in "cab" for slug in ("daily", "weekly")
    ]
    assert all(Subscribers(opened).add(one) for one in people)
    Subscribers(opened).unsubscribe("id-of-b", "daily", NOW)
    before = [Subscribers(opened).subscription(one.subscriber.id, one.newsletter) for one in people]
    with opened.begin() as connection:
        command.downgrade(migrate.config(connection), "0003")
    opened.close()
    opened = open_database(url)
    assert [Subscribers(opened).subscription(one.subscriber.id, one.newsletter) for one in people] == before
    assert {one.state.value for one in before if one} == {"confirmed", "unsubscribed"}
    with opened.begin() as connection:
        assert _differences(connection) == []
    opened.close()


def test_a_bare_database_is_brought_up_to_date(bare_url: str) -> None:
    opened = open_database(bare_url)
    with opened.read() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [REVISION]
    opened.close()
    open_database(bare_url).close()


def test_a_database_of_a_newer_version_is_refused_and_left_alone(url: str) -> None:
    opened = open_database(url)
    with opened.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    opened.close()
    with pytest.raises(StoreError, match=rf"version 9999, and this program knows versions up to {REVISION}"):
        open_database(url)


def test_a_migration_that_fails_leaves_nothing_behind(bare_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade = command.upgrade

    def break_off(*arguments: Any) -> None:
        upgrade(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "upgrade", break_off)
    with pytest.raises(KeyboardInterrupt):
        open_database(bare_url)
    monkeypatch.undo()
    open_database(bare_url).close()  # had a table been left, this would say so


def test_a_database_that_is_up_to_date_is_opened_without_alembic(url: str) -> None:
    program = (
        "import sys; from newsletter.store.database import open_database; open_database(sys.argv[1]).close();"
        "sys.exit('alembic' in sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    assert subprocess.run([sys.executable, "-c", program, url], env=environment, check=False).returncode == 0
