"""Django's PostgreSQL backend, with kept connections that are looked at instead of asked, and faster times."""
