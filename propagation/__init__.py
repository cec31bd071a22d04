"""The consumer of the outbox: carries every attach and detach to the carrier and records the result."""
