"""The shell interface: parse, one call of a service, print. No rules here."""
