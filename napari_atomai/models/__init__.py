"""Trained models: where they lie and how they are opened."""
