"""Workers, reports and repairs on the command line."""
