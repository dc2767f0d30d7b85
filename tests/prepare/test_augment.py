"""Augmentation: labels follow images, noise has the physics it names, and a seed gives one result."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from napari_atomai.errors import BadImage, BadOption, UnknownOption
from napari_atomai.prepare.augment import Augment, augmented, augmented_arrays, chained
from napari_atomai.prepare.masks import centres_of_labels, disc_labels

EVERYTHING = Augment(
    flips=True,
    quarter_turns=True,
    rotation=(-180, 180),
    zoom=(0.7, 1.5),
    drift=(0, 5),
    jitter=(0, 1),
    blur=(0, 2),
    contrast=(0.5, 1),
    gamma=(0.5, 2),
    background=(0, 0.5),
    dose=(5, 500),
    gaussian_noise=(0, 0.1),
    salt_and_pepper=(0, 0.02),
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def batch(n=4, rows=32, columns=32, channels=1, seed=0):
    images = torch.rand((n, channels, rows, columns), generator=seeded(seed))
    labels = torch.randint(-1, 3, (n, rows, columns), generator=seeded(seed + 1))
    return images, labels


def scenes(n=12, size=96, width=96, sigma=2.0, radius=4.0, seed=0):
    """Images of Gaussian spots on a dark ground, and discs as their labels."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(np.arange(10, size, 19.0), np.arange(10, width, 19.0)), -1).reshape(-1, 2)
    places = {frame: grid + rng.uniform(-2, 2, grid.shape) for frame in range(n)}
    rows, columns = np.mgrid[:size, :width, :1][:2]
    images = np.stack(
        [
            np.exp(-((rows - at[:, 0]) ** 2 + (columns - at[:, 1]) ** 2) / (2 * sigma**2)).sum(axis=-1)
            for at in places.values()
        ]
    )
    labels = disc_labels(places, images.shape, radius=radius)
    return torch.from_numpy(images).float()[:, None], torch.from_numpy(labels)


def gaps_of_spots(images, labels):
    """Distance between each whole disc's middle and the centre of mass of the brightness in it."""
    found = []
    for frame, table in centres_of_labels(labels.numpy()).items():
        image = images[frame, 0].numpy().astype(float)
        for row, column in table[:, :2]:
            top, left = round(row) - 5, round(column) - 5
            inside = top >= 0 and left >= 0 and top + 11 <= image.shape[0] and left + 11 <= image.shape[1]
            if not inside or (labels[frame, top : top + 11, left : left + 11] == -1).any():
                continue
            window = image[top : top + 11, left : left + 11]
            weight = window / window.sum()
            middle = np.array([weight.sum(axis=1) @ np.arange(11), weight.sum(axis=0) @ np.arange(11)])
            found.append(middle + np.array([top - row, left - column]))
    return np.array(found)


def test_a_recipe_that_asks_for_nothing_changes_nothing() -> None:
    images, labels = batch()
    same, marked = augmented(images, labels, Augment(), seeded())
    assert torch.equal(same, images)
    assert torch.equal(marked, labels)


def test_zoom_1_and_rotation_0_through_the_interpolation_change_nothing() -> None:
    images, labels = batch(rows=31, columns=40)
    same, marked = augmented(images, labels, Augment(rotation=360), seeded())
    assert torch.allclose(same, images, atol=2e-3)
    assert torch.equal(marked, labels)
    same, marked = augmented(images, labels, Augment(drift=(0, 1e-6)), seeded())
    assert torch.allclose(same, images, atol=1e-4)
    assert torch.equal(marked, labels)


def test_what_came_in_is_never_written_to_and_no_image_is_dropped() -> None:
    images, labels = batch(8)
    kept = images.clone(), labels.clone()
    new, marked = augmented(images, labels, EVERYTHING, seeded())
    assert torch.equal(images, kept[0])
    assert torch.equal(labels, kept[1])
    assert new.shape == images.shape
    assert marked.shape == labels.shape
    assert torch.isfinite(new).all()
    assert set(marked.unique().tolist()) <= {-1, 0, 1, 2}


