"""AtomAI's names of unmixing and local order give what AtomAI's give, in its shapes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_atomai.errors import BadImage, BadOption
from napari_atomai.stat.paper import SlidingFFTNMF, SpectralUnmixer

pytest.importorskip("sklearn")


def cube() -> np.ndarray:
    """Return (h, w, E) of two phases of different brightness."""
    energy = np.arange(40)
    lines = np.stack([np.exp(-(((energy - centre) / 4) ** 2)) for centre in (10, 28)])
    shares = np.zeros((8, 9, 2))
    shares[:, :4, 0], shares[:, 4:, 1] = 5, 1
    return shares @ lines + 0.01


@pytest.mark.parametrize("method", ["nmf", "pca", "ica", "gmm"])
@pytest.mark.parametrize("normalize", [False, True])
def test_a_cube_is_unmixed_in_the_shapes_of_atomai(method: str, normalize: bool) -> None:
    unmixer = SpectralUnmixer(method, 2, normalize)
    components, maps = unmixer.fit(cube())
    assert (components.shape, maps.shape) == ((2, 40), (8, 9, 2))
    assert unmixer.components_ is components
    assert unmixer.abundance_maps_ is maps
    if method == "nmf":
        assert np.allclose(maps @ components, cube(), atol=0.02)


def test_what_was_unmixed_is_drawn_without_a_window() -> None:
    unmixer = SpectralUnmixer("nmf", 2)
    with pytest.raises(BadOption, match="fit"):
        unmixer.plot_results()
    unmixer.fit(cube())
    figure = unmixer.plot_results(np.linspace(100, 200, 40), "eV")
    assert figure.axes[0].get_xlabel() == "eV"


def test_negative_spectra_are_not_shifted_unasked() -> None:
    with pytest.raises(BadImage, match="offset"):
        SpectralUnmixer("nmf", 2).fit(cube() - 1)
    SpectralUnmixer("nmf", 2, offset=1.0).fit(cube() - 1)
    with pytest.raises(BadImage, match="shape"):
        SpectralUnmixer().fit(cube()[0])


def test_windows_need_not_be_square_and_no_file_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows, cols = np.indices((96, 128))
    pixels = np.where(cols < 64, np.cos(2 * np.pi * rows / 8), np.cos(2 * np.pi * cols / 6))
    finder = SlidingFFTNMF(32, 24, 8, 8, components=2)
    components, abundances = finder.analyze_image(pixels)
    assert abundances.shape == (2, 9, 14)
    assert components.shape == (2, 2 * 17, 2 * 13)
    left = abundances[:, :, :4].mean(axis=(1, 2)) > abundances[:, :, -4:].mean(axis=(1, 2))
    assert sorted(left) == [False, True]
    assert not list(tmp_path.iterdir())
    with pytest.raises(BadOption, match="window_size_y"):
        SlidingFFTNMF(window_size_x=32)
