"""What carriers tell us of their own accord, at /carrier/….

None of it is believed: it makes a worker ask the carrier now instead of later. So it may come twice, late or out of
order, and a forged one costs one look. Polling remains.
"""
