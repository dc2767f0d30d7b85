"""Replay: all that the history holds is done again on other files, and what is left out is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from napari_atomai.cli import main
from napari_atomai.data.progress import finish
from napari_atomai.data.recipe import FindAtoms, Record, RefineAtoms, Step
from napari_atomai.data.recipes_latent import CutPatches, LearnLatents
from napari_atomai.data.recipes_lattice import FollowAtoms, MeasureLattice
from napari_atomai.data.recipes_statistics import LocalOrder, LocalStatistics, Unmix
from napari_atomai.data.recipes_structure import BuildStructure, ExportStructure, FindRings, Relax
from napari_atomai.errors import AtomAIError, BadOption
from napari_atomai.files.export import read_csv
from napari_atomai.files.work import Work, write_work
from napari_atomai.simulate.samples import sample
from napari_atomai.workflow import replay_steps
from napari_atomai.workflow.find import as_image, finding
from napari_atomai.workflow.hand_edits import Edits
from napari_atomai.workflow.lattice import measuring_lattice
from napari_atomai.workflow.record import describe_input, file_sha256
from napari_atomai.workflow.replay import Replayed, parts_in, replaying
from napari_atomai.workflow.rings import finding_rings
from napari_atomai.workflow.script import Part, as_script

FIND, REFINE = FindAtoms(spacing=12.0), RefineAtoms()
BUILD = BuildStructure(elements={"column": "C"}, bond=1.42)
SIZE = 0.0118
"""nm per pixel: atoms of the sample lie a bond of graphene apart."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return two files with parts of the same sample that do not overlap."""
    folder = tmp_path_factory.mktemp("files")
    pixels = np.asarray(sample("graphene").image.frame(0))
    for name, part in {"monday": pixels[:160, :160], "tuesday": pixels[160:320, 160:320]}.items():
        np.save(folder / f"{name}.npy", part)
    return folder / "monday.npy", folder / "tuesday.npy"


def record(path: Path, *steps: Any) -> Record:
    return Record(input=describe_input(as_image(path)), steps=steps)


def replayed(part: Part, path: Path, pixel_size: float | None = None) -> Replayed:
    return finish(replaying(part, as_image(path, pixel_size)))


def test_every_kind_of_step_can_be_done_again() -> None:
    """A new kind of step must be taught to replay: else this fails."""
    kinds = set(get_args(get_args(Step)[0])) - {RefineAtoms}
    assert set(replay_steps._DOING) == kinds


def test_what_was_done_with_atoms_is_done_on_another_file(files: tuple[Path, Path]) -> None:
    monday, tuesday = files
    lattice, rings = MeasureLattice(brightness=False), FindRings(bond=1.42)
    more = (record(monday, FIND, REFINE, rings), record(monday, LocalOrder(components=2)))
    done = replayed(Part(record(monday, FIND, REFINE, lattice), more=more), tuesday)
    image = as_image(tuesday)
    found = finish(finding(image, FIND, REFINE))
    assert done.atoms is not None
    assert len(done.atoms) > 50
    np.testing.assert_array_equal(done.atoms.positions, found.atoms.positions)
    assert [type(one.step) for one in done.done] == [MeasureLattice, FindRings, LocalOrder]
    one, other, maps = (each.result for each in done.done)
    expected = finish(measuring_lattice(found.atoms, lattice, image))
    np.testing.assert_array_equal(one[0].atoms, expected[0].atoms)
    rings_there = finish(finding_rings(found.atoms, rings))
    np.testing.assert_array_equal(other[0].rings.sizes, rings_there[0].rings.sizes)
    assert len(other[0].rings) > 10
    assert maps.record.input.sha256 == file_sha256(tuesday)


def test_steps_that_several_records_share_are_done_once(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Any] = []
    usual = replay_steps._DOING[FindAtoms]

    def counted(state: replay_steps.State, step: Any) -> replay_steps.Doing:
        calls.append(step)
        return usual(state, step)

    monkeypatch.setattr(replay_steps, "_DOING", replay_steps._DOING | {FindAtoms: counted})
    first = record(files[0], FIND, REFINE, MeasureLattice())
    second = record(files[0], FIND, REFINE, FindRings(bond=1.42))
    assert len(replayed(Part(first, more=(second,)), files[0]).done) == 2
    assert len(calls) == 1
    other = record(files[0], FIND.model_copy(update={"threshold": 0.7}), REFINE, MeasureLattice())
    replayed(Part(first, more=(other,)), files[0])
    assert len(calls) == 3


def test_what_cannot_be_done_is_left_out_and_said(files: tuple[Path, Path]) -> None:
    unknown = BuildStructure(elements={"Si": "Si"}, bond=1.42)
    more = (
        record(files[0], FIND, REFINE, unknown, ExportStructure()),
        record(files[0], Unmix()),
        record(files[0], FIND, REFINE, MeasureLattice()),
    )
    done = replayed(Part(record(files[0], FIND, REFINE, FollowAtoms()), more=more), files[1])
    assert [type(one.step) for one in done.done] == [MeasureLattice]
    left = [note for note in done.notes if "left out" in note]
    assert len(left) == 3
    assert "single one" in left[0]
    assert "Build structure" in left[1]
    assert "column" in left[1]
    assert "Unmix" in left[2]


def test_if_nothing_can_be_done_it_is_an_error(files: tuple[Path, Path]) -> None:
    with pytest.raises(BadOption, match="Nothing of it can be done on tuesday"):
        replayed(Part(record(files[0], Unmix())), files[1])


def test_atoms_that_cannot_be_found_are_an_error(files: tuple[Path, Path]) -> None:
    missing = FindAtoms(model="/nowhere/taught.safetensors")
    with pytest.raises(AtomAIError, match="taught"):
        replayed(Part(record(files[0], missing, MeasureLattice())), files[1])


