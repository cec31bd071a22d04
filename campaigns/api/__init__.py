"""HTTP: read, render."""
