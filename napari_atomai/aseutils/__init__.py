"""Atoms -> structures that a simulation code can run."""
