"""The command line finds what varies in motifs; one failure stops no other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_atomai.cli import FAILED, FINE, USAGE, main
from napari_atomai.data.recipe import CutPatches, FindAtoms, LearnLatents, Record
from napari_atomai.files.export import read_csv
from napari_atomai.simulate.samples import sample

pytest.importorskip("sklearn")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    np.save(tmp_path / "image.npy", np.asarray(sample("perovskite").image.pixels)[:128, :128])
    return tmp_path / "image.npy"


def test_atoms_are_found_and_their_moments_written(image: Path, tmp_path: Path) -> None:
    line = ["latent", str(image), "--out", str(tmp_path / "out"), "--model", "zernike", "--number", "2", "-q"]
    assert main(line) == FINE
    table = read_csv(tmp_path / "out" / "image" / "latents.csv")
    assert len(table) > 20
    assert set(np.unique(table.features["cluster"])) == {1, 2}
    record = Record.from_json((tmp_path / "out" / "image" / "latent.json").read_text())
    assert record.step(FindAtoms) is not None
    assert record.step(CutPatches) == CutPatches()
    assert record.step(LearnLatents) == LearnLatents(model="zernike", number=2)
    assert "explained" in record.measured


def test_a_file_that_cannot_be_used_stops_no_other(image: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "flat.npy", np.zeros((64, 64), np.float32))
    line = ["latent", str(tmp_path / "flat.npy"), str(image), "--out", str(tmp_path / "out"), "-q"]
    line += ["--around", "grid", "--window", "16", "--model", "zernike", "--clusters", "none"]
    assert main(line) == FAILED
    assert len(read_csv(tmp_path / "out" / "image" / "latents.csv")) == 15 * 15
    assert main(["latent", str(image), "--model", "umap", "--out", str(tmp_path)]) == USAGE
