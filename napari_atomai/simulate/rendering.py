"""Columns and supports to a noiseless picture, in the modes a microscope has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_atomai.simulate.columns import ProjectedColumns
from napari_atomai.simulate.grounds import sample
from napari_atomai.simulate.imaging import Columns, Picture, draw
from napari_atomai.simulate.microscope import Microscope

Vector = NDArray[np.float64]

_NM = 0.1  # of an Å


@dataclass(frozen=True, eq=False)
class Scan:
    """Where the points of a structure come to lie in an image.

    Parameters
    ----------
    shape : (rows, columns)
    pixel_size_nm : (row, column)
    centre : array, shape (2,)
        Row, column in nm about which the distortion turns: the middle of the frame.
    distortion : array, shape (2, 2)
        Matrix from true to seen (row, column).
    """

    shape: tuple[int, int]
    pixel_size_nm: tuple[float, float]
    centre: Vector
    distortion: Vector

    def pixels(self, points: Vector) -> Vector:
        """Return where points (N, 2), as row, column in Å, lie in pixels."""
        seen = (points * _NM - self.centre) @ self.distortion.T + self.centre
        pixels: Vector = seen / np.array(self.pixel_size_nm)
        return pixels


def within(positions: Vector, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Say which positions (N, 2) in pixels lie in an image."""
    inside = (positions > -0.5) & (positions < np.array(shape) - 0.5)
    return inside[:, 0] & inside[:, 1]


@dataclass(frozen=True, eq=False)
class Dust:
    """Atoms that are drawn but are no columns.

    Parameters
    ----------
    points : array, shape (M, 2)
        Row, column in Å.
    weights : array, shape (M,)
        Scattering strength.
    """

    points: Vector
    weights: Vector


def render(
    columns: ProjectedColumns, dust: Dust, scan: Scan, microscope: Microscope
) -> tuple[Picture, Columns]:
    """Draw a structure without noise.

    Returns
    -------
    picture : array of float32, shape (y, x)
        In units of the strongest column's height (bright modes) or of the level of vacuum (dark modes).
    columns : Columns
        Every column as it is seen: position and width in pixels, height above or depth below what is
        around it.
    """
    if microscope.mode == "STM":
        return _corrugation(columns, scan, microscope)
    blur = np.hypot(microscope.probe_nm, microscope.source_nm)
    width = np.hypot(blur, columns.spread * _NM) / np.array(scan.pixel_size_nm)
    bright = microscope.saturated(columns.strength)
    height = bright / width.prod(axis=1)
    look = microscope.look
    share = np.divide(bright, columns.strength, out=np.zeros_like(bright), where=columns.strength > 0)
    narrow = np.broadcast_to(blur / np.array(scan.pixel_size_nm), (len(columns.points), 2))
    near = _near(scan, columns.points, narrow)
    points = Columns(
        scan.pixels(columns.points)[near],
        (columns.weights * share[columns.owner] / narrow.prod(axis=1))[near],
        narrow[near],
    )
    drawn = draw(points, scan.shape, skirt=microscope.skirt) + _dusted(dust, scan, blur)
    strongest = float(height.max()) if len(height) else float(drawn.max()) or 1.0
    drawn, height = drawn / np.float32(strongest), height / strongest
    if look.dark:
        depth = -np.log1p(-look.contrast)
        picture: Picture = np.float32(look.level) * np.exp(np.float32(-depth) * drawn)
        height = look.level * -np.expm1(-depth * height)
    else:
        picture = np.float32(look.level) + np.float32(look.contrast) * drawn
        height = look.contrast * height
    return picture.astype(np.float32), Columns(scan.pixels(columns.positions), height, width)


def _near(scan: Scan, points: Vector, widths: Vector) -> NDArray[np.bool_]:
    """Say which points are near enough to the image to be seen in it."""
    where = scan.pixels(points)
    reach = 6 * widths
    near = (where > -reach) & (where < np.array(scan.shape) + reach)
    return near[:, 0] & near[:, 1]


def _dusted(dust: Dust, scan: Scan, blur: float) -> Picture:
    """Draw many atoms at once: shared out among the four pixels around each, then blurred."""
    width = blur / np.array(scan.pixel_size_nm)
    margin = np.ceil(4 * width).astype(np.int64)
    shape = np.array(scan.shape) + 2 * margin
    where = scan.pixels(dust.points) + margin
    inside = ((where >= 0) & (where < shape - 1)).all(axis=1)
    where, weights = where[inside], dust.weights[inside]
    if not len(where):
        return np.zeros(scan.shape, np.float32)
    first = where.astype(np.int64)
    part = where - first
    ground = np.zeros(int(shape.prod()))
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
        share = np.abs(1 - row - part[:, 0]) * np.abs(1 - column - part[:, 1])
        index = (first[:, 0] + row) * shape[1] + first[:, 1] + column
        ground += np.bincount(index, share * weights, ground.size)
    # A Gaussian of height 1 has a volume of 2 pi times its widths.
    blurred = ndimage.gaussian_filter(ground.reshape(shape).astype(np.float32), width, mode="constant")
    cut: Picture = blurred[margin[0] : margin[0] + scan.shape[0], margin[1] : margin[1] + scan.shape[1]]
    return np.float32(2 * np.pi) * cut


def _corrugation(columns: ProjectedColumns, scan: Scan, microscope: Microscope) -> tuple[Picture, Columns]:
    """Draw the height of constant density above the uppermost atoms, scaled to run from 0 to 1.

    Density is a sum of spherical waves that decay outside the surface (Tersoff and Hamann, Phys. Rev. B 31,
    805 (1985), 10.1103/PhysRevB.31.805); above an atom at a depth d each is a Gaussian of variance
    d * decay / 2.
    """
    pixel = np.array(scan.pixel_size_nm)
    positions = scan.pixels(columns.positions)
    depth = microscope.gap_nm + (columns.top.max(initial=-np.inf) - columns.top) * _NM
    density = np.exp(-2 * (depth - microscope.gap_nm) / microscope.decay_nm)
    widths = np.sqrt(depth * microscope.decay_nm / 2)[:, None] / pixel
    felt = density > np.exp(-20)
    summed = draw(Columns(positions[felt], density[felt], widths[felt]), scan.shape).astype(np.float64)
    height = np.log(np.maximum(summed, np.exp(-12)))
    span = float(np.ptp(height)) or 1.0
    picture = ((height - height.min()) / span + microscope.look.level).astype(np.float32)
    return picture, Columns(positions, np.maximum(relief(picture, positions, widths), 0), widths)


def relief(picture: Picture, positions: Vector, widths: Vector) -> Vector:
    """Return how far a picture at positions (N, 2) rises above the mean of a ring two widths around them."""
    angles = np.arange(8) * np.pi / 4
    steps = np.stack([np.sin(angles), np.cos(angles)], axis=1)
    around = np.mean([sample(picture, positions + 2 * widths * step) for step in steps], axis=0)
    rise: Vector = sample(picture, positions) - around
    return rise
