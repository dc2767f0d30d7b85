"""Drift, tracks, states and transitions of movies whose truth is known."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import ndimage

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Image
from napari_atomai.data.progress import finish
from napari_atomai.errors import BadAtoms, BadImage, BadOption
from napari_atomai.simulate.blinking import blinking_columns
from napari_atomai.simulate.lattices import PROTOTYPES
from napari_atomai.stat.movies.drift import (
    aligned,
    drift_of_atoms,
    frames_in_common,
    measuring_drift,
    without_drift,
)
from napari_atomai.stat.movies.linking import Tracks, linking, one_to_one
from napari_atomai.stat.movies.states import counted, dwell_times, gaussian_states, transitions


def movie_of(frames: int, count: int = 300, *, lost: float = 0.0, seed: int = 0) -> tuple[Atoms, np.ndarray]:
    """Return atoms that tremble about the sites of a lattice, and which one each is."""
    rng = np.random.default_rng(seed)
    sites, _ = PROTOTYPES["hexagonal"].scaled(14.0).tile((700, 700), 0.2, 0)
    sites = sites[:count]
    parts = []
    for _ in range(frames):
        seen = np.flatnonzero(rng.random(count) >= lost)
        parts.append((sites[seen] + rng.normal(0, 0.8, (len(seen), 2)), seen))
    frame = np.repeat(np.arange(frames), [len(seen) for _, seen in parts])
    where, who = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    mixed = rng.permutation(len(frame))
    return Atoms.make(where[mixed], 0, frame[mixed]), who[mixed]


def picture(shift: tuple[float, float], side: int = 160) -> np.ndarray:
    """Cut a piece out of one large random picture; things in it move by `shift`."""
    rng = np.random.default_rng(1)
    large = ndimage.gaussian_filter(rng.normal(size=(side + 120, side + 120)), 2.5)
    frequencies = [np.fft.fftfreq(n)[(slice(None), None)[:: 1 - 2 * k]] for k, n in enumerate(large.shape)]
    phase = sum(f * s for f, s in zip(frequencies, shift, strict=True))
    moved = np.fft.ifft2(np.fft.fft2(large) * np.exp(-2j * np.pi * phase)).real
    return moved[60 : 60 + side, 60 : 60 + side]


def test_drift_of_images_is_found_below_a_pixel_however_large() -> None:
    true = np.array([[0, 0], [0.3, -0.4], [7.2, 3.1], [-12.4, 20.6]])
    rng = np.random.default_rng(2)
    frames = np.stack([picture(tuple(shift)) for shift in true])
    noise = 0.3 * frames.std()
    found = finish(measuring_drift(Image.from_array(frames + rng.normal(0, noise, frames.shape))))
    assert found == pytest.approx(true, abs=0.15)
    back = aligned(frames[2], found[2])
    inner = slice(30, -30)
    assert np.corrcoef(back[inner, inner].ravel(), frames[0][inner, inner].ravel())[0, 1] > 0.99
    assert np.isnan(back).any()


@pytest.mark.parametrize("seed", [3, 4])
def test_drift_of_blinking_columns_in_noise_is_found_by_the_image_alone(seed: int) -> None:
    film = blinking_columns(seed=seed)
    error = np.diff(finish(measuring_drift(film.image)) - film.drift, axis=0)
    assert np.sqrt(np.mean(error**2)) < 0.12  # of one step: where all frequencies count alike it is 0.16


def test_frames_of_noise_alone_do_not_drift() -> None:
    frames = np.random.default_rng(3).normal(size=(4, 64, 64))
    assert not finish(measuring_drift(Image.from_array(frames))).any()
    assert not finish(measuring_drift(Image.from_array(np.ones((3, 32, 32))))).any()


def test_a_lattice_that_moves_is_followed_by_the_shorter_way() -> None:
    rows, cols = np.indices((128, 128))
    frames = [np.cos(2 * np.pi * (rows - s) / 16) + np.cos(2 * np.pi * (cols + s) / 16) for s in (0, 3, 6)]
    found = finish(measuring_drift(Image.from_array(np.stack(frames))))
    assert found == pytest.approx(np.array([[0, 0], [3, -3], [6, -6]]), abs=0.3)


def test_frames_of_other_shapes_are_refused() -> None:
    class Movie:
        n_frames = 2

        def frame(self, index: int) -> np.ndarray:
            return np.zeros((16 + index, 16))

    with pytest.raises(BadImage, match=r"Frame 1 has shape \(17, 16\)"):
        finish(measuring_drift(Movie()))


def test_drift_of_atoms_is_found_while_some_of_them_appear_and_vanish() -> None:
    atoms, _ = movie_of(30, lost=0.1)
    true = np.cumsum(np.random.default_rng(4).normal(0, 1.2, (30, 2)), axis=0)
    true -= true[0]
    moved = Atoms.make(atoms.positions + true[atoms.frames], 0, atoms.frames)
    found = drift_of_atoms(moved)
    assert np.abs(found - true).max() < 0.6
    still = without_drift(moved, found)
    assert still.positions == pytest.approx(moved.positions - found[moved.frames])
    with pytest.raises(BadOption, match="drift of 3 frames"):
        without_drift(moved, found[:3])


def turned(angle: float, shift: tuple[float, float]) -> np.ndarray:
    """Return the sites of a hexagonal lattice, turned about the middle of what is seen and moved."""
    sites, _ = PROTOTYPES["hexagonal"].scaled(14.0).tile((200, 200), angle, 40)
    sites = sites + shift
    return sites[((sites > 0) & (sites < 200)).all(axis=1)]


def test_frames_of_one_place_have_much_in_common_and_of_different_places_nothing() -> None:
    rng = np.random.default_rng(2)
    atoms, _ = movie_of(6, lost=0.2)
    assert np.isnan(frames_in_common(atoms)[0])
    assert (frames_in_common(atoms)[1:] > 0.6).all()
    assert np.allclose(frames_in_common([turned(0.1, (0, 0))] * 3)[1:], 1.0)
    strewn = [np.concatenate([turned(0.1, (0, 0)), rng.uniform(0, 200, (60, 2))]) for _ in range(3)]
    assert (frames_in_common(strewn)[1:] > 0.4).all()
    places = [turned(angle, (9.0 * angle, -3.0)) for angle in (0.0, 0.35, 0.7, 0.2)]
    frames = np.repeat(np.arange(4), [len(part) for part in places])
    other = Atoms.make(np.concatenate(places), 0, frames)
    still = without_drift(other, drift_of_atoms(other))
    assert (np.abs(frames_in_common(still)[1:]) < 0.2).all()


def test_what_frames_have_in_common_is_not_known_where_there_are_too_few_atoms() -> None:
    three = np.array([[0.0, 0.0], [0.0, 9.0], [9.0, 0.0]])
    told = frames_in_common([np.empty((0, 2)), three, three[:2], three])
    assert np.array_equal(np.isnan(told), [True, True, True, False])
    assert told[3] == 1.0
    assert frames_in_common([]).shape == (0,)


def test_empty_and_single_frames_have_no_drift() -> None:
    atoms, _ = movie_of(1)
    assert np.array_equal(drift_of_atoms(atoms), np.zeros((1, 2)))
    assert drift_of_atoms(Atoms.make(np.empty((0, 2)))).shape == (0, 2)
    gap = Atoms.make(np.tile(atoms.positions, (2, 1)) + 1, 0, np.repeat([1, 4], len(atoms)))
    assert drift_of_atoms(gap, frames=6) == pytest.approx(np.zeros((6, 2)), abs=1e-9)


@pytest.mark.parametrize("reach", [0.0, 20.0])
def test_every_atom_keeps_its_track_through_gaps_even_where_several_are_in_reach(reach: float) -> None:
    atoms, who = movie_of(40, lost=0.05)
    found = finish(linking(atoms, reach=reach, gap=3))
    before, after = found.steps()
    assert (who[before] == who[after]).mean() > 0.999
    assert len(found) <= 305
    assert found.gaps.sum() == pytest.approx(0.05 * 300 * 40, rel=0.15)
    assert found.births().sum() + (found.first == 0).sum() == len(found)


def test_links_are_one_to_one_and_the_best_of_all_ways() -> None:
    one, other = np.array([[0.0, 0.0], [0.0, 3.0]]), np.array([[0.0, 2.0], [0.0, 5.5]])
    # The nearest neighbour of both is the first: a greedy link would leave the other two apart.
    rows, cols = one_to_one(one, other, 4.0)
    assert dict(zip(rows.tolist(), cols.tolist(), strict=True)) == {0: 0, 1: 1}
    rng = np.random.default_rng(5)
    many, more = rng.uniform(0, 30, (60, 2)), rng.uniform(0, 30, (50, 2))
    rows, cols = one_to_one(many, more, 6.0)
    assert len(np.unique(rows)) == len(rows) == len(np.unique(cols))
    from scipy.optimize import linear_sum_assignment

    square = np.full((110, 110), 18.0)
    cost = ((many[:, None] - more) ** 2).sum(-1)
    square[:60, :50] = np.where(cost <= 36, cost, 1e6)
    square[60:, 50:] = 0.0
    best = square[linear_sum_assignment(square)].sum()
    ours = cost[rows, cols].sum() + 18.0 * (110 - 2 * len(rows))
    assert ours == pytest.approx(best)


def test_births_deaths_and_gaps_are_counted() -> None:
    where = np.array([[0, 0], [0, 0], [0, 0], [50, 50], [50, 50], [90, 90]], float)
    frames = np.array([0, 1, 4, 2, 3, 1])
    split, joined = (finish(linking(Atoms.make(where, 0, frames), reach=5, gap=g, frames=6)) for g in (0, 2))
    assert len(split) == 4
    assert len(joined) == 3
    assert joined.gaps[joined.track[0]] == 2
    assert joined.births().tolist() == [0, 1, 1, 0, 0, 0]
    assert joined.deaths().tolist() == [0, 1, 0, 1, 1, 0]


def test_time_turned_round_gives_the_same_links() -> None:
    atoms, _ = movie_of(12, lost=0.05, seed=6)
    back = Atoms.make(atoms.positions, 0, 11 - atoms.frames)
    pairs = []
    for each in (atoms, back):
        before, after = finish(linking(each)).steps()
        pairs.append({frozenset(pair) for pair in zip(before.tolist(), after.tolist(), strict=True)})
    assert pairs[0] == pairs[1]


def test_two_thousand_atoms_in_a_hundred_frames_take_less_than_two_seconds() -> None:
    atoms, who = movie_of(100, 2000, lost=0.02)
    began = time.process_time()
    found = finish(linking(atoms, gap=2))
    assert time.process_time() - began < 2  # 500 frames in 10
    before, after = found.steps()
    assert (who[before] == who[after]).mean() > 0.9999


def test_movies_of_nothing_and_wrong_options_are_told() -> None:
    empty = finish(linking(Atoms.make(np.empty((0, 2)))))
    assert len(empty) == 0
    assert len(finish(linking(Atoms.make([[1.0, 2.0]], 0, 3)))) == 1
    with pytest.raises(BadOption, match="gap -1"):
        finish(linking(Atoms.make([[1.0, 2.0]]), gap=-1))
    with pytest.raises(BadAtoms, match="not numbers"):
        finish(linking(Atoms.make([[np.nan, 2.0]])))
    with pytest.raises(BadAtoms, match="Give the reach"):
        finish(linking(Atoms.make([[1.0, 2.0], [1.0, 2.0]], 0, [0, 1])))
    with pytest.raises(BadAtoms, match="frame -1"):
        finish(linking(Atoms.make([[1.0, 2.0]], 0, -1)))


def chains(matrix: np.ndarray, tracks: int = 300, length: int = 100) -> tuple[Tracks, np.ndarray]:
    rng = np.random.default_rng(7)
    states = np.zeros((tracks, length), int)
    for frame in range(1, length):
        edges = np.cumsum(matrix, axis=1)[states[:, frame - 1]]
        states[:, frame] = (rng.random((tracks, 1)) > edges).sum(axis=1)
    frames = np.tile(np.arange(length), tracks)
    return Tracks(np.repeat(np.arange(tracks), length), frames, length, 1.0), states.ravel()


def test_transitions_and_dwell_times_are_those_of_the_chain_within_their_intervals() -> None:
    true = np.array([[0.95, 0.05, 0.0], [0.1, 0.8, 0.1], [0.0, 0.3, 0.7]])
    tracks, states = chains(true)
    found = transitions(tracks, states)
    assert found.counts.sum() == 300 * 99
    assert found.probability == pytest.approx(true, abs=0.01)
    wider = 1.5 * (found.high - found.low)
    assert (np.abs(found.probability - true) <= wider).all()
    assert (found.counts[0, 2], found.low[0, 2], found.probability[0, 2]) == (0, 0, 0)
    assert 0 < found.high[0, 2] < 0.001
    dwells = dwell_times(tracks, states, frame_time=0.5)
    assert dwells.mean == pytest.approx(0.5 / (1 - np.diag(true)), rel=0.05)
    assert (dwells.low < dwells.mean).all()
    assert (dwells.mean < dwells.high).all()
    assert (dwells.stays - dwells.left).sum() == 300  # the last stay of each track was cut off


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(8)
    held = 0
    for _ in range(400):
        left = rng.binomial(60, 0.2)
        found = counted(np.array([[60 - left, left], [0, 1]]))
        held += found.low[0, 1] <= 0.2 <= found.high[0, 1]
    assert 0.92 < held / 400 < 0.98


def test_states_never_left_never_seen_to_go_on_and_gaps_are_told_apart() -> None:
    track, frames = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 1, 2, 0, 3, 0])
    tracks = Tracks(track, frames, 4, 1.0)
    states = np.array([0, 0, 0, 1, 1, 2])
    found = transitions(tracks, states)
    assert found.counts.tolist() == [[2, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert found.skipped == 1
    assert np.isnan(found.probability[1:]).all()
    dwells = dwell_times(tracks, states)
    assert np.isinf(dwells.mean[0])
    assert dwells.low[0] > 0
    assert np.isnan(dwells.mean[1:]).all()
    assert dwells.stays.tolist() == [1, 2, 1]


def test_wrong_states_are_refused() -> None:
    tracks = Tracks(np.zeros(2, int), np.arange(2), 2, 1.0)
    with pytest.raises(BadAtoms, match="2 atoms"):
        transitions(tracks, [0])
    with pytest.raises(BadOption, match="States go from -1"):
        transitions(tracks, [0, -1])
    with pytest.raises(BadOption, match="frame"):
        dwell_times(tracks, [0, 0], frame_time=0)


def test_gaussian_states_are_ordered_and_their_number_is_found() -> None:
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(9)
    true = rng.integers(0, 2, 400)
    values = np.where(true == 1, 5.0, 1.0) + rng.normal(0, 0.4, 400)
    found, probability = gaussian_states(values)
    assert np.array_equal(found, true)
    assert probability.shape == (400, 2)
    assert not gaussian_states(np.ones(20))[0].any()
    with pytest.raises(BadAtoms, match="not finite"):
        gaussian_states([1.0, np.nan])
    with pytest.raises(BadOption, match="9 states of 2 atoms"):
        gaussian_states([1.0, 2.0], 9)


def test_one_sighting_far_from_all_others_is_no_state() -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(50, 4, 1500), rng.normal(110, 5, 800), [3.0]])
    states, _ = gaussian_states(values)
    assert np.bincount(states).tolist() == [1501, 800]
    rare = np.concatenate([values[:-1], rng.normal(250, 3, 30)])
    assert np.bincount(gaussian_states(rare)[0]).tolist() == [1500, 800, 30]
