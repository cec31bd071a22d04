"""English, which is all that there is."""
