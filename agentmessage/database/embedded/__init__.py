"""A Django database backend: the stock PostgreSQL one, with a server of its own behind it."""
