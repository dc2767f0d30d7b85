"""The command line makes rings, structure files and relaxed structures of a table of atoms."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

ase_io = pytest.importorskip("ase.io", reason="ase is an extra: pip install 'napari-atomai[ase]'")

from ase.build import bulk  # noqa: E402

from napari_atomai.cli import FAILED, FINE, USAGE, main  # noqa: E402
from napari_atomai.data.atoms import Atoms  # noqa: E402
from napari_atomai.data.recipe import FindRings, Record  # noqa: E402
from napari_atomai.files.export import write_csv  # noqa: E402
from napari_atomai.simulate.samples import stone_wales  # noqa: E402

BOND, PX = 1.42, 0.12


@pytest.fixture
def table(tmp_path: Path) -> Path:
    motif = np.array([[0, 0], [0, 1], [np.sqrt(3) / 2, 1.5], [np.sqrt(3) / 2, 2.5]])
    corners = np.stack(np.meshgrid(np.arange(8) * np.sqrt(3), np.arange(5) * 3, indexing="ij"), -1)
    where = (corners.reshape(-1, 1, 2) + motif).reshape(-1, 2) * BOND
    where = stone_wales(where, BOND, where.mean(axis=0))
    write_csv(Atoms.make(where / PX, pixel_size=(PX / 10, PX / 10)), tmp_path / "atoms.csv")
    return tmp_path / "atoms.csv"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_rings_writes_tables_a_picture_and_a_record(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["rings", str(table), "--out", str(out), "-q"]) == FINE
    folder = out / "atoms"
    assert {p.name for p in folder.iterdir()} == {"rings.csv", "defects.csv", "rings.png", "rings.json"}
    (defect,) = rows(folder / "defects.csv")
    assert (defect["kind"], defect["signature"]) == ("Stone-Wales", "5-5-7-7")
    sizes = [int(row["size"]) for row in rows(folder / "rings.csv")]
    assert (sizes.count(5), sizes.count(7)) == (2, 2)
    assert all(len(row["atoms"].split()) == int(row["size"]) for row in rows(folder / "rings.csv"))
    record = Record.from_json((folder / "rings.json").read_text())
    assert record.step(FindRings) == FindRings(elements={"column": "C"})


def test_rings_of_another_input_are_not_replaced_unasked(table: Path, tmp_path: Path) -> None:
    line = ["rings", str(table), "--out", str(tmp_path / "out"), "-q"]
    assert main(line) == FINE
    table.write_text(table.read_text().rsplit("\n", 2)[0] + "\n")
    assert main(line) == FAILED
    assert main([*line, "--overwrite"]) == FINE


def test_a_table_that_is_none_stops_no_other(table: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    line = ["rings", str(tmp_path / "bad.csv"), str(table), "--out", str(tmp_path / "out"), "-q"]
    assert main(line) == FAILED
    assert (tmp_path / "out" / "atoms" / "rings.json").exists()
    assert main([*line, "--most", "1"]) == USAGE


def test_export_then_relax(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "run" / "POSCAR"
    export = ["export", str(table), "--element", "C", "--out", str(target)]
    assert main(export) == FINE
    assert "read back and the same" in capsys.readouterr().out
    assert len(ase_io.read(target)) == len(rows(table))
    record = Record.from_json((tmp_path / "run" / "POSCAR.json").read_text())
    assert [step.step for step in record.steps[-2:]] == ["build_structure", "export_structure"]
    assert record.input.path == str(table)
    assert main(export) == FAILED  # it is there already
    folder = tmp_path / "relaxed"
    assert main(["relax", str(target), "--out", str(folder), "--steps", "12", "--flat", "-q"]) == FINE
    steps = rows(folder / "steps.csv")
    assert float(steps[-1]["energy_eV"]) < float(steps[0]["energy_eV"])
    frames = ase_io.read(folder / "trajectory.xyz", index=":")
    last = ase_io.read(folder / "relaxed.xyz")
    assert len(frames) == 3  # steps 0, 10 and the last
    np.testing.assert_allclose(
        np.sort(frames[-1].positions, axis=0), np.sort(last.positions, axis=0), atol=1e-6
    )
    assert np.ptp(last.positions[:, 2]) == pytest.approx(0, abs=1e-9)
    assert Record.from_json((folder / "relax.json").read_text()).steps[0].step == "relax"


def test_export_refuses_what_it_does_not_know(table: Path, tmp_path: Path) -> None:
    line = ["export", str(table), "--out", str(tmp_path / "x.cif")]
    assert main([*line, "--element", "C", "--format", "posscar"]) == USAGE
    assert main([*line, "--element", "colum=C"]) == USAGE
    assert main([*line, "--element", "C", "--periodic"]) == USAGE
    assert not (tmp_path / "x.cif").exists()
    assert main(["relax", str(table), "--out", str(tmp_path / "r")]) == FAILED


def test_export_writes_the_inputs_of_a_vasp_run(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert (
        main(["export", str(table), "--element", "column=C", "--vasp-run", "--out", str(out), "-q"]) == FINE
    )
    assert {p.name for p in out.iterdir()} == {
        "POSCAR",
        "POSCAR.json",
        "INCAR",
        "KPOINTS",
        "POTCAR.txt",
    }


def test_columns_are_stacked_as_in_a_unit_cell(table: Path, tmp_path: Path) -> None:
    ase_io.write(tmp_path / "si.cif", bulk("Si", cubic=True))
    line = ["export", str(table), "--element", "Si", "--out", str(tmp_path / "slab.xyz"), "-q"]
    columns = ["--third", "columns", "--thickness", "11", "--prototype", str(tmp_path / "si.cif")]
    assert main([*line, *columns]) == FINE
    assert len(ase_io.read(tmp_path / "slab.xyz")) == 2 * len(rows(table))
    assert main([*line, *columns[:-1], str(tmp_path / "none.cif"), "--overwrite"]) == FAILED


def test_points_that_are_ring_centres_are_told_and_atoms_put_between_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows_, cols = np.mgrid[0:12, 0:12]
    where = np.column_stack([rows_.ravel() * np.sqrt(0.75), cols.ravel() + rows_.ravel() % 2 / 2]) * 0.246
    table = tmp_path / "centres.csv"
    write_csv(Atoms.make(where / 0.02, pixel_size=(0.02, 0.02)), table)
    line = ["rings", str(table), "--out", str(tmp_path / "out")]
    assert main(line) == FINE
    assert "triangular lattice" in capsys.readouterr().err
    assert main([*line, "--ring-centres", "--overwrite"]) == FINE
    found = rows(tmp_path / "out" / "centres" / "rings.csv")
    assert len(found) == 10 * 10
    assert {row["size"] for row in found} == {"6"}
