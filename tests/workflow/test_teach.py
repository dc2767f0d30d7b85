"""Teaching a finder from corrections."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Image
from napari_atomai.data.progress import finish
from napari_atomai.data.recipes_teaching import Teach
from napari_atomai.errors import BadModel, BadOption
from napari_atomai.files.weights import read_weights
from napari_atomai.models.storage import load_weights
from napari_atomai.predictors.detect import detecting
from napari_atomai.predictors.finder import finder_for
from napari_atomai.prepare.lessons import held_out, region_mask
from napari_atomai.trainers.teaching import Run, as_weights, learning, net_of, simulated
from napari_atomai.workflow import teaching_process
from napari_atomai.workflow.corrections import Correction
from napari_atomai.workflow.find import find_atoms
from napari_atomai.workflow.nearby import predict_near
from napari_atomai.workflow.process import Task, read_task, write_task
from napari_atomai.workflow.teach import augmented_patches, estimate, prepared, teaching
from napari_atomai.workflow.teaching_process import working
from napari_atomai.workflow.teaching_task import MODEL, MODULE, as_task

QUICK = Teach(steps=4, batch=2, remember=0, held_out=0.3)


def spots(seed: int = 0, side: int = 160) -> tuple[Image, np.ndarray]:
    """Draw wide spots, which are atoms, and narrow ones between them, which are none."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(16, side - 8, 22.0)] * 2, indexing="ij"), -1).reshape(-1, 2)
    positions, others = (part + rng.uniform(-2, 2, grid.shape) for part in (grid, grid + 11))
    at = np.indices((side, side)).transpose(1, 2, 0)
    pixels = rng.normal(0, 0.03, (side, side))
    for centres, sigma in ((positions, 3.5), (others, 1.6)):
        away = np.linalg.norm(at[:, :, None] - centres, axis=-1)
        pixels += np.exp(-0.5 * (away / sigma) ** 2).sum(axis=-1)
    return Image.from_array(pixels), positions


def correction(**more: object) -> Correction:
    image, positions = spots()
    return Correction(image, Atoms.make(positions), spacing=22.0, dark=False, **more)  # type: ignore[arg-type]


def test_a_region_covers_the_pixels_whose_centre_lies_in_it() -> None:
    square = region_mask([[(1.5, 0.5), (1.5, 3.5), (4.5, 3.5), (4.5, 0.5)]], (6, 5))
    expected = np.zeros((6, 5), bool)
    expected[2:5, 1:4] = True
    assert np.array_equal(square, expected)
    assert region_mask([], (3, 3)).all()
    with pytest.raises(BadOption, match="corners"):
        region_mask([[(0, 0), (1, 1)]], (5, 5))