@pytest.mark.parametrize(("angle", "turns"), [(90, 1), (180, 2), (-90, 3)])
def test_rotation_by_quarters_is_numpys(angle, turns) -> None:
    images, labels = batch()
    new, marked = augmented(images, labels, Augment(rotation=angle), seeded())
    assert np.allclose(new, np.rot90(images.numpy(), turns, (2, 3)), atol=1e-4)
    assert np.array_equal(marked, np.rot90(labels.numpy(), turns, (1, 2)))


def test_quarter_turns_and_flips_are_exact_and_all_eight_occur_alike_in_images_and_labels() -> None:
    images, labels = batch(1, channels=2)
    images, labels = images.repeat(400, 1, 1, 1), labels.repeat(400, 1, 1)
    new, marked = augmented(images, labels, Augment(flips=True, quarter_turns=True), seeded())
    one, mark = images[0].numpy(), labels[0].numpy()
    counts = []
    for flip in (False, True):
        for turns in range(4):
            wanted = np.rot90(one[:, ::-1] if flip else one, turns, (1, 2))
            marks = np.rot90(mark[::-1] if flip else mark, turns, (0, 1))
            hits = (new.numpy() == wanted).all(axis=(1, 2, 3))
            assert np.array_equal(hits, (marked.numpy() == marks).all(axis=(1, 2)))
            counts.append(int(hits.sum()))
    assert sum(counts) == 400
    assert min(counts) > 25


def test_images_that_are_not_square_turn_by_half_turns() -> None:
    images, labels = batch(40, 24, 40)
    new, _ = augmented(images, labels, Augment(quarter_turns=True), seeded())
    turned = [torch.equal(one, torch.rot90(old, 2, (1, 2))) for one, old in zip(new, images, strict=True)]
    kept = [torch.equal(one, old) for one, old in zip(new, images, strict=True)]
    assert sum(turned) + sum(kept) == 40
    assert 10 < sum(turned) < 30


@pytest.mark.parametrize(
    "recipe",
    [
        Augment(rotation=(-180, 180), zoom=(0.8, 1.3), flips=True),
        Augment(rotation=(-180, 180), resize=(0.6, 0.6)),
        Augment(drift=(8, 8)),
        Augment(zoom=(0.6, 0.9), zoom_about="centre", quarter_turns=True),
    ],
)
@pytest.mark.parametrize("width", [96, 150])
def test_the_disc_of_a_label_stays_on_the_spot_of_its_image(recipe, width) -> None:
    images, labels = augmented(*scenes(width=width), recipe, seeded(5))
    gaps = gaps_of_spots(images, labels)
    assert len(gaps) > 60
    assert np.abs(gaps.mean(axis=0)).max() < 0.06
    assert np.sqrt((gaps**2).sum(axis=1).mean()) < 0.3


def test_zoom_about_the_centre_moves_atoms_away_from_it_by_its_factor() -> None:
    size, factor = 81, 1.6
    places = np.array([[40, 40], [40, 56], [25, 33.0]])
    labels = torch.from_numpy(disc_labels(places, (1, size, size), radius=3))
    recipe = Augment(zoom=factor, zoom_about="centre")
    _, marked = augmented(torch.zeros(1, 1, size, size), labels, recipe, seeded())
    found = centres_of_labels(marked.numpy())[0][:, :2]
    wanted = 40 + factor * (places - 40)
    assert np.linalg.norm(found[:, None] - wanted, axis=-1).min(axis=1).max() < 0.3
    assert int(marked.sum()) == pytest.approx(factor**2 * int(labels.sum()), rel=0.1)


def test_zoom_anywhere_shows_all_parts_of_the_image_and_nothing_beyond() -> None:
    size = 64
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    images = torch.stack([rows, columns]).float().repeat(300, 1, 1, 1) / size
    labels = torch.zeros(300, size, size, dtype=torch.int64)
    new, marked = augmented(images, labels, Augment(zoom=4), seeded())
    assert (marked == 0).all()
    middle = new[:, :, 31:33, 31:33].mean(dim=(2, 3)) * size
    assert middle.min() < 12
    assert middle.max() > 52
    assert torch.corrcoef(middle.T)[0, 1].abs() < 0.15
    assert torch.allclose(new[:, 0, 1:] - new[:, 0, :-1], torch.tensor(1 / 4 / size), atol=1e-4)


