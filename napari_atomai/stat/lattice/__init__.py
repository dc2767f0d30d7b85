"""The lattice that atoms lie on, and what deviates from it.

Said once for all modules here:

Positions are row, column, in any unit of length that is the same along both (nm, or pixels that are square).
Rows of ``vectors`` are the lattice vectors a and b: an ideal site lies at
``origin + (index + offset of its sublattice) @ vectors``. b is clockwise from a, as the image shows it.

Strain and angles are told as on paper: x to the right, y up, angles and rotation counter-clockwise. exx is
positive where columns are farther apart than in the reference.
"""
