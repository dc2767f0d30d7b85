"""Neural nets, torch.nn only."""
