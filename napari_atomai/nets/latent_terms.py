"""What the parts of an autoencoder's net hand on: looks at patches, fits, costs, what was found."""

from __future__ import annotations

from typing import NamedTuple

import torch

from napari_atomai.nets.pose import Pose, into_canvas, out_of_canvas

_CENTRING = 0.3
"""How far towards the middle a motif is moved at once."""
_SIMILAR = 0.3
"""Distance of latents, whose prior has a width of 1, that are much alike."""


class Terms(NamedTuple):
    """What the training makes small, for every patch, shape (n,) each; in nats but for the error."""

    error: torch.Tensor
    """Mean square of what is left, over the variance of the data."""
    misfit: torch.Tensor
    """Negative log-likelihood."""
    kl: torch.Tensor
    """Of the continuous latents from their prior."""
    kl_classes: torch.Tensor
    """Of the discrete ones."""
    kl_pose: torch.Tensor
    """Of the angle."""
    glance: torch.Tensor
    """Squares of what the first look at the shift is off, over twice the variance of its prior."""

    def stacked(self) -> torch.Tensor:
        """Return one tensor (n, 6)."""
        return torch.stack(list(self), dim=1)


class Look(NamedTuple):
    """A look at patches."""

    pose: Pose
    """In which the encoder took them to lie."""
    seen: torch.Tensor
    """What it saw: rings, or the patches taken back."""
    small: torch.Tensor | None = None
    """The patches at half their size, where shifts need not be found to the last."""

    def repeated(self, count: int) -> Look:
        """Return the same, so many times, one round after the other."""
        if count == 1:
            return self
        small = None if self.small is None else self.small.repeat(count, 1, 1)
        return Look(self.pose.repeated(count), self.seen.repeat(count, 1, 1), small)


class Fit(NamedTuple):
    """How well the canvas of each class fits patches."""

    misfit: torch.Tensor
    """Negative log-likelihood, (n, classes)."""
    error: torch.Tensor
    """Mean square of what is left, (n, classes)."""
    kl: torch.Tensor
    """What a patch says of its angle beyond the prior, (n, classes)."""
    poses: Pose
    """Of classes * n canvases, class by class."""


class Found(NamedTuple):
    """What an encoder finds in patches."""

    mean: torch.Tensor
    log_variance: torch.Tensor
    classes: torch.Tensor
    """Probability of each class, (n, classes); ones where there are none."""
    pose: Pose
    """Of the most probable class."""


def best_pose(fit: Fit, patches: torch.Tensor) -> Pose:
    """Return the pose of the class that fits each patch best."""
    many = torch.arange(len(patches), device=patches.device)
    best = fit.misfit.argmin(dim=1) * len(patches) + many
    return Pose(*(each[best] for each in fit.poses))


@torch.no_grad()
def centred(z: torch.Tensor, pose: Pose, share: torch.Tensor) -> Pose:
    """Return poses moved a little, such that the decoder learns to put its motifs into the middle.

    A motif beside the middle of its canvas fits as well, with shifts that turn with the patch. The mean of
    these, in the frame of the canvas and over patches with a similar latent, is what it lies beside it.

    Parameters
    ----------
    z : tensor, shape (n, latent_dim)
        Continuous latents.
    pose : Pose
        Of classes * n canvases.
    share : tensor, shape (classes, n, 1)
        Of each class in each patch.
    """
    beside = into_canvas(pose.angle, pose.shift).reshape(len(share), -1, 2)
    near = torch.exp(-torch.cdist(z, z).square() / (2 * _SIMILAR**2))
    usual = near @ (share * beside) / (near @ share).clamp(min=1e-6)
    moved = out_of_canvas(pose.angle, _CENTRING * usual.reshape(-1, 2))
    return pose._replace(shift=pose.shift - moved)
