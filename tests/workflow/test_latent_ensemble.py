"""How stable a manifold is: several autoencoders of the same patches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

import napari_atomai as aoi  # noqa: E402
from napari_atomai.errors import BadOption  # noqa: E402
from napari_atomai.workflow.latent_ensemble import fit_latent_ensemble  # noqa: E402


def test_models_of_the_same_data_agree_and_those_of_noise_do_not() -> None:
    random = np.random.default_rng(4)
    strength = random.uniform(-1, 1, 300)
    spot, noise = np.outer(np.hanning(12), np.hanning(12)), 0.05 * random.normal(size=(300, 12, 12))
    words: dict[str, Any] = {"training_cycles": 15, "batch_size": 50, "learning_rate": 3e-3}
    model = aoi.models.VAE((12, 12), 1, numhidden=32)
    told = fit_latent_ensemble(model, strength[:, None, None] * spot + noise, 2, **words)
    assert told.stability > 0.98
    assert fit_latent_ensemble(model, noise, 2, **words).stability < 0.9
    with pytest.raises(BadOption, match="at least 2"):
        fit_latent_ensemble(model, noise, 1)
