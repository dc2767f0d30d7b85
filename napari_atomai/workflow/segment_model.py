"""The model of a segmentation, given as a file, as a checkpoint of AtomAI, or in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.arguments import shown
from napari_atomai.data.progress import Progress
from napari_atomai.data.recipe import ModelRecord
from napari_atomai.errors import BadOption
from napari_atomai.models.resizing import resized

if TYPE_CHECKING:  # they bring torch
    from napari_atomai.predictors.ensemble import EnsemblePredictor
    from napari_atomai.predictors.segmentation import SegPredictor

Maps = NDArray[np.float32]


class OpenModel:
    """A Segmentor or an ensemble, however it was given.

    Attributes
    ----------
    classes : tuple of str
        Their names.
    spacing : float
        How far apart atoms were in its training, in pixels; 0 where that is not known.
    """

    def __init__(self, model: Any) -> None:
        model, self.record = _opened(model) if isinstance(model, str) else (model, _in_memory(model))
        from napari_atomai.predictors.ensemble import EnsemblePredictor
        from napari_atomai.predictors.segmentation import SegPredictor

        self.single = hasattr(model, "class_names")
        self.predictor: SegPredictor | EnsemblePredictor
        if self.single:
            self.classes = tuple(model.class_names)
            self.spacing = float(model.trainer.spacing)
            self.predictor = SegPredictor(model.net, scaling=model.scaling, channels=model.trainer.channels)
        else:
            self.predictor = EnsemblePredictor(model.net, model)
            card = model.card
            self.classes = tuple(card.classes) if card is not None else ()
            self.spacing = card.spacing_best if card is not None and card.spacing_known else 0.0

    def seen(self, pixels: NDArray[Any], zoom: float) -> Generator[Progress, None, tuple[Maps, Maps | None]]:
        """Return the maps (y, x, classes) of a frame, and of an ensemble their spread (y, x)."""
        size = tuple(max(8, round(side * zoom)) for side in pixels.shape)
        frame = pixels[None] if zoom == 1 else resized(pixels[None], (size[0], size[1]))
        result: Any = yield from self.predictor.predicting(frame)
        maps, spread = (result, None) if self.single else (result.mean, result.standard_deviation)
        if zoom != 1:
            whole = (pixels.shape[0], pixels.shape[1])
            maps = np.clip(resized(maps, whole), 0, 1)
            spread = None if spread is None else np.maximum(resized(spread, whole), 0)
        if spread is not None:
            likely = maps.argmax(axis=-1)[..., None]
            spread = np.take_along_axis(spread, likely, axis=-1)[0, ..., 0]
        return maps[0], spread


def _opened(name: str) -> tuple[Any, ModelRecord]:
    from napari_atomai.models.segmentor import Segmentor
    from napari_atomai.models.storage import load_weights
    from napari_atomai.trainers.ensemble_weights import Ensemble

    if not name:
        raise BadOption(
            "No model was named.", remedy="Give a .safetensors file that a Segmentor or an ensemble wrote."
        )
    if Path(name).suffix.lower() in (".tar", ".pt", ".pth"):
        from napari_atomai.models.legacy import read_atomai

        weights = read_atomai(name)
    else:
        weights = load_weights(name)
    if weights.card.task != "segmentation":
        other = "find_atoms" if weights.card.task == "find atoms" else "ImSpec"
        raise BadOption(
            f"The model {weights.card.name!r} is made for another task: {weights.card.task}.",
            remedy=f"Use {other} for it, or choose a model that a Segmentor wrote.",
        )
    kind: Any = Segmentor if weights.card.members == 1 else Ensemble
    return kind.of_weights(weights), ModelRecord(name=weights.card.name, sha256=weights.sha256)


def _in_memory(model: Any) -> ModelRecord:
    """Describe a model that has no file: by a hash of its weights, so that a record can tell it apart."""
    digest = hashlib.sha256()
    if not hasattr(model, "net"):
        raise BadOption(
            f"The model is {shown(model)}.",
            remedy="Give a Segmentor, an Ensemble, or the path of a file of one.",
        )
    states = [model.net.state_dict()] if hasattr(model, "class_names") else list(model)
    for state in states:
        for name, value in state.items():
            digest.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return ModelRecord(name="in memory", sha256=digest.hexdigest())
