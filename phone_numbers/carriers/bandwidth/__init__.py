"""Bandwidth: TN option orders, over its first (Basic, ten digits) or second (OAuth, E.164) API."""

from phone_numbers.carriers.bandwidth.adapter import BandwidthCarrier

__all__ = ["BandwidthCarrier"]
