"""Measuring images and atoms: profiles, Fourier transforms, statistics; needs no torch."""
