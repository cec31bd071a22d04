"""Telnyx: 10DLC phone number campaigns, one number a call."""

from carriers.telnyx.adapter import TelnyxCarrier

__all__ = ["TelnyxCarrier"]
