"""Patches as a task for the process that trains on them. No torch here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_atomai.data.recipes_latent import LearnLatents
from napari_atomai.workflow.latent_model import known_classes

if TYPE_CHECKING:
    from napari_atomai.workflow.latent import Cut

MODULE = "napari_atomai.workflow.latent_process"
"""What runs the task."""

MODEL = "model.safetensors"
"""Where the model lies in the folder of the task."""

MANIFOLD, RECONSTRUCTIONS = "manifold", "reconstructions"
"""Names of the pictures that are shown while it trains: the second has patches above what is made of them."""


def as_task(cut: Cut, recipe: LearnLatents) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the description and the arrays of a task; raises as `known_classes`."""
    arrays: dict[str, Any] = {"patches": cut.motifs.patches}
    classes = known_classes(cut.motifs.centres, recipe)
    if classes is not None:
        arrays["classes"] = classes
    return {"learn": recipe.model_dump(mode="json")}, arrays
