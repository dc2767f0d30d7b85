"""The Segmentor trains, predicts, is saved and goes on exactly where it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

from napari_atomai.data.card import ModelCard  # noqa: E402
from napari_atomai.errors import BadModel, BadOption, Diverged, UnknownOption  # noqa: E402
from napari_atomai.files.weights import read_card, write_weights  # noqa: E402
from napari_atomai.locate.neighbours import nearest_distances  # noqa: E402
from napari_atomai.models import (  # noqa: E402
    Segmentor,
    load_ensemble,
    load_model,
    load_pretrained_model,
    save_model,
)
from napari_atomai.nets.registry import register  # noqa: E402
from napari_atomai.prepare.masks import disc_labels  # noqa: E402
from napari_atomai.prepare.scaling import Scaling  # noqa: E402
from napari_atomai.simulate.samples import perovskite  # noqa: E402
from napari_atomai.simulate.truth import match  # noqa: E402
from napari_atomai.trainers.ensemble import EnsembleTrainer  # noqa: E402

SMALL = {"filters": [8, 16], "bottleneck": [1, 1]}
QUICK: dict[str, Any] = {"batch_size": 8, "learning_rate": 0.01}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def crystal() -> tuple[np.ndarray, np.ndarray]:
    """Return patches (n, y, x) of a simulated perovskite, and the classes of its two sublattices."""
    sample = perovskite(size=192, seed=3)
    table = np.column_stack([sample.truth.positions, sample.truth.classes])
    labels = disc_labels(table, (192, 192), nb_classes=3, radius=4)

    def patches(image: np.ndarray) -> np.ndarray:
        return image.reshape(4, 48, 4, 48).transpose(0, 2, 1, 3).reshape(-1, 48, 48)

    return patches(np.asarray(sample.image.pixels)), patches(np.asarray(labels).reshape(192, 192))


@pytest.fixture(scope="module")
def trained(crystal: tuple[np.ndarray, np.ndarray]) -> Segmentor:
    torch.set_num_threads(1)
    model = Segmentor(nb_classes=3, net_options=SMALL, class_names=("Sr", "Ti"))
    model.fit(*crystal, training_cycles=150, **QUICK)
    return model


def small(nb_classes: int = 3) -> Segmentor:
    return Segmentor(nb_classes=nb_classes, net_options=SMALL)


def weights(model: Segmentor) -> list[np.ndarray]:
    return [value.numpy().copy() for value in model.net.state_dict().values()]


def equal(one: Segmentor, other: Segmentor) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))


def test_both_sublattices_of_a_crystal_it_has_not_seen_are_found_and_classed(trained: Segmentor) -> None:
    sample = perovskite(size=250, seed=8)
    nn_output, coordinates = trained.predict(sample.image.pixels)
    assert nn_output.shape == (1, 250, 250, 3)
    np.testing.assert_allclose(nn_output.sum(-1), 1, atol=1e-5)
    found = coordinates[0]
    one, other = match(found[:, :2], sample.truth.positions, 3.0)
    assert len(one) > 0.97 * len(sample.truth.positions)
    inner = (found[:, :2] > 5).all(axis=1) & (found[:, :2] < 244).all(axis=1)
    assert np.isin(np.flatnonzero(inner), one).mean() > 0.97
    assert (found[one, 2] == sample.truth.classes[other]).mean() > 0.97


def test_refining_brings_atoms_nearer_to_the_truth(trained: Segmentor) -> None:
    sample = perovskite(size=200, dose=1000, seed=9)

    def error(refine: bool) -> float:
        found = trained.predict(sample.image, refine=refine)[1][0]
        one, other = match(found[:, :2], sample.truth.positions, 3.0)
        away = found[one, :2] - sample.truth.positions[other]
        return float(np.sqrt((away**2).sum(1).mean()))

    assert error(True) < 0.7 * error(False)


def test_a_stack_gives_a_table_for_each_image_whatever_it_is_stacked_with(trained: Segmentor) -> None:
    first, second = (perovskite(size=120, seed=seed).image.pixels for seed in (1, 2))
    both = trained.predict(np.stack([first, 50 * np.asarray(second)]))
    alone = trained.predict(second)
    assert set(both[1]) == {0, 1}
    np.testing.assert_allclose(both[0][1], alone[0][0], atol=1e-4)
    np.testing.assert_allclose(both[1][1], alone[1][0], atol=0.01)


def test_an_image_at_another_pixel_size_is_resized_for_the_net_and_atoms_are_brought_back(
    trained: Segmentor,
) -> None:
    fine = perovskite(size=320, pixel_size=0.008, seed=4)
    found = trained.predict(fine.image.pixels, resize=(160, 160))
    assert found[0].shape == (1, 320, 320, 3)
    pairs, _ = match(found[1][0][:, :2], fine.truth.positions, 5.0)
    assert len(pairs) > 0.95 * len(fine.truth.positions)


def test_coordinates_are_left_out_where_they_are_not_wanted(trained: Segmentor) -> None:
    assert trained.predict(np.zeros((32, 32)), compute_coords=False)[1] == {}
    with pytest.raises(BadOption, match=r"thresh is 1\.5"):
        trained.predict(np.zeros((32, 32)), thresh=1.5)


def test_a_saved_model_predicts_the_same_and_says_what_it_is(trained: Segmentor, tmp_path: Path) -> None:
    path = save_model(trained, tmp_path / "mine")
    assert path.name == "mine.safetensors"
    card = read_card(path)
    assert (card.name, card.net, card.task, card.background) == ("mine", "unet", "segmentation", "last")
    assert card.classes == ("Sr", "Ti")
    distances = nearest_distances(perovskite(size=192, seed=3).truth.positions)
    assert card.spacing_best == pytest.approx(np.median(distances), rel=0.05)
    back = load_model(tmp_path / "mine")
    image = perovskite(size=64, seed=5).image.pixels
    np.testing.assert_array_equal(back.predict(image)[0], trained.predict(image)[0])
    assert back.class_names == ("Sr", "Ti")
    assert back.card("mine") == card
    again = small()
    again.load_weights(path)
    assert equal(again, trained)


@pytest.mark.parametrize("options", [{}, {"swa": True, "lr_scheduler": "cosine"}])
def test_training_goes_on_after_loading_exactly_as_if_nothing_had_been(
    crystal: Any, tmp_path: Path, options: dict[str, Any]
) -> None:
    words = {**QUICK, **options, "perturb_weights": {"e_p": 2}}
    whole = small()
    whole.fit(*crystal, training_cycles=8, **words)
    part = small()
    work = part.fitting(*crystal, training_cycles=8, **words)
    for _ in range(5):
        next(work)
    work.close()
    path = part.save_model(tmp_path / "part")
    loaded = load_model(path)
    result = loaded.fit(*crystal, resume=True)
    assert result.cycles == 8
    assert equal(whole, loaded)


def test_training_on_after_loading_changes_the_weights_that_predict(
    trained: Segmentor, crystal: Any, tmp_path: Path
) -> None:
    loaded = load_model(trained.save_model(tmp_path / "a", training=False))
    before = weights(loaded)
    with pytest.raises(BadOption, match="no training to go on with"):
        loaded.fit(*crystal, resume=True)
    loaded.fit(*crystal, training_cycles=3, swa=True, **QUICK)
    assert any(not np.array_equal(a, b) for a, b in zip(before, weights(loaded), strict=True))


def test_after_a_stop_or_a_failure_history_and_card_tell_of_that_run(crystal: Any) -> None:
    model = Segmentor(nb_classes=3, net_options=SMALL)
    model.fit(*crystal, training_cycles=4, **QUICK)
    before = model.history["train_loss"]
    work = model.fitting(*crystal, training_cycles=9, seed=5, **QUICK)
    for _ in range(3):
        next(work)
    work.close()
    assert len(model.history["train_loss"]) == 3
    assert model.history["train_loss"] != before[:3]
    assert model.card().metrics["cycles"] == 3
    assert model.card().metrics["test_loss"] == pytest.approx(min(model.history["test_loss"]))
    cycles = iter(range(100))

    def breaks(logits: Any, target: Any) -> Any:
        return logits.mean() * (float("nan") if next(cycles) >= 12 else 1.0)

    with pytest.raises(Diverged):
        model.fit(*crystal, training_cycles=20, loss=breaks, **QUICK)
    assert 0 < len(model.history["train_loss"]) < 20
    assert model.card().metrics["cycles"] == len(model.history["train_loss"])


def test_a_finished_training_is_gone_on_with_for_more_cycles(crystal: Any) -> None:
    whole, part = small(), small()
    whole.fit(*crystal, training_cycles=6, **QUICK)
    part.fit(*crystal, training_cycles=4, **QUICK)
    with pytest.raises(BadOption, match="came to its end after 4 cycles"):
        part.fit(*crystal, resume=True)
    assert part.fit(*crystal, resume=True, training_cycles=2).cycles == 6
    assert equal(whole, part)
    assert len(part.history["train_loss"]) == 6


def test_the_same_seed_gives_the_same_net_and_another_another() -> None:
    before = torch.get_rng_state()
    assert equal(small(), small())
    assert not equal(small(), Segmentor(nb_classes=3, net_options=SMALL, seed=2))
    assert torch.equal(before, torch.get_rng_state())


def test_building_and_training_write_no_file(
    crystal: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    small().fit(*crystal, training_cycles=1, **QUICK)
    assert list(tmp_path.iterdir()) == []


def test_a_net_of_ones_own_is_saved_once_it_has_a_name(crystal: Any, tmp_path: Path) -> None:
    @register("own segmentor net")
    class Own(torch.nn.Module):
        def __init__(self, channels: int = 1, classes: int = 3, width: int = 6) -> None:
            super().__init__()
            self.channels, self.classes = channels, classes
            self.one = torch.nn.Conv2d(channels, width, 3, padding=1)
            self.two = torch.nn.Conv2d(width, classes, 3, padding=1)

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return self.two(torch.relu(self.one(image)))

    model = Segmentor("own segmentor net", nb_classes=3, net_options={"width": 4})
    model.fit(*crystal, training_cycles=2, **QUICK)
    back = load_model(model.save_model(tmp_path / "own"))
    assert equal(model, back)
    bare = Segmentor(torch.nn.Conv2d(1, 3, 3, padding=1), nb_classes=3)
    bare.fit(*crystal, training_cycles=2, **QUICK)
    bare.predict(crystal[0][0])
    with pytest.raises(BadModel, match="register"):
        bare.save_model(tmp_path / "bare")


def test_weights_of_another_net_are_refused_and_leave_the_model_as_it_was(
    trained: Segmentor, tmp_path: Path
) -> None:
    path = trained.save_model(tmp_path / "a", training=False)
    for other in (
        Segmentor(nb_classes=2, net_options=SMALL),
        Segmentor(nb_classes=3),
        Segmentor("dilnet", nb_classes=3),
    ):
        before = weights(other)
        with pytest.raises(BadModel, match=r"do not fit the net|holds a net 'unet'"):
            other.load_weights(path)
        assert all(np.array_equal(a, b) for a, b in zip(before, weights(other), strict=True))


def test_a_file_whose_net_is_not_known_here_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "foreign.safetensors"
    write_weights(path, ModelCard(name="foreign", net="nobodys"), {"a": np.zeros(1, np.float32)})
    with pytest.raises(BadModel, match="Import the module that defines it"):
        load_model(path)


def test_bundled_models_are_opened_by_name_and_find_atoms() -> None:
    model = load_pretrained_model("atoms")
    sample = perovskite(size=160, seed=2)
    found = model.predict(sample.image.pixels)[1][0]
    assert len(match(found[:, :2], sample.truth.positions, 4.0)[0]) > 0.9 * len(sample.truth.positions)
    with pytest.raises(UnknownOption, match="Did you mean 'atoms'"):
        load_pretrained_model("atom")


def test_an_ensemble_is_opened_as_one(crystal: Any, tmp_path: Path) -> None:
    maker = EnsembleTrainer(nb_classes=3, net_options=SMALL)
    _, ensemble = maker.train_ensemble_from_scratch(*crystal, n_models=2, training_cycles=1, **QUICK)
    path = save_model(ensemble, tmp_path / "two")
    assert len(load_ensemble(path)) == 2
    with pytest.raises(BadModel, match="ensemble of 2 nets"):
        load_model(path)


def test_the_scaling_of_the_training_is_that_of_the_prediction(crystal: Any, tmp_path: Path) -> None:
    model = Segmentor(nb_classes=3, net_options=SMALL, scaling=Scaling(kind="minmax"))
    model.fit(*crystal, training_cycles=1, **QUICK)
    back = load_model(model.save_model(tmp_path / "scaled"))
    assert back.scaling == Scaling(kind="minmax")
    image = crystal[0][0]
    np.testing.assert_allclose(back.predict(3 * image + 5)[0], model.predict(image)[0], atol=1e-4)
