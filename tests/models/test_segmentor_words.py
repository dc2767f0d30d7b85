"""Words given to a Segmentor or an ensemble that do not fit are refused at once, with the remedy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

from napari_atomai.errors import AtomAIError, BadImage, BadOption, UnknownOption  # noqa: E402
from napari_atomai.models import Segmentor  # noqa: E402
from napari_atomai.prepare.augment_recipe import Augment  # noqa: E402
from napari_atomai.trainers.augmentation import with_words  # noqa: E402
from napari_atomai.trainers.ensemble import EnsembleTrainer  # noqa: E402

NET = {"filters": [4, 8], "bottleneck": [1]}
QUICK: dict[str, Any] = {"training_cycles": 2, "batch_size": 4}
X = np.random.default_rng(0).random((8, 16, 16))
Y = (X > 0.5).astype(int)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"nb_classes": "3"}, "nb_classes is '3'"),
        ({"nb_classes": None}, "nb_classes is None"),
        ({"nb_classes": 2.5}, r"nb_classes is 2\.5"),
        ({"seed": "a"}, "seed is 'a'"),
        ({"seed": -1}, "seed is -1"),
        ({"net_options": "filters"}, "net_options is 'filters'"),
        ({"scaling": "minmax"}, "scaling is 'minmax'"),
    ],
)
def test_a_model_of_wrong_words_is_not_made(given: dict[str, Any], words: str) -> None:
    with pytest.raises(BadOption, match=words):
        Segmentor(**{"net_options": NET, **given})


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"loss": "mse"}, UnknownOption, "ce, ce\\+dice"),
        ({"lr_scheduler": "cosin"}, UnknownOption, "'cosine'"),
        ({"lr_scheduler": 3}, BadOption, "lr_scheduler is 3"),
        ({"optimizer": "adm"}, UnknownOption, "'adam'"),
        ({"optimizer": 3}, BadOption, "optimizer is 3"),
        ({"swa": "yes"}, BadOption, "'swa'"),
        ({"perturb_weights": "yes"}, BadOption, "True, False"),
        ({"gauss_noice": True}, UnknownOption, "'gauss_noise'"),
        ({"zoom": True, "augmentation": Augment()}, BadOption, "Beside augmentation= there is zoom="),
    ],
)
def test_a_training_in_wrong_words_is_not_begun(
    given: dict[str, Any], error: type[AtomAIError], words: str
) -> None:
    with pytest.raises(error, match=words) as told:
        Segmentor(net_options=NET).fit(X, Y, **{**QUICK, **given})
    assert "'own'" not in str(told.value)


@pytest.mark.parametrize(
    ("images", "labels", "words"),
    [
        (X[:, None], Y, r"images\[:, 0\]"),
        (np.repeat(X[:, None], 3, 1), Y, r"np.moveaxis\(images, 1, -1\)"),
        (X, Y[:, None], r"masks\[:, 0\]"),
        (np.array([X[0], X[1][:8]], dtype=object), Y, "Python objects"),
    ],
)
def test_images_and_labels_laid_out_otherwise_are_told_how(images: Any, labels: Any, words: str) -> None:
    with pytest.raises(BadImage, match=words):
        Segmentor(net_options=NET).fit(images, labels, **QUICK)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"thresh": "a"}, "thresh is 'a'"),
        ({"thresh": None}, "thresh is None"),
        ({"resize": 64}, r"resize is 64.*\(512, 512\)"),
        ({"radius": "a"}, "radius is 'a'"),
    ],
)
def test_a_prediction_in_wrong_words_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(BadOption, match=words):
        Segmentor(net_options=NET).predict(X, **given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"n_models": 2.5}, r"n_models is 2\.5"),
        ({"n_models": "3"}, "n_models is '3'"),
        ({"n_modles": 3}, "'n_models'"),
    ],
)
def test_an_ensemble_in_wrong_words_is_not_begun(given: dict[str, Any], words: str) -> None:
    with pytest.raises(AtomAIError, match=words):
        EnsembleTrainer(net_options=NET).train_ensemble_from_scratch(X, Y, **{**QUICK, **given})


def test_the_generators_of_an_ensemble_say_what_they_take() -> None:
    work = EnsembleTrainer(net_options=NET).training_from_scratch(X, 2)  # type: ignore[arg-type]
    with pytest.raises(BadOption, match="Labelled"):
        next(work)


def test_a_base_model_may_be_a_segmentor_and_must_fit() -> None:
    trainer = EnsembleTrainer(net_options=NET)
    how: dict[str, Any] = {**QUICK, "n_models": 1, "training_cycles_ensemble": 1}
    base = Segmentor(net_options=NET, seed=9)
    trainer.train_ensemble_from_baseline(X, Y, basemodel=base, **how)
    for mine, theirs in zip(trainer.base.net.parameters(), base.net.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    with pytest.raises(AtomAIError, match="do not fit"):
        trainer.train_ensemble_from_baseline(X, Y, basemodel=Segmentor("dilnet").net, **how)


def test_atomais_words_for_augmentation_are_one_recipe() -> None:
    words = with_words({"zoom": True, "gauss_noise": (0, 50), "rotation": True, "batch_size": 4})
    assert words.keys() == {"batch_size", "augmentation"}
    assert words["augmentation"] == Augment(
        zoom=(1.0, 2.0), gaussian_noise=(0.0, 0.005**0.5), flips=True, quarter_turns=True
    )


def test_a_training_in_atomais_words_is_that_with_the_recipe() -> None:
    words: dict[str, Any] = {"zoom": True, "rotation": True, "gauss_noise": [0, 50]}
    one, other = Segmentor(net_options=NET), Segmentor(net_options=NET)
    one.fit(X, Y, **QUICK, **words)
    other.fit(X, Y, **QUICK, augmentation=with_words(words)["augmentation"])
    assert one.history == other.history
    plain = Segmentor(net_options=NET)
    plain.fit(X, Y, **QUICK)
    assert plain.history != one.history
