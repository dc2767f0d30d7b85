"""Movies: drift, atoms followed from frame to frame, their states and how they change."""
