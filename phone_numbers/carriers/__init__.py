"""What carriers speak, behind one small protocol (`phone_numbers.carriers.protocol`)."""
