"""How the service talks to PostgreSQL: the settings of its connection, and statements that are prepared once."""