@pytest.mark.parametrize("outside", ["ignore", "reflect"])
def test_beyond_the_border_images_are_reflected_and_labels_not_counted_unless_asked(outside) -> None:
    images = torch.ones(6, 1, 40, 40)
    labels = torch.ones(6, 40, 40, dtype=torch.int64)
    recipe = Augment(rotation=(30, 60), zoom=(0.5, 0.9), outside=outside)
    new, marked = augmented(images, labels, recipe, seeded())
    assert torch.allclose(new, images, atol=1e-5)
    shares = (marked == -1).float().mean(dim=(1, 2))
    assert (shares > 0.15).all() if outside == "ignore" else (shares == 0).all()


def test_reflection_has_the_border_pixel_once() -> None:
    size = 81
    ramp = torch.arange(float(size)).div(size).repeat(1, 1, size, 1)
    labels = torch.arange(size).repeat(1, size, 1)
    recipe = Augment(zoom=0.5, zoom_about="centre", outside="reflect")
    new, marked = augmented(ramp, labels, recipe, seeded())
    source = np.abs(40 + 2 * (np.arange(size) - 40))
    source = np.minimum(source, 2 * (size - 1) - source)
    assert np.array_equal(marked[0, 0], source)
    assert np.abs(new[0, 0, 0].numpy() * size - source).max() < 1


def test_resize_changes_image_and_frame_alike_once_for_a_batch() -> None:
    sizes = set()
    for seed in range(12):
        images, labels = augmented(*scenes(2, 128, 128), Augment(resize=(0.5, 1.5)), seeded(seed))
        assert images.shape[2:] == labels.shape[1:]
        assert all(side % 16 == 0 and 64 <= side <= 192 for side in images.shape[2:])
        assert (labels == -1).sum() == 0
        sizes.add(images.shape[2])
    assert len(sizes) > 4
    half, _ = augmented(*scenes(2, 128, 128), Augment(resize=0.5), seeded())
    assert half.shape[2:] == (64, 64)


def test_shrinking_leaves_no_false_pattern() -> None:
    rows, columns = torch.meshgrid(torch.arange(96), torch.arange(96), indexing="ij")
    checks = ((rows + columns) % 2).float().repeat(3, 1, 1, 1)
    recipe = Augment(zoom=0.45, zoom_about="centre")
    new, marked = augmented(checks, torch.zeros(3, 96, 96, dtype=torch.int64), recipe, seeded())
    assert new[:, 0][marked == 0].std() < 0.05
    assert new.mean() == pytest.approx(0.5, abs=0.01)


def test_counting_noise_has_the_variance_of_its_dose() -> None:
    level, dose = torch.tensor([0.1, 0.5, 1.0, 2.0])[:, None, None, None], 20.0
    images = level.expand(4, 1, 200, 200)
    new, _ = augmented(images, torch.zeros(4, 200, 200, dtype=torch.int64), Augment(dose=dose), seeded())
    assert torch.allclose(new.mean(dim=(1, 2, 3)), level.flatten(), rtol=0.02)
    assert torch.allclose(new.var(dim=(1, 2, 3)), level.flatten() / dose, rtol=0.05)
    counts = new * dose
    assert torch.allclose(counts, counts.round(), atol=1e-4)


def test_doses_are_spread_evenly_in_the_logarithm() -> None:
    images = torch.ones(400, 1, 16, 16)
    labels = torch.zeros(400, 16, 16, dtype=torch.int64)
    new, _ = augmented(images, labels, Augment(dose=(1, 10000)), seeded())
    doses = -torch.log10(new.var(dim=(1, 2, 3)))
    assert np.histogram(doses, [-0.2, 1, 2, 3, 4.2])[0] == pytest.approx([100] * 4, abs=30)


def test_what_is_below_0_is_no_count_and_stays() -> None:
    images = torch.full((1, 1, 8, 8), -0.3)
    new, _ = augmented(images, torch.zeros(1, 8, 8, dtype=torch.int64), Augment(dose=10), seeded())
    assert torch.equal(new, images)


