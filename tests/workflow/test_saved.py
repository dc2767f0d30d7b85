"""A saved session as the engine sees it: replayed on files, and learned from."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_atomai.cli import main
from napari_atomai.data.atoms import Atoms
from napari_atomai.data.progress import finish
from napari_atomai.data.recipe import FindAtoms
from napari_atomai.errors import AtomAIError, BadOption, CannotRead
from napari_atomai.files.export import read_csv
from napari_atomai.files.work import Work, read_work, write_work
from napari_atomai.simulate.samples import sample
from napari_atomai.workflow.corrections import corrections_in
from napari_atomai.workflow.find import Found, as_image, finding
from napari_atomai.workflow.hand_edits import Edits, edited
from napari_atomai.workflow.record import file_sha256
from napari_atomai.workflow.replay import chosen, parts_in
from napari_atomai.workflow.saved import images_of, outline, read_images, whereabouts
from napari_atomai.workflow.saved_models import add_models, taught_model, with_model_at

EDITS = Edits(removed=(2, 5), changed={3: (10.25, 11.5, "Si")}, added={900: (0, 50.0, 60.5, "column")})
BOX = np.array([(5.0, 6.0), (5.0, 150.0), (120.0, 150.0), (120.0, 6.0)])
NM = 0.02


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Found]:
    path = tmp_path_factory.mktemp("scan") / "scan.npy"
    np.save(path, np.asarray(sample("graphene").image.frame(0))[:160, :160])
    find = FindAtoms(threshold=0.6)
    return path, finish(finding(as_image(path), find))


def points(atoms: Atoms) -> tuple[dict[str, Any], dict[str, Any]]:
    """Entry and arrays of a layer of atoms."""
    columns = {
        "class": np.array(atoms.class_names)[atoms.classes],
        "id": atoms.ids,
        "score": atoms.features["score"],
    }
    arrays = {f"p/feature/{name}": column for name, column in columns.items()}
    return entry("points", "p", "atoms", features=list(columns), notes={"class_names": ["column", "Si"]}), {
        "p/data": atoms.positions,
        **arrays,
    }


def entry(kind: str, uid: str, role: str, notes: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    known = {"role": role, **({} if role == "image" else {"parent_uid": "i"}), **(notes or {})}
    geometry = {"scale": [NM, NM], "translate": [0.0, 0.0], "units": ["nanometer", "nanometer"]}
    return {
        "kind": kind,
        "name": f"my {role}",
        "uid": uid,
        "notes": known,
        "geometry": geometry,
        "look": {},
        **more,
    }


def session(scan: tuple[Path, Found], path: Path, regions: bool = True) -> Path:
    """Write a session as the window does: all candidates, and the atoms that the person left."""
    file, found = scan
    everything = found.candidates
    source = {"path": str(file), "dataset": 0, "reader": "npy"}
    image = entry("image", "i", "image", {"source": source}, sha256=file_sha256(file))
    layer, arrays = points(edited(found.atoms, EDITS))
    layers = [image, layer]
    if regions:
        layers.append(entry("shapes", "s", "reviewed", shapes=["rectangle"]))
        arrays["s/shape0"] = BOX
    for name in ("positions", "classes", "frames", "ids"):
        arrays[f"found/i/{name}"] = getattr(everything, name)
    arrays["found/i/feature/score"] = everything.features["score"]
    told = {
        "uid": "i",
        "record": found.record.to_json(),
        "class_names": ["column"],
        "features": ["score"],
        "pixel_size": None,
        "origin": [0.0, 0.0],
    }
    write_work(path, Work({"layers": layers, "found": [told]}, arrays))
    return path


def test_edits_are_told_from_what_the_threshold_hides(scan: tuple[Path, Found], tmp_path: Path) -> None:
    found = scan[1]
    assert len(found.atoms) < len(found.candidates)
    (image,) = read_images(session(scan, tmp_path / "day.atomai"))
    assert image.edits == EDITS
    assert image.atoms is not None
    assert image.atoms.pixel_size == (NM, NM)
    assert image.regions[0].tolist() == BOX.tolist()
    assert image.opened(tmp_path).pixel_size == (NM, NM)


def test_the_session_is_replayed_on_its_own_image_with_the_edits(
    scan: tuple[Path, Found], tmp_path: Path
) -> None:
    path = session(scan, tmp_path / "day.atomai")
    assert main(["replay", str(path), "--out", str(tmp_path / "own"), "-q"]) == 0
    assert main(["replay", str(path), "--on", str(scan[0]), "--out", str(tmp_path / "on"), "-q"]) == 0
    expected = edited(scan[1].atoms, EDITS)
    for folder in (tmp_path / "own" / "my image", tmp_path / "on" / "scan"):
        atoms = read_csv(folder / "atoms.csv")
        np.testing.assert_allclose(atoms.positions, expected.positions, atol=1e-3)
        assert "Si" in atoms.class_names


def test_on_other_pixels_the_steps_are_done_and_the_edits_are_not(
    scan: tuple[Path, Found], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.npy"
    np.save(other, np.load(scan[0])[::-1].copy())
    path = session(scan, tmp_path / "day.atomai")
    assert main(["replay", str(path), "--on", str(other), "--out", str(tmp_path / "out")]) == 0
    assert "other pixels" in capsys.readouterr().err
    atoms = read_csv(tmp_path / "out" / "other" / "atoms.csv")
    assert len(atoms) == pytest.approx(len(scan[1].atoms), abs=6)
    assert atoms.features["score"].min() >= 0.6


def test_a_renamed_image_beside_the_session_is_known_by_its_hash(
    scan: tuple[Path, Found], tmp_path: Path
) -> None:
    path = session(scan, tmp_path / "day.atomai")
    (image,) = read_images(path)
    assert image.path is not None
    gone = tmp_path / "away" / "scan.npy"
    decoy, renamed = tmp_path / "a.npy", tmp_path / "z.npy"
    np.save(decoy, np.zeros((8, 8)))
    renamed.write_bytes(image.path.read_bytes())
    assert whereabouts(gone, image.sha256, tmp_path) == renamed
    renamed.unlink()
    assert whereabouts(gone, image.sha256, tmp_path) is None


def test_a_session_teaches_its_reviewed_regions_only(scan: tuple[Path, Found], tmp_path: Path) -> None:
    (one,) = corrections_in(session(scan, tmp_path / "day.atomai"))
    assert one.spacing == pytest.approx(scan[1].record.measured["spacing_px"])
    assert one.regions[0].tolist() == BOX.tolist()
    assert one.image.frame_shape == (160, 160)
    assert [10.25, 11.5] in one.positions.tolist()
    with pytest.raises(BadOption, match="reviewed region"):
        corrections_in(session(scan, tmp_path / "bare.atomai", regions=False))


def test_the_command_teaches_from_a_session(scan: tuple[Path, Found], tmp_path: Path) -> None:
    path, out = session(scan, tmp_path / "day.atomai"), tmp_path / "mine.safetensors"
    line = ["--steps", "1", "--remember", "0", "-q"]
    assert main(["train", "--from", str(path), "--out", str(out), *line]) == 0
    assert out.exists()
    assert main(["train", "--out", str(out)]) == 2


def test_a_taught_model_beside_the_session_is_taken(scan: tuple[Path, Found], tmp_path: Path) -> None:
    record = scan[1].record
    model = tmp_path / "renamed.safetensors"
    model.write_bytes(b"weights")
    assert record.model is not None
    taught = record.model_copy(
        update={
            "steps": (FindAtoms(model="/nowhere/mine.safetensors"), record.steps[1]),
            "model": record.model.model_copy(update={"sha256": file_sha256(model)}),
        }
    )
    recipe = tmp_path / "recipe.json"
    recipe.write_text(taught.to_json(), encoding="utf-8")
    (part,) = parts_in(recipe).values()
    find = part.record.step(FindAtoms)
    assert isinstance(find, FindAtoms)
    assert find.model == str(model)
    model.unlink()
    with pytest.raises(CannotRead, match=r"/nowhere/mine\.safetensors"):
        parts_in(recipe)


def test_a_taught_model_inside_the_session_is_taken_out_when_its_file_is_gone(
    scan: tuple[Path, Found], tmp_path: Path
) -> None:
    path, model = session(scan, tmp_path / "day.atomai"), tmp_path / "mine.safetensors"
    model.write_bytes(b"weights")
    work, record = read_work(path), scan[1].record
    assert record.model is not None
    taught = record.model_copy(
        update={"model": record.model.model_copy(update={"sha256": file_sha256(model)})}
    )
    work.entry["found"][0]["record"] = with_model_at(taught, model).to_json()
    add_models(work)
    write_work(path, work)
    (part,) = parts_in(path).values()
    assert taught_model(part.record) == model
    model.unlink()
    (part,) = parts_in(path, tmp_path / "taken out").values()
    place = taught_model(part.record)
    assert place is not None
    assert place.parent == tmp_path / "taken out"
    assert place.read_bytes() == b"weights"
    with pytest.raises(CannotRead, match="The session holds it"):
        parts_in(path)


def test_other_weights_under_the_same_name_are_not_kept_as_the_model_that_was_used(
    scan: tuple[Path, Found], tmp_path: Path
) -> None:
    model = tmp_path / "mine.safetensors"
    model.write_bytes(b"other weights")
    work = read_work(session(scan, tmp_path / "day.atomai"))
    work.entry["found"][0]["record"] = with_model_at(scan[1].record, model).to_json()
    add_models(work)
    assert work.models == {}


def test_of_several_images_one_has_to_be_named(scan: tuple[Path, Found]) -> None:
    from napari_atomai.workflow.script import Part

    other = scan[1].at(0.3).record
    other = other.model_copy(update={"input": other.input.model_copy(update={"sha256": "0" * 64})})
    parts = {"a": Part(scan[1].record, EDITS), "b": Part(other)}
    assert chosen(parts, as_image(scan[0])) is parts["a"]
    strange = as_image(np.random.default_rng(0).random((32, 32)))
    with pytest.raises(BadOption, match="treated differently"):
        chosen(parts, strange)
    assert chosen(parts, strange, "b") is parts["b"]
    with pytest.raises(BadOption, match="no image 'c'"):
        chosen(parts, strange, "c")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda told: told.pop("layers"), "'layers'"),
        (lambda told: told["layers"][1].pop("uid"), r"'layers.1.uid'"),
        (lambda told: told["layers"][0].update(kind="surface"), r"'layers.0.kind'"),
        (lambda told: told["found"][0].update(record=7), r"'found.0.record'"),
        (lambda told: told.update(found={}), "'found'"),
    ],
)
def test_an_entry_that_is_not_whole_is_refused_with_the_place(
    scan: tuple[Path, Found], tmp_path: Path, damage: Any, said: str
) -> None:
    path = session(scan, tmp_path / "day.atomai")
    with zipfile.ZipFile(path) as archive:
        told = json.loads(archive.read("session.json"))
    damage(told)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("session.json", json.dumps(told))
    with pytest.raises(CannotRead, match=said):
        read_work(path)


def test_numbers_that_are_missing_are_said(scan: tuple[Path, Found], tmp_path: Path) -> None:
    work = read_work(session(scan, tmp_path / "day.atomai"))
    for name in ("p/data", "s/shape0", "found/i/ids", "p/feature/score"):
        less = {key: value for key, value in work.arrays.items() if key != name}
        with pytest.raises(AtomAIError, match=name):
            images_of(Work(work.entry, less))


def test_a_region_is_brought_from_the_world_to_the_pixels(scan: tuple[Path, Found], tmp_path: Path) -> None:
    work = read_work(session(scan, tmp_path / "day.atomai"))
    shapes = work.entry["layers"][2]
    shapes["geometry"] = {**shapes["geometry"], "scale": [2 * NM, NM], "translate": [4 * NM, 0.0]}
    (image,) = images_of(work)
    np.testing.assert_allclose(image.regions[0], BOX * [2, 1] + [4, 0])


def test_an_ellipse_is_no_rectangle() -> None:
    corners = np.array([(7, 10.0, 20.0), (7, 10.0, 60.0), (7, 30.0, 60.0), (7, 30.0, 20.0)])
    drawn = outline(corners, "ellipse")
    inside = ((drawn - [20, 40]) / [10, 20]) ** 2
    np.testing.assert_allclose(inside.sum(axis=1), 1)
    assert outline(corners, "polygon").tolist() == corners[:, 1:].tolist()
