"""Django's PostgreSQL backend, with a pool that does not ask before each request and faster times."""
