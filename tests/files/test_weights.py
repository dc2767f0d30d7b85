"""Weights and card travel in one file, and hostile files are refused in words."""

from __future__ import annotations

import contextlib
import json
import struct
from pathlib import Path

import numpy as np
import pytest

from napari_atomai.data.card import ModelCard
from napari_atomai.errors import AtomAIError, BadModel, CannotRead
from napari_atomai.files.weights import read_card, read_tensors, read_weights, write_weights

CARD = ModelCard(name="tiny", net="unet", net_options={"filters": [4, 8]}, metrics={"f1": 0.5})


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.safetensors"
    kernel = np.linspace(-1, 1, 36).reshape(2, 2, 3, 3).astype(np.float32)
    write_weights(path, CARD, {"conv.weight": kernel, "norm.bias": np.array([1e-5, 2.0], np.float32)})
    return path


def test_weights_and_card_come_back(model: Path) -> None:
    weights = read_weights(model)
    assert weights.card == CARD == read_card(model)
    np.testing.assert_array_equal(weights.tensors["norm.bias"], np.array([1e-5, 2.0], np.float32))
    assert len(weights.sha256) == 64


def test_half_precision_halves_kernels_only(model: Path, tmp_path: Path) -> None:
    whole, half = read_weights(model), tmp_path / "half.safetensors"
    write_weights(half, CARD, whole.tensors, half=True)
    back = read_weights(half)
    np.testing.assert_array_equal(back.tensors["norm.bias"], whole.tensors["norm.bias"])
    np.testing.assert_allclose(back.tensors["conv.weight"], whole.tensors["conv.weight"], rtol=1e-3)
    assert back.tensors["conv.weight"].dtype == np.float32


@pytest.mark.parametrize("length", [0, 4, 8, 30, 200])
def test_a_file_cut_short_is_refused(model: Path, length: int) -> None:
    model.write_bytes(model.read_bytes()[:length])
    with pytest.raises(AtomAIError, match="tiny"):
        read_weights(model)


def test_a_giant_header_reserves_nothing(model: Path) -> None:
    model.write_bytes(struct.pack("<Q", 2**62) + b"{}")
    with pytest.raises(CannotRead, match="not whole"):
        read_weights(model)


def test_a_file_without_a_card_is_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    path = tmp_path / "foreign.safetensors"
    save_file({"a": np.zeros(3, np.float32)}, path)
    with pytest.raises(BadModel, match="no napari-atomai card"):
        read_weights(path)


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "nan.safetensors"
    write_weights(path, CARD, {"conv.weight": np.array([np.nan], np.float32)})
    with pytest.raises(BadModel, match=r"conv\.weight"):
        read_weights(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotRead, match="nowhere"):
        read_weights(tmp_path / "nowhere.safetensors")


@pytest.mark.parametrize("seed", range(60))
def test_a_mutated_file_gives_an_error_in_words_or_finite_weights(model: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    content = bytearray(model.read_bytes())
    for position in rng.integers(0, len(content), 4):
        content[position] = rng.integers(256)
    model.write_bytes(bytes(content))
    with contextlib.suppress(AtomAIError):  # any other error fails the test
        weights = read_weights(model)
        assert all(np.isfinite(array).all() for array in weights.tensors.values())


@pytest.mark.parametrize(
    ("change", "words"),
    [({"surprise": 1}, "surprise"), ({"spacing_best": -1}, "spacing_best"), ({"net": 3}, "net")],
)
def test_a_card_that_is_not_one_is_refused_with_its_entry(change: dict[str, object], words: str) -> None:
    raw = json.loads(CARD.to_json()) | change
    with pytest.raises(BadModel, match=words):
        ModelCard.from_json(json.dumps(raw))


@pytest.mark.parametrize(
    "damage",
    [slice(-60, -52), slice(-8, None), slice(40, 41)],
    ids=["in the middle", "at the end", "in the header"],
)
def test_a_file_that_is_not_what_was_saved_is_refused(model: Path, damage: slice) -> None:
    content = bytearray(model.read_bytes())
    content[damage] = bytes(byte ^ 0x01 for byte in content[damage])
    model.write_bytes(content)
    with pytest.raises(CannotRead, match=r"damaged|not a whole"):
        read_tensors(model)
    with pytest.raises(AtomAIError):
        read_weights(model)


def test_a_zeroed_end_is_refused_as_damaged(model: Path) -> None:
    content = model.read_bytes()
    model.write_bytes(content[:-16] + bytes(16))
    with pytest.raises(CannotRead, match="damaged"):
        read_weights(model)


def test_a_file_of_an_older_version_has_no_hash_and_is_read(model: Path, tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    tensors, metadata = read_tensors(model)
    del metadata["napari_atomai.sha256"]
    old = tmp_path / "old.safetensors"
    save_file(tensors, old, metadata)
    np.testing.assert_array_equal(read_weights(old).tensors["norm.bias"], tensors["norm.bias"])


def test_bundled_models_carry_their_hash() -> None:
    from napari_atomai.models.storage import bundled_models

    for path in bundled_models().values():
        assert len(read_tensors(path)[1]["napari_atomai.sha256"]) == 64
