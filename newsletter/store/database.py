"""Opening the database, its transactions, and the one place where a driver's error becomes a StoreError.

SQLite: a write transaction begins with BEGIN IMMEDIATE, so that writers queue up instead of failing half-way; WAL lets
readers go on beside them; `synchronous=FULL` because a claim that a power cut forgets would be a message sent twice.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from mmap import ACCESS_READ, mmap
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    Row,
    Table,
    create_engine,
    event,
    inspect,
    make_url,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from newsletter.errors import StoreError
from newsletter.store.schema import REVISION

PATIENCE = timedelta(seconds=5)  #: how long to wait for a lock that another process holds

_PAUSE = timedelta(milliseconds=50)
_WRONG_URL = "use sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE"
_READING = {"newsletter_reading": True}
_NOT_PERMITTED = "42501"  # insufficient_privilege


class Database:
    """An open database. Safe to share between threads; each transaction has a connection of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine: Engine | None = engine
        if engine.dialect.name == "postgresql":
            self._reader = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        else:
            self._reader = engine.execution_options(**_READING)
        self._dialect = engine.dialect.name
        self._keeping = Lock()
        self._kept: Connection | None = None
        self._user: object = None  # of the last `begin_again`
        self._turns = 0

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._dialect

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction that may write: committed at the end of the block, rolled back by an exception.

        Raises StoreError where the database refuses, also in place of what the driver raises inside the block.
        """
        with wrapped_errors(), self._open().begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads: one consistent picture, without waiting for writers. Raises StoreError."""
        self._open()
        with wrapped_errors(), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def begin_again(self, user: object) -> Iterator[Again]:
        """`begin` for what comes hundreds of times a second, on SQLite by one connection that is kept for it.

        An exception rolls it back, but it is the caller who commits, after the block. Until then nobody else begins.
        """
        with wrapped_errors():
            again = self._again(user) if self._dialect == "sqlite" else Again(self._open().connect(), None)
            try:
                yield again
            except BaseException:
                again.abandon()
                raise

    def _again(self, user: object) -> Again:
        self._keeping.acquire()
        try:
            if self._kept is None:
                self._kept = self._open().connect()
            driver = driver_of(self._kept)
            driver.execute("BEGIN IMMEDIATE")
            if user is not self._user:
                self._user, self._turns = user, self._turns + 1
            mark = (*driver.execute("PRAGMA data_version").fetchone(), self._turns)
        except BaseException:
            self._let_go(broken=True)
            raise
        return Again(self._kept, mark, self._let_go)

    def _let_go(self, *, broken: bool) -> None:
        if broken:
            self._user = None
            if self._kept is not None:
                self._kept.rollback()
                driver_of(self._kept).rollback()
        self._keeping.release()

    def identity(self) -> str:
        """What tells this PostgreSQL database from a copy of it; empty on SQLite, whose copies are alike. Raises StoreError."""
        if self._dialect != "postgresql":
            return ""
        query = (
            "SELECT system_identifier || '/' || (SELECT timeline_id FROM pg_control_checkpoint()) || '/' || "
            "(SELECT oid FROM pg_database WHERE datname = current_database()) FROM pg_control_system()"
        )
        with self.read() as connection:
            return str(connection.execute(text(query)).scalar_one())

    def scrub(self, gone: Collection[str]) -> bool:
        """Let nothing that was deleted stand in SQLite's files any longer; False where somebody has to go first.

        Deleted rows are overwritten at once (`secure_delete`), but the log beside the file still holds their pages until
        it is emptied. And where SQLite has moved a row to another page, a copy may be left between the rows of the old one,
        so where one of the texts `gone` still stands in the file, that is written anew (VACUUM). PostgreSQL keeps old rows
        until it needs the room; docs/subscribing.md says what that means.
        """
        if self._dialect != "sqlite":
            return True
        with wrapped_errors():
            connection = self._open().raw_connection()
            try:
                cursor = connection.cursor()
                if not _log_emptied(cursor):
                    return False
                if not self._holds(gone):
                    return True
                cursor.execute("VACUUM")
                return _log_emptied(cursor)  # what stands there now belongs to somebody else
            except sqlite3.OperationalError:  # busy, or there is no room for a second copy
                return False
            finally:
                connection.close()

    def _holds(self, texts: Collection[str]) -> bool:
        """Whether one of them stands anywhere in SQLite's file."""
        path = self._open().url.database
        assert path is not None
        with Path(path).open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            return any(data.find(each.encode()) >= 0 for each in texts)

    def close(self) -> None:
        """Give every connection back. Closing twice is no error; using it afterwards is a StoreError."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def _open(self) -> Engine:
        if self._engine is None:
            raise StoreError("the database is closed")
        return self._engine


class Again:
    """A transaction of `begin_again`. `mark` is not None and the same as the last time, if nobody but its user has written
    anything in between, and no such transaction was broken off.
    """

    def __init__(self, connection: Connection, mark: object, let_go: _LetGo | None = None) -> None:
        """`let_go`: the connection is kept and was begun by its driver, and this says that it is free."""
        self.connection = connection
        self.mark = mark
        self._let_go = let_go

    def commit(self) -> None:
        """May be called by another thread. Raises StoreError, and then nothing was written."""
        with wrapped_errors():
            try:
                # SQLAlchemy may have joined the driver's transaction, and keeps books of its own then.
                if self._let_go is None or self.connection.in_transaction():
                    self.connection.commit()
                else:
                    driver_of(self.connection).commit()
            except BaseException:
                self.abandon()
                raise
            self._end(broken=False)

    def abandon(self) -> None:
        """Nothing is written."""
        self._end(broken=True)

    def _end(self, *, broken: bool) -> None:
        if self._let_go is not None:
            self._let_go(broken=broken)
        else:
            self.connection.close()


class _LetGo(Protocol):
    def __call__(self, *, broken: bool) -> None: ...


def driver_of(connection: Connection) -> sqlite3.Connection:
    """SQLite's own connection below SQLAlchemy's."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def open_database(url: str, *, patience: timedelta = PATIENCE) -> Database:
    """The database at `url`, created and brought up to date where needed.

    A new SQLite file is readable by its owner alone (0600), as is its folder if that is new too (0700). Raises
    StoreError for a URL of another kind, and for a database that is damaged, locked, out of reach or of a newer version.
    """
    parsed = _parse(url)
    with wrapped_errors():
        engine = _sqlite(parsed, patience) if parsed.get_backend_name() == "sqlite" else _postgresql(parsed, patience)
        try:
            _upgrade(engine)
        except BaseException:
            engine.dispose()
            raise
    return Database(engine)