def test_detector_noise_salt_and_pepper_have_the_size_they_are_given() -> None:
    images = torch.full((2, 1, 200, 200), 0.5)
    images[:, :, :100] = 0.25
    labels = torch.zeros(2, 200, 200, dtype=torch.int64)
    noisy, _ = augmented(images, labels, Augment(gaussian_noise=0.07), seeded())
    assert float((noisy - images).std()) == pytest.approx(0.07, rel=0.02)
    assert float((noisy - images).mean()) == pytest.approx(0, abs=1e-3)
    assert not torch.equal(noisy[0], noisy[1])
    hit, _ = augmented(images, labels, Augment(salt_and_pepper=0.04), seeded())
    assert float((hit[:, :, :100] == 0.5).float().mean()) == pytest.approx(0.02, abs=0.004)
    assert float((hit[:, :, 100:] == 0.25).float().mean()) == pytest.approx(0.02, abs=0.004)
    assert set(hit.unique().tolist()) == {0.25, 0.5}


def test_scan_lines_jitter_by_the_pixels_given_and_labels_do_not() -> None:
    ramp = (torch.arange(300.0) / 300).repeat(3, 1, 200, 1)
    labels = torch.arange(300).repeat(3, 200, 1)
    new, marked = augmented(ramp, labels, Augment(jitter=0.8), seeded())
    shifts = ((new - ramp)[:, 0, :, 50:250] * 300).mean(dim=2)
    assert float(shifts.std()) == pytest.approx(0.8, rel=0.1)
    assert float(shifts.mean()) == pytest.approx(0, abs=0.1)
    # Within a line all pixels move alike.
    assert float(((new - ramp)[:, 0, :, 50:250] * 300).std(dim=2).max()) < 0.02
    assert torch.equal(marked, labels)


def test_drift_moves_the_end_of_the_scan_against_its_start_by_the_pixels_given() -> None:
    size = 101
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    images = torch.stack([rows, columns]).float().repeat(50, 1, 1, 1) / size
    recipe = Augment(drift=6.0, outside="reflect")
    new, _ = augmented(images, torch.zeros(50, size, size, dtype=torch.int64), recipe, seeded())
    shift = (new - images)[:, :, :, 50] * size
    between = shift[:, :, 90] - shift[:, :, 10]
    assert torch.allclose(between.norm(dim=1), torch.tensor(6.0 * 80 / 100), atol=0.01)
    assert between.mean(dim=0).abs().max() < 2


def test_blur_widens_spots_by_its_standard_deviation_and_keeps_their_sum() -> None:
    images = torch.zeros(3, 2, 61, 61)
    images[:, :, 30, 30] = 1
    labels = torch.zeros(3, 61, 61, dtype=torch.int64)
    new, _ = augmented(images, labels, Augment(blur=(0, 3)), seeded(1))
    along = new.sum(dim=2)
    assert torch.allclose(new.sum(dim=(2, 3)), torch.ones(3, 2), atol=1e-5)
    spread = (along * (torch.arange(61) - 30.0) ** 2).sum(dim=2).sqrt()
    assert (spread[:, 0] - spread[:, 1]).abs().max() < 1e-5
    assert len(spread[:, 0].round(decimals=2).unique()) == 3
    fixed, _ = augmented(images, labels, Augment(blur=2), seeded())
    assert float(
        (fixed.sum(dim=2) * (torch.arange(61) - 30.0) ** 2).sum(dim=2).sqrt()[0, 0]
    ) == pytest.approx(2, rel=0.02)
    tiny, _ = augmented(images[:, :, 28:33, 28:33], labels[:, :5, :5], Augment(blur=2), seeded())
    assert torch.isfinite(tiny).all()


def test_contrast_keeps_the_mean_gamma_keeps_0_and_1_and_background_adds_a_smooth_surface() -> None:
    images, labels = batch(5, 40, 50, 2)
    flat, _ = augmented(images, labels, Augment(contrast=0.4), seeded())
    assert torch.allclose(flat.mean(dim=(2, 3)), images.mean(dim=(2, 3)), atol=1e-6)
    assert torch.allclose(flat.std(dim=(2, 3)), 0.4 * images.std(dim=(2, 3)), atol=1e-6)
    curved, _ = augmented(images - 0.5, labels, Augment(gamma=2), seeded())
    assert torch.allclose(curved, (images - 0.5).abs() ** 2 * (images - 0.5).sign(), atol=1e-6)
    lifted, _ = augmented(images, labels, Augment(background=0.3), seeded())
    added = lifted - images
    assert torch.allclose(added[:, 0], added[:, 1], atol=1e-6)
    assert torch.allclose(added.amin(dim=(2, 3)), torch.tensor(0.0), atol=1e-6)
    assert torch.allclose(added.amax(dim=(2, 3)), torch.tensor(0.3), atol=1e-6)
    assert added.diff(dim=3).abs().max() < 0.05
    assert not torch.allclose(added[0], added[1], atol=0.05)


