"""Bandwidth: TN option orders, over its first (Basic, ten digits) or second (OAuth, E.164) API."""
