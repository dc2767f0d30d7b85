"""Atoms: position, class, frame and measured features of every atom (atomic column)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.data.arguments import a_table
from napari_atomai.errors import BadAtoms, NotCalibrated

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Atoms:
    """The atoms of an image or a movie. Positions are row, column, in pixels.

    Pixel centres lie at integers: an atom at (0, 0) sits in the middle of the first pixel.

    Parameters
    ----------
    positions : array, shape (N, 2)
        Row and column of each atom, in pixels.
    classes : array of int, shape (N,)
        Index into `class_names`, from 0.
    frames : array of int, shape (N,)
        The frame each atom lies in; zeros for a single image.
    features : mapping of str to array, each of shape (N,)
        Measured per atom: ``score`` (0 to 1), ``intensity``, ``sigma_row`` ...
    ids : array of int, shape (N,)
        One number per atom that stays with it.
    class_names : tuple of str
        Name of each class.
    pixel_size : (row, column), optional
        In nm; None when the image is not calibrated.
    origin : (row, column)
        Position of pixel (0, 0) in nm.

    Raises
    ------
    BadAtoms
        If lengths differ, positions are not (N, 2), or a class has no name.
    """

    positions: Vector
    classes: Integers
    frames: Integers
    features: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    ids: Integers = field(default_factory=lambda: np.empty(0, np.int64))
    class_names: tuple[str, ...] = ("column",)
    pixel_size: tuple[float, float] | None = None
    origin: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        if self.positions.ndim != 2 or self.positions.shape[1] != 2:
            raise BadAtoms(
                f"Positions have shape {self.positions.shape}.",
                remedy="Give (N, 2): row and column of each atom.",
            )
        if self.ids.size == 0:
            object.__setattr__(self, "ids", np.arange(len(self), dtype=np.int64))
        columns = {"classes": self.classes, "frames": self.frames, "ids": self.ids, **self.features}
        wrong = {name: len(column) for name, column in columns.items() if len(column) != len(self)}
        if wrong:
            raise BadAtoms(
                f"There are {len(self)} positions, but {wrong} entries.",
                remedy="Give every column one entry for each atom.",
            )
        if len(self) and not 0 <= self.classes.min() <= self.classes.max() < len(self.class_names):
            raise BadAtoms(
                f"Classes go from {self.classes.min()} to {self.classes.max()}, "
                f"but {len(self.class_names)} class name(s) are given.",
                remedy="Count classes from 0 and name each of them.",
            )

    @classmethod
    def make(
        cls,
        positions: ArrayLike,
        classes: ArrayLike = 0,
        frames: ArrayLike = 0,
        features: Mapping[str, ArrayLike] | None = None,
        *,
        class_names: Sequence[str] = ("column",),
        pixel_size: tuple[float, float] | None = None,
        origin: tuple[float, float] = (0.0, 0.0),
    ) -> Atoms:
        """Make atoms of anything array-like; single classes and frames are repeated.

        Raises
        ------
        BadAtoms
            If positions are not (N, 2), or classes or frames are not one whole number, or one per atom.
        """
        where = a_table("Positions", positions, 2)
        count = len(where)
        return cls(
            where,
            _whole_numbers("classes", classes, count),
            _whole_numbers("frames", frames, count),
            {name: np.asarray(column) for name, column in (features or {}).items()},
            class_names=tuple(class_names),
            pixel_size=pixel_size,
            origin=origin,
        )

    @classmethod
    def concatenate(cls, parts: Sequence[Atoms]) -> Atoms:
        """Join atoms of several frames; features must be the same in all, ids are made anew."""
        if not parts:
            return cls.make(np.empty((0, 2)))
        names = list(parts[0].features)
        if any(list(part.features) != names for part in parts):
            raise BadAtoms(
                f"The parts have different features: {[list(p.features) for p in parts]}.",
                remedy="Measure the same features in every frame.",
            )
        return dataclasses.replace(
            parts[0],
            positions=np.concatenate([part.positions for part in parts]),
            classes=np.concatenate([part.classes for part in parts]),
            frames=np.concatenate([part.frames for part in parts]),
            features={n: np.concatenate([part.features[n] for part in parts]) for n in names},
            ids=np.arange(sum(len(part) for part in parts), dtype=np.int64),
        )

    @classmethod
    def from_paper(
        cls, coordinates: Mapping[int, ArrayLike], class_names: Sequence[str] | None = None
    ) -> Atoms:
        """Take the paper's ``{frame: (N, 3)}`` with row, column, class.

        Parameters
        ----------
        coordinates : mapping of int to array, shape (N, 3)
            Row, column (pixels) and class of the atoms of each frame.
        class_names : sequence of str, optional
            "class 0", "class 1" ... when left out.

        Raises
        ------
        BadAtoms
            If a table is not (N, 3), or a class is no whole number or has no name.
        """
        tables = {frame: a_table("Coordinates", table, 3) for frame, table in coordinates.items()}
        rows = np.concatenate([*tables.values(), np.empty((0, 3))])
        frames = np.repeat(np.array(list(tables), np.int64), [len(table) for table in tables.values()])
        classes = _whole_numbers("classes", rows[:, 2], len(rows))
        if class_names is None:
            class_names = [f"class {i}" for i in range(int(classes.max(initial=0)) + 1)]
        return cls.make(rows[:, :2], classes, frames, class_names=class_names)

    def __len__(self) -> int:
        return len(self.positions)

    def keep(self, which: ArrayLike) -> Atoms:
        """Return the atoms chosen by a boolean mask or an array of indices."""
        index = np.asarray(which)
        if index.size == 0 and index.dtype != bool:
            index = index.astype(np.int64)  # an empty list has no type of its own
        return dataclasses.replace(
            self,
            positions=self.positions[index],
            classes=self.classes[index],
            frames=self.frames[index],
            features={name: column[index] for name, column in self.features.items()},
            ids=self.ids[index],
        )

    def to_paper(self) -> dict[int, Vector]:
        """Return the paper's ``{frame: (N, 3)}`` with row, column (pixels) and class."""
        table = np.column_stack([self.positions, self.classes])
        return {int(frame): table[self.frames == frame] for frame in np.unique(self.frames)}

    def counts(self) -> dict[str, int]:
        """How many atoms there are of each class, by its name."""
        found = np.bincount(self.classes, minlength=len(self.class_names))
        return {name: int(n) for name, n in zip(self.class_names, found, strict=True)}

    @property
    def positions_nm(self) -> Vector:
        """Positions (N, 2) as row, column in nm.

        Raises
        ------
        NotCalibrated
            If the pixel size is not known.
        """
        if self.pixel_size is None:
            raise NotCalibrated(
                "The image has no pixel size, so positions in nm are not known.",
                remedy="Give pixel_size in nm, or calibrate the image first.",
            )
        nm: Vector = self.positions * np.array(self.pixel_size) + np.array(self.origin)
        return nm

    def table(self) -> dict[str, NDArray[Any]]:
        """Return the columns id, frame, row_px, col_px, x_nm, y_nm, class, then all features.

        ``x_nm`` and ``y_nm`` are NaN when the image is not calibrated.
        """
        unknown = np.full((len(self), 2), np.nan)
        nm = unknown if self.pixel_size is None else self.positions_nm
        names = np.array(self.class_names, dtype=str)
        columns: dict[str, NDArray[Any]] = {
            "id": self.ids,
            "frame": self.frames,
            "row_px": self.positions[:, 0],
            "col_px": self.positions[:, 1],
            "x_nm": nm[:, 1],
            "y_nm": nm[:, 0],
            "class": names[self.classes],
        }
        return {**columns, **self.features}


def _whole_numbers(name: str, numbers: ArrayLike, count: int) -> Integers:
    """Return one whole number per atom; a single one is repeated."""
    given = np.asarray(numbers)
    whole = given.dtype.kind in "biu" or (given.dtype.kind == "f" and bool((given == np.round(given)).all()))
    # Beyond 2**53 floats skip whole numbers, and infinity is none.
    if given.size and not (whole and bool((np.abs(given) < 2.0**53).all())):
        raise BadAtoms(
            f"The {name} are not whole numbers: {given.dtype} such as {given.flat[0]!r}.",
            remedy=f"Give {name} as integers: one for all atoms, or one for each.",
        )
    if given.shape not in ((), (1,), (count,)):
        raise BadAtoms(
            f"There are {count} positions, but {name} have the shape {given.shape}.",
            remedy="Give one for all atoms, or one for each.",
        )
    return np.broadcast_to(given.astype(np.int64), (count,)).copy()
