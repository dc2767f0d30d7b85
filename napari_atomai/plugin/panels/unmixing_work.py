"""What the Unmix panel has done in the background, and the layers that come of it. No Qt."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image as ImageLayer

from napari_atomai.data.progress import Progress
from napari_atomai.plugin.layers import KEY, find_layer, geometry_like, image_of, uid_of
from napari_atomai.plugin.panels.components_layers import COLOURS as HEAT
from napari_atomai.plugin.panels.components_layers import keep_following, limits_of
from napari_atomai.plugin.panels.components_plot import SIGNED
from napari_atomai.plugin.panels.components_work import Number, folder_name, written
from napari_atomai.plugin.panels.spectrum_curves import COLOURS

if TYPE_CHECKING:
    from napari_atomai.data.recipes_statistics import Unmix
    from napari_atomai.workflow.unmix import Spectra

SLOT, NUMBER = "unmixing", "number of spectra"
ROLE = "abundance {}"
_TOGETHER = 0.65
"""Opacity of maps that are shown together."""


def run(slot: Any, layer: Any, recipe: Unmix) -> bool:
    """Unmix a spectrum image; the result is a `Spectra`, and a layer for each component."""
    image = image_of(layer)

    def work() -> Generator[Progress, None, Spectra]:
        from napari_atomai.workflow.unmix import unmixing_spectra

        return unmixing_spectra(image, recipe)

    return bool(slot.start(layer, work, "unmixing spectra", _shown(slot)))


def suggest(slot: Any, layer: Any, recipe: Unmix) -> bool:
    """Find how many components there are; the result is a `Number`."""
    image = image_of(layer)

    def work() -> Generator[Progress, None, Number]:
        from napari_atomai.workflow.unmix import suggesting_spectra

        shares, number, above = yield from suggesting_spectra(image, recipe)
        return Number(shares, number, above, recipe.method)

    return bool(slot.start(layer, work, "counting components"))


def export(slot: Any, layer: Any, found: Spectra, folder: Path) -> bool:
    """Write what the command writes, into a folder of its own within the one that is given."""
    axes = image_of(layer).axes
    maps = dataclasses.replace(found.unmixed.maps, axes=(found.unmixed.maps.axes[0], *axes[-2:]))
    image = dataclasses.replace(found.image, axes=axes)
    now = dataclasses.replace(found, unmixed=dataclasses.replace(found.unmixed, maps=maps), image=image)
    number = len(found.unmixed.spectra)
    inside = folder / folder_name(f"{layer.name} {found.unmixed.components.method} {number}")

    def work() -> Generator[Progress, None, Path]:
        from napari_atomai.workflow.component_results import write_spectra

        yield Progress(0, 0, "writing files")
        write_spectra(now, inside)
        return inside

    return bool(slot.start(layer, work, "exporting spectra", written(slot)))


def colour_of(component: int) -> str:
    """Colour of a component, from 0, in plot and layers."""
    return COLOURS[component % len(COLOURS)]


def show_abundances(layers: Any, found: Spectra, layer: Any) -> None:
    """Show a map for each component: parts that add up as coloured light, others one at a time."""
    components, stack = found.unmixed.components, np.asarray(found.unmixed.maps.pixels)
    signed = components.method in SIGNED
    for k, values in enumerate(stack):
        options = {
            "name": f"{layer.name}: {components.method} {k + 1}",
            "colormap": HEAT if signed else colour_of(k),
            "contrast_limits": limits_of(values),
        }
        _lay(layers, layer, values, ROLE.format(k + 1), options, found.record)
    for k in range(len(stack), 100):
        old = find_layer(layers, ROLE.format(k + 1), uid_of(layer))
        if old is None:
            break
        layers.remove(old)
    show_only(layers, uid_of(layer), 0 if signed else None, len(stack))


def show_only(layers: Any, uid: str, component: int | None, number: int) -> None:
    """Show the map of one component, or the light of all of them together."""
    for k in range(number):
        layer = find_layer(layers, ROLE.format(k + 1), uid)
        if layer is not None:
            layer.visible = component in (None, k)
            # The lowest covers the image; the others add their light.
            layer.blending = "translucent" if k == 0 or component is not None else "additive"
            # Together they would be white where several are strong.
            layer.opacity = _TOGETHER if component is None and number > 1 else 1.0


def _lay(layers: Any, layer: Any, values: Any, role: str, options: dict[str, Any], record: Any) -> None:
    made = find_layer(layers, role, uid_of(layer))
    if made is None:
        notes = {KEY: {"role": role, "parent_uid": uid_of(layer)}}
        made = ImageLayer(values, metadata=notes, **options, **geometry_like(layer, ndim=2))
        uid_of(made)
        keep_following(made, layer)
        layers.append(made)
    else:
        made.data = values
        for name, value in options.items():
            setattr(made, name, value)
    made.metadata[KEY]["record"] = record.to_json()
    made.metadata[KEY]["notes"] = list(record.notes)


def _shown(slot: Any) -> Callable[[Any, Any], Any]:
    def done(found: Spectra, layer: Any) -> Spectra:
        show_abundances(slot.layers, found, layer)
        return found

    return done