@contextmanager
def wrapped_errors() -> Iterator[None]:
    """Turn what the database or its driver raises into StoreError.

    Only the first line of the driver's message is kept: the lines after it may quote values, which may be addresses.
    """
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, UnicodeEncodeError) as error:
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        raise StoreError(f"database: {reason or type(error).__name__}") from error


def database_path(url: str) -> Path | None:
    """The file of a SQLite database; None for another kind."""
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None


def insert_new(connection: Connection, table: Table, values: Mapping[str, Any]) -> Row[Any] | None:
    """Insert a row unless a unique key stands against it; its primary key, or None where nothing was inserted."""
    key = tuple(table.primary_key.columns)
    if connection.dialect.name == "postgresql":
        insert = postgresql.insert(table).values(values)
        return connection.execute(insert.on_conflict_do_nothing().returning(*key)).one_or_none()
    replace = sqlite.insert(table).values(values)
    return connection.execute(replace.on_conflict_do_nothing().returning(*key)).one_or_none()


def upsert(connection: Connection, table: Table, values: Mapping[str, Any], *, key: Sequence[str]) -> None:
    """Insert a row, or set its values where a row of that key is there already."""
    upsert_all(connection, table, [values], key=key)


def upsert_all(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, key: Sequence[str]) -> None:
    """`upsert` of several rows, at least one, that name the same columns."""
    rest = [name for name in rows[0] if name not in key]
    if connection.dialect.name == "postgresql":
        insert = postgresql.insert(table)
        new = {name: insert.excluded[name] for name in rest}
        connection.execute(insert.on_conflict_do_update(index_elements=key, set_=new), [dict(row) for row in rows])
    else:
        replace = sqlite.insert(table)
        new = {name: replace.excluded[name] for name in rest}
        connection.execute(replace.on_conflict_do_update(index_elements=key, set_=new), [dict(row) for row in rows])


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except SQLAlchemyError:
        raise StoreError(f"the database URL cannot be read; {_WRONG_URL}") from None
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in {"sqlite", "sqlite+pysqlite", "postgresql+psycopg"}:
        raise StoreError(f'no database of kind "{parsed.drivername}"; {_WRONG_URL}')
    if parsed.get_backend_name() == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise StoreError("a SQLite database needs a file; use sqlite:///FILE")
    return parsed


