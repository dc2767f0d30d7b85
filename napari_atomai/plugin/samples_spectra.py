"""Samples with spectra in File > Open Sample: simulated, offline."""

from __future__ import annotations

from typing import Any

LayerData = tuple[Any, dict[str, Any], str]


def plasmonic_particles() -> list[LayerData]:
    """Simulate an array of plasmonic particles: its image, and energy-loss spectra of the same field."""
    from napari_atomai.plugin.docks import show_scale_bar
    from napari_atomai.plugin.layers import image_layer_data
    from napari_atomai.simulate.plasmons import plasmonic_array

    made = plasmonic_array(240.0, shape=(40, 40), pixels=192, channels=32)
    show_scale_bar()
    # The image lies above: a click on it chooses a place.
    return [image_layer_data(one) for one in (made.spectra, made.image)]
