"""Using trained nets: engines, tiles, the right scale, maps of probability, ensembles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_atomai._names import loaded_when_touched

if TYPE_CHECKING:
    from napari_atomai.predictors.agreement import ensemble_locate
    from napari_atomai.predictors.ensemble import EnsemblePredictor
    from napari_atomai.predictors.imspec import ImSpecPredictor
    from napari_atomai.predictors.segmentation import SegPredictor

# Public name -> where it lives. Each is loaded when first touched: some bring torch.
_HOMES = {
    "EnsemblePredictor": "napari_atomai.predictors.ensemble",
    "ImSpecPredictor": "napari_atomai.predictors.imspec",
    "SegPredictor": "napari_atomai.predictors.segmentation",
    "ensemble_locate": "napari_atomai.predictors.agreement",
}

__all__ = ["EnsemblePredictor", "ImSpecPredictor", "SegPredictor", "ensemble_locate"]

__getattr__, __dir__ = loaded_when_touched(__name__, _HOMES)
