"""Spectrum images unmixed with options, record and files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_atomai.data.image import Axis, Image
from napari_atomai.data.progress import finish
from napari_atomai.data.recipe import Record, Unmix
from napari_atomai.errors import BadImage, BadOption
from napari_atomai.workflow.component_results import write_spectra
from napari_atomai.workflow.unmix import spectrum_images, unmixing_spectra

pytest.importorskip("sklearn")


def counts(kind: str = "uint16") -> Image:
    """Return counts (E, y, x) of two lines, one in the upper and one in the lower half."""
    energy = 100 + 2.0 * np.arange(50)
    lines = np.stack([np.exp(-(((energy - centre) / 6) ** 2)) for centre in (130, 170)]) + 0.05
    shares = np.zeros((2, 12, 10))
    shares[0, :6], shares[1, 6:] = 1, 1
    drawn = np.random.default_rng(0).poisson(80 * np.tensordot(lines, shares, axes=(0, 0)))
    axes = (Axis("E", 2.0, 100.0, "eV"), Axis("y", 0.5, unit="nm"), Axis("x", 0.25, unit="nm"))
    return Image(drawn.astype(kind), axes)


def test_the_number_of_components_and_the_noise_follow_from_the_data() -> None:
    found = finish(unmixing_spectra(counts(), Unmix(components=0)))
    assert found.suggested == 1  # about the mean
    assert len(found.unmixed.spectra) == 2
    assert found.record.step(Unmix) == Unmix(components=0, noise="poisson")
    peaks = sorted(found.unmixed.energy[found.unmixed.spectra.argmax(axis=1)])
    assert peaks == pytest.approx([130, 170], abs=4)
    assert finish(unmixing_spectra(counts("float32"), Unmix())).record.steps[0].noise == "uniform"


def test_files_have_the_energy_axis_and_calibrated_maps(tmp_path: Path) -> None:
    found = finish(unmixing_spectra(counts(), Unmix(components=2, low=120, high=180)))
    paths = write_spectra(found, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in paths}
    table = np.genfromtxt(tmp_path / "spectra.csv", delimiter=",", names=True)
    assert table.dtype.names == ("energy_eV", "component_1", "component_2")
    assert np.array_equal(table["energy_eV"], np.arange(120, 181, 2))
    assert np.allclose(table["component_2"], found.unmixed.spectra[1])
    with tifffile.TiffFile(tmp_path / "map_2.tif") as file:
        assert np.allclose(file.asarray(), found.unmixed.maps.pixels[1])
        assert (file.pages[0].tags[65009].value, file.pages[0].tags[65010].value) == (0.25, 0.5)
    assert Record.from_json((tmp_path / "unmixed.json").read_text()) == found.record


def test_what_does_not_go_together_is_refused() -> None:
    with pytest.raises(BadOption, match="offset"):
        finish(unmixing_spectra(counts(), Unmix(offset=1.0)))
    negative = Image(counts("float32").pixels * 0 - 3, counts().axes)
    with pytest.raises(BadImage, match="offset of 3"):
        finish(unmixing_spectra(negative, Unmix()))
    with pytest.raises(BadOption, match="51 components were asked"):
        finish(unmixing_spectra(counts(), Unmix(components=51)))
    with pytest.raises(BadImage, match="none of them a spectrum image"):
        spectrum_images([Image.from_array(np.ones((4, 4)))])
