"""What images go through before a net sees them, in training and in use alike."""
