"""HTTP: parse, one call of a service, render. No rules here."""
