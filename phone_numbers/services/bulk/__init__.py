"""Attach campaigns to many numbers at once: the rules of one attach, with a handful of statements for a batch."""
