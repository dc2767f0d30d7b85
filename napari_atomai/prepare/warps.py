"""Geometry of augmentation: where each pixel of a new image comes from in the old one.

Rotation, zoom, flips, drift and scan-line jitter of a whole batch are one look-up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from napari_atomai.prepare.augment_recipe import Augment
from napari_atomai.prepare.draws import Draws
from napari_atomai.prepare.masks import IGNORED

Sides = tuple[int, int]

MULTIPLE = 16
"""Sizes that `resize` makes are multiples of it, which suits nets that halve four times."""


@dataclass(frozen=True, eq=False)
class Warp:
    """Old position = `middle` + `matrix` @ (new position - centre of the new frame), in pixels.

    Parameters
    ----------
    matrix : tensor, shape (n, 2, 2)
        Rows and columns are (row, column).
    middle : tensor, shape (n, 2)
        Row, column of the old image that the centre of the new frame shows.
    shape, frame : (int, int)
        Rows and columns of the old and the new images.
    """

    matrix: Tensor
    middle: Tensor
    shape: Sides
    frame: Sides

    def places(self, jitter: Tensor | None = None) -> Tensor:
        """Return where each pixel comes from (n, y, x, 2): column, row, -1 to 1 between outermost pixels.

        `jitter` (n, y) shifts scan lines: what a line shows lies that many pixels further right.
        """
        at = self.matrix.device
        rows, columns = (torch.arange(side, device=at) - (side - 1) / 2 for side in self.frame)
        lines = torch.zeros((len(self.matrix), self.frame[0]), device=at) if jitter is None else jitter
        found = torch.empty((*lines.shape, self.frame[1], 2), device=at)
        for axis in (0, 1):
            unit = 2 / max(self.shape[axis] - 1, 1)
            down, along = self.matrix[:, axis, 0, None] * unit, self.matrix[:, axis, 1, None] * unit
            start = self.middle[:, axis, None] * unit - 1 + down * rows + along * lines
            torch.add(start[:, :, None], (along * columns)[:, None, :], out=found[..., 1 - axis])
        return found


def warp_of(recipe: Augment, draws: Draws, shape: Sides, resize: float) -> Warp:
    """Return the warp of a batch of images of a shape (y, x)."""
    zoom = draws.log_uniform(recipe.zoom, "zoom")
    frame = shape if resize == 1 else _frame(shape, resize)
    matrix = _turned(recipe, draws, square=shape[0] == shape[1])
    if recipe.flips:
        signs = torch.stack([draws.sign("flip_rows"), draws.sign("flip_columns")], dim=1)
        matrix = signs[:, :, None] * matrix
    if recipe.drift != (0, 0):
        length = draws.uniform(recipe.drift, "drift") / max(frame[0] - 1, 1)
        angle = draws.uniform((0, 2 * math.pi), "drift_angle")
        shear = torch.eye(2, dtype=length.dtype).repeat(len(length), 1, 1)
        shear[:, :, 0] -= torch.stack([length * angle.sin(), length * angle.cos()], dim=1)
        matrix = matrix @ shear
    sides = torch.tensor(shape, dtype=torch.float64)
    middle = ((sides - 1) / 2).repeat(len(zoom), 1)
    if recipe.zoom_about == "anywhere":
        where = torch.stack([draws.uniform((-0.5, 0.5), name) for name in ("row", "column")], dim=1)
        middle = middle + where * sides * (1 - 1 / zoom[:, None]).abs()
    matrix = matrix / (zoom * resize)[:, None, None]
    return Warp(matrix.float().to(draws.device), middle.float().to(draws.device), shape, frame)


def _turned(recipe: Augment, draws: Draws, *, square: bool) -> Tensor:
    turns = draws.uniform((0, 4), "turns").long() % 4 if recipe.quarter_turns else draws.zeros().long()
    if not square:
        turns = turns // 2 * 2
    angle = torch.deg2rad(draws.uniform(recipe.rotation, "rotation"))
    # Whole quarters from a table, so that they are exact.
    cosine, sine = (torch.tensor(table, dtype=angle.dtype)[turns] for table in ((1, 0, -1, 0), (0, 1, 0, -1)))
    cos = angle.cos() * cosine - angle.sin() * sine
    sin = angle.sin() * cosine + angle.cos() * sine
    return torch.stack([torch.stack([cos, sin], dim=1), torch.stack([-sin, cos], dim=1)], dim=1)


def _frame(shape: Sides, resize: float) -> Sides:
    rows, columns = (max(MULTIPLE, int(side * resize) // MULTIPLE * MULTIPLE) for side in shape)
    return rows, columns


def look_up(images: Tensor, places: Tensor, how: Literal["bilinear", "nearest"], *, reflect: bool) -> Tensor:
    """Look images (n, c, y, x) up at places (n, y', x', 2); outside they are 0, or reflected."""
    outside = "reflection" if reflect else "zeros"
    return functional.grid_sample(images, places, how, outside, align_corners=True)


def moved_labels(labels: Tensor, places: Tensor, *, reflect: bool) -> Tensor:
    """Look labels (n, y, x) up at the nearest pixels; outside they are -1, or reflected."""
    # Counted from 0 they survive the way through floats, and outside comes out as 0.
    found = look_up((labels - IGNORED).float()[:, None], places, "nearest", reflect=reflect)
    return found[:, 0].to(labels.dtype) + IGNORED