def test_every_value_lies_in_its_range() -> None:
    images = torch.full((300, 1, 24, 24), 0.5)
    images[:, :, 12:] = 1
    labels = torch.zeros(300, 24, 24, dtype=torch.int64)
    new, _ = augmented(images, labels, Augment(contrast=(0.5, 2)), seeded())
    factors = (new[:, 0, 20, 0] - new[:, 0, 0, 0]) / 0.5
    assert 0.5 <= factors.min() < 0.53
    assert 1.9 < factors.max() <= 2.0001
    assert float(factors.log().mean()) == pytest.approx(0, abs=0.08)


def test_the_same_seed_gives_the_same_bits_another_seed_others_and_the_global_state_stays() -> None:
    images, labels = batch()
    state = torch.random.get_rng_state()
    one, two, other = (augmented(images, labels, EVERYTHING, seeded(seed)) for seed in (3, 3, 4))
    assert torch.equal(one[0], two[0])
    assert torch.equal(one[1], two[1])
    assert not torch.allclose(one[0], other[0])
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.rand(7)
    again = augmented(images, labels, EVERYTHING, seeded(3))
    assert torch.equal(one[0], again[0])


@pytest.mark.parametrize(("rows", "columns"), [(1, 9), (9, 1), (1, 1), (2, 300)])
def test_images_of_a_few_pixels_pass_through_everything(rows, columns) -> None:
    images, labels = batch(3, rows, columns)
    new, marked = augmented(images, labels, EVERYTHING, seeded())
    assert new.shape == images.shape
    assert marked.shape == labels.shape
    assert torch.isfinite(new).all()


@pytest.mark.parametrize("kind", [torch.uint8, torch.bool, torch.int32])
def test_labels_of_any_whole_numbers_come_out_as_they_would_from_int64(kind) -> None:
    images, labels = batch()
    ones = (labels > 0).to(kind)
    recipe = Augment(rotation=30)
    _, marked = augmented(images, ones, recipe, seeded())
    assert torch.equal(marked, augmented(images, ones.long(), recipe, seeded())[1])
    assert set(marked.unique().tolist()) == {-1, 0, 1}


def test_a_generator_goes_on_from_batch_to_batch() -> None:
    images, labels = batch()
    generator = seeded()
    first = augmented(images, labels, EVERYTHING, generator)[0]
    assert not torch.allclose(first, augmented(images, labels, EVERYTHING, generator)[0])


def test_what_becomes_of_an_image_does_not_depend_on_the_others() -> None:
    images, labels = batch(5)
    whole = augmented(images, labels, EVERYTHING, seeded())
    alone = augmented(images[:1], labels[:1], EVERYTHING, seeded())
    assert torch.allclose(whole[0][:1], alone[0], atol=1e-5)
    assert torch.equal(whole[1][:1], alone[1])
    others = images.clone()
    others[[0, 1, 3, 4]] = 7 * images[[0, 1, 3, 4]] + 5
    mixed = augmented(others, labels, EVERYTHING, seeded())
    assert torch.equal(mixed[0][2], whole[0][2])
    assert not torch.allclose(mixed[0][1], whole[0][1])


def test_switching_one_option_on_leaves_the_geometry_of_the_others_as_it_was() -> None:
    images, labels = batch()
    turned = Augment(rotation=(-180, 180), zoom=(1, 2))
    _, one = augmented(images, labels, turned, seeded())
    _, two = augmented(
        images, labels, Augment(rotation=(-180, 180), zoom=(1, 2), dose=50, jitter=1), seeded()
    )
    assert torch.equal(one, two)


