"""Figures: circles on columns, a scale bar of the right length, words that are true."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.collections import EllipseCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.image import imread

from napari_atomai.data.atoms import Atoms
from napari_atomai.errors import BadImage, SaveFailed
from napari_atomai.plots.overlays import (
    CLASS_COLOURS,
    circle_radius,
    overlay,
    save_figure,
    scale_bar_length,
)


def _lattice(rows: int, columns: int, spacing: float) -> np.ndarray:
    row, column = np.mgrid[spacing / 2 : rows : spacing, spacing / 2 : columns : spacing]
    return np.column_stack([row.ravel(), column.ravel()])


def _circles(figure: Figure) -> EllipseCollection:
    shadow, found = (c for c in figure.axes[0].collections if isinstance(c, EllipseCollection))
    np.testing.assert_array_equal(shadow.get_offsets(), found.get_offsets())
    return found


def _words(figure: Figure) -> list[str]:
    legend = [text.get_text() for text in figure.legends[0].get_texts()] if figure.legends else []
    return [text.get_text() for text in figure.texts] + legend


def _bar(figure: Figure) -> tuple[float, str]:
    """Length in pixels and label of the scale bar."""
    (bar,) = [a for a in figure.axes[0].artists if hasattr(a, "size_bar")]
    return bar.size_bar.get_children()[0].get_width(), bar.txt_label.get_text()


def _saved(figure: Figure, path: Path) -> np.ndarray:
    save_figure(figure, path)
    return imread(path)[..., :3]


@pytest.mark.parametrize("shape", [(40, 40), (30, 60), (61, 33)])
def test_a_circle_lies_on_its_pixel_in_the_printed_picture(shape: tuple[int, int], tmp_path: Path) -> None:
    row, column = 7, 22
    pixels = np.zeros(shape)
    pixels[row, column] = 1.0
    page = _saved(overlay(pixels, Atoms.make([[row, column]])), tmp_path / "o.png")
    picture = page[84:-126]  # without the strips above (0.28 inch) and below (0.42 inch)
    dots = picture.shape[1] / shape[1]
    assert picture.shape[0] == pytest.approx(shape[0] * dots, abs=2)
    gray = np.ptp(picture, axis=2) < 0.05
    spot = np.argwhere(gray & (picture.mean(axis=2) > 0.9)).mean(axis=0)
    ring = np.argwhere(picture[..., 0] - picture[..., 2] > 0.4).mean(axis=0)
    expected = (np.array([row, column]) + 0.5) * dots - 0.5
    assert spot == pytest.approx(expected, abs=1.0)  # printed dots, 300 to the inch
    assert ring == pytest.approx(expected, abs=1.0)


def test_all_atoms_are_drawn_at_column_row_with_the_colour_of_their_class() -> None:
    where = _lattice(50, 70, 10.0)
    classes = np.arange(len(where)) % 2
    circles = _circles(overlay(np.ones((50, 70)), Atoms.make(where, classes, class_names=("Sr", "Ti"))))
    np.testing.assert_allclose(circles.get_offsets(), where[:, ::-1])
    drawn = [to_hex(colour) for colour in circles.get_edgecolor()]
    assert drawn == [CLASS_COLOURS[c] for c in classes]
    assert circles.get_facecolor().size == 0  # open: the column stays visible


def test_the_picture_ends_half_a_pixel_beyond_the_outer_centres() -> None:
    axes = overlay(np.random.default_rng(0).random((30, 50)), Atoms.make(np.empty((0, 2)))).axes[0]
    assert axes.images[0].get_extent() == [-0.5, 49.5, 29.5, -0.5]
    assert axes.get_xlim() == (-0.5, 49.5)
    assert axes.get_ylim() == (29.5, -0.5)


def test_a_large_picture_is_averaged_without_moving_it() -> None:
    pixels = np.zeros((6000, 5000), np.float32)
    pixels[3000:3006, 2400:2406] = 1.0
    axes = overlay(pixels, Atoms.make([[3002.5, 2402.5]])).axes[0]
    shown = np.asarray(axes.images[0].get_array())
    left, right, bottom, top = axes.images[0].get_extent()
    step = (right - left) / shown.shape[1]
    assert max(shown.shape) <= 2400
    assert step == (bottom - top) / shown.shape[0]
    row, column = np.argwhere(shown == shown.max()).mean(axis=0)
    assert (top + (row + 0.5) * step, left + (column + 0.5) * step) == pytest.approx(
        (3002.5, 2402.5), abs=1.5
    )


def test_circles_of_neighbours_do_not_touch_and_follow_the_spacing() -> None:
    for spacing in (4.0, 13.0, 40.0):
        atoms = Atoms.make(_lattice(400, 400, spacing))
        radius = circle_radius(atoms, (400, 400))
        assert 0.2 * spacing < radius < 0.5 * spacing
    assert circle_radius(Atoms.make([[5, 5]]), (400, 400)) > 1
    assert circle_radius(Atoms.make([[5, 5], [5, 5]]), (400, 400)) >= 0.5


@pytest.mark.parametrize(
    ("width_nm", "length_nm", "label"),
    [
        (20.0, 5.0, "5 nm"),
        (8.2, 2.0, "2 nm"),
        (4.0, 1.0, "1 nm"),
        (2.6, 0.5, "5 Å"),
        (0.5, 0.1, "1 Å"),
        (0.1, 0.02, "20 pm"),
        (9000.0, 2000.0, "2 µm"),
    ],
)
def test_the_scale_bar_is_round_and_in_the_unit_of_its_size(
    width_nm: float, length_nm: float, label: str
) -> None:
    length, text = scale_bar_length(width_nm)
    assert length == pytest.approx(length_nm)
    assert text == label


def test_the_scale_bar_is_as_long_as_it_says() -> None:
    length, label = _bar(overlay(np.ones((100, 200)), Atoms.make([[5, 5]]), (0.05, 0.04)))
    assert label == "2 nm"
    assert length * 0.04 == pytest.approx(2.0)


def test_an_uncalibrated_picture_says_so_and_has_no_scale_bar() -> None:
    figure = overlay(np.ones((20, 20)), Atoms.make([[5, 5]]))
    assert "uncalibrated" in _words(figure)
    assert not [a for a in figure.axes[0].artists if hasattr(a, "size_bar")]
    assert "uncalibrated" not in _words(overlay(np.ones((20, 20)), Atoms.make([[5, 5]]), (0.1, 0.1)))


def test_pixels_that_are_not_square_are_drawn_in_their_true_shape() -> None:
    figure = overlay(np.ones((40, 40)), Atoms.make([[5, 5]]), (0.2, 0.1))
    assert figure.axes[0].get_aspect() == pytest.approx(2.0)


def test_the_legend_counts_every_class_and_the_title_is_there() -> None:
    atoms = Atoms.make([[1, 1], [5, 5], [9, 9]], [0, 1, 1], class_names=("Sr", "Ti", "O"))
    words = _words(overlay(np.ones((12, 12)), atoms, title="scan_1"))
    assert {"Sr: 1", "Ti: 2", "O: 0", "scan_1"} <= set(words)


def test_a_very_long_title_keeps_its_two_ends() -> None:
    title = _words(overlay(np.ones((12, 12)), Atoms.make([[1, 1]]), title="a" * 300 + "end"))[0]
    assert title.startswith("aaa")
    assert title.endswith("end")
    assert len(title) < 120


def test_dollar_signs_in_a_name_are_not_mathematics(tmp_path: Path) -> None:
    atoms = Atoms.make([[1, 1]], class_names=("$x_{",))
    save_figure(overlay(np.ones((12, 12)), atoms, title=r"$\frac{a_$"), tmp_path / "o.png")
    assert (tmp_path / "o.png").exists()


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((8, 9)),
        np.full((8, 9), np.nan),
        np.where(np.eye(9) > 0, np.inf, 1.0),
        np.where(np.eye(9) > 0, -1.7e308, 1.7e308),
        np.eye(9, dtype=bool),
        np.eye(9, dtype=np.uint8) * 255,
        np.eye(9, dtype=np.float16),
        np.arange(81, dtype=">u4").reshape(9, 9),
        np.ones((1, 1)),
        np.ones((1, 500)),
        np.ones((500, 1)),
    ],
    ids=["zero", "nan", "inf", "huge", "bool", "u1", "f2", "big-endian", "1x1", "1x500", "500x1"],
)
def test_any_pixels_become_a_picture(pixels: np.ndarray, tmp_path: Path) -> None:
    page = _saved(overlay(pixels, Atoms.make([[0, 0]]), (0.1, 0.1)), tmp_path / "o.png")
    assert max(page.shape) <= 300 * 8
    assert np.ptp(page) > 0.5


def test_faint_contrast_fills_the_gray_scale_and_outliers_do_not_spoil_it() -> None:
    pixels = 1000 + np.random.default_rng(0).random((64, 64))
    pixels[3, 3] = 1e6
    shown = np.asarray(overlay(pixels, Atoms.make([[1, 1]])).axes[0].images[0].get_array())
    assert np.percentile(shown, 5) < 0.1
    assert np.percentile(shown, 95) > 0.9


@pytest.mark.parametrize("shape", [(5,), (0, 5), (2, 5, 5)])
def test_what_is_not_a_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadImage, match="cannot be drawn"):
        overlay(np.ones(shape), Atoms.make(np.empty((0, 2))))


def test_pictures_are_printed_at_300_dpi_and_the_same_each_time(tmp_path: Path) -> None:
    atoms = Atoms.make(_lattice(64, 64, 8))
    pixels = np.random.default_rng(1).random((64, 64))
    for name in ("a.png", "b.png"):
        save_figure(overlay(pixels, atoms, (0.02, 0.02)), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert imread(tmp_path / "a.png").shape[1] == 6 * 300


@pytest.mark.parametrize("suffix", [".svg", ".pdf", ".tif"])
def test_the_suffix_says_what_is_written(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"o{suffix}"
    save_figure(overlay(np.eye(9), Atoms.make([[1, 1]])), path)
    marks = {".svg": b"<?xml", ".pdf": b"%PDF", ".tif": b"II*\0"}
    assert path.read_bytes().startswith(marks[suffix])


def test_a_picture_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "o.nonsense"
    path.write_text("old")
    with pytest.raises(SaveFailed):
        save_figure(overlay(np.eye(9), Atoms.make([[1, 1]])), path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["o.nonsense"]


def test_drawing_leaves_the_persons_settings_as_they_are() -> None:
    before = dict(mpl.rcParams)
    overlay(np.eye(9), Atoms.make([[1, 1]]), (0.1, 0.1))
    assert dict(mpl.rcParams) == before


def test_drawing_and_saving_does_without_pyplot(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; import numpy as np; from napari_atomai import plots\n"
        "from napari_atomai.data.atoms import Atoms\n"
        "plots.save_figure(plots.overlay(np.eye(9), Atoms.make([[1, 1]])), Path(sys.argv[1]))\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "o.png")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "False"
