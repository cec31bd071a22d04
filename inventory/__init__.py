"""Loading an inventory: one JSON document with organizations, their brands, campaigns and numbers.

`load` is the use case; `document` reads and judges the bytes, `staging` copies them beside the tables, `conflicts` asks
what the database says against them, `tenants` and `phone_numbers` write. What the document means: docs/adr/0006.
"""
