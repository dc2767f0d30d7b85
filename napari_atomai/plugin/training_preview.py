"""What a net sees while it learns, on the image that it learns from; it goes when the training ends."""

from __future__ import annotations

from typing import Any

from napari.layers import Image as ImageLayer
from qtpy.QtCore import QObject

from napari_atomai.plugin.job_slots import JobSlot
from napari_atomai.plugin.layers import KEY, find_layer, geometry_like, uid_of

PREVIEW = "training preview"
_LOOK = {"colormap": "magma", "blending": "additive", "opacity": 0.7, "contrast_limits": (0.0, 1.0)}


class TrainingPreview(QObject):
    """Shows the previews of one training.

    Parameters
    ----------
    slot : JobSlot
        Where the training runs; the preview belongs to it and lives as long as the training.
    uid : str
        Of the image that is learned from.
    """

    def __init__(self, slot: JobSlot, uid: str) -> None:
        super().__init__(slot)
        self._slot, self._uid = slot, uid
        slot.previewed.connect(self._show)
        slot.running_changed.connect(self._on_running)

    def _show(self, name: str, values: Any) -> None:
        layers, image = self._slot.layers, self._slot.layer(self._uid)
        if name != "probability" or image is None or values.shape != image.data.shape[-values.ndim :]:
            return
        old = find_layer(layers, PREVIEW, self._uid)
        if old is not None:
            old.data = values
            return
        new = ImageLayer(
            values,
            name=f"{image.name}: {PREVIEW}",
            metadata={KEY: {"role": PREVIEW, "parent_uid": self._uid}},
            **_LOOK,
            **geometry_like(image, ndim=values.ndim),
        )
        uid_of(new)
        active = layers.selection.active
        layers.append(new)
        layers.selection.active = active

    def _on_running(self) -> None:
        if self._slot.job is not None:
            return
        layers = self._slot.layers
        shown = find_layer(layers, PREVIEW, self._uid)
        if shown is not None:
            layers.remove(shown)
        self.deleteLater()
