"""Who gets the next caller, on switches that leave it to us: one decision for all of them, from one view of who is free."""
