"""The database: the only home of SQL. One module a noun; `database.py` opens it, `schema.py` says what is in it."""
