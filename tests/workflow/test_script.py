"""Copy as script, edits by hand and replay."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from napari_atomai.cli import main
from napari_atomai.data.progress import finish
from napari_atomai.data.recipe import FindAtoms, InputRecord, Recipe, Record, Step
from napari_atomai.data.recipes_latent import CutPatches, LearnLatents
from napari_atomai.data.recipes_lattice import MeasureLattice
from napari_atomai.data.recipes_segment import SegmentImage
from napari_atomai.data.recipes_statistics import LocalOrder
from napari_atomai.data.recipes_structure import BuildStructure, ExportStructure, FindRings, Relax
from napari_atomai.errors import BadOption
from napari_atomai.simulate.samples import sample
from napari_atomai.workflow.find import Found, as_image, finding
from napari_atomai.workflow.hand_edits import Edits, edited, edits_between
from napari_atomai.workflow.lattice import measuring_lattice
from napari_atomai.workflow.local_order import mapping_order
from napari_atomai.workflow.replay import Replayed, parts_in, replaying
from napari_atomai.workflow.script import Part, as_script


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Found]:
    path = tmp_path_factory.mktemp("scan") / "scan.npy"
    np.save(path, np.asarray(sample("graphene").image.frame(0))[:160, :160])
    return path, finish(finding(as_image(path)))


EDITS = Edits(removed=(2, 5), changed={3: (10.25, 11.5, "Si")}, added={900: (0, 50.0, 60.5, "column")})


def test_edits_are_what_turns_one_table_into_the_other(scan: tuple[Path, Found]) -> None:
    found = scan[1].atoms
    now = edited(found, EDITS)
    assert len(now) == len(found) - 1
    assert edits_between(found, now) == EDITS
    assert not edits_between(found, found)
    assert now.positions[now.ids == 3].tolist() == [[10.25, 11.5]]
    assert now.class_names[int(now.classes[now.ids == 3][0])] == "Si"
    assert np.isnan(now.features["score"][-1])
    assert now.ids[-1] == 900


def recipe(scan: tuple[Path, Found], folder: Path) -> Path:
    path = folder / "recipe.json"
    path.write_text(scan[1].record.to_json(), encoding="utf-8")
    return path


def test_the_script_gives_the_same_atoms_with_the_same_edits(scan: tuple[Path, Found]) -> None:
    parts = [Part(scan[1].record, EDITS)]
    space: dict[str, object] = {}
    exec(compile(as_script(parts), "script.py", "exec"), space)
    (atoms,) = space["results"]  # type: ignore[misc]
    expected = edited(scan[1].atoms, EDITS)
    assert np.array_equal(atoms.positions, expected.positions)  # type: ignore[has-type]
    assert np.array_equal(atoms.ids, expected.ids)  # type: ignore[has-type]


BEFORE: dict[type, tuple[Any, ...]] = {
    LearnLatents: (CutPatches(),),
    Relax: (FindAtoms(), BuildStructure(elements={"column": "C"})),
    ExportStructure: (FindAtoms(), BuildStructure(elements={"column": "C"})),
}


@pytest.mark.parametrize("kind", get_args(get_args(Step)[0]), ids=lambda kind: kind.__name__)
def test_every_step_there_is_can_be_written_as_python(kind: type[Recipe]) -> None:
    """A new kind of step must be taught to the script: else this fails."""
    before = BEFORE.get(kind, () if kind in (FindAtoms, SegmentImage) else (FindAtoms(),))
    last = BuildStructure(elements={"column": "C"}) if kind is BuildStructure else kind()
    record = Record(input=InputRecord(path="scan.npy"), steps=(*before, last))
    text = as_script(record)
    tree = ast.parse(text)
    assert f"{kind.__name__}(" in text
    for where in (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)):
        module = import_module(str(where.module))
        assert all(hasattr(module, name.name) for name in where.names)


def test_the_script_does_what_was_done_with_the_atoms(scan: tuple[Path, Found]) -> None:
    lattice, order = MeasureLattice(brightness=False), LocalOrder(components=2)
    of_atoms = scan[1].record.model_copy(update={"steps": (*scan[1].record.steps, lattice)})
    of_image = scan[1].record.model_copy(update={"steps": (order,), "model": None})
    space: dict[str, Any] = {}
    exec(compile(as_script([Part(of_atoms, EDITS), Part(of_image)]), "script.py", "exec"), space)
    frames, maps = space["results"]
    image, atoms = as_image(scan[0]), edited(scan[1].atoms, EDITS)
    expected = finish(measuring_lattice(atoms, lattice, image))
    assert np.array_equal(frames[0].atoms, expected[0].atoms)
    assert len(frames) == len(expected) == 1
    again = finish(mapping_order(image, order)).order
    np.testing.assert_allclose(maps.order.maps.pixels, again.maps.pixels, rtol=1e-5)


def test_what_was_done_with_atoms_of_another_file_is_said() -> None:
    record = Record(input=InputRecord(path="scan.npy"), steps=(FindRings(),))
    with pytest.raises(BadOption, match="atoms of another file"):
        as_script(record)


def test_a_script_needs_a_file_and_atoms() -> None:
    with pytest.raises(BadOption, match="no file"):
        as_script(Record())
    with pytest.raises(BadOption, match="No atoms"):
        as_script([])


def test_replay_finds_the_same_atoms_and_says_when_the_pixels_are_others(
    scan: tuple[Path, Found], tmp_path: Path
) -> None:
    part = Part(parts_in(recipe(scan, tmp_path))["scan.npy"].record, EDITS)
    done: Replayed = finish(replaying(part, as_image(scan[0])))
    assert np.array_equal(done.found.atoms.positions, scan[1].atoms.positions)
    expected = edited(scan[1].atoms, EDITS)
    assert np.array_equal(done.atoms.positions, expected.positions)
    assert np.array_equal(done.atoms.ids, expected.ids)
    assert done.notes == ()
    other = tmp_path / "other.npy"
    np.save(other, np.load(scan[0])[::-1])
    done = finish(replaying(part, as_image(other)))
    assert any("by hand" in note for note in done.notes)
    assert done.atoms is done.found.atoms


def test_the_command_replays_on_files(
    scan: tuple[Path, Found], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = recipe(scan, tmp_path)
    assert main(["replay", str(saved), "--script"]) == 0
    assert "finding(image" in capsys.readouterr().out
    assert main(["replay", str(saved), "--on", str(scan[0]), "--out", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "scan" / "atoms.csv").exists()
    assert main(["replay", str(saved), "--on", str(scan[0])]) == 2
