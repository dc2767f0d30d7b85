"""Learning: loops that yield Progress, stop, resume and give the same weights for the same seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_atomai._names import loaded_when_touched

if TYPE_CHECKING:
    from napari_atomai.trainers.ensemble import Ensemble, EnsembleTrainer
    from napari_atomai.trainers.imspec import ImSpecEnsembleTrainer, ImSpecTrainer
    from napari_atomai.trainers.loop import Trainer
    from napari_atomai.trainers.options import Perturbation, TrainingOptions
    from napari_atomai.trainers.segmentation import SegTrainer

# Public name -> where it lives. Each is loaded when first touched: torch is slow to import.
_HOMES = {
    "Ensemble": "napari_atomai.trainers.ensemble",
    "EnsembleTrainer": "napari_atomai.trainers.ensemble",
    "ImSpecEnsembleTrainer": "napari_atomai.trainers.imspec",
    "ImSpecTrainer": "napari_atomai.trainers.imspec",
    "Perturbation": "napari_atomai.trainers.options",
    "SegTrainer": "napari_atomai.trainers.segmentation",
    "Trainer": "napari_atomai.trainers.loop",
    "TrainingOptions": "napari_atomai.trainers.options",
}

__all__ = [
    "Ensemble",
    "EnsembleTrainer",
    "ImSpecEnsembleTrainer",
    "ImSpecTrainer",
    "Perturbation",
    "SegTrainer",
    "Trainer",
    "TrainingOptions",
]

__getattr__, __dir__ = loaded_when_touched(__name__, _HOMES)
