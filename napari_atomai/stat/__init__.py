"""Statistics of images and atoms: Fourier, profiles, spectra, classes, lattices, movies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_atomai._names import loaded_when_touched

if TYPE_CHECKING:
    from napari_atomai.stat.class_words import update_classes
    from napari_atomai.stat.classes import classify
    from napari_atomai.stat.components import decompose
    from napari_atomai.stat.lattice.fit import fit_lattice
    from napari_atomai.stat.lattice.polarisation import polarisation
    from napari_atomai.stat.lattice.strain import strain
    from napari_atomai.stat.local import imlocal
    from napari_atomai.stat.movies.linking import linking
    from napari_atomai.stat.movies.paper import (
        calculate_transition_matrix,
        get_all_trajectories,
        get_trajectory,
        sum_transitions,
        transition_matrix,
    )
    from napari_atomai.stat.paper import SlidingFFTNMF, SpectralUnmixer
    from napari_atomai.stat.scree_plot import scree
    from napari_atomai.stat.unmixing import unmix
    from napari_atomai.stat.windows import local_order

_HOMES = {
    "SlidingFFTNMF": "napari_atomai.stat.paper",
    "SpectralUnmixer": "napari_atomai.stat.paper",
    "calculate_transition_matrix": "napari_atomai.stat.movies.paper",
    "classify": "napari_atomai.stat.classes",
    "decompose": "napari_atomai.stat.components",
    "fit_lattice": "napari_atomai.stat.lattice.fit",
    "get_all_trajectories": "napari_atomai.stat.movies.paper",
    "get_trajectory": "napari_atomai.stat.movies.paper",
    "imlocal": "napari_atomai.stat.local",
    "linking": "napari_atomai.stat.movies.linking",
    "local_order": "napari_atomai.stat.windows",
    "polarisation": "napari_atomai.stat.lattice.polarisation",
    "scree": "napari_atomai.stat.scree_plot",
    "strain": "napari_atomai.stat.lattice.strain",
    "sum_transitions": "napari_atomai.stat.movies.paper",
    "transition_matrix": "napari_atomai.stat.movies.paper",
    "unmix": "napari_atomai.stat.unmixing",
    "update_classes": "napari_atomai.stat.class_words",
}

__all__ = [
    "SlidingFFTNMF",
    "SpectralUnmixer",
    "calculate_transition_matrix",
    "classify",
    "decompose",
    "fit_lattice",
    "get_all_trajectories",
    "get_trajectory",
    "imlocal",
    "linking",
    "local_order",
    "polarisation",
    "scree",
    "strain",
    "sum_transitions",
    "transition_matrix",
    "unmix",
    "update_classes",
]

__getattr__, __dir__ = loaded_when_touched(__name__, _HOMES)
