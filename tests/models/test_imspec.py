"""ImSpec learns, predicts in the units it was given, comes back from its file, and refuses what cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

from napari_atomai.errors import BadImage, BadModel, BadOption, UnknownOption  # noqa: E402
from napari_atomai.models.imspec import ImSpec  # noqa: E402
from napari_atomai.models.storage import load_model  # noqa: E402
from napari_atomai.trainers.segmentation import Labelled  # noqa: E402
from napari_atomai.utils import imspec_augmentor  # noqa: E402
from tests.trainers.imspec_toy import DIMS, SMALL, r2, spots  # noqa: E402

WORDS: dict[str, Any] = {
    "full_epoch": True,
    "training_cycles": 40,
    "batch_size": 16,
    "learning_rate": 0.01,
}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def model(**more: Any) -> ImSpec:
    return ImSpec(*DIMS, latent_dim=2, **{**SMALL, **more})


@pytest.fixture(scope="module")
def trained() -> ImSpec:
    torch.set_num_threads(1)
    made = model()
    made.fit(*spots(), *spots(12, 1), compute_accuracy=True, **WORDS)
    return made


def test_it_predicts_spectra_in_their_own_unit(trained: ImSpec) -> None:
    images, spectra = spots(30, 2)
    assert r2(spectra, trained.predict(images)) > 0.9
    assert trained.history["test_accuracy"][-1] > 0.9


def test_another_unit_of_either_changes_nothing_but_the_unit(trained: ImSpec) -> None:
    (images, spectra), (more, told) = spots(), spots(12, 1)
    other = model()
    other.fit(1e3 * images - 7, 1e12 * spectra, 1e3 * more - 7, 1e12 * told, **WORDS)
    asked = spots(10, 2)[0]
    np.testing.assert_allclose(other.predict(1e3 * asked - 7), 1e12 * trained.predict(asked), atol=30)


def test_images_come_of_spectra() -> None:
    images, spectra = spots()
    made = ImSpec(DIMS[1], DIMS[0], latent_dim=2, **SMALL)
    made.fit(spectra, images, **WORDS)
    images, spectra = spots(20, 2)
    assert r2(images, made.predict(spectra)) > 0.8


def test_decoding_what_was_encoded_is_the_prediction(trained: ImSpec) -> None:
    images = spots(6, 2)[0]
    latent = trained.encode(images)
    assert latent.shape == (6, 2)
    np.testing.assert_allclose(trained.decode(latent), trained.predict(images), rtol=1e-5, atol=1e-15)


def test_one_signal_and_a_channel_of_one_are_taken(trained: ImSpec) -> None:
    images = spots(3, 2)[0]
    np.testing.assert_array_equal(trained.predict(images[:, None]), trained.predict(images))
    np.testing.assert_allclose(trained.predict(images[0]), trained.predict(images)[:1], atol=1e-14)


def test_a_model_comes_back_and_goes_on_as_if_it_had_not_been_away(trained: ImSpec, tmp_path: Path) -> None:
    trained.about["window"] = 40.0
    back = load_model(trained.save_model(tmp_path / "m"))
    assert isinstance(back, ImSpec)
    images = spots(5, 2)[0]
    np.testing.assert_array_equal(back.predict(images), trained.predict(images))
    assert back.about["window"] == 40.0
    whole, half = model(), model()
    words = {**WORDS, "training_cycles": 6}
    whole.fit(*spots(), *spots(12, 1), **words)
    half.fit(*spots(), *spots(12, 1), **{**words, "training_cycles": 3})
    half = ImSpec.load(half.save_model(tmp_path / "half"))
    half.fit(*spots(), *spots(12, 1), resume=True, training_cycles=3)
    assert half.history["train_loss"] == whole.history["train_loss"]


def test_the_same_seed_gives_the_same_bits_whatever_was_drawn_before() -> None:
    results = []
    for draws in (1, 5):
        torch.rand(draws)
        made = model(seed=4)
        made.fit(*spots(), **{**WORDS, "training_cycles": 2})
        results.append(made.predict(spots(4, 2)[0]))
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("strategy", ["scratch", "baseline", "swag"])
def test_every_kind_of_ensemble_gives_each_channel_an_error_bar(strategy: Any, tmp_path: Path) -> None:
    made = model()
    made.fit_ensemble(Labelled(*spots()), 3, strategy, **{**WORDS, "training_cycles": 10})
    images = spots(5, 2)[0]
    told = made.predict_uncertainty(images)
    assert told.members == 3
    assert told.standard_deviation.shape == told.mean.shape == (5, 13)
    assert (told.standard_deviation > 0).all()
    back = ImSpec.load(made.save_model(tmp_path / "several"))
    again = back.predict_uncertainty(images)
    np.testing.assert_array_equal(again.mean, told.mean)
    np.testing.assert_array_equal(again.standard_deviation, told.standard_deviation)


def test_the_error_bar_grows_away_from_what_was_learned() -> None:
    made = model()
    made.fit_ensemble(Labelled(*spots()), 3, "scratch", **WORDS)
    images = spots(10, 2)[0]
    near = made.predict_uncertainty(images).standard_deviation.mean()
    # A spot where none was, three times as bright.
    far = made.predict_uncertainty(np.roll(300 + 3 * (images - 300), 3, axis=1)).standard_deviation.mean()
    assert far > 3 * near


def test_augmentation_follows_the_seed_alone() -> None:
    results = []
    for _ in range(2):
        made = model()
        augment = imspec_augmentor(*DIMS, gauss_noise=True, blur=(1, 10))
        made.fit(*spots(), augmentation=augment, **{**WORDS, "training_cycles": 3})
        results.append(made.predict(spots(4, 2)[0]))
    plain = model()
    plain.fit(*spots(), **{**WORDS, "training_cycles": 3})
    np.testing.assert_array_equal(*results)
    assert not np.array_equal(results[0], plain.predict(spots(4, 2)[0]))


def test_what_cannot_be_learned_is_refused_with_its_numbers() -> None:
    images, spectra = spots(20)
    hole = images.copy()
    hole[3, 2, 2] = np.nan
    cases: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
        ("1 of 20 training inputs", (hole, spectra), {}),
        ("the model takes", (images[:, :5], spectra), {}),
        ("the model takes", (images, spectra[:, :9]), {}),
        ("20 training inputs and 19", (images, spectra[:19]), {}),
        ("4 pairs to learn from", (images[:4], spectra[:4]), {}),
        ("all zero", (images, 0 * spectra), {}),
        ("17 pairs .* batch has 64", (images, spectra), {"batch_size": 64}),
        ("complex", (images * 1j, spectra), {}),
    ]
    for words, data, options in cases:
        with pytest.raises(BadImage, match=words):
            model().fit(*data, training_cycles=1, **options)
    with pytest.raises(BadOption, match="mse"):
        model().fit(images, spectra, loss="ce")
    with pytest.raises(UnknownOption, match="baseline"):
        model().fit_ensemble(Labelled(images, spectra), 2, "base", training_cycles=1)  # type: ignore[arg-type]


def test_another_window_or_axis_than_in_training_is_refused(trained: ImSpec) -> None:
    with pytest.raises(BadImage, match="another size"):
        trained.predict(np.zeros((2, 9, 9)))
    with pytest.raises(BadImage, match="latents"):
        trained.decode(np.zeros((2, 3)))


def test_the_file_of_another_kind_of_model_is_refused() -> None:
    with pytest.raises(BadModel, match="load_model"):
        ImSpec.load("atoms")


def test_augmentation_in_atomais_words_is_the_same_as_its_augmentor() -> None:
    results = []
    for how in ({"gauss_noise": True}, {"augmentation": imspec_augmentor(*DIMS, gauss_noise=True)}):
        made = model()
        made.fit(*spots(), **{**WORDS, "training_cycles": 2, **how})
        results.append(made.predict(spots(4, 2)[0]))
    np.testing.assert_array_equal(*results)
    with pytest.raises(UnknownOption, match="rotation"):
        model().fit(*spots(), rotation=True, **WORDS)
    with pytest.raises(BadOption, match="Both augmentation"):
        model().fit(*spots(), gauss_noise=True, augmentation=results[0].__class__, **WORDS)
