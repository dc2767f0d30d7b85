"""What the Rings panel starts and says. No Qt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Points
from numpy.typing import NDArray

from napari_atomai.plugin.layers import KEY, find_layer, geometry_like, uid_of
from napari_atomai.plugin.overlays import in_frames
from napari_atomai.plugin.panels.lattice_atoms import SELECTED
from napari_atomai.plugin.panels.rings_layers import SeenRings, show_rings
from napari_atomai.plugin.points import features_of
from napari_atomai.plugin.results import ATOMS, bare_points

if TYPE_CHECKING:
    from napari_atomai.data.atoms import Atoms
    from napari_atomai.data.progress import Progress
    from napari_atomai.data.recipe import Record
    from napari_atomai.data.recipes_structure import FindRings
    from napari_atomai.graphx.defects import Defect
    from napari_atomai.workflow.rings import FrameRings

_MOST_WRITTEN = 8
"""Rings of a defect that are written one by one."""


def find(slot: Any, layer: Any, atoms: Atoms, recipe: FindRings, record: Record) -> bool:
    """Start finding the rings of the atoms of an image; False, and a sentence, if that cannot be."""
    shape = tuple(layer.data.shape[:-1] if layer.rgb else layer.data.shape)
    steps = record.model_copy(update={"steps": (*record.steps, recipe)})

    def work() -> Generator[Progress, None, SeenRings]:
        from napari_atomai.workflow.ring_maps import ring_size_map
        from napari_atomai.workflow.rings import finding_rings

        found = yield from finding_rings(atoms, recipe)
        return SeenRings(found, atoms, ring_size_map(found, shape), steps)

    def done(seen: SeenRings, image: Any) -> None:
        show_rings(slot.layers, image, seen)

    return bool(slot.start(layer, work, "finding rings", done))


def class_names(points: Any) -> tuple[str, ...]:
    """Return the classes that the atoms of a layer have."""
    if "class" not in points.features:
        return tuple(points.metadata.get(KEY, {}).get("class_names") or ("column",))[:1]
    return tuple(dict.fromkeys(str(name) for name in points.features["class"]))


def chosen_atoms(box: Any) -> Atoms:
    """Return the atoms that a box of atoms stands for: all, those of a class, or the selected ones.

    Raises
    ------
    BadAtoms
        If there are none.
    """
    atoms: Atoms = box.atoms()
    if not box.class_name:
        return atoms
    return atoms.keep(atoms.classes == atoms.class_names.index(box.class_name))


def same(atoms: Atoms, box: Any) -> bool:
    """Tell whether the chosen atoms are still where they were."""
    points = box.points()
    return points is None or box.which.currentText() == SELECTED or _equal(atoms, chosen_atoms(box))


def _equal(one: Atoms, other: Atoms) -> bool:
    return (
        np.array_equal(one.positions, other.positions)
        and np.array_equal(one.frames, other.frames)
        and np.array_equal(one.table()["class"], other.table()["class"])
    )


def are_centres(seen: SeenRings) -> bool:
    """Tell whether the points seem to be centres of rings, in any frame."""
    from napari_atomai.workflow.rings import RING_CENTRES

    return any(RING_CENTRES in part.notes for part in seen.found)


def show_between(layers: Any, image: Any, centres: Atoms) -> Points:
    """Add a layer of atoms between points that are ring centres; their own layers are hidden."""
    from napari_atomai.workflow.rings import BETWEEN, atoms_between

    atoms = atoms_between(centres)
    where = in_frames(atoms.frames, atoms.positions, image.data.shape[:-2] if not image.rgb else ())
    notes = {"class_names": list(atoms.class_names), "notes": [BETWEEN]}
    options = {"name": f"{image.name}: atoms between", "metadata": {KEY: notes}, "ndim": where.shape[1]}
    spacing = float(
        np.sqrt(np.prod(image.data.shape[-2:]) / max((atoms.frames == atoms.frames[:1]).sum(), 1))
    )
    options |= {"size": 0.5 * spacing, "border_width": 0.1, **geometry_like(image, ndim=where.shape[1])}
    points = bare_points(where, features_of(atoms), options)
    uid_of(points)
    found = find_layer(layers, ATOMS, uid_of(image))
    if found is not None:
        found.visible = False
    layers.append(points)
    return points


def all_defects(seen: SeenRings) -> list[tuple[FrameRings, Defect]]:
    """Return the defects of all frames, each with the frame it lies in."""
    return [(part, defect) for part in seen.found for defect in part.defects]


def columns(seen: SeenRings) -> dict[str, NDArray[Any]]:
    """Return the table of defects, column by column."""
    listed = all_defects(seen)
    where = np.array([part.in_pixels(each.position) for part, each in listed]).reshape(-1, 2)
    shown: dict[str, NDArray[Any]] = {
        "kind": np.array([each.kind for _, each in listed], dtype=object),
        "rings": np.array([_short(each.signature) for _, each in listed], dtype=object),
        "extent Å": np.array([each.extent for _, each in listed], dtype=float),
        "row_px": where[:, 0],
        "col_px": where[:, 1],
    }
    if seen.sizes.ndim > 2:
        return {"frame": np.array([part.frame for part, _ in listed], dtype=np.int64), **shown}
    return shown


def _short(signature: str) -> str:
    """Write a signature of many rings as "12 x 5, 12 x 7"."""
    rings, *foreign = signature.split(" + ")
    sizes = Counter(rings.split("-"))
    if sizes.total() <= _MOST_WRITTEN:
        return signature
    return " + ".join([", ".join(f"{n} x {size}" for size, n in sizes.items()), *foreign])


def defects_in_words(seen: SeenRings) -> str:
    """Say how many defects there are of each kind."""
    counts = Counter(each.kind for _, each in all_defects(seen))
    return "Defects: " + (", ".join(f"{kind} {n}" for kind, n in counts.most_common()) or "none") + "."


def in_words(seen: SeenRings, seconds: float) -> str:
    """Say what was found in what time, with the notes of the run."""
    bonds, rings = len(seen.lengths), sum(len(part.rings) for part in seen.found)
    frames = f" in {len(seen.found)} frames" if seen.sizes.ndim > 2 else ""
    mean = f" of {seen.lengths.mean():.3f} Å on average" if bonds else ""
    notes = dict.fromkeys(note for part in seen.found for note in part.notes)
    return " ".join([f"{rings} rings, {bonds} bonds{mean}{frames}, in {seconds:.1f} s.", *notes])
