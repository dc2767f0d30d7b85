"""From a file to a folder of results with the bundled model, and the same numbers again from the recipe."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_atomai.cli import main
from napari_atomai.simulate.samples import sample

SAME = ("atoms.csv", "atoms.xyz", "classes.tif", "probability.tif", "overlay.png")


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    np.save(tmp_path / "scan.npy", sample("perovskite").image.pixels[:160, :192])
    return tmp_path / "scan.npy"


def test_the_recipe_gives_the_same_files_bit_for_bit(scan: Path, tmp_path: Path) -> None:
    first, again = tmp_path / "first" / "scan", tmp_path / "again" / "scan"
    line = ["--pixel-size", "0.016", "--threshold", "0.4"]
    assert main(["find", str(scan), "--out", str(first.parent), *line]) == 0
    assert main(["find", "--recipe", str(first / "recipe.json"), "--out", str(again.parent)]) == 0
    assert {name: (again / name).read_bytes() for name in SAME} == {
        name: (first / name).read_bytes() for name in SAME
    }


def test_the_columns_of_a_perovskite_lie_where_they_were_put(scan: Path, tmp_path: Path) -> None:
    assert main(["find", str(scan), "--out", str(tmp_path / "out"), "--pixel-size", "0.016"]) == 0
    table = pd.read_csv(tmp_path / "out" / "scan" / "atoms.csv")
    found = table[["row_px", "col_px"]].to_numpy()
    truth = sample("perovskite").truth.positions
    inner = truth[((truth > 4) & (truth < (155, 187))).all(axis=1)]
    nearest = np.linalg.norm(inner[:, None] - found[None], axis=2).min(axis=1)
    assert (nearest < 2.0).mean() > 0.97
    assert np.median(nearest) < 0.5


def test_a_dm4_file_keeps_its_pixel_size_in_table_and_maps(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "stem_BaTiO3_1.dm4"
    assert main(["find", str(path), "--out", str(tmp_path)]) == 0
    folder = tmp_path / "stem_BaTiO3_1"
    table = pd.read_csv(folder / "atoms.csv")
    np.testing.assert_allclose(np.ptp(table["x_nm"]) / np.ptp(table["col_px"]), 0.02966, rtol=1e-3)
    with tifffile.TiffFile(folder / "probability.tif") as file:
        assert file.asarray().shape == (413, 469)
        pixels, units = file.pages[0].tags["XResolution"].value
        assert units / pixels == pytest.approx(0.02966, rel=1e-3)
    assert (folder / "overlay.png").stat().st_size > 100_000
