"""Runs one PostgreSQL per data folder for as long as any process uses it.

How it works is told in docs/adr/0004-embedded-postgresql.md. From the outside in: `server` (start or join), `cluster`
(where the files are, made once), `postmaster` (one start of PostgreSQL), `watchdog` (the detached process that owns the
running server), and below them `installation`, `account`, `locks`.
"""
