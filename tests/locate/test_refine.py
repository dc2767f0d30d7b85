"""Refinement against known truth: as good as the noise allows, honest about it, never worse."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_atomai.errors import BadAtoms, BadImage, BadOption
from napari_atomai.locate.refine import REASONS, fit_radius, refine_centre_of_mass, refine_gaussian


def rms(errors):
    return float(np.sqrt(np.mean(np.square(errors))))


def shaken(positions, size, seed=5):
    return positions + np.random.default_rng(seed).normal(0, size, positions.shape)


@pytest.fixture
def crystal(make_scene, lattice):
    """A square lattice of two kinds of column, off the grid, 100 counts at the brighter."""
    shape = (300, 280)
    where = shaken(lattice("square", 12.0, shape), 0.3, seed=1)
    where = where[((where >= 0) & (where <= np.array(shape) - 1)).all(1)]
    counts = np.where(np.arange(len(where)) % 2, 100.0, 40.0)
    return make_scene(where, shape=shape, counts=counts, sigma=2.1, background=15.0)


@pytest.mark.parametrize(("counts", "limit"), [(10, 1.12), (100, 1.06), (1000, 1.06)])
@pytest.mark.parametrize("crowding", [5.7, 9.0])
def test_error_is_near_the_cramer_rao_bound(make_scene, lattice, position_bound, counts, limit, crowding):
    shape, sigma = (420, 400), 2.0
    where = shaken(lattice("square", crowding * sigma, shape), 0.3, seed=2)
    where = where[((where >= 0) & (where <= np.array(shape) - 1)).all(1)]
    scene = make_scene(where, shape=shape, counts=counts, sigma=sigma, background=0.15 * counts)
    fit = refine_gaussian(scene.image, shaken(where, 0.4), fit_radius(crowding * sigma))
    inner = np.flatnonzero(scene.inside)
    bound = position_bound(scene, inner)
    errors = fit.positions[inner] - where[inner]
    # One seed of about a thousand numbers: its RMS scatters by two percent.
    assert rms(errors) <= limit * rms(bound)
    assert np.abs(errors.mean(0)).max() < max(0.02, 3 * rms(bound) / np.sqrt(len(inner)))
    z = errors / np.stack([fit.row_sd, fit.col_sd], 1)[inner]
    assert 0.9 < z.std() < 1.15


def test_bias_is_below_a_fiftieth_of_a_pixel(make_scene):
    # The same sub-pixel place four hundred times, for each of four places.
    for place in (0.0, 0.25, 0.5, 0.85):
        grid = np.stack(np.mgrid[10:400:20, 10:400:20], -1).reshape(-1, 2) + place
        scene = make_scene(grid, shape=(400, 400), counts=100, sigma=2.0)
        fit = refine_gaussian(scene.image, shaken(grid, 0.5), 8)
        assert fit.converged.all()
        assert np.abs((fit.positions - grid).mean(0)).max() < 0.02


def test_error_bars_cover_two_thirds_of_the_errors(crystal):
    fit = refine_gaussian(crystal.image, shaken(crystal.positions, 0.4), 6)
    good = fit.converged
    z = (fit.positions - crystal.positions)[good] / np.stack([fit.row_sd, fit.col_sd], 1)[good]
    assert good.mean() > 0.99
    assert np.mean(np.abs(z) < 1) == pytest.approx(0.68, abs=0.05)


def test_all_else_it_measures_is_the_truth(make_scene, lattice):
    where = lattice("square", 20.0, (300, 260))
    scene = make_scene(where, shape=(300, 260), counts=2000, sigma=(3.0, 2.0), background=300)
    fit = refine_gaussian(scene.image, shaken(where, 0.3), 9)
    inner = scene.inside
    assert np.median(fit.amplitude[inner]) == pytest.approx(2000, rel=0.01)
    assert np.median(fit.background[inner]) == pytest.approx(300, rel=0.01)
    assert np.median(fit.sigma_row[inner]) == pytest.approx(3.0, rel=0.01)
    assert np.median(fit.sigma_col[inner]) == pytest.approx(2.0, rel=0.01)
    assert np.median(fit.intensity[inner]) == pytest.approx(2 * np.pi * 2000 * 6, rel=0.01)
    assert np.median(fit.quality[inner]) > 0.95


def test_weights_from_the_noise_beat_plain_least_squares(make_scene, lattice):
    where = shaken(lattice("square", 16.0, (400, 400)), 0.3)
    scene = make_scene(where, shape=(400, 400), counts=300, sigma=2.0, background=3)
    inner, start = scene.inside, shaken(where, 0.3)
    weighted = refine_gaussian(scene.image, start, 8)
    plain = refine_gaussian(scene.image, start, 8, weighting="uniform")
    gain = rms((plain.positions - where)[inner]) / rms((weighted.positions - where)[inner])
    assert gain > 1.1


@pytest.mark.parametrize("separation", [2.5, 3.0, 4.0])
def test_dumbbells_are_separated(make_scene, separation):
    sigma = 3.0
    middle = np.stack(np.mgrid[25:420:36, 25:420:36], -1).reshape(-1, 2).astype(float)
    middle += np.random.default_rng(3).uniform(-1, 1, middle.shape)
    half = np.array([0.6, 0.8]) * separation * sigma / 2
    where = np.concatenate([middle - half, middle + half])
    scene = make_scene(where, shape=(440, 440), counts=300, sigma=sigma, background=45)
    start = shaken(where, 0.1 * separation * sigma / 2)
    fit = refine_gaussian(scene.image, start, separation * sigma)
    assert fit.converged.mean() > 0.98
    # The joint bound of both atoms is 0.050, 0.040 and 0.034 px.
    assert rms(fit.positions - where) < {2.5: 0.08, 3.0: 0.055, 4.0: 0.04}[separation]
    z = (fit.positions - where) / np.stack([fit.row_sd, fit.col_sd], 1)
    assert 0.5 < np.nanstd(z) < 1.2


def test_border_atoms_are_refined_and_kept(crystal):
    shape = np.array(crystal.image.shape)
    depth = np.minimum(crystal.positions, shape - 1 - crystal.positions).min(1)
    rim = depth < 4
    assert rim.sum() > 20
    start = shaken(crystal.positions, 0.4)
    start = np.clip(start, 0, shape - 1)
    fit = refine_gaussian(crystal.image, start, 6)
    assert fit.converged[rim].mean() > 0.9
    better = rim & fit.converged
    assert rms((fit.positions - crystal.positions)[better]) < 0.7 * rms((start - crystal.positions)[better])
    z = (fit.positions - crystal.positions)[better] / np.stack([fit.row_sd, fit.col_sd], 1)[better]
    assert 0.8 < z.std() < 1.3


@pytest.mark.parametrize("counts", [10, 30, 100, 1000])
@pytest.mark.parametrize("method", [refine_gaussian, refine_centre_of_mass])
def test_never_worse_than_the_start(make_scene, lattice, counts, method):
    # Starts as good as a trained net's: 0.27 px at 30 counts (peer figures), and better.
    where = lattice("square", 14.0, (256, 256))
    scene = make_scene(where, counts=counts, sigma=3.0, background=0.15 * counts)
    start = shaken(where, {10: 0.43, 30: 0.27, 100: 0.21, 1000: 0.13}[counts])
    fit = method(scene.image, start, 7)
    inner = scene.inside
    assert rms((fit.positions - where)[inner]) < rms((start - where)[inner])


TURNS = {
    "transposed": (lambda a: a.T, lambda p, n: p[:, ::-1]),
    "upside down": (lambda a: a[::-1], lambda p, n: np.stack([n[0] - 1 - p[:, 0], p[:, 1]], 1)),
    "mirrored": (lambda a: a[:, ::-1], lambda p, n: np.stack([p[:, 0], n[1] - 1 - p[:, 1]], 1)),
    "turned": (np.rot90, lambda p, n: np.stack([n[1] - 1 - p[:, 1], p[:, 0]], 1)),
}


@pytest.mark.parametrize("name", TURNS)
def test_atoms_turn_with_the_image(crystal, name):
    turn_image, turn = TURNS[name]
    size = crystal.image.shape
    start = shaken(crystal.positions, 0.3)
    straight = refine_gaussian(crystal.image, start, 6)
    turned = refine_gaussian(turn_image(crystal.image), turn(start, size), 6)
    np.testing.assert_allclose(turned.positions, turn(straight.positions, size), atol=0.01)


@pytest.mark.parametrize(("factor", "offset"), [(1e-6, 0), (1e6, 0), (1, -5000), (3.7e-9, 1e-6)])
def test_the_unit_of_the_image_does_not_matter(crystal, factor, offset):
    start = shaken(crystal.positions, 0.3)
    plain = refine_gaussian(crystal.image, start, 6)
    other = refine_gaussian(crystal.image * factor + offset, start, 6)
    np.testing.assert_allclose(other.positions, plain.positions, atol=0.005)
    np.testing.assert_allclose(other.intensity, plain.intensity * factor, rtol=0.01)


def test_atoms_shift_with_the_image(crystal):
    start = shaken(crystal.positions, 0.3)
    whole = refine_gaussian(crystal.image, start, 6)
    cut = (start > 40).all(1)
    part = refine_gaussian(crystal.image[20:, 30:], start[cut] - [20, 30], 6)
    deep = (start[cut] > 60).all(1)
    np.testing.assert_allclose(part.positions[deep] + [20, 30], whole.positions[cut][deep], atol=0.03)


@pytest.mark.parametrize("zoom", [3, 6])
def test_a_magnified_image_gives_magnified_positions(make_scene, lattice, zoom):
    # Windows of a magnified image are binned: no bias may come of it.
    where = lattice("square", 14.0 * zoom, (130 * zoom, 110 * zoom))
    scene = make_scene(where, shape=(130 * zoom, 110 * zoom), counts=100, sigma=2.5 * zoom)
    fit = refine_gaussian(scene.image, shaken(where, 0.5 * zoom), 7 * zoom)
    inner = scene.inside
    errors = (fit.positions - where)[inner]
    assert np.abs(errors.mean(0)).max() < 0.02
    assert np.median(fit.sigma_row[inner]) == pytest.approx(2.5 * zoom, rel=0.02)
    assert np.median(fit.intensity[inner]) == pytest.approx(2 * np.pi * 100 * (2.5 * zoom) ** 2, rel=0.02)
    z = errors / np.stack([fit.row_sd, fit.col_sd], 1)[inner]
    assert 0.85 < z.std() < 1.2


@pytest.mark.parametrize("method", [refine_gaussian, refine_centre_of_mass])
def test_pixels_that_are_not_numbers_do_no_harm(crystal, method):
    rng = np.random.default_rng(0)
    holed = crystal.image.copy()
    holed[rng.random(holed.shape) < 0.03] = np.nan
    holed[::50, ::50] = np.inf
    fit = method(holed, shaken(crystal.positions, 0.3), 6)
    assert np.isfinite(fit.positions).all()
    inner = crystal.inside
    assert fit.converged[inner].mean() > 0.97
    assert rms((fit.positions - crystal.positions)[inner]) < 0.25


def test_masked_pixels_are_not_looked_at(crystal):
    valid = np.random.default_rng(0).random(crystal.image.shape) > 0.03
    spoilt = np.where(valid, crystal.image, 1e4)
    start = shaken(crystal.positions, 0.3)
    fit = refine_gaussian(spoilt, start, 6, valid=valid)
    same = refine_gaussian(np.where(valid, crystal.image, np.nan), start, 6)
    np.testing.assert_allclose(fit.positions, same.positions, atol=1e-6)


@pytest.mark.parametrize("method", [refine_gaussian, refine_centre_of_mass])
@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_atoms_work(make_scene, method, count):
    where = np.array([[15.3, 20.7], [34.1, 29.6]])[:count]
    scene = make_scene(where, shape=(50, 44), counts=500, sigma=2.5, background=20)
    fit = method(scene.image, where + 0.4, 6)
    assert fit.positions.shape == (count, 2)
    assert fit.converged.shape == fit.row_sd.shape == (count,)
    np.testing.assert_allclose(fit.positions, where, atol=0.15)
    assert (fit.row_sd < 0.15).all()


@pytest.mark.parametrize("method", [refine_gaussian, refine_centre_of_mass])
@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (1, 40), (40, 2)])
def test_tiny_images_give_an_answer(method, shape):
    image = np.random.default_rng(0).poisson(5, shape)
    fit = method(image, [[0, 0]], 3.0)
    assert np.isfinite(fit.positions).all()
    assert fit.reasons[0] in REASONS


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float16, np.float32, ">f4", bool])
def test_every_kind_of_pixel_works(make_scene, dtype):
    where = np.array([[20.0, 21.0], [40.0, 39.0]])
    scene = make_scene(where, shape=(60, 60), counts=150, sigma=2.5, background=20)
    image = scene.image > 80 if dtype is bool else scene.image.astype(dtype)
    fit = refine_gaussian(image, where + 0.4, 7)
    assert rms(fit.positions - where) < 0.3


def test_failures_keep_the_start_and_say_why(make_scene):
    where = np.array([[20.0, 20.0], [60.0, 60.0]])
    scene = make_scene(where, shape=(90, 90), counts=400, sigma=2.5)
    image = scene.image.copy()
    image[40:56, 5:20] = np.nan
    start = np.array([[20.0, 20.4], [60, 66.5], [-40, 3], [np.nan, 4], [48, 12]])
    fit = refine_gaussian(image, start, 5, max_shift=3)
    assert list(fit.reasons[[0, 2, 3, 4]]) == ["", "outside the image", "not finite", "too few pixels"]
    assert fit.reasons[1] != ""
    np.testing.assert_array_equal(fit.positions[1:], start[1:])
    assert np.isnan(fit.row_sd[1:]).all()
    assert np.isfinite(fit.row_sd[0])


def test_an_atom_that_kept_its_start_says_how_far_off_starts_are(make_scene, lattice):
    where = lattice("square", 16.0, (200, 200))
    scene = make_scene(where, shape=(200, 200), counts=200)
    start = shaken(where, 0.5)
    start[70] += 7.9  # nothing but background is there
    fit = refine_gaussian(scene.image, start, 6, max_shift=3)
    assert fit.reasons[70] != ""
    assert fit.row_sd[70] == pytest.approx(0.5, rel=0.2)
    assert fit.col_sd[70] == pytest.approx(0.5, rel=0.2)
    assert np.isnan(fit.intensity[70])


def test_error_bars_hold_where_the_noise_bends_the_peaks(make_scene, lattice, position_bound):
    # Three counts at the brighter, one at the fainter columns: the Fisher matrix alone is a sixth too sure.
    shape, sigma = (500, 500), 1.8
    where = shaken(lattice("square", 5.7 * sigma, shape), 0.3, seed=2)
    where = where[((where >= 1) & (where <= np.array(shape) - 2)).all(1)]
    counts = np.where(np.arange(len(where)) % 2, 3.0, 1.5)
    scene = make_scene(where, shape=shape, counts=counts, sigma=sigma, background=0.45)
    fit = refine_gaussian(scene.image, shaken(where, 0.36), fit_radius(5.7 * sigma))
    inside = ((where > 9) & (where < np.array(shape) - 10)).all(1)
    good = inside & fit.converged
    assert good.sum() > 0.97 * inside.sum()
    z = (fit.positions - where)[good] / np.stack([fit.row_sd, fit.col_sd], 1)[good]
    assert 0.93 < z.std() < 1.1
    bound = position_bound(scene, np.flatnonzero(inside))
    assert rms((fit.positions - where)[inside]) < 1.25 * rms(bound)


def test_two_starts_on_one_atom_are_not_both_believed(make_scene):
    scene = make_scene([[30.0, 30.0]], shape=(60, 60), counts=400, sigma=2.5)
    fit = refine_gaussian(scene.image, [[29.0, 29.0], [31.0, 31.5]], 6)
    apart = np.hypot(*(fit.positions[0] - fit.positions[1]))
    assert apart > 1.0


def test_noise_alone_does_not_drag_atoms_about(make_scene, lattice):
    where = lattice("square", 12.0, (200, 200))
    image = np.random.default_rng(0).poisson(20, (200, 200))
    fit = refine_gaussian(image, where, 6, max_shift=4)
    assert np.hypot(*(fit.positions - where).T).max() <= 4
    assert not fit.converged.all()


def test_constant_image_moves_nothing():
    start = np.array([[10.2, 11.3], [20, 20]])
    fit = refine_gaussian(np.full((40, 40), 7.0), start, 5)
    np.testing.assert_array_equal(fit.positions, start)
    assert not fit.converged.any()


def test_a_noise_free_image_gives_exact_positions(make_scene, lattice):
    where = lattice("square", 14.0, (150, 150))
    scene = make_scene(where, shape=(150, 150), counts=100, sigma=2.2)
    fit = refine_gaussian(scene.expected, shaken(where, 0.4), 7)
    assert np.abs(fit.positions - where)[scene.inside].max() < 0.01


def test_centre_of_mass_is_within_its_error_bars(make_scene):
    grid = np.stack(np.mgrid[15:385:24, 15:385:24], -1).reshape(-1, 2) + 0.3
    scene = make_scene(grid, shape=(400, 400), counts=100, sigma=2.5)
    fit = refine_centre_of_mass(scene.image, shaken(grid, 0.5), 8)
    errors = fit.positions - grid
    assert np.abs(errors.mean(0)).max() < 0.03
    assert rms(errors) < 0.15
    z = errors / np.stack([fit.row_sd, fit.col_sd], 1)
    assert 0.7 < z.std() < 1.4


def test_same_input_gives_the_same_output_and_is_left_alone(crystal):
    start = shaken(crystal.positions, 0.3)
    image, before = crystal.image.copy(), start.copy()
    image.setflags(write=False)
    start.setflags(write=False)
    first, second = (refine_gaussian(image, start, 6) for _ in range(2))
    np.testing.assert_array_equal(first.positions, second.positions)
    np.testing.assert_array_equal(start, before)


def test_a_tilted_background_does_not_pull(make_scene, lattice):
    where = lattice("square", 14.0, (256, 256))
    scene = make_scene(where, counts=400, sigma=2.2)
    tilted = scene.image + np.linspace(0, 400, 256)[:, None]
    fit = refine_gaussian(tilted, shaken(where, 0.3), 7)
    assert np.abs((fit.positions - where)[scene.inside].mean(0)).max() < 0.02


@pytest.mark.parametrize(
    ("image", "positions", "radius", "options", "error"),
    [
        (np.zeros((4, 4, 4)), [[1, 1]], 3, {}, BadImage),
        (np.zeros(9), [[1, 1]], 3, {}, BadImage),
        (np.zeros((9, 9), complex), [[1, 1]], 3, {}, BadImage),
        (np.zeros((9, 9)), [[1, 1, 1]], 3, {}, BadAtoms),
        (np.zeros((9, 9)), [[1, 1]], 1.0, {}, BadOption),
        (np.zeros((9, 9)), [[1, 1]], np.nan, {}, BadOption),
        (np.zeros((9, 9)), [[1, 1]], 3, {"max_shift": 0}, BadOption),
        (np.zeros((9, 9)), [[1, 1]], 3, {"valid": np.ones((3, 3), bool)}, BadImage),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(image, positions, radius, options, error):
    with pytest.raises(error):
        refine_gaussian(image, positions, radius, **options)


def test_blurred_shot_noise_still_gives_useful_positions(crystal):
    # Correlated noise, as in averaged or interpolated images.
    smooth = ndimage.gaussian_filter(crystal.image, 1.0)
    fit = refine_gaussian(smooth, shaken(crystal.positions, 0.4), 6)
    inner = crystal.inside
    assert rms((fit.positions - crystal.positions)[inner]) < 0.25