def test_sizes_in_nm_are_not_taken_for_pixels(files: tuple[Path, Path]) -> None:
    sized = Part(
        Record(
            input=describe_input(as_image(files[0], SIZE)),
            steps=(LocalOrder(window=0.4), LocalOrder(components=2)),
        )
    )
    with pytest.raises(BadOption, match=r"window 0\.4.*nm"):
        replayed(sized, files[1])
    assert len(replayed(sized, files[1], SIZE).done) == 2
    unsized = Part(Record(input=sized.record.input, steps=(LocalOrder(components=2),)))
    assert len(replayed(unsized, files[1]).done) == 1


def test_edits_reach_what_is_done_with_the_atoms_on_the_same_pixels_only(files: tuple[Path, Path]) -> None:
    part = Part(record(files[0], FIND, REFINE, MeasureLattice()), Edits(removed=(2, 5)), by_hand=("ruler",))
    same, other = replayed(part, files[0]), replayed(part, files[1])
    assert same.found is not None
    assert same.atoms is not None
    assert len(same.atoms) == len(same.found.atoms) - 2
    assert same.done[0].result[0].atoms.max() < len(same.atoms)
    assert same.notes == ()
    assert other.found is not None
    assert other.atoms is other.found.atoms
    assert any("by hand" in note for note in other.notes)
    assert any("ruler" in note for note in other.notes)


@pytest.mark.parametrize(
    ("steps", "files_there"),
    [
        ((BUILD, ExportStructure(format="cif")), ("structure/structure.cif", "structure/structure.json")),
        ((BUILD, Relax(steps=2)), ("relaxed/relaxed.xyz", "relaxed/relax.json")),
        ((LocalStatistics(components=2),), ("components/loadings.csv", "components/components.json")),
        (
            (CutPatches(), LearnLatents(model="zernike", clusters="kmeans", number=2)),
            ("latent/latent.json",),
        ),
        ((FindRings(bond=1.42),), ("rings/rings.csv", "rings/rings.json")),
    ],
    ids=["export", "relax", "components", "latents", "rings"],
)
def test_the_command_writes_what_was_done(
    files: tuple[Path, Path], tmp_path: Path, steps: tuple[Any, ...], files_there: tuple[str, ...]
) -> None:
    saved = tmp_path / "recipe.json"
    saved.write_text(record(files[0], FIND, REFINE, *steps).to_json(), encoding="utf-8")
    line = ["replay", str(saved), "--on", str(files[1]), "--out", str(tmp_path / "out"), "-q"]
    assert main(line) == 0
    folder = tmp_path / "out" / "tuesday"
    for name in ("atoms.csv", *files_there):
        assert (folder / name).stat().st_size > 0
    told = Record.from_json((folder / files_there[-1]).read_text(encoding="utf-8"))
    assert told.steps[-len(steps) :] == steps
    assert told.input.sha256 == file_sha256(files[1])
    assert type(told.steps[0]) is FindAtoms


def test_results_of_another_input_are_refused_before_the_work(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "recipe.json"
    saved.write_text(record(files[0], LocalOrder(components=2)).to_json(), encoding="utf-8")
    theirs = tmp_path / "out" / "tuesday" / "local_order"
    theirs.mkdir(parents=True)
    (theirs / "local_order.json").write_text(record(files[0], LocalOrder()).to_json(), encoding="utf-8")
    line = ["replay", str(saved), "--on", str(files[1]), "--out", str(tmp_path / "out")]
    assert main(line) == 1
    assert "already holds" in capsys.readouterr().err
    assert main([*line, "--overwrite"]) == 0
    told = Record.from_json((theirs / "local_order.json").read_text(encoding="utf-8"))
    assert told.input.sha256 == file_sha256(files[1])


def test_a_session_tells_what_its_layers_were_made_with(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lattice, order = record(files[0], FIND, REFINE, MeasureLattice()), record(files[0], LocalOrder())
    geometry = {"scale": [1.0, 1.0], "translate": [0.0, 0.0], "units": ["pixel", "pixel"]}
    usual: dict[str, Any] = {"geometry": geometry, "look": {}}
    source = {"path": str(files[0]), "dataset": 0, "reader": "npy"}
    notes = {"role": "image", "source": source}
    layers: list[dict[str, Any]] = [
        {"kind": "image", "name": "scan", "uid": "i", "notes": notes, "sha256": file_sha256(files[0])}
    ]
    told = {"strain": lattice, "arrows": lattice, "order": order}
    for name, how in told.items():
        notes = {"role": name, "parent_uid": "i", "record": how.to_json()}
        layers.append({"kind": "image", "name": name, "uid": name, "notes": notes})
    layers.append(
        {"kind": "shapes", "name": "my ruler", "uid": "r", "notes": {"role": "r", "parent_uid": "i"}}
    )
    path = tmp_path / "day.atomai"
    write_work(path, Work({"layers": [usual | each for each in layers], "found": []}, {}))
    (part,) = parts_in(path).values()
    assert [one.steps for one in part.records] == [lattice.steps, order.steps]
    assert as_script([part]).count("results.append") == 2
    line = ["replay", str(path), "--on", str(files[1]), "--out", str(tmp_path / "out")]
    assert main(line) == 0
    assert "my ruler" in capsys.readouterr().err
    assert len(read_csv(tmp_path / "out" / "tuesday" / "atoms.csv")) > 50
    assert (tmp_path / "out" / "tuesday" / "lattice" / "lattice.csv").exists()
    assert (tmp_path / "out" / "tuesday" / "local_order" / "maps.hspy").exists()
