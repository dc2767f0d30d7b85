"""Whatever a public argument is given, the answer is an error in words: what is wrong, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

import napari_atomai as aoi  # noqa: E402
from napari_atomai.errors import AtomAIError  # noqa: E402
from napari_atomai.models import convert_atomai, load_atomai  # noqa: E402
from napari_atomai.prepare.augment_recipe import Augment  # noqa: E402
from napari_atomai.prepare.masks import disc_labels, gaussian_maps  # noqa: E402

NET = {"filters": [4, 8], "bottleneck": [1]}
QUICK: dict[str, Any] = {"training_cycles": 1, "batch_size": 4}
X = np.random.default_rng(0).random((8, 16, 16))
Y = (X > 0.5).astype(int)
PLACES = {0: np.array([[20.0, 20, 0], [30, 40, 0], [40, 25, 0]])}
SCENE = np.random.default_rng(1).random((64, 64))

NAN, NEGATIVE, PART, WORD, EMPTY, BYTES = float("nan"), -1, 2.5, "misspelt", "", b"xy"
NOTHING = np.zeros(0)
WRONG: tuple[Any, ...] = (
    *(NEGATIVE, PART, NAN, float("inf"), WORD, EMPTY, BYTES),
    *(object(), {"misspelt": 1}, [NAN], NOTHING),
)
"""Values that an argument refuses, but for those that the table allows it."""
NUMBERS, WORDS = (PART,), (WORD,)
SIGNED = (NEGATIVE, PART)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def model() -> Any:
    return aoi.models.Segmentor(net_options=NET)


@pytest.fixture(scope="module")
def members(model: Any) -> Any:
    return [model.net.state_dict()]


def refused(call: Callable[[Any], Any], *allowed: Any) -> None:
    """Call with every wrong value but the allowed ones; each answer has to be an error in parts."""
    for value in WRONG:
        if any(value is each for each in allowed):
            continue
        with pytest.raises(AtomAIError) as told:
            call(value)
        assert told.value.what, f"{value!r} is answered without saying what is wrong"
        assert told.value.remedy, f"{value!r} is answered without a remedy: {told.value}"


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("model", ()),
        ("nb_classes", ()),
        ("channels", ()),
        ("net_options", ()),
        ("seed", ()),
        ("scaling", ()),
        ("class_names", WORDS),
        ("chanels", ()),
    ],
)
@pytest.mark.parametrize("kind", [aoi.models.Segmentor, aoi.trainers.EnsembleTrainer])
def test_a_model(kind: Any, name: str, allowed: tuple[Any, ...]) -> None:
    given = {} if name == "model" else {"net_options": NET}
    refused(lambda value: kind(**{**given, name: value}), *allowed)


@pytest.mark.parametrize("name", ["filters", "layers", "dropout", "norm", "stem", "activation", "bottleneck"])
def test_options_of_a_net(name: str) -> None:
    refused(lambda value: aoi.models.Segmentor(net_options={**NET, name: value}))


@pytest.mark.parametrize("name", ["X_train", "y_train", "X_test", "y_test"])
def test_data_to_learn_from(name: str, model: Any) -> None:
    data = {"X_train": X, "y_train": Y, "X_test": X, "y_test": Y}
    refused(lambda value: model.fit(**{**data, name: value}, **QUICK))


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        *((name, ()) for name in ("training_cycles", "full_epoch", "batch_size", "loss", "optimizer")),
        *((name, ()) for name in ("compute_accuracy", "swa", "swa_start", "early_stopping", "seed")),
        *((name, ()) for name in ("print_loss", "micro_batch", "precision", "device", "processes", "nodes")),
        *((name, ()) for name in ("resume", "missing_classes", "augmentation", "perturb_weights")),
        *((name, ()) for name in ("rotation", "resize", "gauss_noise", "poisson_noise", "jitter", "blur")),
        *((name, ()) for name in ("salt_and_pepper", "contrast", "background", "custom_transform")),
        *((name, NUMBERS) for name in ("learning_rate", "clip_gradient", "memory_gb", "zoom")),
        ("class_weights", (NOTHING,)),
        ("lr_scheduler", ()),
        ("checkpoint", WORDS),
        ("batchsize", ()),
    ],
)
def test_a_training(name: str, allowed: tuple[Any, ...], model: Any) -> None:
    refused(lambda value: model.fit(X, Y, **{**QUICK, name: value}), *allowed)


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("imgs", ()),
        ("refine", ()),
        ("thresh", ()),
        ("compute_coords", ()),
        ("resize", ()),
        ("radius", NUMBERS),
        ("memory_budget", ()),
        ("treshold", ()),
    ],
)
def test_a_prediction(name: str, allowed: tuple[Any, ...], model: Any) -> None:
    refused(lambda value: model.predict(**{"imgs": X, name: value}), *allowed)


def test_files_of_models(model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for opened in (aoi.models.load_model, aoi.models.load_ensemble, aoi.models.load_pretrained_model):
        refused(opened)
    for opened in (load_atomai, convert_atomai, model.load_weights):
        refused(opened)
    for saved in (model.save_model, lambda path: aoi.models.save_model(model, path)):
        refused(saved, *WORDS)
    refused(lambda value: aoi.models.save_model(value, tmp_path / "a"))
    refused(lambda value: model.save_model(tmp_path / "a", training=value))


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("n_models", ()),
        ("X_train", ()),
        ("y_train", ()),
        ("training_cycles", ()),
        ("n_modles", ()),
    ],
)
def test_an_ensemble(name: str, allowed: tuple[Any, ...]) -> None:
    trainer = aoi.trainers.EnsembleTrainer(net_options=NET)
    given: dict[str, Any] = {"X_train": X, "y_train": Y, "n_models": 1, **QUICK}
    for train in (trainer.train_ensemble_from_scratch, trainer.train_swag):
        refused(lambda value, train=train: train(**{**given, name: value}), *allowed)
    baseline = trainer.train_ensemble_from_baseline
    refused(lambda value: baseline(**{**given, "training_cycles_ensemble": 1, name: value}), *allowed)


@pytest.mark.parametrize("name", ["basemodel", "training_cycles_ensemble"])
def test_an_ensemble_from_a_baseline(name: str) -> None:
    train = aoi.trainers.EnsembleTrainer(net_options=NET).train_ensemble_from_baseline
    refused(lambda value: train(X, Y, n_models=1, **{name: value}, **QUICK))


@pytest.mark.parametrize("name", ["net", "members", "card", "scaling"])
def test_the_weights_of_an_ensemble(name: str, model: Any, members: Any) -> None:
    given = {"net": model.net, "members": members, "card": None, "scaling": None}
    refused(lambda value: aoi.trainers.Ensemble(**{**given, name: value}))


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        *((name, ()) for name in ("net", "scaling", "tile", "memory_budget", "engine", "channels")),
        ("device", (EMPTY,)),
    ],
)
def test_a_predictor(name: str, allowed: tuple[Any, ...], model: Any, members: Any) -> None:
    given = {"net": model.net, "channels": 1}
    refused(lambda value: aoi.predictors.SegPredictor(**{**given, name: value}).predict(X), *allowed)
    name = "model" if name == "net" else name
    given = {"model": model.net, "ensemble": members}
    refused(lambda value: aoi.predictors.EnsemblePredictor(**{**given, name: value}).predict(X), *allowed)


@pytest.mark.parametrize(
    ("name", "allowed"), [("ensemble", ()), ("nb_classes", ()), ("temperature", NUMBERS)]
)
def test_a_predictor_of_an_ensemble(name: str, allowed: tuple[Any, ...], model: Any, members: Any) -> None:
    given = {"model": model.net, "ensemble": members}
    refused(lambda value: aoi.predictors.EnsemblePredictor(**{**given, name: value}).predict(X), *allowed)


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        *((name, ()) for name in ("image", "model", "threshold", "contrast", "refine")),
        *((name, NUMBERS) for name in ("zoom", "pixel_size")),
    ],
)
def test_a_segmentation(name: str, allowed: tuple[Any, ...], model: Any) -> None:
    refused(lambda value: aoi.segment(**{"image": SCENE, "model": model, name: value}), *allowed)


LAID: dict[str, Any] = {"coordinates": PLACES, "shape": (64, 64)}
TOOLS: list[tuple[Callable[..., Any], dict[str, Any], dict[str, tuple[Any, ...]]]] = [
    (aoi.utils.create_lattice_mask, {"lattice": SCENE, "xy_atoms": PLACES[0][:, :2]}, {"rmask": NUMBERS}),
    (
        aoi.utils.create_multiclass_lattice_mask,
        {"imgdata": SCENE, "coord_class_dict": PLACES},
        {"rmask": NUMBERS},
    ),
    (aoi.utils.data_split, {"X_train": X, "y_train": Y}, {"test_size": (), "random_state": (), "frames": ()}),
    (
        aoi.utils.extract_patches,
        {"images": X, "masks": Y, "patch_size": 8, "num_patches": 2},
        {"random_state": ()},
    ),
    (
        aoi.utils.extract_subimages,
        {"imgdata": SCENE, "coordinates": PLACES, "window_size": 8},
        {"coord_class": (), "subpixel": ()},
    ),
    (
        aoi.utils.extract_random_subimages,
        {"imgdata": SCENE, "window_size": 8, "num_images": 2},
        {"coordinates": (), "random_state": ()},
    ),
    (aoi.utils.imcrop_randpx, {"img": SCENE, "window_size": 8, "num_images": 2}, {"random_state": ()}),
    (
        aoi.utils.imcrop_randcoord,
        {"img": SCENE, "coord": PLACES[0], "window_size": 8, "num_images": 2},
        {"random_state": ()},
    ),
    (
        aoi.utils.extract_patches_and_spectra,
        {"hdata": np.ones((64, 64, 4)), "coordinates": PLACES, "patch_size": 8},
        {"img": (), "band": (), "avg_pool": ()},
    ),
    (aoi.utils.get_coord_grid, {"imgdata": SCENE, "step": 8}, {"return_dict": ()}),
    (aoi.utils.num_classes_from_labels, {"labels": Y}, {}),
    (aoi.utils.channels2indices, {"masks": np.eye(3)[Y]}, {}),
    (aoi.utils.MakeAtom, {"sc": 5, "r_mask": 3}, {"intensity": SIGNED, "offset": SIGNED}),
    (aoi.utils.seg_augmentor, {"nb_classes": 1}, {"zoom": NUMBERS, "gauss_noise": (), "zom": ()}),
    (
        disc_labels,
        {"coordinates": PLACES, "shape": (64, 64), "nb_classes": 1},
        {"radius": NUMBERS, "ring": NUMBERS},
    ),
    (gaussian_maps, {"coordinates": PLACES, "shape": (64, 64), "nb_classes": 1}, {"sigma": NUMBERS}),
    (
        aoi.predictors.ensemble_locate,
        {"maps": np.random.default_rng(2).random((2, 1, 16, 16, 1)), "min_distance": 3.0},
        {"threshold": (), "agreement": ()},
    ),
]
FITS: dict[str, tuple[Any, ...]] = {
    "xy_atoms": (NOTHING,),  # an image without atoms is an image
    "coordinates": (NOTHING,),
    "min_distance": NUMBERS,
}


@pytest.mark.parametrize(
    ("tool", "given", "name", "allowed"),
    [
        pytest.param(tool, given, name, allowed, id=f"{tool.__name__}.{name}")
        for tool, given, more in TOOLS
        for name, allowed in {**{each: FITS.get(each, ()) for each in given}, **more}.items()
    ],
)
def test_training_data(
    tool: Callable[..., Any], given: dict[str, Any], name: str, allowed: tuple[Any, ...]
) -> None:
    tool(**given)
    refused(lambda value: tool(**{**given, name: value}), *allowed)


@pytest.mark.parametrize("name", sorted(Augment.model_fields))
def test_augmentation(name: str) -> None:
    numbers = SIGNED if name not in ("flips", "quarter_turns", "salt_and_pepper", "outside") else ()
    refused(lambda value: Augment.of({name: value}), *numbers)


def test_loading_by_a_number_says_what_to_give() -> None:
    with pytest.raises(
        AtomAIError, match=r"The model is 3\. It says where a file lies\. Give a \.safetensors"
    ):
        aoi.models.load_model(3)


def test_a_checkpoint_that_is_a_number_says_what_to_give(model: Any) -> None:
    with pytest.raises(AtomAIError, match=r"checkpoint is 3\..*Give the path of a file"):
        model.fit(X, Y, checkpoint=3, **QUICK)
