"""Several autoencoders of the same patches, to see what of a manifold is there each time."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.data.progress import Progress, finish
from napari_atomai.errors import BadOption
from napari_atomai.models.latent import LatentModel
from napari_atomai.stat.agreement import agreement
from napari_atomai.trainers.vae import LatentWords


@dataclass(frozen=True, eq=False)
class LatentEnsemble:
    """Autoencoders that differ in their seed.

    Parameters
    ----------
    models : tuple of LatentModel
        Trained; their latents are numbered and signed as each found them.
    agreement : array, shape (M, M)
        Mean canonical correlation between the latents of each pair: 1 = the same manifold.
    """

    models: tuple[LatentModel, ...]
    agreement: NDArray[np.float64]

    @property
    def stability(self) -> float:
        """The mean agreement of different models; near 1, the manifold is that of the data."""
        off = ~np.eye(len(self.models), dtype=bool)
        return float(self.agreement[off].mean())


def fit_latent_ensemble(
    model: LatentModel, patches: ArrayLike, n_models: int = 3, **options: Unpack[LatentWords]
) -> LatentEnsemble:
    """Train autoencoders like `model`, each from weights of its own; see `fitting_latent_ensemble`."""
    return finish(fitting_latent_ensemble(model, patches, n_models, **options))


def fitting_latent_ensemble(
    model: LatentModel, patches: ArrayLike, n_models: int = 3, **options: Unpack[LatentWords]
) -> Generator[Progress, None, LatentEnsemble]:
    """Train as `fit_latent_ensemble` does, and yield Progress.

    Parameters
    ----------
    model : LatentModel
        Tells what they are like; it is not trained.
    patches : array, shape (n, *in_dim)
        What all of them learn from.
    n_models : int
        How many; at least 2.
    **options
        See `LatentModel.fit`; `seed` is that of the first.

    Raises
    ------
    BadOption
        If there are fewer than two.
    """
    if n_models < 2:
        raise BadOption(f"n_models is {n_models}.", remedy="Give at least 2: one agrees with itself.")
    first = int(options.get("seed", model.trainer.seed))
    models = []
    for number in range(n_models):
        one = model.like(first + number)
        words: LatentWords = {**options, "seed": first + number}
        work = one.fitting(patches, **words)
        try:
            for progress in work:
                yield replace(
                    progress,
                    step=progress.step + number * progress.of,
                    of=progress.of * n_models,
                    message=f"model {number + 1} of {n_models}: {progress.message}",
                )
        finally:
            work.close()
        models.append(one)
    return LatentEnsemble(tuple(models), agreement([one.encode(patches).mean for one in models]))
