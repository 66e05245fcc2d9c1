"""Bringing `public/` up to date: what is stale is found from what has changed, made anew, and written."""
