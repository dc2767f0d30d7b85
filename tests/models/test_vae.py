"""Autoencoders on patches whose motif, angle and shift are known."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

import napari_atomai as aoi  # noqa: E402
from napari_atomai.data.latent import Latent  # noqa: E402
from napari_atomai.errors import BadImage, BadModel, BadOption, UnknownOption  # noqa: E402

Array = NDArray[Any]

MOTIFS = (
    ((-5.0, 0.0, 1.0), (3.0, 4.0, 1.0), (3.0, -4.0, 1.6)),
    ((0.0, -6.0, 1.0), (0.0, 6.0, 0.5), (4.0, 2.0, 1.3)),
)


def turned(count: int, *, shift: float = 0.0, size: int = 20, noise: float = 0.1) -> tuple[Array, ...]:
    """Return patches, motif, angle and shift of each."""
    random = np.random.default_rng(0)
    kind, angle = random.integers(0, 2, count), random.uniform(-math.pi, math.pi, count)
    moved = shift * random.normal(size=(count, 2))
    spots = np.array(MOTIFS)[kind]
    cosine, sine = np.cos(angle)[:, None], np.sin(angle)[:, None]
    rows = cosine * spots[..., 0] - sine * spots[..., 1] + moved[:, :1]
    columns = sine * spots[..., 0] + cosine * spots[..., 1] + moved[:, 1:]
    axis = np.arange(size) - (size - 1) / 2
    by_row = np.exp(-((axis - rows[..., None]) ** 2) / 6)
    by_column = np.exp(-((axis - columns[..., None]) ** 2) / 6)
    clean = np.einsum("ns,nsy,nsx->nyx", spots[..., 2], by_row, by_column)
    return clean + noise * random.normal(size=clean.shape), kind, angle, moved


def off_by(found: Array, true: Array) -> Array:
    """Return how far angles are off, up to the one that the canvas itself has."""
    turn = np.exp(1j * (found - true))
    return np.angle(turn / np.exp(1j * np.angle(turn.mean())))


@pytest.fixture(scope="module")
def trained() -> tuple[aoi.models.rVAE, tuple[Array, ...]]:
    data = turned(500)
    model = aoi.models.rVAE((20, 20), translation=False, numhidden=64)
    model.fit(1000 * data[0] + 5e4, training_cycles=25, batch_size=50, learning_rate=2e-3)
    return model, data


def test_angles_and_motifs_come_apart(trained: Any) -> None:
    model, (patches, kind, angle, _) = trained
    latent = model.encode(1000 * patches + 5e4)
    for motif in (0, 1):
        assert np.degrees(np.sqrt((off_by(latent.angle, angle)[kind == motif] ** 2).mean())) < 90
        assert np.degrees(np.median(np.abs(off_by(latent.angle[kind == motif], angle[kind == motif])))) < 1.5
    apart = latent.mean[kind == 0].mean(axis=0) - latent.mean[kind == 1].mean(axis=0)
    side = latent.mean @ apart
    middle = (side[kind == 0].mean() + side[kind == 1].mean()) / 2
    assert ((side > middle) == (kind == 0)).mean() > 0.99


def test_what_was_encoded_decodes_to_the_patch_in_its_own_units(trained: Any) -> None:
    model, (patches, *_) = trained
    data = 1000 * patches + 5e4
    back = model.decode(model.encode(data))
    assert np.array_equal(back, model.reconstruct(data))
    assert 90 < np.sqrt(((back - data) ** 2).mean()) < 130  # the noise is 100
    assert model.noise == pytest.approx(100, rel=0.3)


def test_a_turned_patch_has_the_same_latents_and_another_angle(trained: Any) -> None:
    model, (patches, *_) = trained
    data = 1000 * patches[:50] + 5e4
    before, after = model.encode(data), model.encode(np.rot90(data, axes=(1, 2)).copy())
    assert np.abs(after.mean - before.mean).max() < 0.05 * np.ptp(before.mean)
    assert np.abs(off_by(after.angle, before.angle)).max() < 0.05
    turn = np.angle(np.exp(1j * (after.angle - before.angle)).mean())
    assert turn == pytest.approx(math.pi / 2, abs=0.02)  # numpy turns counter-clockwise, too


def test_latents_alone_decode_without_a_pose(trained: Any) -> None:
    model, (patches, *_) = trained
    latent = model.encode(1000 * patches[:3] + 5e4)
    plain = model.decode(latent.mean)
    upright = Latent(latent.mean, latent.sd, angle=np.zeros(3, np.float32))
    assert np.allclose(plain, model.decode(upright))


def test_the_manifold_is_decoded_on_steps_of_equal_probability(trained: Any) -> None:
    model, _ = trained
    manifold = model.manifold2d(d=5)
    assert manifold.images.shape == (5, 5, 20, 20)
    assert manifold.mosaic().shape == (100, 100)
    assert manifold.second == pytest.approx([-1.645, -0.598, 0, 0.598, 1.645], abs=1e-3)
    corner = model.decode([[manifold.first[0], manifold.second[-1]]])
    assert np.allclose(manifold.images[0, -1], corner[0])
    assert np.array_equal(manifold.mosaic()[:20, -20:], manifold.images[0, -1])
    assert model.manifold_traversal(1, d=4).shape == (1, 4, 20, 20)


def test_a_saved_model_opens_as_what_it_was(trained: Any, tmp_path: Path) -> None:
    model, (patches, *_) = trained
    again = aoi.models.load_model(model.save_model(tmp_path / "motifs"))
    assert isinstance(again, aoi.models.rVAE)
    assert np.array_equal(again.encode(patches[:9]).mean, model.encode(patches[:9]).mean)
    with pytest.raises(BadModel, match="latent"):
        aoi.models.ImSpec.load(tmp_path / "motifs.safetensors")


def test_latents_are_named_in_the_order_of_what_they_say(trained: Any) -> None:
    model, (patches, *_) = trained
    mean, sd = model.encode(1000 * patches + 5e4)
    told = mean.var(axis=0) / np.square(sd).mean(axis=0)
    assert told[0] >= told[1]


def test_windows_about_pixels_are_encoded(trained: Any) -> None:
    model, (patches, *_) = trained
    image = 1000 * np.tile(patches[0], (2, 2)) + 5e4
    found = model.encode_images(image, step=7)
    assert found.shape == (1, 6, 6, 2)
    # The window about row 14, column 14 is cut from 4 to 24: 20 // 2 before it.
    assert np.allclose(found[0, 2, 2], model.encode(image[4:24, 4:24]).mean[0], atol=1e-4)


def test_shifts_are_set_apart_from_angles() -> None:
    patches, kind, angle, moved = turned(500, shift=1.0)
    model = aoi.models.rVAE((20, 20), numhidden=64)
    model.fit(patches, training_cycles=15, batch_size=50, learning_rate=2e-3)
    latent = model.encode(patches)
    assert latent.shift is not None
    for motif in (0, 1):
        off = off_by(latent.angle[kind == motif], angle[kind == motif])
        assert np.degrees(np.median(np.abs(off))) < 3
        assert np.median(np.abs(latent.shift - moved)[kind == motif]) < 0.5


def test_discrete_latents_are_the_motifs() -> None:
    patches, kind, *_ = turned(400)
    model = aoi.models.jrVAE((20, 20), discrete_dim=[2], translation=False, numhidden=64)
    model.fit(patches, training_cycles=20, batch_size=50, learning_rate=2e-3)
    labels = model.encode(patches).labels
    right = (labels == kind + 1).mean()
    assert max(right, 1 - right) > 0.97
    assert model.manifold2d(d=3, label=2).images.shape == (3, 3, 20, 20)


def test_spectra_are_freed_of_their_shift() -> None:
    random, energy = np.random.default_rng(1), np.arange(96)
    shift, width = 3 * random.normal(size=400), random.uniform(4, 10, 400)
    peaks = np.exp(-(((energy - 48 - shift[:, None]) / width[:, None]) ** 2) / 2)
    spectra = peaks + 0.05 * random.normal(size=peaks.shape)
    model = aoi.models.LatentModel(96, 1, invariances=("translation",), numhidden=64)
    model.fit(spectra, training_cycles=20, batch_size=50, learning_rate=2e-3)
    latent = model.encode(spectra)
    assert abs(np.corrcoef(latent.mean[:, 0], width)[0, 1]) > 0.95
    assert np.corrcoef(latent.shift[:, 1], shift)[0, 1] > 0.98


def test_data_of_any_scale_keep_their_latents() -> None:
    random = np.random.default_rng(2)
    strength = random.uniform(-1, 1, 300)
    patches = strength[:, None, None] * np.outer(np.hanning(12), np.hanning(12)) + 0.05 * random.normal(
        size=(300, 12, 12)
    )
    found = []
    for scale in (1e-6, 1.0, 1e6):
        model = aoi.models.VAE((12, 12), 1, numhidden=32)
        model.fit(scale * patches, training_cycles=15, batch_size=50, learning_rate=3e-3)
        found.append(model.encode(scale * patches).mean[:, 0])
        assert abs(np.corrcoef(found[-1], strength)[0, 1]) > 0.98
    assert np.allclose(found[0], found[1], atol=0.02)
    assert np.allclose(found[2], found[1], atol=0.02)


def test_noise_alone_is_said_to_leave_the_latents_silent() -> None:
    model = aoi.models.VAE((12, 12), numhidden=16)
    model.fit(np.random.default_rng(3).normal(size=(400, 12, 12)), training_cycles=12, batch_size=50)
    assert any("collapse" in sentence for sentence in model.warnings)


@pytest.mark.parametrize("kinds", [1, 2])
def test_what_turning_explains_alone_is_said_to_leave_the_latents_silent(kinds: int) -> None:
    patches, kind, *_ = turned(600)
    model = aoi.models.rVAE((20, 20), numhidden=32, translation=False)
    model.fit(patches[kind < kinds], training_cycles=25, batch_size=50, learning_rate=2e-3)
    assert any("collapse" in sentence for sentence in model.warnings) == (kinds == 1)


def test_the_same_seed_gives_the_same_bits_and_a_stopped_run_goes_on(tmp_path: Path) -> None:
    patches = turned(120)[0]
    whole, halves = (aoi.models.jrVAE((20, 20), translation=False, numhidden=16) for _ in range(2))
    whole.fit(patches, training_cycles=4, batch_size=40)
    work = halves.fitting(patches, training_cycles=4, batch_size=40)
    for progress in work:
        if progress.step == 2 and progress.losses:
            work.close()
    opened = aoi.models.load_model(halves.save_model(tmp_path / "half"))
    opened.fit(patches, resume=True, training_cycles=2)
    assert np.array_equal(opened.encode(patches).mean, whole.encode(patches).mean)
    assert list(opened.history["train_loss"]) == list(whole.history["train_loss"])


def test_known_classes_are_told_to_the_decoder() -> None:
    patches, kind, *_ = turned(200)
    model = aoi.models.VAE((20, 20), nb_classes=2, numhidden=32)
    model.fit(patches, kind, training_cycles=3, loss="ce", recording=True)
    assert len(model.recorded) == 3
    one, two = (model.decode(np.zeros((1, 2)), y=[y]) for y in (0, 1))
    assert np.abs(one - two).max() > 1e-3
    with pytest.raises(BadImage, match="nb_classes=2"):
        model.encode(patches)
    with pytest.raises(BadImage, match="0 to 5"):
        model.fit(patches, np.arange(200) % 6)


def test_the_words_of_fit_act() -> None:
    patches = turned(60)[0]
    model = aoi.models.rVAE((20, 20), numhidden=16)
    model.fit(patches[..., None], latent_dim=3, rotation_prior=math.pi / 3, training_cycles=1, batch_size=100)
    assert model.encode(patches).mean.shape == (60, 3)
    assert model.net.prior.angle == pytest.approx(math.pi / 3)
    model.fit(patches, training_cycles=1, capacity=[2.0, 1, 30.0])
    assert model.card().training["latent"]["capacity"] == [2.0, 1, 30.0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"latent_dim": 2.5}, "latent_dim is 2.5"),
        ({"latent_dim": "2"}, "latent_dim is '2'"),
        ({"discrete_dim": [2.5]}, "classes is 2.5"),
        ({"nb_classes": 2.5}, "nb_classes is 2.5"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2.5}, "seed is 2.5"),
    ],
)
def test_numbers_that_are_not_whole_are_refused_before_a_net_is_made(
    options: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadOption, match=words):
        aoi.models.jrVAE((20, 20), numhidden=8, **options)


def test_one_number_of_classes_needs_no_list() -> None:
    assert aoi.models.jrVAE((20, 20), discrete_dim=3, numhidden=8).discrete_dim == (3,)


@pytest.mark.parametrize(
    ("data", "options", "error", "words"),
    [
        (np.ones((40, 20, 20)), {}, BadImage, "same"),
        (np.full((40, 20, 20), np.nan), {}, BadImage, "finite"),
        (np.ones((3, 20, 20)), {}, BadImage, "3 patches"),
        (np.ones((40, 21, 20)), {}, BadImage, "21"),
        (np.eye(20)[None] * np.arange(40)[:, None, None], {"loss": "msee"}, UnknownOption, "mse"),
        (np.eye(20)[None] * np.arange(40)[:, None, None], {"batchsize": 3}, UnknownOption, "batch_size"),
        (np.eye(20)[None] * np.arange(40)[:, None, None], {"capacity": 5}, BadOption, "nats"),
        (np.eye(20)[None] * np.arange(40)[:, None, None], {"translation_prior": 7.0}, BadOption, "0.001"),
    ],
)
def test_bad_data_and_options_are_refused_at_once(
    data: Array, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        aoi.models.rVAE((20, 20), numhidden=8).fit(data, training_cycles=1, **options)
