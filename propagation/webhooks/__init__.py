"""What carriers tell by themselves. None of it is believed: an order that is named is looked at sooner, that is all."""