def test_the_held_out_part_lies_in_what_was_reviewed_and_follows_its_seed() -> None:
    reviewed = np.zeros((100, 100), bool)
    reviewed[:, :60] = True
    positions = np.random.default_rng(0).uniform(0, 59, (40, 2))
    one, again, other = (held_out(reviewed, positions, 0.3, 10, seed) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert not one[~reviewed].any()
    assert one.sum() == pytest.approx(0.3 * reviewed.sum(), rel=0.15)
    assert not held_out(reviewed, positions, 0.0, 10, 1).any()


def test_outside_of_the_reviewed_regions_nothing_is_learned() -> None:
    half = np.array([(-1, -1), (-1, 79.5), (200, 79.5), (200, -1)])
    lecture = finish(prepared([correction(regions=[half])], QUICK))
    lesson = lecture.run.lessons[0]
    edge = round(80 * lesson.labels.shape[1] / 160)
    assert (lesson.labels[:, edge + 1 :] == -1).all()
    assert (lesson.held[:, edge + 1 :] == -1).all()
    assert set(np.unique(lesson.labels[:, :edge])) == {-1, 0, 1}
    assert not ((lesson.labels >= 0) & (lesson.held >= 0)).any()


def test_what_lies_outside_does_not_change_what_is_learned() -> None:
    half = np.array([(-1, -1), (-1, 79.5), (200, 79.5), (200, -1)])
    image, positions = spots()
    far = np.concatenate([positions[positions[:, 1] < 90], [[50.0, 140.0]]])
    ours = correction(regions=[half])
    theirs = Correction(image, Atoms.make(far), [half], spacing=22.0, dark=False)
    one, other = (finish(prepared([each], QUICK)).run for each in (ours, theirs))
    assert np.array_equal(one.lessons[0].labels, other.lessons[0].labels)


def test_a_net_learns_which_spots_are_atoms(tmp_path: Path) -> None:
    recipe = Teach(steps=30, batch=4, remember=0, held_out=0.25, augmentation="gentle", learning_rate=2e-3)
    taught = finish(teaching([correction()], recipe))
    assert taught.judged_on == "held out"
    assert taught.after.f1 > taught.before.f1
    path = taught.save(tmp_path / "mine")
    card = read_weights(path).card
    assert card.training["base"] == "atoms"
    assert card.metrics["after_f1"] == pytest.approx(taught.after.f1)
    image, positions = spots(seed=1)
    found = find_atoms(image, model=str(path), spacing=22.0, contrast="bright", threshold=taught.threshold)
    near = np.linalg.norm(found.positions[:, None] - positions, axis=-1).min(axis=0) < 6
    assert near.mean() > 0.8
    assert len(found) < 1.2 * len(positions)


def test_scenes_keep_a_net_at_what_it_said_before() -> None:
    """Learned from are spots that the base takes for atoms; of other images it is to say what it said."""
    base, scenes = load_weights("atoms"), simulated(4, seed=99)

    def said(tensors: dict[str, np.ndarray]) -> np.ndarray:
        with torch.no_grad():
            return torch.sigmoid(
                net_of(base.card, as_weights([tensors], base.card)).eval()(scenes.images)
            ).numpy()

    forgot = {}
    for share in (0.0, 0.5):
        recipe = Teach(steps=12, batch=4, remember=share, held_out=0, augmentation="none", learning_rate=2e-3)
        run = finish(learning(finish(prepared([correction()], recipe)).run))
        forgot[share] = np.abs(said(run.best[0]) - said(dict(base.tensors))).mean()
    assert forgot[0.5] < 0.6 * forgot[0.0]


def test_scores_of_what_was_not_taught_keep_their_meaning() -> None:
    base = load_weights("atoms").card
    recipe = QUICK.model_copy(update={"steps": 1})
    of_crystal = finish(teaching([correction()], recipe)).weights.card
    assert (of_crystal.calibration, of_crystal.alone) == (base.calibration, base.alone)
    image, positions = spots()
    strewn = positions[np.random.default_rng(0).permutation(len(positions))[:14]]
    far = Correction(image, Atoms.make(strewn), spacing=22.0, dark=False)
    of_single = finish(teaching([far], recipe)).weights.card
    assert (of_single.calibration, of_single.alone) == (base.calibration, (1.0, 0.0))


def test_the_tile_around_a_place_is_that_of_the_whole_map() -> None:
    image, positions = spots(side=320)
    finder, frame = finder_for(load_weights("atoms")), np.asarray(image.frame(0))
    whole = finish(detecting(finder, frame, 0.6)).probability
    tile = predict_near(finder, frame, 0.6, positions[50])
    assert np.abs(tile.probability - whole[tile.part]).mean() < 0.03
    assert tile.part[0].start < positions[50, 0] < tile.part[0].stop
    with pytest.raises(BadOption, match="outside"):
        predict_near(finder, frame, 0.6, (-5, 3))


def test_learning_is_the_same_again_and_goes_on_from_a_checkpoint(tmp_path: Path) -> None:
    def run() -> Run:
        return finish(prepared([correction()], QUICK)).run

    whole, checkpoint = finish(learning(run())), tmp_path / "state.safetensors"
    work = learning(run(), checkpoint, every=2)
    while next(work).step < 2:
        pass
    work.close()
    resumed = finish(learning(run(), checkpoint))
    assert resumed.history == whole.history
    assert all(np.array_equal(resumed.best[0][n], whole.best[0][n]) for n in whole.best[0])
    other = finish(prepared([correction()], QUICK.model_copy(update={"seed": 3}))).run
    with pytest.raises(BadModel, match="options"):
        finish(learning(other, checkpoint))


def test_frozen_levels_stay_as_they_were() -> None:
    recipe = QUICK.model_copy(update={"frozen": 1})
    run = finish(learning(finish(prepared([correction()], recipe)).run))
    base = load_weights("atoms").tensors
    last = run.tensors()[0]
    assert np.array_equal(last["stem.weight"], base["stem.weight"])
    assert not np.array_equal(last["head.weight"], base["head.weight"])


def test_nothing_to_learn_from_is_refused_in_words() -> None:
    with pytest.raises(BadOption, match="no corrections"):
        finish(teaching([], QUICK))
    beyond = np.array([(500, 500), (500, 600), (600, 600)])
    with pytest.raises(BadOption, match="nothing to learn"):
        finish(teaching([correction(regions=[beyond])], QUICK))
    with pytest.raises(BadOption, match="Frame 3"):
        correction(frame=3)


def test_the_estimate_counts_what_there_is_and_patches_can_be_looked_at() -> None:
    told = estimate([correction()], QUICK)
    assert told.steps == 4
    assert told.atoms == 49
    assert 0 < told.held_out < told.atoms
    assert told.seconds > 0
    patches = augmented_patches([correction()], QUICK, count=2)
    assert [picture.shape for picture, _ in patches] == [(128, 128)] * 2
    assert set(np.unique(patches[0][1])) <= {-1, 0, 1}


@pytest.mark.timeout(180)
def test_the_process_keeps_its_best_net_when_it_is_stopped_and_goes_on_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teaching_process, "learning", partial(learning, every=1))
    description, arrays = as_task([correction()], QUICK, "mine")
    write_task(tmp_path, MODULE, description, arrays)

    def learned() -> Iterator[int]:
        return (each.step for each in working(read_task(tmp_path, lambda _: None)) if each.losses)

    steps = learned()
    while next(steps) < 2:
        pass
    del steps
    assert read_weights(tmp_path / MODEL).card.name == "mine"
    assert (tmp_path / "kept.json").exists()
    assert next(learned()) == 3


def test_the_process_teaches_to_the_end(tmp_path: Path) -> None:
    description, arrays = as_task([correction()], QUICK, "mine")
    summary = finish(working(Task(MODULE, description, arrays, tmp_path)))
    assert {"before", "after", "threshold", "history"} <= set(summary)
    assert (tmp_path / "preview-probability.npy").exists()
