"""Rings of bonded atoms, by two definitions: faces of a planar graph, and shortest-path rings."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.errors import BadOption, UnknownOption
from napari_atomai.graphx.bonds import Bonds

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]

DEFINITIONS = ("faces", "shortest paths")
MOST_MEMBERS = 12
"""Largest ring that is one by default: the hole that a missing atom leaves in a honeycomb."""


@dataclass(frozen=True, eq=False)
class Rings:
    """Rings of bonded atoms.

    Parameters
    ----------
    bonds : Bonds
        The atoms and the bonds that were followed; those that cross shorter ones are gone.
    atoms : array of int, shape (M,)
        Members of all rings, one ring after the other, in order around each.
    starts : array of int, shape (R + 1,)
        Where each ring begins in `atoms`.
    centres : array, shape (R, D)
        Mean position of the members, Å.
    areas : array, shape (R,)
        Å²; NaN in space.
    definition : {"faces", "shortest paths"}
        What a ring is.
    notes : tuple of str
        Sentences a person should see.
    """

    bonds: Bonds
    atoms: Integers
    starts: Integers
    centres: Vector
    areas: Vector
    definition: str = "faces"
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def sizes(self) -> Integers:
        """How many members each ring has."""
        return np.diff(self.starts)

    def members(self, ring: int) -> Integers:
        """Return the atoms of one ring, in order."""
        return self.atoms[self.starts[ring] : self.starts[ring + 1]]

    def ring_of(self) -> Integers:
        """Return which ring each entry of `atoms` belongs to."""
        return np.repeat(np.arange(len(self)), self.sizes)

    def keep(self, which: ArrayLike) -> Rings:
        """Return the rings chosen by a mask or by indices."""
        index = np.arange(len(self))[np.asarray(which)]
        sizes = self.sizes[index]
        ends = np.concatenate([[0], np.cumsum(sizes)])
        entries = np.repeat(self.starts[index] - ends[:-1], sizes) + np.arange(ends[-1])
        return dataclasses.replace(
            self, atoms=self.atoms[entries], starts=ends, centres=self.centres[index], areas=self.areas[index]
        )

    def counts(self) -> dict[int, int]:
        """How many rings there are of each size."""
        sizes, number = np.unique(self.sizes, return_counts=True)
        return {int(size): int(n) for size, n in zip(sizes, number, strict=True)}

    def per_atom(self) -> Integers:
        """How many rings each atom belongs to."""
        return np.bincount(self.atoms, minlength=len(self.bonds.positions)).astype(np.int64)

    def corners(self) -> Vector:
        """Return where the members lie (M, D), in Å; rings that cross a periodic border are whole."""
        where = self.bonds.positions[self.atoms]
        if self.bonds.cell is None:
            return where
        away = where - np.repeat(self.centres, self.sizes, axis=0)
        nearest: Vector = where - np.rint(away @ np.linalg.pinv(self.bonds.cell)) @ self.bonds.cell
        return nearest

    def neighbours(self) -> Integers:
        """Return pairs (P, 2) of rings that share a bond."""
        following = np.arange(1, len(self.atoms) + 1)
        following[self.starts[1:] - 1] = self.starts[:-1]
        ends = np.sort(np.stack([self.atoms, self.atoms[following]], axis=1), axis=1)
        key = ends[:, 0] * (len(self.bonds.positions) + 1) + ends[:, 1]
        order = np.argsort(key, kind="stable")
        key, ring = key[order], self.ring_of()[order]
        found = []
        # A bond of a plane has two rings; in space it may have more: each with the next ones.
        step = 1
        while step < len(key) and (same := key[step:] == key[:-step]).any():
            found.append(np.stack([ring[:-step][same], ring[step:][same]], axis=1))
            step += 1
        pairs = np.concatenate([np.empty((0, 2), np.int64), *found])
        return np.unique(np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1), axis=0)


def find_rings(bonds: Bonds, definition: str = "faces", most: int = MOST_MEMBERS) -> Rings:
    """Find the rings of a bond graph.

    Parameters
    ----------
    bonds : Bonds
        Atoms and bonds; those of one plane for faces.
    definition : {"faces", "shortest paths"}
        The faces of the planar graph, or primitive rings in which no two members are nearer along other
        bonds than along the ring (Franzblau, doi:10.1103/PhysRevB.44.4925), for graphs that are not planar.
    most : int
        Largest number of members, 3 to 24 (shortest paths: 12).

    Returns
    -------
    Rings
        The outer border, and that of a hole with more members, is none.

    Raises
    ------
    UnknownOption
        If there is no such definition.
    BadOption
        If `most` is out of range, positions in space are to have faces, or there are too many paths.
    """
    from napari_atomai.graphx.faces import face_rings
    from napari_atomai.graphx.primitive import primitive_rings

    if definition not in DEFINITIONS:
        raise UnknownOption("definition of rings", definition, DEFINITIONS)
    limit = 24 if definition == "faces" else MOST_MEMBERS
    if not 3 <= most <= limit:
        raise BadOption(
            f"Rings of up to {most} members were asked for.", remedy=f"Give a number from 3 to {limit}."
        )
    return face_rings(bonds, most) if definition == "faces" else primitive_rings(bonds, most)


def assembled(
    bonds: Bonds, tables: list[tuple[Integers, Vector]], definition: str, notes: tuple[str, ...]
) -> Rings:
    """Put rings together from tables of members (R, k) and of the bond vectors (R, k, D) around them."""
    dimensions = bonds.positions.shape[1]
    sizes = np.concatenate([np.full(len(t), t.shape[1]) for t, _ in tables] or [np.empty(0, np.int64)])
    centres, areas = [np.empty((0, dimensions))], [np.empty(0)]
    for members, vectors in tables:
        corners = corners_of(vectors)
        centres.append(bonds.positions[members[:, 0]] + corners.mean(axis=1))
        flat = signed_areas(corners, vectors) if dimensions == 2 else np.full(len(members), np.nan)
        areas.append(np.abs(flat))
    return Rings(
        bonds,
        np.concatenate([np.empty(0, np.int64), *(members.ravel() for members, _ in tables)]),
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        np.concatenate(centres),
        np.concatenate(areas),
        definition,
        (*bonds.notes, *notes),
    )


def corners_of(vectors: Vector) -> Vector:
    """Return the corners (R, k, D) of polygons, seen from their first, from the vectors along their sides."""
    corners = np.zeros_like(vectors)
    np.cumsum(vectors[:, :-1], axis=1, out=corners[:, 1:])
    return corners


def signed_areas(corners: Vector, vectors: Vector) -> Vector:
    """Return the areas (R,) of polygons in a plane; the sign tells the sense in which they run."""
    areas: Vector = 0.5 * (corners[:, :, 1] * vectors[:, :, 0] - corners[:, :, 0] * vectors[:, :, 1]).sum(
        axis=1
    )
    return areas
