"""Movies in File > Open Sample: simulated, offline."""

from __future__ import annotations

from typing import Any

LayerData = tuple[Any, dict[str, Any], str]


def blinking_columns() -> list[LayerData]:
    """Simulate a movie of columns that drift, and are bright and dim by chance."""
    from napari_atomai.plugin.docks import show_scale_bar
    from napari_atomai.plugin.layers import image_layer_data
    from napari_atomai.simulate import blinking

    show_scale_bar()
    data, options, kind = image_layer_data(blinking.blinking_columns().image)
    return [(data, {**options, "name": "Blinking columns"}, kind)]
