"""Telnyx: one number a call, and the number's own record instead of an order."""
