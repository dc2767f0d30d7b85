"""What the Local order panel has done in the background, and its layers. No Qt."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_atomai.data.progress import Progress
from napari_atomai.plugin.layers import image_of
from napari_atomai.plugin.panels.components_layers import lay_map
from napari_atomai.plugin.panels.components_plot import SIGNED, Picture
from napari_atomai.plugin.panels.components_work import folder_name, written

if TYPE_CHECKING:
    from napari_atomai.data.recipes_statistics import LocalOrder
    from napari_atomai.workflow.local_order import OrderMaps

SLOT, MAP, WINDOW = "local order", "local order map", "local order window"


def run(slot: Any, layer: Any, recipe: LocalOrder) -> bool:
    """Map the local order of an image; the result is an `OrderMaps`."""
    image = image_of(layer)

    def work() -> Generator[Progress, None, OrderMaps]:
        from napari_atomai.workflow.local_order import mapping_order

        return mapping_order(image, recipe)

    return bool(slot.start(layer, work, "mapping local order"))


def export(slot: Any, layer: Any, found: OrderMaps, folder: Path) -> bool:
    """Write what the command writes, into a folder of its own within the one that is given."""
    number = len(found.order.components.components)
    inside = folder / folder_name(f"{layer.name} local order {number}")

    def work() -> Generator[Progress, None, Path]:
        from napari_atomai.workflow.component_results import write_order

        yield Progress(0, 0, "writing files")
        write_order(found, inside)
        return inside

    return bool(slot.start(layer, work, "exporting local order", written(slot)))


def show_map(layers: Any, layer: Any, found: OrderMaps, component: int) -> None:
    """Show where a component, from 0, holds: each window is a pixel around its middle."""
    order = found.order
    drawn = dataclasses.replace(
        order.maps,
        pixels=np.asarray(order.maps.pixels[component], np.float32),
        axes=order.maps.axes[1:],
        name=f"{found.image.name}: local order {component + 1}",
    )
    middle = ((order.window[0] - 1) / 2, (order.window[1] - 1) / 2)
    step = (float(order.step[0]), float(order.step[1]))
    lay_map(layers, layer, drawn, found.record, MAP, grid=(step, middle))


def pictures(found: OrderMaps) -> list[Picture]:
    """Return the amplitudes as they are drawn; of those without sign the roots, which show weak spots."""
    order = found.order
    signed = order.components.method in SIGNED
    return [
        Picture(
            f"{k + 1}: {order.components.explained[k]:.1%}",
            values if signed else np.sqrt(np.abs(values)),
            extent=order.edges,
            signed=signed,
        )
        for k, values in enumerate(order.components.components)
    ]


def windows_shown(layer: Any, recipe: LocalOrder) -> tuple[list[Any], str]:
    """Return the corners of two neighbouring windows in the middle, and what is to be said of them.

    Raises
    ------
    AtomAIError
        If windows do not fit the image.
    """
    from napari_atomai.stat.windows import window_and_step
    from napari_atomai.workflow.local_order import sides_of

    image = image_of(layer)
    shape = image.frame_shape
    wanted = sides_of(image, recipe.window), sides_of(image, recipe.stride)
    sides, step = window_and_step(shape, *wanted, recipe.zoom)
    low = np.maximum((np.array(shape) - sides) // 2, 0) - 0.5
    boxes = [np.array([corner, corner + sides]) for corner in (low, low + step)]
    count = [1 + (length - side) // by for length, side, by in zip(shape, sides, step, strict=True)]
    size = "" if image.pixel_size is None else f", {sides[0] * image.pixel_size[0]:.3g} nm"
    number = f"{count[0]} x {count[1]} windows of {sides[0]} x {sides[1]} px{size}"
    return boxes, f"{number}, {step[0]} px apart."
