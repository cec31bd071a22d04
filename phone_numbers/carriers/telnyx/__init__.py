"""Telnyx: 10DLC phone number campaigns, one number a call."""

from phone_numbers.carriers.telnyx.adapter import TelnyxCarrier

__all__ = ["TelnyxCarrier"]
