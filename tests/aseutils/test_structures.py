"""Cells, files and relaxation of structures: against ASE's own numbers, and read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ase", reason="ase is an extra: pip install 'napari-atomai[ase]'")

import ase.io
from ase import Atoms
from ase.build import bulk, graphene
from ase.calculators.fd import calculate_numerical_forces

from napari_atomai.aseutils import (
    FORMATS,
    ase_obj_adv,
    ase_obj_basic,
    build_structure,
    relaxing,
    write_structure,
    write_vasp_run,
)
from napari_atomai.aseutils.tersoff import Tersoff
from napari_atomai.data.progress import finish
from napari_atomai.data.recipes_structure import BuildStructure, Relax
from napari_atomai.errors import BadAtoms, BadOption, SaveFailed, UnknownOption

ELEMENTS = {0: "C", 1: "Si", 2: "C"}


def coordinates(count: int = 20) -> dict[int, np.ndarray]:
    rng = np.random.default_rng(0)
    return {0: np.column_stack([rng.uniform(0, 200, (count, 2)), rng.integers(0, 3, count)])}


def sheet() -> Atoms:
    atoms = graphene(size=(5, 5, 1), a=2.46, vacuum=8)
    atoms.pbc = (True, True, False)
    atoms.numbers[7] = 14
    atoms.rattle(0.05, seed=1)
    return atoms


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("skewed", [False, True])
def test_each_format_opens_in_ase_as_what_was_written(kind: str, skewed: bool, tmp_path: Path) -> None:
    atoms = sheet() if skewed else ase_obj_basic(coordinates(), 0, "test", ELEMENTS, px2ang=0.1)
    atoms.pbc = (skewed, skewed, False)  # a cell is kept where nothing repeats, too
    path = write_structure(atoms, tmp_path / f"structure{FORMATS[kind].ending}", kind)
    back = FORMATS[kind].read(path, atoms[np.argsort(atoms.numbers, kind="stable")])
    assert sorted(back.get_chemical_symbols()) == sorted(atoms.get_chemical_symbols())
    np.testing.assert_allclose(back.cell.cellpar(), atoms.cell.cellpar(), atol=2e-3)
    ordered = atoms[np.argsort(atoms.numbers, kind="stable")]
    back.pbc = ordered.pbc = True
    apart = ordered.get_all_distances(mic=True)
    np.testing.assert_allclose(back.get_all_distances(mic=True), apart, atol=5e-3)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_file_that_reads_back_otherwise_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    import dataclasses

    from napari_atomai.aseutils import export

    broken = dataclasses.replace(FORMATS["cif"], read=lambda _path, atoms: atoms[1:])
    monkeypatch.setattr(export, "FORMATS", {"cif": broken})
    with pytest.raises(SaveFailed, match="instead of 50"):
        export.write_structure(sheet(), tmp_path / "x.cif")
    assert not list(tmp_path.iterdir())


def test_the_words_of_the_paper_give_atoms_and_write_only_what_is_asked(tmp_path: Path) -> None:
    given = coordinates()
    atoms = ase_obj_basic(given, 0, "Graphene", ELEMENTS, tmp_path / "POSCAR", px2ang=0.104)
    np.testing.assert_allclose(atoms.positions[:, :2], given[0][:, :2] * 0.104)
    assert atoms.get_chemical_symbols() == [ELEMENTS[int(each)] for each in given[0][:, 2]]
    assert len(ase.io.read(tmp_path / "POSCAR", format="vasp")) == len(atoms)
    cell = ([30.0, 0, 0], [5.0, 30, 0], [0, 0, 20.0])
    other = ase_obj_adv(*cell, given, 0, "Graphene", ELEMENTS, px2ang=0.104)
    np.testing.assert_array_equal(other.cell[:], cell)
    assert [each.name for each in tmp_path.iterdir()] == ["POSCAR"]
    with pytest.raises(BadOption, match="Class 2 has no element"):
        ase_obj_basic(given, 0, "x", {0: "C", 1: "Si"})
    with pytest.raises(BadAtoms, match="no frame 3"):
        ase_obj_basic(given, 3, "x", ELEMENTS)


def test_tersoff_is_ases_own_and_its_forces_are_the_slope_of_its_energy() -> None:
    atoms = sheet()
    atoms.calc = Tersoff()
    expected = calculate_numerical_forces(atoms, eps=1e-5, iatoms=[0, 6, 7])
    np.testing.assert_allclose(atoms.get_forces()[[0, 6, 7]], expected, atol=1e-5)
    silicon = bulk("Si")
    silicon.calc = Tersoff()
    assert silicon.get_potential_energy() / 2 == pytest.approx(-4.6296, abs=1e-3)  # Tersoff 1989: -4.63


def test_relaxation_brings_a_sheet_to_rest_and_tells_energy_and_force() -> None:
    atoms = sheet()
    atoms.numbers[:] = 6
    atoms.rattle(0.1, seed=2)
    told = []
    work = relaxing(atoms, Relax(force=0.02))
    while True:
        try:
            told.append(next(work).losses)
        except StopIteration as end:
            result = end.value
            break
    assert result.at_rest
    assert result.forces[-1] <= 0.02
    assert told[-1]["energy"] < told[0]["energy"]
    bonds = result.atoms.get_all_distances(mic=True)
    assert bonds[(bonds > 0) & (bonds < 1.8)].min() > 1.38
    assert bonds[bonds < 1.8].max() < 1.46
    np.testing.assert_allclose(result.trajectory[0], atoms.positions)
    np.testing.assert_allclose(result.trajectory[-1], result.atoms.positions)
    np.testing.assert_allclose(result.displacements, result.atoms.positions - atoms.positions)


def test_dynamics_repeat_themselves_with_the_same_seed() -> None:
    relax = Relax(method="langevin", steps=20, seed=3)
    one, other = (finish(relaxing(sheet(), relax)).atoms.positions for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert np.abs(one - sheet().positions).max() > 0.01


def test_a_potential_that_lacks_an_element_says_so() -> None:
    with pytest.raises(BadOption, match="Tersoff has no parameters for Au"):
        finish(relaxing(bulk("Au"), Relax(potential="tersoff")))
    with pytest.raises(BadAtoms, match="no atoms"):
        finish(relaxing(Atoms(), Relax()))


def test_metals_come_to_rest_by_effective_medium_theory() -> None:
    copper = bulk("Cu", cubic=True) * (2, 2, 2)
    copper.rattle(0.1, seed=4)
    result = finish(relaxing(copper, Relax(force=0.01)))
    assert result.at_rest
    distances = result.atoms.get_all_distances(mic=True)
    near = distances[(distances > 0) & (distances < 3)]
    np.testing.assert_allclose(near, 3.61 / np.sqrt(2), atol=0.01)
    assert len(near) == 12 * len(copper)
    alloy = bulk("Cu", cubic=True)
    alloy.numbers[0] = 79
    assert "Effective medium" in finish(relaxing(alloy, Relax(steps=2))).notes[0]
    with pytest.raises(BadOption, match="EMT has no parameters for C"):
        finish(relaxing(sheet(), Relax(potential="emt")))


def test_lennard_jones_pushes_overlapping_atoms_to_the_sum_of_their_radii() -> None:
    pair = Atoms("Mo2", [(0, 0, 0), (2.2, 0, 0)])
    result = finish(relaxing(pair, Relax(potential="lennard-jones", force=0.001)))
    assert result.at_rest
    assert result.atoms.get_distance(0, 1) == pytest.approx(2 * 1.54, abs=0.01)
    assert result.energies[-1] == pytest.approx(-0.4, abs=0.02)
    assert "energies mean nothing" in result.notes[0]
    with pytest.raises(BadOption, match="2 elements: C, Si"):
        finish(relaxing(sheet(), Relax(potential="lennard-jones")))


def test_columns_are_stacked_by_a_prototype() -> None:
    prototype = Atoms(
        "SrTiO3",
        cell=[3.9] * 3,
        pbc=True,
        scaled_positions=[
            [0, 0, 0],
            [0.5, 0.5, 0.5],
            [0.5, 0.5, 0],
            [0.5, 0, 0.5],
            [0, 0.5, 0.5],
        ],
    )
    recipe = BuildStructure(third="columns", thickness=11.7, periodic=True, vacuum=0)
    built = build_structure(
        [[0, 0], [1.95, 1.95]], ["Sr", "Ti"], recipe, plane=np.eye(2) * 3.9, prototype=prototype
    )
    assert built.atoms.get_chemical_formula() == "Sr3Ti3"
    assert built.atoms.cell.lengths() == pytest.approx([3.9, 3.9, 11.7])
    height = built.atoms.positions[:, 2]
    assert height[3] - height[0] == pytest.approx(1.95)


def test_doubts_about_a_structure_are_said() -> None:
    near = build_structure([[0, 0], [0, 0.4], [5, 9]], ["C"] * 3)
    assert any("overlap" in note for note in near.notes)
    assert any("no other within" in note for note in near.notes)
    with pytest.raises(BadOption, match="by no vectors"):
        build_structure([[0, 0]], ["C"], BuildStructure(periodic=True))
    with pytest.raises(UnknownOption, match="element"):
        build_structure([[0, 0]], ["Cc"])
    with pytest.raises(BadAtoms, match="no atoms"):
        build_structure(np.empty((0, 2)), [])


def test_a_vasp_run_has_its_inputs_and_no_potcar(tmp_path: Path) -> None:
    names = [path.name for path in write_vasp_run(sheet(), tmp_path)]
    assert names == ["POSCAR", "INCAR", "KPOINTS", "POTCAR.txt"]
    assert (tmp_path / "KPOINTS").read_text().splitlines()[3] == "3 3 1"
    assert "C, Si" in (tmp_path / "POTCAR.txt").read_text()


def test_a_run_makes_its_folder_and_says_where_it_cannot(tmp_path: Path) -> None:
    assert write_vasp_run(sheet(), tmp_path / "new" / "run")[0].parent == tmp_path / "new" / "run"
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SaveFailed, match="file"):
        write_vasp_run(sheet(), tmp_path / "file")


def test_positions_of_another_shape_build_no_other_structure() -> None:
    with pytest.raises(BadAtoms, match=r"\(N, 2\)"):
        build_structure(np.ones((4, 3)), ["C"] * 6)
    with pytest.raises(BadAtoms, match=r"\(N, 3\)"):
        ase_obj_basic({0: np.ones((6, 2))}, 0, "C", {0: "C", 1: "C"})
