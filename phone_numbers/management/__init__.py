"""Ways in from a shell: parse, one call of a service, print. No rules here."""
