"""What carriers speak, behind one small protocol (`carriers.base`)."""
