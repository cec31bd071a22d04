"""A carrier of our own, over real HTTP, for demos, tests and trials: `python -m carriers.simulated`.

It is honest where a carrier is (an order takes effect once, and its own list says so) and as unpleasant as asked for
where carriers are: latency, failures, lost answers, slow approvals, rate limits. It needs no Django and no database.
"""
