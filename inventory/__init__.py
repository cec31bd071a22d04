"""Getting data in: the inventory document.

`schema` says what a document may say, `reading` reads one, `staging` copies its numbers beside the table, `conflicts`
compares it with what is stored, `merge` writes it, and `load` is the use case. docs/inventory.md documents the format.
"""
