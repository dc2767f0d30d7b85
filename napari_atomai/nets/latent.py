"""Variational autoencoder whose latent is free of how a motif is turned, shifted or scaled.

The paper's VAE, rVAE, jVAE and jrVAE (Ziatdinov et al., arXiv:2105.07485, III.B) are one net here: the
encoder gives what varies, the decoder a motif on a canvas of its own, and its pose in the patch is found by
cross-correlation (`napari_atomai.nets.pose_search`). That covers the whole circle, which an angle that is a
number among the latents cannot. Discrete latents are summed over, not sampled: their posterior follows from
how well each class fits. The variance of the noise is learned: the scale of the data does not matter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Self

import torch
from torch import nn
from torch.nn import functional

from napari_atomai.nets.coders import (
    ConvolutionalEncoder,
    FlatEncoder,
    FlatGlance,
    RingEncoder,
)
from napari_atomai.nets.imspec import dims_of
from napari_atomai.nets.latent_options import (
    DECODERS,
    canvas_of,
    check_counts,
    check_kinds,
    check_widths,
    prior_of,
)
from napari_atomai.nets.latent_terms import Fit, Found, Look, Terms, best_pose, centred
from napari_atomai.nets.polar import Polar
from napari_atomai.nets.pose import (
    Belief,
    Pose,
    place,
    place_at,
    take_back,
)
from napari_atomai.nets.pose_search import find_shift, find_turn
from napari_atomai.nets.registry import register
from napari_atomai.nets.sampling import Size, halved, quarter_of

_LEAST_NOISE = 1e-4
"""Variance of the noise over that of the data: below it, rounding would decide."""
_MEMORY = 0.9
"""How much of the estimate of the noise stays when a batch was seen."""
_BALANCING = 20
"""Rounds of Sinkhorn's iteration."""
_FINE = 16
"""Patches from this size on can be halved."""


