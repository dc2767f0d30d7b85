"""What a saved session tells: its images, how their atoms were found, what a person did to them. No torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Axis, Image
from napari_atomai.data.recipe import FindAtoms, Record, RefineAtoms
from napari_atomai.data.recipes_segment import SegmentImage
from napari_atomai.data.units import normalise_unit
from napari_atomai.errors import BadAtoms, CannotRead
from napari_atomai.files.reading import read
from napari_atomai.files.work import Work, read_work
from napari_atomai.workflow.hand_edits import Edits, edits_between
from napari_atomai.workflow.marked import marked_atoms
from napari_atomai.workflow.record import file_sha256
from napari_atomai.workflow.script import Part

ATOMS, REVIEWED, IMAGE = "atoms", "reviewed", "image"
"""What layers of a session are for, as their notes say it."""

_OF_ATOMS = (FindAtoms, RefineAtoms, SegmentImage)
"""Steps whose result is kept by itself."""

_CORNERS = 64
"""Corners of an ellipse that was drawn."""

Entry = Mapping[str, Any]
Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SavedImage:
    """An image of a session, and what was done with it.

    Parameters
    ----------
    uid, name : str
        Of its layer.
    path : Path or None
        The file it was read from; None where the session holds the pixels.
    dataset : int
        Which of the file's datasets it is.
    sha256 : str
        Of the file; empty where it was gone when the session was saved.
    pixels : array, shape (..., y, x), or None
        The pixels where there is no file.
    axes : tuple of Axis
        Of rows and columns, as the layer was calibrated.
    shown : tuple of int
        Index of the frame that was shown; empty for a single image.
    record : Record or None
        How its atoms were found.
    found : Atoms or None
        What was found, at the threshold of the record.
    atoms : Atoms or None
        The atoms as a person left them.
    regions : tuple of array, shape (K, 2)
        What was reviewed: row, column of the corners in pixels.
    further : tuple of Record
        What was done besides finding atoms: lattice, rings, components ...
    by_hand : tuple of str
        Names of the layers that were drawn on it.
    """

    uid: str
    name: str
    path: Path | None
    dataset: int
    sha256: str
    pixels: NDArray[Any] | None
    axes: tuple[Axis, ...]
    shown: tuple[int, ...] = ()
    record: Record | None = None
    found: Atoms | None = None
    atoms: Atoms | None = None
    regions: tuple[Vector, ...] = ()
    further: tuple[Record, ...] = ()
    by_hand: tuple[str, ...] = ()

    @property
    def edits(self) -> Edits:
        """What a person changed of what was found."""
        if self.found is None or self.atoms is None:
            return Edits()
        return edits_between(self.found, self.atoms)

    def part(self) -> Part | None:
        """Return how its atoms came about, and what was done besides; None where nothing was."""
        records = (*(() if self.record is None else (self.record,)), *self.further)
        return Part(records[0], self.edits, records[1:], self.by_hand) if records else None

    def opened(self, folder: Path) -> Image:
        """Return the image with its pixels.

        Parameters
        ----------
        folder : Path
            Of the session: a file that was moved is looked for there, by its hash.

        Raises
        ------
        CannotRead
            If its file is gone.
        """
        if self.pixels is not None:
            leading = tuple(Axis("t") for _ in range(self.pixels.ndim - 2))
            return Image(self.pixels, (*leading, *self.axes), name=self.name)
        assert self.path is not None
        place = whereabouts(self.path, self.sha256, folder)
        if place is None:
            raise CannotRead(
                f"The image {self.name!r} was in {self.path}, which is not there any more.",
                why="A session keeps where an image lies, not its pixels.",
                remedy=f"Put the file into {folder}, under any name.",
            )
        image = dataset_of(place, self.dataset)
        if image.pixel_size == _pixel_size(self.axes):
            return image
        how = None if self.record is None else self.record.input.calibration
        return image.calibrated(_pixel_size(self.axes), how=how)


def read_images(path: Path) -> tuple[SavedImage, ...]:
    """Return the images of a saved session.

    Raises
    ------
    CannotRead
        If it is no whole session.
    """
    return images_of(read_work(path), path.name)


def images_of(work: Work, name: str = "the session") -> tuple[SavedImage, ...]:
    """Return the images of a piece of work, from the bottom to the top.

    Raises
    ------
    CannotRead
        If numbers are missing that its entry speaks of, or do not belong together.
    """
    try:
        return tuple(_image(work, layer) for layer in work.entry["layers"] if _is_image(layer))
    except (KeyError, IndexError, TypeError, ValueError, BadAtoms) as error:
        raise CannotRead(
            f"{name} is no whole session: {error}.",
            remedy="Open an earlier version of the file, or one that napari-atomai wrote.",
        ) from error


def candidates_of(entry: Entry, arrays: Mapping[str, NDArray[Any]]) -> Atoms:
    """Return every candidate that was found in an image, from an entry of ``found``."""
    first, size = f"found/{entry['uid']}", entry["pixel_size"]
    atoms = Atoms.make(
        arrays[f"{first}/positions"],
        arrays[f"{first}/classes"],
        arrays[f"{first}/frames"],
        {name: arrays[f"{first}/feature/{name}"] for name in entry["features"]},
        class_names=entry["class_names"],
        pixel_size=None if size is None else tuple(size),
        origin=tuple(entry["origin"]),
    )
    return dataclasses.replace(atoms, ids=arrays[f"{first}/ids"])


def whereabouts(path: Path, sha256: str, folder: Path) -> Path | None:
    """Return where a file is now: where it was, or beside the session under its own or another name.

    A file that is known by its hash is taken before one that only has its name.
    """
    beside = folder / path.name
    likely = [place for place in (path, beside) if place.exists()]
    if not sha256:
        return likely[0] if likely else None
    others = [place for place in sorted(folder.glob(f"*{path.suffix}")) if place not in likely]
    same = (place for place in (*likely, *others) if file_sha256(place) == sha256)
    return next(same, path if path.exists() else None)


def dataset_of(path: Path, dataset: int) -> Image:
    """Return the image of a file that is its dataset of that number.

    Raises
    ------
    CannotRead
        If it has none.
    """
    images = {image.source.dataset: image for image in read(path) if image.source is not None}
    if dataset not in images:
        raise CannotRead(
            f"{path.name} has no image as dataset {dataset}; it has {', '.join(map(str, images))}.",
            remedy="Choose the file that the session was made with.",
        )
    return images[dataset]


def outline(corners: NDArray[Any], form: str) -> Vector:
    """Return a drawn shape as a polygon: row, column (K, 2) of its corners.

    Parameters
    ----------
    corners : array, shape (K, D)
        As napari's Shapes layers have them; of an ellipse the corners of the box around it.
    form : str
        "rectangle", "polygon", "ellipse" ...
    """
    flat = np.asarray(corners, np.float64)[:, -2:]
    if form != "ellipse":
        return flat
    angle = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)[:, None]
    across, along = (flat[1] - flat[0]) / 2, (flat[3] - flat[0]) / 2
    return np.asarray(flat.mean(axis=0) + np.cos(angle) * across + np.sin(angle) * along, np.float64)


def atoms_of_layer(layer: Entry, arrays: Mapping[str, NDArray[Any]]) -> Atoms:
    """Return the atoms that a layer of points stands for, edits and calibration included."""
    uid, axes = layer["uid"], _axes(layer)
    features = {name: arrays[f"{uid}/feature/{name}"] for name in layer["features"]}
    origin = (axes[0].offset_nm, axes[1].offset_nm)
    return marked_atoms(arrays[f"{uid}/data"], features, layer["notes"], _pixel_size(axes), origin)


def _is_image(layer: Entry) -> bool:
    return bool(layer["kind"] == "image" and layer["notes"].get("role", IMAGE) == IMAGE)


def _image(work: Work, layer: Entry) -> SavedImage:
    uid, arrays, source = layer["uid"], work.arrays, layer["notes"].get("source") or {}
    pixels = arrays.get(f"{uid}/data")
    if pixels is None and not source:
        raise KeyError(f"the image {layer['name']!r} has neither pixels nor a file")
    record, found = _found(work, uid)
    points = _attached(work, ATOMS, uid)
    return SavedImage(
        uid,
        layer["name"],
        Path(source["path"]) if pixels is None else None,
        int(source.get("dataset", 0)),
        layer.get("sha256", ""),
        pixels,
        _axes(layer),
        tuple(int(i) for i in layer.get("shown", ())),
        record,
        found,
        None if points is None else atoms_of_layer(points, arrays),
        _regions(_attached(work, REVIEWED, uid), layer, arrays),
        tuple(_further(work, uid)),
        tuple(one["name"] for one in _children(work, uid) if one["kind"] == "shapes"),
    )


def _children(work: Work, uid: str) -> list[Entry]:
    return [one for one in work.entry["layers"] if one["notes"].get("parent_uid") == uid]


def _further(work: Work, uid: str) -> list[Record]:
    """Return how layers of an image came about that show more than its atoms; each way once."""
    texts = [text for one in _children(work, uid) if (text := one["notes"].get("record"))]
    found: list[Record] = []
    for record in map(Record.from_json, texts):
        known = any(record.steps == one.steps for one in found)
        if not known and any(type(step) not in _OF_ATOMS for step in record.steps):
            found.append(record)
    return found


def _attached(work: Work, role: str, uid: str) -> Entry | None:
    for layer in work.entry["layers"]:
        if layer["notes"].get("role") == role and layer["notes"].get("parent_uid") == uid:
            return dict(layer)
    return None


def _found(work: Work, uid: str) -> tuple[Record | None, Atoms | None]:
    """Return how atoms were found, and those that reach the threshold; the session holds all candidates."""
    entry = next((each for each in work.entry["found"] if each["uid"] == uid), None)
    if entry is None:
        return None, None
    record, candidates = Record.from_json(entry["record"]), candidates_of(entry, work.arrays)
    find = record.step(FindAtoms)
    threshold = find.threshold if isinstance(find, FindAtoms) else 0.0
    return record, candidates.keep(candidates.features["score"] >= threshold)


def _regions(shapes: Entry | None, image: Entry, arrays: Mapping[str, NDArray[Any]]) -> tuple[Vector, ...]:
    """Return what was drawn, in pixels of the image: the layers may have been calibrated apart."""
    if shapes is None:
        return ()
    drawn, pixel = _axes(shapes), _axes(image)
    outlines = [outline(arrays[f"{shapes['uid']}/shape{i}"], form) for i, form in enumerate(shapes["shapes"])]
    if [axis.unit for axis in drawn] != [axis.unit for axis in pixel]:
        return tuple(outlines)
    scale, offset = (np.array([getattr(a, name) for a in drawn]) for name in ("scale", "offset"))
    per, start = (np.array([getattr(a, name) for a in pixel]) for name in ("scale", "offset"))
    return tuple((each * scale + offset - start) / per for each in outlines)


def _axes(layer: Entry) -> tuple[Axis, Axis]:
    """Return the axes of rows and columns of a layer."""
    geometry = layer["geometry"]
    parts = zip(geometry["scale"], geometry["translate"], geometry["units"], strict=True)
    rows, columns = [(float(scale), float(start), normalise_unit(unit)) for scale, start, unit in parts][-2:]
    return Axis("y", *rows), Axis("x", *columns)


def _pixel_size(axes: Sequence[Axis]) -> tuple[float, float] | None:
    rows, columns = axes[-2].nm, axes[-1].nm
    return None if rows is None or columns is None else (rows, columns)
