"""The operators' home page, navigation and search. It may read every app; no other app imports it."""
