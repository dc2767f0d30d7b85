"""Recipes in a row: from an image to atoms, and the record of how."""
