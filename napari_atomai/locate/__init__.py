"""From maps and images to positions of atoms: centres, neighbours, spacing, sub-pixel refinement."""
