"""Make the carrier agree with the numbers' rows, and record what it answers (docs/propagation.md, docs/adr/0010).

`dispatch` runs one round: `claim` turns due attachments into orders, `send` sends an order or polls it, `record` writes
its outcome. `reconcile` and `sync` compare with the carrier; `calling` is how all of them reach it.
"""
