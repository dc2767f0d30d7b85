"""`napari-atomai lattice` and `movie` on tables and images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_atomai.cli import main
from napari_atomai.data.atoms import Atoms
from napari_atomai.files.export import write_csv
from napari_atomai.simulate.distortions import polar_domains
from napari_atomai.simulate.lattices import PROTOTYPES


@pytest.fixture
def table(tmp_path: Path) -> Path:
    truth = polar_domains(size=200)[0].truth
    write_csv(truth, tmp_path / "atoms.csv")
    return tmp_path / "atoms.csv"


def test_a_table_becomes_a_folder_of_results(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    out = tmp_path / "out"
    assert main(["lattice", str(table), "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert "a 0.40" in said.out + said.err
    assert (out / "atoms" / "lattice.json").exists()
    assert (out / "atoms" / "polarisation.png").exists()


def test_the_results_of_another_input_are_not_overwritten(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["lattice", str(table), "--out", str(out)]) == 0
    atoms = PROTOTYPES["square"].scaled(12.0).tile((100, 100), 0.1, 0)[0]
    write_csv(Atoms.make(atoms), table)
    assert main(["lattice", str(table), "--out", str(out)]) == 1
    assert main(["lattice", str(table), "--out", str(out), "--overwrite", "-q"]) == 0


def test_atoms_on_no_lattice_fail_in_words_and_the_next_file_goes_on(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    random = tmp_path / "random.csv"
    write_csv(Atoms.make(np.random.default_rng(0).uniform(0, 300, (300, 2))), random)
    out = tmp_path / "out"
    assert main(["lattice", str(random), str(table), "--out", str(out)]) == 1
    assert "lie on no lattice" in capsys.readouterr().err
    assert (out / "atoms" / "lattice.json").exists()
    assert not (out / "random" / "lattice.json").exists()


def test_wrong_options_end_with_two_and_a_hint(table: Path, tmp_path: Path) -> None:
    common = ["lattice", str(table), "--out", str(tmp_path / "out")]
    assert main([*common, "--reach", "0.5"]) == 2
    assert main([*common, "--reference", "1", "1", "1", "9"]) == 2
    assert main([*common, "--centr", "1"]) == 2


def test_a_table_of_several_frames_becomes_tracks(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    sites = PROTOTYPES["square"].scaled(12.0).tile((80, 80), 0.1, 0)[0]
    where = np.concatenate([sites + 0.5 * frame for frame in range(4)])
    write_csv(Atoms.make(where, 0, np.repeat(np.arange(4), len(sites))), tmp_path / "movie.csv")
    out = tmp_path / "out"
    assert main(["movie", str(tmp_path / "movie.csv"), "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert f"{len(sites)} tracks in 4 frames" in said.out + said.err
    drift = np.genfromtxt(out / "movie" / "drift.csv", delimiter=",", skip_header=1)
    assert drift[-1] == pytest.approx([3, 1.5, 1.5], abs=1e-6)
    assert main(["movie", str(tmp_path / "movie.csv"), "--out", str(out), "--gap", "-1"]) == 2
