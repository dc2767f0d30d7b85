"""Latents of patches and of whole images, and patches of latents."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from napari_atomai.data.latent import Latent, Manifold
from napari_atomai.errors import BadImage, BadOption
from napari_atomai.nets.latent import LatentNet
from napari_atomai.nets.pose import Pose
from napari_atomai.prepare.pairs_checks import checked_signals

Floats = NDArray[np.float32]

_OUTER = 0.95
"""Share of the prior below the highest latent of a manifold."""


class LatentPredictor:
    """Encodes and decodes with a net that was trained.

    Parameters
    ----------
    net : LatentNet
        Only read; put into evaluation mode.
    batch : int
        Patches that go through it at once.
    """

    def __init__(self, net: LatentNet, *, batch: int = 512) -> None:
        self.net, self._batch = net, batch

    def encode(self, patches: ArrayLike, labels: NDArray[np.float32]) -> Latent:
        """Return what is found in patches (n, *in_dim) with known classes as ones and zeros (n, labels)."""
        array = np.asarray(patches)
        if array.shape[1:] == (*self.net.in_dim, 1):
            array = array[..., 0]
        signals = torch.from_numpy(checked_signals(array, self.net.in_dim, "patches"))
        return self._encoded(signals, torch.from_numpy(labels))

    def decode(self, z: ArrayLike, classes: NDArray[np.float32], labels: NDArray[np.float32]) -> Floats:
        """Return patches of latents (n, latent_dim), as they lie in the frame of the canvas."""
        latents = np.atleast_2d(np.asarray(z, np.float32))
        if latents.ndim != 2 or latents.shape[1] != self.net.latent_dim or not np.isfinite(latents).all():
            raise BadImage(
                f"The latents have shape {np.shape(z)}; the model has {self.net.latent_dim}.",
                remedy=f"Give finite numbers of shape (n, {self.net.latent_dim}).",
            )
        count = len(latents)
        plain = Latent(mean=latents, sd=np.zeros_like(latents))
        return self.render(plain, _rows(classes, count), _rows(labels, count))

    def render(self, latent: Latent, classes: NDArray[np.float32], labels: NDArray[np.float32]) -> Floats:
        """Return patches of latents, in their poses."""
        device = self.net.offset.device
        z, states, known = (
            torch.from_numpy(np.array(each)).to(device) for each in (latent.mean, classes, labels)
        )
        pose = Pose(*(each.to(device) for each in _pose_of(latent)))
        return self._through(
            len(latent),
            lambda part: self.net.restored(
                self.net.placed(
                    self.net.decode(z[part], states[part], known[part]), Pose(*(each[part] for each in pose))
                )
            ),
        )

    def encode_image(self, image: NDArray[np.float64], step: int) -> Floats:
        """Return the latents of the windows about every `step`-th pixel, shape (rows, columns, latent_dim).

        Windows that leave the image see its mirror image.
        """
        rows, columns = self.net.in_dim
        margins = [(size // 2, size - 1 - size // 2) for size in (rows, columns)]
        if image.ndim != 2 or min(image.shape) < max(rows, columns):
            raise BadImage(
                f"The image has shape {image.shape}, and the model takes patches of {rows} x {columns}.",
                remedy="Give images (rows, columns) that are larger than a patch.",
            )
        if self.net.labels:
            raise BadOption(
                "The model was made with nb_classes, and pixels have no labels.",
                remedy="Use a model without.",
            )
        windows = np.lib.stride_tricks.sliding_window_view(
            np.pad(image, margins, mode="reflect"), (rows, columns)
        )[::step, ::step]
        shape = windows.shape[:2]
        found = np.empty((*shape, self.net.latent_dim), np.float32)
        for number, row in enumerate(windows):  # a row of windows at a time: they are views, not copies
            found[number] = self._encoded(torch.from_numpy(row.copy()), torch.zeros(shape[1], 0)).mean
        return found

    def manifold(self, count: int, classes: NDArray[np.float32], labels: NDArray[np.float32]) -> Manifold:
        """Return patches on a grid of the first two latents, equally likely steps apart; others are 0."""
        values = ndtri(np.linspace(_OUTER, 1 - _OUTER, count)).astype(np.float32)
        two = self.net.latent_dim > 1
        first, second = (values, values[::-1]) if two else (np.zeros(1, np.float32), values[::-1])
        grid = np.zeros((len(first), len(second), self.net.latent_dim), np.float32)
        if two:
            grid[..., 0], grid[..., 1] = first[:, None], second[None]
        else:
            grid[..., 0] = second
        images = self.decode(grid.reshape(-1, self.net.latent_dim), classes, labels)
        return Manifold(images.reshape(*grid.shape[:2], *self.net.in_dim), first, second.copy())

    def _encoded(self, signals: torch.Tensor, labels: torch.Tensor) -> Latent:
        net, parts = self.net.eval(), []
        device = net.offset.device
        with torch.no_grad():
            for patches, known in zip(
                torch.split(signals, self._batch), torch.split(labels, self._batch), strict=True
            ):
                parts.append(net.found(net.normalised(patches.to(device)), known.to(device)))
        mean, log_variance, classes, poses = zip(*parts, strict=True)
        angle, shift, scale = (_together(each) for each in zip(*poses, strict=True))
        return Latent(
            mean=_together(mean),
            sd=np.exp(_together(log_variance) / 2),
            angle=angle if "rotation" in net.invariances else None,
            shift=shift if "translation" in net.invariances else None,
            scale=scale if "scale" in net.invariances else None,
            classes=_together(classes) if net.classes > 1 else None,
        )

    def _through(self, count: int, work: Callable[[slice], torch.Tensor]) -> Floats:
        self.net.eval()
        with torch.no_grad():
            parts = [work(slice(first, first + self._batch)).cpu() for first in range(0, count, self._batch)]
        return _together(parts)


def _together(parts: tuple[torch.Tensor, ...] | list[torch.Tensor]) -> Floats:
    return np.asarray(torch.cat(list(parts)).cpu().numpy(), np.float32)


def _rows(values: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    return np.broadcast_to(values, (count, values.shape[-1])) if len(values) == 1 else values


def _pose_of(latent: Latent) -> Pose:
    none = Pose.none(torch.from_numpy(np.array(latent.mean)))
    known = (latent.angle, latent.shift, latent.scale)
    return Pose(
        *(
            default if given is None else torch.from_numpy(np.array(given, np.float32))
            for default, given in zip(none, known, strict=True)
        )
    )
