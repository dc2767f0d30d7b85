"""Models of AtomAI are opened as they are, and what else hides in such a file is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

from napari_atomai.errors import BadModel, CannotRead  # noqa: E402
from napari_atomai.files.weights import read_weights  # noqa: E402
from napari_atomai.models.legacy import (  # noqa: E402
    convert_atomai,
    load_atomai,
    load_atomai_ensemble,
    read_atomai,
)
from napari_atomai.models.storage import load_model  # noqa: E402
from napari_atomai.trainers.saving import net_of  # noqa: E402
from tests.models import atomai_files as atomai  # noqa: E402

# What AtomAI 0.8.1 itself gives for these weights and this image, at four pixels.
GIVEN: list[tuple[str, atomai.Shapes, int, dict[str, Any], list[float]]] = [
    ("Unet", atomai.unet(2, 3), 3, {}, [-0.4397, -0.48158, 0.40571, 0.10571]),
    ("Unet", atomai.unet(2, 1, dilated=True), 1, {}, [-0.43943, -0.48158, -0.48752, -0.70888]),
    (
        *("Unet", atomai.unet(2, 1, dropout=True), 1, {"upsampling": "nearest"}),
        [-0.43211, -0.48181, -0.482, -0.71063],
    ),
    ("dilnet", atomai.dilnet(2, 3), 3, {}, [4.53379, 3.29167, 3.78299, 5.12967]),
    ("SegResNet", atomai.segresnet(2, 1), 1, {}, [1.50746, 2.02021, 2.15069, 2.54667]),
    ("ResHedNet", atomai.reshednet(2, 3), 3, {}, [-0.97846, -0.96474, 0.47899, 0.50913]),
]


def saved(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


@pytest.fixture
def unet_file(tmp_path: Path) -> Path:
    weights = atomai.weights(atomai.unet(2, 3))
    return saved(tmp_path / "own.tar", atomai.checkpoint("Unet", 3, weights))


@pytest.mark.parametrize(("model", "shapes", "classes", "more", "given"), GIVEN)
def test_a_net_gives_what_it_gives_in_atomai(
    tmp_path: Path, model: str, shapes: Any, classes: int, more: dict[str, Any], given: list[float]
) -> None:
    content = atomai.checkpoint(model, classes, atomai.weights(shapes), **more)
    weights = read_atomai(saved(tmp_path / "own.tar", content))
    net = net_of(weights)
    with torch.no_grad():
        y = net(atomai.image())[0]
    assert [float(v) for v in (y[0, 0, 0], y[0, 7, 11], y[-1, 8, 3], y[-1, 15, 23])] == pytest.approx(
        given, abs=2e-5
    )
    assert (weights.card.net, net.classes) == (f"atomai_{model.lower()}", classes)


def test_the_card_says_what_is_known_and_what_is_not(unet_file: Path) -> None:
    card = read_atomai(unet_file).card
    assert (card.name, card.task, card.background, len(card.classes)) == ("own", "segmentation", "last", 2)
    assert card.scaling["kind"] == "minmax"
    assert not card.spacing_known
    assert card.training["settings"]["layers"] == [1, 2, 2, 3]


def test_a_file_with_an_optimizer_is_opened_without_it(tmp_path: Path, unet_file: Path) -> None:
    weights = atomai.weights(atomai.unet(2, 3))
    parameters = [torch.nn.Parameter(torch.ones(3))]
    optimizer = torch.optim.Adam(parameters)
    parameters[0].sum().backward()
    optimizer.step()
    path = saved(tmp_path / "full.tar", atomai.checkpoint("Unet", 3, weights, optimizer=optimizer))
    found = read_atomai(path)
    assert found.card.net_options == read_atomai(unet_file).card.net_options
    assert "optimizer" not in found.card.training["settings"]


def test_weights_alone_are_enough(tmp_path: Path) -> None:
    path = saved(tmp_path / "alone.pt", atomai.weights(atomai.unet(2, 1, dropout=True)))
    options = read_atomai(path).card.net_options
    assert options["layers"] == [1, 2, 2, 3]
    assert options["dropout"] is True
    assert options["batch_norm"] is True


def test_numbers_of_numpy_among_the_settings_are_read(tmp_path: Path) -> None:
    weights = atomai.weights(atomai.unet(2, 1))
    content = atomai.checkpoint("Unet", np.int64(1), weights, learning_rate=np.float32(0.5))
    settings = read_atomai(saved(tmp_path / "own.tar", content)).card.training["settings"]
    assert (settings["nb_classes"], settings["learning_rate"]) == (1, 0.5)


def test_it_predicts_trains_on_and_is_saved_anew(tmp_path: Path, unet_file: Path) -> None:
    model = load_atomai(unet_file)
    images = np.random.default_rng(0).normal(size=(4, 16, 16)).astype(np.float32)
    before, _ = model.predict(images, compute_coords=False)
    assert before.shape == (4, 16, 16, 3)
    anew = load_model(model.save_model(tmp_path / "anew"))
    assert np.array_equal(anew.predict(images, compute_coords=False)[0], before)
    labels = np.arange(3).repeat(6)[:16] * np.ones((4, 16, 1), int)
    anew.fit(images, labels, images, labels, training_cycles=2, batch_size=2)
    assert not np.array_equal(anew.predict(images, compute_coords=False)[0], before)


def test_it_is_converted_beside_itself_and_holds_the_same(unet_file: Path) -> None:
    path = convert_atomai(unet_file)
    assert path == unet_file.with_suffix(".safetensors")
    given, anew = read_atomai(unet_file), read_weights(path)
    assert anew.card == given.card
    assert set(anew.tensors) == set(given.tensors)
    assert all(np.array_equal(anew.tensors[name], given.tensors[name]) for name in given.tensors)


def test_an_ensemble_is_opened_whole(tmp_path: Path) -> None:
    first = atomai.weights(atomai.unet(2, 1))
    second = {name: value * 1.25 if value.ndim == 4 else value for name, value in first.items()}
    path = saved(tmp_path / "many.tar", atomai.checkpoint("Unet", 1, {0: first, 1: second}))
    members = load_atomai_ensemble(path)
    assert len(members) == 2
    ratio = members[1]["head.weight"] / members[0]["head.weight"]
    torch.testing.assert_close(ratio, torch.full_like(ratio, 1.25))
    assert convert_atomai(path).is_file()
    with pytest.raises(BadModel, match=r"ensemble of 2 nets\. Open it with load_ensemble"):
        load_atomai(path)


def changed(**tensors: torch.Tensor | None) -> dict[str, torch.Tensor]:
    weights = atomai.weights(atomai.unet(2, 1))
    for name, value in tensors.items():
        weights.pop(name.replace("__", "."), None)
        if value is not None:
            weights[name.replace("__", ".")] = value
    return weights


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (changed(px__bias=None), "'head.bias' is missing"),
        (changed(px__scale=torch.ones(1)), "'head.scale' is too many"),
        (changed(px__bias=torch.ones(2)), r"'head.bias' has the shape \(2,\) instead of \(1,\)"),
        (changed(px__bias=torch.tensor([float("nan")])), "'head.bias' is not finite"),
        (changed(px__weight=torch.ones(1, 2)), "no first or no last convolution"),
        (changed(extra__weight=torch.ones(1)), "parts bn, c1, c2"),
        ({"a": torch.ones(1)}, "The net in own.tar has the parts a"),
        ({"model_type": "vae", "weights": {}}, "is of type 'vae', not 'seg'"),
        ({"model_type": ("seg",), "weights": {}}, "is of type not known"),
        ({"model_type": "seg", "weights": {}}, "does not hold the weights"),
        ({"model_type": "seg", "weights": [1, 2]}, "does not hold the weights"),
        ({"model_type": "seg", "weights": {"px.weight": "x"}}, "does not hold the weights"),
        ({}, "does not hold the weights"),
        ([1, 2, 3], "does not hold the weights"),
        (torch.nn.Conv2d(1, 1, 1), "holds a whole torch.nn.modules.conv.Conv2d"),
    ],
)
def test_what_is_no_such_model_is_refused_in_words(tmp_path: Path, content: Any, words: str) -> None:
    with pytest.raises(BadModel, match=words):
        load_atomai(saved(tmp_path / "own.tar", content))


def test_a_net_that_no_memory_could_hold_is_refused(tmp_path: Path) -> None:
    weights = atomai.weights(atomai.unet(2, 1))
    weights["c1.block.0.weight"] = torch.zeros(200_000, 1, 3, 3)  # a net of 10 ** 13 weights
    with pytest.raises(BadModel, match="instead of"):
        load_atomai(saved(tmp_path / "own.tar", weights))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotRead, match=r"gone\.tar cannot be opened"):
        load_atomai(tmp_path / "gone.tar")


def test_the_mxene_model_finds_the_lattice_of_an_mxene_image(shared_data: Path) -> None:
    import tifffile
    from scipy.spatial import cKDTree

    image = tifffile.imread(shared_data / "stem_MXene_Ti3C2_9HF_1536.tif")[:600, :600]
    model = load_atomai(shared_data / "weights_atomai_unet_MXene_metadict.tar")
    maps, coordinates = model.predict(image, resize=(300, 300))  # atoms 11 pixels apart, as it was trained
    assert maps.shape == (1, 600, 600, 1)
    atoms = coordinates[0][:, :2]
    nearest = cKDTree(atoms).query(atoms, 2)[0][:, 1]
    # A hexagonal lattice of this spacing has 865 atoms here; some are under contamination.
    spacing = np.median(nearest)
    assert 20 < spacing < 23
    assert 0.8 < len(atoms) / (600**2 / (np.sqrt(3) / 2 * 21.9**2)) < 1.05
    assert (np.abs(nearest / spacing - 1) < 0.2).mean() > 0.8
