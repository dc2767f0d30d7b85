"""Models are found by name or path."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from napari_atomai.data.card import ModelCard
from napari_atomai.errors import CannotRead, UnknownOption
from napari_atomai.files.weights import write_weights
from napari_atomai.models.storage import bundled_models, load_weights, model_path


def test_the_bundled_atom_finder_is_there_and_says_what_it_is() -> None:
    assert "atoms" in bundled_models()
    card = load_weights("atoms").card
    assert card.net == "unet"
    assert card.spacing_min < card.spacing_best < card.spacing_max
    assert card.training["recipe"] == "tools/train_atoms.py"


def test_a_misspelt_model_gets_a_suggestion() -> None:
    with pytest.raises(UnknownOption, match="Did you mean 'atoms'"):
        model_path("atom")


def test_a_path_that_is_not_there_is_named() -> None:
    with pytest.raises(CannotRead, match="gone"):
        load_weights("gone.safetensors")


def test_a_model_that_was_replaced_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "own.safetensors"
    for stamp, value in ((1_000_000_000, 1.0), (2_000_000_000, 2.0)):
        card = ModelCard(name="own", net="unet")
        write_weights(path, card, {"a": np.array([value], np.float32)})
        os.utime(path, (stamp, stamp))
        assert load_weights(str(path)).tensors["a"][0] == value
    assert load_weights(str(path)) is load_weights(str(path))


def test_the_bundled_models_say_how_good_they_are_and_what_their_thresholds_risk() -> None:
    for name in bundled_models():
        card = load_weights(name).card
        assert card.name == name
        assert 0 < card.metrics["calibration_error"] <= 0.05
        assert {"lattice", "single atoms"} <= card.risk.keys()
        assert card.risk["lattice"].for_false(0.05) > card.risk["lattice"].for_false(0.2)
    assert load_weights("atoms-ensemble").card.members >= 5
