"""Webhooks that carriers call. Their content is not trusted: it only makes a worker poll the order sooner."""
