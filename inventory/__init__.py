"""Getting data in: the inventory document, and the import from a carrier account.

`schema` says what a document may say, `reading` reads one, `staging` copies its numbers beside the table, `conflicts`
compares it with what is stored, `merge` writes it, and `load` is the use case. docs/inventory.md documents the format.
`importing` makes the entries of a document from what a carrier has; `carrier_pages` reads its long lists.
"""
