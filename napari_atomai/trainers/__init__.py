"""Learning: loops that yield Progress, stop, resume and give the same weights for the same seed."""
