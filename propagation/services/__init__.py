"""Makes the carrier agree with the numbers' rows, and writes down what it says (docs/adr/0010).

`claim` turns due attachments into orders, `work` sends an order or asks after it, `record` writes how it ended.
"""
