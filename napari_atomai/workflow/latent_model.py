"""The autoencoder that a recipe asks for: made, trained, told the classes of atoms, or one that was saved."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.data.latent import Latent
from napari_atomai.data.progress import Progress
from napari_atomai.data.recipes_latent import LearnLatents
from napari_atomai.errors import BadAtoms, BadModel
from napari_atomai.workflow.latent_manifold import Decoder

if TYPE_CHECKING:  # it brings torch
    from napari_atomai.data.atoms import Atoms
    from napari_atomai.models.latent import LatentModel

Floats = NDArray[np.float32]

_BATCHES = (16, 100)


def known_classes(atoms: Atoms, recipe: LearnLatents) -> NDArray[np.int64] | None:
    """Return the class of each atom, from 0 without gaps, where a recipe wants it told to the decoder.

    Raises
    ------
    BadAtoms
        If all are of one class.
    """
    if not recipe.conditional or recipe.model == "zernike":
        return None
    there, classes = np.unique(atoms.classes, return_inverse=True)
    if len(there) < 2:
        raise BadAtoms(
            f"The {len(atoms):,} atoms are all of one class.",
            why="Latents are to be free of the class of an atom, and there is nothing to be free of.",
            remedy="Leave out conditional, or give atoms of several classes.",
        )
    return np.asarray(classes, np.int64)


def model_for(patches: Floats, recipe: LearnLatents, classes: ArrayLike | None = None) -> LatentModel:
    """Make the autoencoder that a recipe asks for, with the `known_classes`; it is not trained."""
    from napari_atomai.models.latent import LatentModel

    return LatentModel(
        patches.shape[1:],
        recipe.latent_dim,
        invariances=recipe.invariances,
        discrete_dim=(recipe.states,) if recipe.states > 1 else (),
        nb_classes=0 if classes is None else int(np.max(classes)) + 1,
        seed=recipe.seed,
        rotation_prior=math.radians(recipe.rotation_prior),
        translation_prior=recipe.translation_prior,
    )


def training(
    model: LatentModel, patches: Floats, recipe: LearnLatents, classes: ArrayLike | None = None
) -> Generator[Progress, None, None]:
    """Train an autoencoder as a recipe says; closing it keeps the best so far."""
    # Of few patches small batches: the same cycles then take enough steps.
    batch = recipe.batch_size or int(np.clip(len(patches) // 25, *_BATCHES))
    yield from model.fitting(
        patches, classes, training_cycles=recipe.cycles, batch_size=batch, seed=recipe.seed
    )


@dataclass(frozen=True, eq=False)
class Conditioned:
    """A model that is told classes, as one whose states they are: what shows states shows classes, then.

    Parameters
    ----------
    model : LatentModel
        With nb_classes.
    """

    model: LatentModel

    def encode(self, patches: Floats, classes: NDArray[np.int64]) -> Latent:
        """Return the latents of patches of known classes, from 0."""
        found = self.model.encode(patches, classes)
        return replace(found, classes=np.eye(self.model.net.labels, dtype=np.float32)[classes])

    def decode(self, latent: Latent | ArrayLike, classes: ArrayLike | None = None) -> Floats:
        """Return patches (n, h, w) of latents; their classes count from 1."""
        if isinstance(latent, Latent):
            return self.model.decode(replace(latent, classes=None), y=latent.labels - 1)
        count = len(np.atleast_2d(np.asarray(latent)))
        known = np.ones(count, np.int64) if classes is None else np.asarray(classes)
        return self.model.decode(latent, y=known - 1)

    def save_model(self, path: str | Path, *, training: bool = True) -> Path:
        """Write the model."""
        return self.model.save_model(path, training=training)


def encoded(
    model: LatentModel, patches: Floats, classes: NDArray[np.int64] | None
) -> tuple[Latent, Decoder, int]:
    """Return the latents of patches, what decodes them, and how many states or known classes there are.

    Raises
    ------
    BadModel
        If the model is told other classes than there are.
    """
    wanted, there = model.net.labels, 0 if classes is None else int(classes.max()) + 1
    if wanted != there:
        raise BadModel(
            f"The model is told {wanted or 'no'} classes, and there are {there or 'none'} to tell.",
            remedy=f"Choose conditional, with atoms of {wanted} classes."
            if wanted
            else "Leave out conditional, or train a model that is told classes.",
        )
    if classes is None:
        return model.encode(patches), model, model.net.classes
    told = Conditioned(model)
    return told.encode(patches, classes), told, wanted


def asked_for(model: LatentModel, recipe: LearnLatents) -> LearnLatents:
    """Return a recipe that asks for a model like one that is there; what it does not hold stays."""
    net = model.net
    held: dict[str, Any] = {name: name in net.invariances for name in ("rotation", "translation", "scale")}
    held |= {"latent_dim": net.latent_dim, "states": net.classes if net.classes > 1 else 0}
    return LearnLatents.of(
        {**recipe.model_dump(), **held, "model": "autoencoder", "conditional": net.labels > 0}
    )
