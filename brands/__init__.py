"""Brands: the businesses that an organization has registered with The Campaign Registry (TCR)."""