def _sqlite(url: URL, patience: timedelta) -> Engine:
    path = Path(str(url.database))
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A file that exists is not touched: closing it would drop the locks that this process holds on it (POSIX).
        # SQLite gives its side files the mode of this one.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise StoreError(f"database: {path} cannot be created ({error.strerror})") from error
    engine = create_engine(url, hide_parameters=True, max_overflow=-1)
    event.listen(engine, "connect", lambda connection, _record: _prepare(connection, patience))
    event.listen(engine, "begin", _begin)
    return engine


def _log_emptied(cursor: Any) -> bool:
    """Whether everything in SQLite's log could be brought into the file, and the log be emptied."""
    busy: int = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    return not busy


def _prepare(connection: sqlite3.Connection, patience: timedelta) -> None:
    connection.isolation_level = None  # the driver begins no transaction by itself; `_begin` does
    connection.execute("PRAGMA busy_timeout=0")
    _write_ahead(connection, attempts=1 + patience // _PAUSE)
    connection.execute(f"PRAGMA busy_timeout={patience // timedelta(milliseconds=1)}")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA secure_delete=ON")  # what is deleted is overwritten: people may be forgotten


def _write_ahead(connection: sqlite3.Connection, attempts: int) -> None:
    """Set the file's journal mode. SQLite itself does not always wait for the lock that this takes, so we do."""
    while True:
        attempts -= 1
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if attempts <= 0 or error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:  # the rest says why it is busy
                raise
            time.sleep(_PAUSE.total_seconds())
        else:
            return


def _begin(connection: Connection) -> None:
    driver = driver_of(connection)
    if driver.in_transaction:  # `begin_again` has begun it
        return
    reading = "newsletter_reading" in connection.get_execution_options()
    driver.execute("BEGIN" if reading else "BEGIN IMMEDIATE")  # SQLAlchemy takes longer for it than most questions


def _postgresql(url: URL, patience: timedelta) -> Engine:
    options = f"-c lock_timeout={int(patience.total_seconds() * 1000)}"
    return create_engine(
        url,
        connect_args={} if "options" in url.query else {"options": options},
        hide_parameters=True,
        max_overflow=-1,
        pool_pre_ping=True,  # a restarted server costs one look, not one delivery
    )


def _upgrade(engine: Engine) -> None:
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            # Two processes that start at once must not both migrate; SQLite's BEGIN IMMEDIATE says the same.
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('newsletter.migrations'))"))
        if _revision(connection) != REVISION:
            from newsletter.store.migrate import migrate  # noqa: PLC0415 - Alembic costs 100 ms and is seldom needed

            try:
                migrate(connection)
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) != _NOT_PERMITTED:
                    raise
                raise StoreError(
                    "the database is of another version, and our role may not change its tables: "
                    "run `newsletter migrate` as the role that owns them (docs/operating.md)"
                ) from None


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