@register("vae")
class LatentNet(nn.Module):
    """Encoder, latents, decoder and pose, on normalised patches.

    Parameters
    ----------
    in_dim : sequence of int
        (rows, columns) of patches, (length,) of spectra.
    latent_dim : int
        Continuous latents.
    invariances : sequence of str
        Among "rotation", "translation" and "scale".
    classes : int
        States of the discrete latents; 1 = none.
    labels : int
        Known classes that the decoder is told; 0 = none.
    encoder : str
        "rings" (only with "rotation"), "mlp", "conv"; "" = rings for rotation, else mlp.
    decoder : str
        "mlp", "conv", "spatial".
    hidden, layers_encoder, layers_decoder : int
        Neurons, and layers of them.
    rotation_prior : float
        Radians; 0 = any angle.
    translation_prior : float
        Of half the patch.
    scale_prior : float
        Of the logarithm of the scale.
    temperature : float
        Above 1 the classes are less sure than they should be.
    binary : bool
        The data are shares from 0 to 1, and the likelihood is Bernoulli's.
    """

    offset: torch.Tensor
    scale: torch.Tensor
    noise: torch.Tensor
    seen: torch.Tensor
    silent: torch.Tensor
    order: torch.Tensor

    def __init__(  # noqa: PLR0913 - each is an option of its own
        self,
        in_dim: Sequence[int],
        latent_dim: int = 2,
        invariances: Sequence[str] = (),
        classes: int = 1,
        labels: int = 0,
        encoder: str = "",
        decoder: str = "mlp",
        hidden: int = 128,
        layers_encoder: int = 2,
        layers_decoder: int = 2,
        rotation_prior: float = 0.0,
        translation_prior: float = 0.1,
        scale_prior: float = 0.1,
        temperature: float = 1.0,
        binary: bool = False,
    ) -> None:
        super().__init__()
        self.in_dim = dims_of("in_dim", in_dim)
        self.latent_dim, self.classes, self.labels, self.binary = latent_dim, classes, labels, binary
        self.invariances, self.temperature = tuple(invariances), temperature
        check_kinds(self.in_dim, self.invariances, encoder, decoder)
        check_counts(latent_dim, classes, labels, (hidden, layers_encoder, layers_decoder))
        check_widths(rotation_prior, translation_prior, scale_prior, temperature)
        self.size: Size = (1, self.in_dim[0]) if len(self.in_dim) == 1 else (self.in_dim[0], self.in_dim[1])
        self.prior = prior_of(self.size, self.invariances, rotation_prior, translation_prior, scale_prior)
        self.canvas_size = canvas_of(self.size, self.prior)
        self.polar = Polar(self.size)
        kind = encoder or ("rings" if "rotation" in self.invariances else "mlp")
        self.encoder: nn.Module = (
            RingEncoder(self.polar.count, self.polar.angles, hidden, layers_encoder)
            if kind == "rings"
            else {"mlp": FlatEncoder, "conv": ConvolutionalEncoder}[kind](self.size, hidden, layers_encoder)
        )
        self.of_rings = kind == "rings"
        self.head = nn.Linear(hidden, 2 * latent_dim)
        self.glance = FlatGlance(self.size) if any(self.prior.shift) else None
        inputs = latent_dim + (classes if classes > 1 else 0) + labels
        self.decoder = DECODERS[decoder](inputs, self.canvas_size, hidden, layers_decoder)
        self.register_buffer("offset", torch.zeros(()))
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("noise", torch.ones(()))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))
        self.register_buffer("silent", torch.zeros((), dtype=torch.int64))
        self.register_buffer("order", torch.arange(latent_dim))

    def train(self, mode: bool = True) -> Self:
        """Begin or end learning; what it already does is not said to every part again."""
        return self if mode == self.training else super().train(mode)

    @torch.no_grad()
    def learn_scale(self, patches: torch.Tensor) -> None:
        """Learn what patches in their own units are centred and scaled with."""
        low, high = float(patches.min()), float(patches.max())
        offset, scale = (low, high - low) if self.binary else (float(patches.mean()), float(patches.std()))
        self.offset.fill_(offset)
        self.scale.fill_(scale if scale > 0 else 1.0)

    def begin(self, silent: int) -> None:
        """Begin a training, in whose first batches, so many, the continuous latents are silent."""
        self.seen.zero_()
        self.silent.fill_(silent)
        self.noise.fill_(1.0)

    def normalised(self, patches: torch.Tensor) -> torch.Tensor:
        """Centre and scale patches (n, *in_dim) in their own units; returns (n, rows, columns)."""
        return ((patches - self.offset) / self.scale).float().reshape(-1, *self.size)

    def restored(self, patches: torch.Tensor) -> torch.Tensor:
        """Return normalised patches to their own units and shape."""
        return (patches * self.scale + self.offset).reshape(-1, *self.in_dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return what the training makes small (`Terms`), shape (n, 6).

        Parameters
        ----------
        x : tensor, shape (n, rows * columns + labels)
            Normalised patches, flat, each followed by its label as ones and zeros.
        """
        pixels = math.prod(self.size)
        patches, labels = x[:, :pixels].reshape(-1, *self.size), x[:, pixels:]
        small = halved(patches) if self.glance is not None else None
        start = self._glanced(patches, small)
        seen = self._seen(patches, start.detached())
        mean, log_variance = self._latents(seen)
        z = mean
        if self.training:
            z = mean + torch.randn_like(mean) * torch.exp(log_variance / 2)
            self.seen += 1
        fit = self._fitted(patches, labels, z, Look(start.detached(), seen, small))
        # The posterior of the classes is where their sum is lowest, so no gradient goes through it.
        share = self._shares(fit.misfit.detach())
        terms = Terms(
            error=(share * fit.error).sum(dim=1),
            misfit=(share * fit.misfit).sum(dim=1),
            kl=0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1),
            kl_classes=(share * torch.log(share.clamp(min=1e-12) * self.classes)).sum(dim=1),
            kl_pose=(share * fit.kl).sum(dim=1),
            glance=self._missed(start, best_pose(fit, patches)),
        )
        if self.training:
            self._hear(terms.error)
        return terms.stacked()

    def found(self, patches: torch.Tensor, labels: torch.Tensor) -> Found:
        """Return latents, classes and poses of normalised patches (n, rows, columns).

        Parameters
        ----------
        patches : tensor, shape (n, rows, columns)
            Normalised.
        labels : tensor, shape (n, labels)
            Ones and zeros.
        """
        small = halved(patches) if self.glance is not None else None
        pose = self._glanced(patches, small)
        if self._needs_pose:
            seen = self._seen(patches, pose)
            first = self._fitted(patches, labels, self._latents(seen)[0], Look(pose, seen, small))
            pose = best_pose(first, patches)
        seen = self._seen(patches, pose)
        mean, log_variance = self._latents(seen)
        fit = self._fitted(patches, labels, mean, Look(pose, seen))
        return Found(
            mean[:, self.order],
            log_variance[:, self.order],
            self._shares(fit.misfit),
            best_pose(fit, patches),
        )

    def decode(self, z: torch.Tensor, classes: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return canvases (n, *canvas_size) of latents in the order in which `found` gives them.

        Parameters
        ----------
        z : tensor, shape (n, latent_dim)
            Continuous latents.
        classes, labels : tensor, shape (n, classes), (n, labels)
            Ones and zeros.
        """
        canvas: torch.Tensor = self.decoder(self._inputs(z[:, torch.argsort(self.order)], classes, labels))
        return canvas

    def placed(self, canvas: torch.Tensor, pose: Pose) -> torch.Tensor:
        """Return normalised patches (n, rows, columns) of canvases in a pose."""
        plain = self._brightness(canvas)
        return place(plain, pose, self.size) if self.invariances else plain

    def _brightness(self, canvas: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(canvas) if self.binary else canvas

    def _inputs(self, z: torch.Tensor, classes: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        if self.seen < self.silent:  # the classes come first
            z = torch.zeros_like(z)
        return torch.cat([z, *([classes] if self.classes > 1 else []), labels], dim=1)

    @property
    def _needs_pose(self) -> bool:
        """Tell whether the encoder has to know how patches lie before it can tell what is in them."""
        return bool(self.invariances) and not (self.of_rings and self.invariances == ("rotation",))

    def _glanced(self, patches: torch.Tensor, small: torch.Tensor | None) -> Pose:
        """Return where the search for poses begins: a first look at patches of half the size.

        It is learned from what was found afterwards.
        """
        none = Pose.none(patches)
        if self.glance is None or small is None:
            return none
        return none._replace(shift=self.glance(small) * patches.new_tensor(self.prior.shift))

    def _missed(self, start: Pose, found: Pose) -> torch.Tensor:
        off = (start.shift - found.shift) / self.prior.widths(start.shift)
        return off.square().sum(dim=1) / 2

    def _seen(self, patches: torch.Tensor, pose: Pose) -> torch.Tensor:
        """Return what the encoder looks at."""
        if self.of_rings:
            return self.polar.of(patches, pose)
        return take_back(patches, pose) if self.invariances else patches

    def _latents(self, seen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return their means and the logarithms of their variances."""
        mean, log_variance = self.head(self.encoder(seen)).chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 4)

    def _fitted(
        self,
        patches: torch.Tensor,
        labels: torch.Tensor,
        z: torch.Tensor,
        look: Look,
    ) -> Fit:
        """Return how well each class fits in its best pose, looked for about that of a look before."""
        count, every, states = self.classes, patches, z[:, :0]
        if count == 1:
            canvas = self.decoder(self._inputs(z, states, labels))
        else:
            states = torch.eye(count, device=z.device).repeat_interleave(len(z), dim=0)
            canvas = self.decoder(self._inputs(z.repeat(count, 1), states, labels.repeat(count, 1)))
            every, look = patches.repeat(count, 1, 1), look.repeated(count)
        poses, kl = look.pose, canvas.new_zeros(len(canvas))
        if self.invariances:
            with torch.no_grad():
                poses, kl = self._posed(every, self._brightness(canvas.detach()), look)
        if self.training and any(self.prior.shift) and torch.is_grad_enabled():
            share = canvas.new_ones(1, len(z), 1)
            if count > 1:
                misfit = self._misfit(every, canvas.detach(), poses)[0].reshape(count, -1)
                share = self._shares(misfit.T).T.reshape(count, -1, 1)
            misfit, error = self._misfit(every, canvas, centred(z.detach(), poses, share))
        else:
            misfit, error = self._misfit(every, canvas, poses)
        shape = (count, len(z))
        return Fit(misfit.reshape(shape).T, error.reshape(shape).T, kl.reshape(shape).T, poses)

    def _posed(self, patches: torch.Tensor, canvas: torch.Tensor, look: Look) -> tuple[Pose, torch.Tensor]:
        """Return the most likely pose of each canvas in its patch, and what the patch says of the angle."""
        pose, kl, belief = look.pose, patches.new_zeros(len(patches)), Belief(self.prior, self.noise)
        if self.prior.angle or self.prior.scale:
            rings = look.seen if self.of_rings and not self.prior.scale else None
            pose, kl = find_turn(patches, canvas, pose, self.polar, belief, rings)
        if any(self.prior.shift):
            if look.small is not None and min(self.size) >= _FINE:
                # To learn from, half the size will do, in a third of the time.
                half = belief.halved()
                pose = find_shift(look.small, halved(canvas), pose.halved(), half).doubled()
            else:
                pose = find_shift(patches, canvas, pose, belief)
        return pose, kl

    def _misfit(
        self, patches: torch.Tensor, canvas: torch.Tensor, pose: Pose
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return negative log-likelihood and mean square of what is left, (n,) each."""
        count, target, made = math.prod(self.size), patches.flatten(1), canvas.flatten(1)
        if self.invariances and self.training and min(self.size) >= _FINE:
            # Of one pixel in four, another each time: what is between them is made of the same canvas.
            numbers, points = quarter_of(self.size, int(self.seen) % 4, patches.device)
            target, made = target[:, numbers], place_at(canvas, pose, points)
        elif self.invariances:
            made = place(canvas, pose, self.size).flatten(1)
        if self.binary:
            cross = functional.binary_cross_entropy_with_logits(made, target.clamp(0, 1), reduction="none")
            error = (torch.sigmoid(made.detach()) - target).square().mean(dim=1)
            return cross.mean(dim=1) * count, error
        error = (made - target).square().mean(dim=1)
        noise = self.noise.clone()  # which follows this batch before the gradient is taken
        return 0.5 * count * (error / noise + torch.log(noise)), error.detach()

    def _shares(self, misfit: torch.Tensor) -> torch.Tensor:
        """Return the posterior of the classes, (n, classes); while the classes form, all are used alike.

        Otherwise the class that fits a little better at the beginning takes everything. Sinkhorn's iteration
        gives the shares closest to the posterior with equal sums (Caron et al., arXiv:2006.09882).
        """
        logits = -misfit / self.temperature
        if self.training and self.seen <= self.silent:
            for _ in range(_BALANCING):
                logits = logits - logits.logsumexp(dim=0, keepdim=True)
                logits = logits - logits.logsumexp(dim=1, keepdim=True)
        return torch.softmax(logits, dim=1)

    @torch.no_grad()
    def _hear(self, error: torch.Tensor) -> None:
        """Let the estimate of the noise follow what is left of a batch."""
        keep = min(_MEMORY, 1 - 1 / (float(self.seen) + 1))
        self.noise.copy_((keep * self.noise + (1 - keep) * error.mean()).clamp(min=_LEAST_NOISE))