def test_a_recipe_comes_back_from_its_json() -> None:
    assert Augment.model_validate_json(EVERYTHING.model_dump_json()) == EVERYTHING
    assert Augment.of(json.loads(EVERYTHING.model_dump_json())) == EVERYTHING
    assert Augment(dose=30) == Augment(dose=(30, 30))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dose": (100, 5)}, "dose.*low, high"),
        ({"dose": (0, 5)}, "dose.*above 0"),
        ({"dose": -1}, "dose"),
        ({"zoom": (0, 2)}, "zoom.*0.1 to 10"),
        ({"rotation": (-400, 0)}, "rotation.*-360 to 360"),
        ({"blur": (0, float("nan"))}, "blur"),
        ({"salt_and_pepper": (0, 1.2)}, "salt_and_pepper.*0 to 1"),
        ({"jitter": True}, "jitter"),
        ({"gamma": (1, 2, 3)}, "gamma"),
        ({"outside": "wrap"}, "outside"),
    ],
)
def test_options_out_of_range_are_refused_by_name(options, words) -> None:
    with pytest.raises(BadOption, match=words):
        Augment.of(options)


def test_a_misspelt_option_gets_a_suggestion() -> None:
    with pytest.raises(UnknownOption, match="Did you mean 'gaussian_noise'"):
        Augment.of({"gausian_noise": 1})


@pytest.mark.parametrize(
    ("images", "labels", "recipe", "words"),
    [
        (torch.zeros(2, 1, 8, 8), torch.zeros(2, 8, 9).long(), Augment(), r"\(2, 1, 8, 8\).*\(2, 8, 9\)"),
        (torch.zeros(2, 8, 8), torch.zeros(2, 8, 8).long(), Augment(), r"\(2, 8, 8\)"),
        (torch.zeros(3, 1, 8, 8), torch.zeros(2, 8, 8).long(), Augment(), r"\(3, 1, 8, 8\)"),
        (torch.zeros(2, 1, 8, 8).long(), torch.zeros(2, 8, 8).long(), Augment(), "int64"),
        (torch.zeros(2, 1, 8, 8), torch.zeros(2, 8, 8), Augment(), "labels torch.float32"),
        (torch.full((2, 1, 8, 8), 4e4), torch.zeros(2, 8, 8).long(), Augment(dose=9), "up to 40000.*Scaling"),
    ],
)
def test_batches_that_do_not_fit_are_refused(images, labels, recipe, words) -> None:
    with pytest.raises(BadImage, match=words):
        augmented(images, labels, recipe, seeded())


def test_the_image_with_broken_pixels_is_named() -> None:
    images, labels = batch()
    images[2, 0, 3, 3] = torch.nan
    with pytest.raises(BadImage, match="Image 2 "):
        augmented(images, labels, Augment(), seeded())


def test_functions_of_ones_own_come_in_their_turn_and_draw_from_the_same_generator() -> None:
    images, labels = batch()

    def brighter(images, labels, generator):
        return images + torch.rand((), generator=generator), labels

    augment = chained([brighter, Augment(quarter_turns=True)])
    one, two = augment(images, labels, seeded(1)), augment(images, labels, seeded(1))
    assert torch.equal(one[0], two[0])
    offset = float(one[0].mean() - images.mean())
    assert 0 < offset < 1
    assert offset != pytest.approx(float(augment(images, labels, seeded(2))[0].mean() - images.mean()))


def test_functions_that_drop_an_image_and_what_is_no_function_are_refused() -> None:
    images, labels = batch()

    def dropping(images, labels, generator):
        return images[1:], labels[1:]

    with pytest.raises(BadOption, match=r"dropping.*\(3, 1, 32, 32\).*\(4, 1, 32, 32\)"):
        chained([dropping])(images, labels, seeded())
    with pytest.raises(BadOption, match="a str"):
        chained(["noise"])


def test_numpy_images_are_varied_before_training_too() -> None:
    images = np.random.default_rng(0).random((3, 20, 24))
    labels = np.random.default_rng(1).integers(-1, 4, (3, 20, 24))
    new, marked = augmented_arrays(images, labels, Augment(flips=True), seed=2, copies=5)
    assert new.shape == marked.shape == (15, 20, 24)
    assert np.allclose(np.sort(new[6].ravel()), np.sort(images[0].ravel()))
    assert np.array_equal(new, augmented_arrays(images, labels, Augment(flips=True), seed=2, copies=5)[0])
    assert not np.array_equal(new[:3], new[3:6])
    colours, _ = augmented_arrays(np.stack([images, -images], -1), labels, Augment(flips=True), seed=2)
    assert np.array_equal(colours[..., 0], new[:3])
    assert np.array_equal(colours[..., 1], -new[:3])
