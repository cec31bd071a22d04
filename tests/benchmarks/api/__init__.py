"""The service beside its floor, over HTTP: the same server, tables and statements, with no framework in between."""
