"""What flows between the rooms: images, atoms, recipes, cards, progress. NumPy and pydantic only."""
