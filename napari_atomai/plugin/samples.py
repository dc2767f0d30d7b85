"""Sample data in File > Open Sample: simulated, with known atoms, offline."""

from __future__ import annotations

from typing import Any

LayerData = tuple[Any, dict[str, Any], str]


def graphene_with_si() -> list[LayerData]:
    """Simulate graphene with silicon impurities and a 5-7 defect."""
    from napari_atomai.simulate import samples

    return _layer(samples.graphene_with_si(), "Graphene with Si")


def perovskite() -> list[LayerData]:
    """Simulate a perovskite with two sublattices."""
    from napari_atomai.simulate import samples

    return _layer(samples.perovskite(), "Perovskite")


def _layer(simulated: Any, name: str) -> list[LayerData]:
    from napari_atomai.plugin.layers import image_layer_data

    data, options, kind = image_layer_data(simulated.image)
    return [(data, {**options, "name": name}, kind)]
