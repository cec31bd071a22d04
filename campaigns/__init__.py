"""10DLC campaigns: what a brand is allowed to send, and whether it may send it now."""
