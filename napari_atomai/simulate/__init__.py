"""Structures to images, with the truth beside them: training data and samples, without a microscope."""
