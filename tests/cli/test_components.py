"""The command line decomposes surroundings and spectra; one failure stops no other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_atomai.cli import FAILED, FINE, USAGE, main
from napari_atomai.data.atoms import Atoms
from napari_atomai.data.recipe import FindAtoms, LocalStatistics, Record
from napari_atomai.files.export import read_csv, write_csv
from napari_atomai.simulate.samples import sample

pytest.importorskip("sklearn")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    np.save(tmp_path / "image.npy", np.asarray(sample("perovskite").image.pixels)[:128, :128])
    return tmp_path / "image.npy"


def test_atoms_are_found_and_their_surroundings_decomposed(image: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["components", str(image), "--out", str(out), "--components", "2", "-q"]) == FINE
    table = read_csv(out / "image" / "loadings.csv")
    assert len(table) > 20
    assert {"loading_1", "loading_2", "component"} <= set(table.features)
    record = Record.from_json((out / "image" / "components.json").read_text())
    assert record.step(FindAtoms) is not None
    assert record.step(LocalStatistics) == LocalStatistics(components=2)


def test_given_atoms_are_taken_and_another_input_is_not_replaced(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = np.stack(np.meshgrid(*[np.arange(16, 112, 12)] * 2, indexing="ij"), -1).reshape(-1, 2)
    write_csv(Atoms.make(where), tmp_path / "atoms.csv")
    line = ["components", str(image), "--atoms", str(tmp_path / "atoms.csv"), "--window", "9"]
    line += ["--out", str(tmp_path / "out"), "-q"]
    assert main(line) == FINE
    assert len(read_csv(tmp_path / "out" / "image" / "loadings.csv")) == len(where)
    record = Record.from_json((tmp_path / "out" / "image" / "components.json").read_text())
    assert "atoms.csv (sha256" in record.notes[-1]
    assert record.step(FindAtoms) is None
    np.save(image, np.load(image)[::-1])
    assert main(line) == FAILED
    assert "already holds" in capsys.readouterr().err
    assert main([*line, "--overwrite"]) == FINE
    assert main([*line, str(tmp_path / "other.npy")]) == USAGE  # one table for two files


def test_a_picture_has_no_spectra_and_stops_no_other(image: Path, shared_data: Path, tmp_path: Path) -> None:
    spectra = shared_data / "eels_STO-film_SI.dm3"
    line = ["unmix", str(image), str(spectra), "--components", "0", "--out", str(tmp_path / "out")]
    assert main(line) == FAILED
    table = np.genfromtxt(tmp_path / "out" / spectra.stem / "spectra.csv", delimiter=",", names=True)
    lanthanum = (table["energy_eV"] > 830) & (table["energy_eV"] < 852)
    ratios = [table[n][lanthanum].max() / table[n].mean() for n in table.dtype.names[1:]]
    assert sorted(ratios)[-1] > 2.5 * sorted(ratios)[-2]  # one component is the layer with lanthanum
    assert main([*line, "--dataset", "4"]) == FAILED


def test_local_order_is_mapped_and_options_that_are_not_possible_are_refused(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["local_order", str(image), "--out", str(tmp_path / "out"), "--pixel-size", "0.02", "-q"]
    assert main([*line, "--components", "2", "--window", "0.64"]) == FINE
    record = Record.from_json((tmp_path / "out" / "image" / "local_order.json").read_text())
    assert record.measured["window_rows_px"] == 32
    assert len(list((tmp_path / "out" / "image").glob("map_*.tif"))) == 2
    assert main([*line, "--zoom", "0"]) == USAGE
    assert main([*line, "--window", "50", "--overwrite"]) == FAILED
    assert "do not fit" in capsys.readouterr().err


def test_windows_can_lie_on_a_grid(image: Path, tmp_path: Path) -> None:
    line = ["components", str(image), "--grid", "12", "--window", "15", "--components", "2", "-q"]
    assert main([*line, "--out", str(tmp_path / "out")]) == FINE
    table = read_csv(tmp_path / "out" / "image" / "loadings.csv")
    assert len(table) == 100
    assert (tmp_path / "out" / "image" / "maps.hspy").exists()
