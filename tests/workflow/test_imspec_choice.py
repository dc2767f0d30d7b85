"""What nobody chose: a window as wide as what decides, and turned patches where no direction matters."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

from scipy import ndimage  # noqa: E402

from napari_atomai.data.image import Axis, Image  # noqa: E402
from napari_atomai.data.recipes_spectra import TrainImSpec  # noqa: E402
from napari_atomai.errors import BadOption  # noqa: E402
from napari_atomai.prepare.pairs_places import grid_of  # noqa: E402
from napari_atomai.trainers import precision  # noqa: E402
from napari_atomai.workflow.imspec import pairs_of  # noqa: E402
from napari_atomai.workflow.imspec_choice import cycles_for, net_words, patch_for, turned_wanted  # noqa: E402

SIZE = 160
ENERGY = Axis("E", 0.1, 1.0, "eV")


def scene(kernel: np.ndarray) -> tuple[Image, np.ndarray, Image]:
    """Spectra of two channels that follow what a kernel makes of a rough image, each of four pixels."""
    field = ndimage.gaussian_filter(np.random.default_rng(2).standard_normal((SIZE, SIZE)), 1)
    field, half = field / field.std(), SIZE // 2
    local = ndimage.convolve(field, kernel, mode="reflect").reshape(half, 2, half, 2).mean(axis=(1, 3))
    spectra = np.stack([local, 2 - local], axis=-1) + 10
    axes = (Axis("y", 1.0, 0.5, "nm"), Axis("x", 1.0, 0.5, "nm"))
    coarse = (ENERGY, Axis("y", 2.0, 1.0, "nm"), Axis("x", 2.0, 1.0, "nm"))
    return Image(field, axes), spectra, Image(np.moveaxis(spectra, -1, 0), coarse)


def ring(radius: float) -> np.ndarray:
    """A kernel that looks at a circle of that radius, in pixels."""
    away = np.hypot(*(np.indices((33, 33)) - 16))
    near = np.exp(-((away - radius) ** 2) / 4)
    return np.asarray(near / near.sum())


def cut(kernel: np.ndarray, **options: object) -> tuple[object, TrainImSpec]:
    image, spectra, coarse = scene(kernel)
    recipe = TrainImSpec(**options)
    return pairs_of(image, spectra, grid_of(image, coarse), ENERGY, recipe), recipe


def test_the_window_is_as_wide_as_what_decides() -> None:
    near, _ = cut(ring(1.0))
    far, _ = cut(ring(11.0))
    assert near.reach == pytest.approx(10)
    assert far.reach == pytest.approx(80 / 6)
    assert far.patches.shape[1] == patch_for(far.reach)
    assert any("window" in note for note in far.notes)
    asked, _ = cut(ring(11.0), window=8.0, patch=6)
    assert (asked.window, asked.patches.shape[1]) == (8.0, 6)


def test_patches_are_turned_only_where_no_direction_matters() -> None:
    beside = np.zeros((9, 9))
    beside[4, 8] = 1
    assert turned_wanted(*cut(ring(3.0)))
    pairs, recipe = cut(beside)
    assert not turned_wanted(pairs, recipe)
    assert turned_wanted(pairs, recipe.model_copy(update={"turned": "yes"}))
    assert not turned_wanted(pairs, recipe.model_copy(update={"turned": "yes", "direction": "spec2im"}))


def test_recipes_that_said_yes_or_no_are_understood() -> None:
    assert TrainImSpec.of({"turned": True}).turned == "yes"
    assert TrainImSpec.of({"turned": False}).turned == "no"
    with pytest.raises(BadOption):
        TrainImSpec.of({"patch": 1})


def test_net_and_cycles_follow_the_size_of_the_data() -> None:
    recipe = TrainImSpec()
    assert [patch_for(reach) for reach in (5.0, 7.5, 13.0, 40.0)] == [16, 24, 32, 32]
    assert net_words(recipe, (32, 32), turned=True)["encoder_pooling"] == 3
    assert net_words(recipe, (6, 6), turned=False)["encoder_pooling"] == 0
    assert cycles_for(recipe, 100_000, 64) == 20
    assert cycles_for(recipe, 150, 32) == 300
    assert cycles_for(recipe, 3000, 64) == 35
    assert cycles_for(TrainImSpec(training_cycles=7), 3000, 64) == 7


def test_bfloat16_is_used_where_the_processor_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
    assert precision.usual_precision("cpu") == "32"
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    assert precision.usual_precision("cpu") == "bf16"
