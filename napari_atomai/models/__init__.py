"""Trained models: where they lie, how they are opened, trained, used and saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_atomai._names import loaded_when_touched

if TYPE_CHECKING:
    from napari_atomai.models.elit import ELIT
    from napari_atomai.models.imspec import ImSpec
    from napari_atomai.models.latent import LatentModel
    from napari_atomai.models.legacy import convert_atomai, load_atomai
    from napari_atomai.models.segmentor import Segmentor
    from napari_atomai.models.storage import load_ensemble, load_model, load_pretrained_model, save_model
    from napari_atomai.models.vae import VAE, jrVAE, jVAE, rVAE

# Public name -> where it lives. Each is loaded when first touched: torch is slow to import.
_HOMES = {
    "ELIT": "napari_atomai.models.elit",
    "ImSpec": "napari_atomai.models.imspec",
    "LatentModel": "napari_atomai.models.latent",
    "Segmentor": "napari_atomai.models.segmentor",
    "VAE": "napari_atomai.models.vae",
    "convert_atomai": "napari_atomai.models.legacy",
    "jVAE": "napari_atomai.models.vae",
    "jrVAE": "napari_atomai.models.vae",
    "load_atomai": "napari_atomai.models.legacy",
    "load_ensemble": "napari_atomai.models.storage",
    "load_model": "napari_atomai.models.storage",
    "load_pretrained_model": "napari_atomai.models.storage",
    "rVAE": "napari_atomai.models.vae",
    "save_model": "napari_atomai.models.storage",
}

__all__ = [
    "ELIT",
    "VAE",
    "ImSpec",
    "LatentModel",
    "Segmentor",
    "convert_atomai",
    "jVAE",
    "jrVAE",
    "load_atomai",
    "load_ensemble",
    "load_model",
    "load_pretrained_model",
    "rVAE",
    "save_model",
]

__getattr__, __dir__ = loaded_when_touched(__name__, _HOMES)
