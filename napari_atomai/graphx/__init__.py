"""Atoms -> bonds, rings, defects."""
