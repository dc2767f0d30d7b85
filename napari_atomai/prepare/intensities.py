"""Intensities of augmentation: probe, contrast, background, counting noise and detector faults."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from napari_atomai.prepare.augment_recipe import Augment
from napari_atomai.prepare.draws import Draws

_REACH = 3.5
"""Gaussian kernels end at this many standard deviations."""


def recorded(images: Tensor, recipe: Augment, draws: Draws) -> Tensor:
    """Let a microscope record images (n, c, y, x): everything in the recipe that is not geometry."""
    if recipe.blur != (0, 0):
        images = blurred(images, draws.uniform(recipe.blur, "blur"), recipe.blur[1])
    if recipe.contrast != (1, 1):
        mean = images.mean(dim=(2, 3), keepdim=True)
        images = mean + (images - mean) * draws.per_image(draws.log_uniform(recipe.contrast, "contrast"))
    if recipe.gamma != (1, 1):
        power = draws.per_image(draws.log_uniform(recipe.gamma, "gamma"))
        images = images.sign() * images.abs().pow(power)
    if recipe.background != (0, 0):
        height = draws.per_image(draws.uniform(recipe.background, "background"))
        images = images + height * surfaces(images, draws)
    if recipe.dose != (0, 0):
        images = counted(images, draws.log_uniform(recipe.dose, "dose"), draws)
    if recipe.gaussian_noise != (0, 0):
        spread = draws.per_image(draws.uniform(recipe.gaussian_noise, "gaussian_noise"))
        images = images + spread * draws.normal(*images.shape[1:])
    if recipe.salt_and_pepper != (0, 0):
        images = peppered(images, draws.uniform(recipe.salt_and_pepper, "salt_and_pepper"), draws)
    return images


def counted(images: Tensor, dose: Tensor, draws: Draws) -> Tensor:
    """Count electrons, `dose` (n,) per pixel where an image is 1: the variance becomes intensity / dose.

    What is below 0 is no count of electrons and stays as it is.
    """
    electrons = draws.per_image(dose)
    return draws.counts(images.clamp(min=0) * electrons) / electrons + images.clamp(max=0)


def peppered(images: Tensor, share: Tensor, draws: Draws) -> Tensor:
    """Set a share (n,) of the pixels to the brightest or darkest value of their image and channel."""
    chance, half = draws.even(1, *images.shape[2:]), draws.per_image(share) / 2
    images = torch.where(chance < half, images.amin(dim=(2, 3), keepdim=True), images)
    return torch.where(chance >= 1 - half, images.amax(dim=(2, 3), keepdim=True), images)


def surfaces(images: Tensor, draws: Draws) -> Tensor:
    """Return a random quadratic surface from 0 to 1 for each image (n, 1, y, x)."""
    rows, columns = (torch.linspace(-1, 1, size, device=images.device) for size in images.shape[2:])
    down, across = torch.meshgrid(rows, columns, indexing="ij")
    terms = torch.stack([down, across, down * down, across * across, down * across])
    weights = draws.normal(len(terms))
    # A product of its own for each image: a joint one may round differently in another batch.
    surface = (weights[:, :, None, None] * terms).sum(dim=1, keepdim=True)
    low = surface.amin(dim=(2, 3), keepdim=True)
    return (surface - low) / (surface.amax(dim=(2, 3), keepdim=True) - low).clamp(min=1e-12)


def blurred(images: Tensor, sigma: Tensor, largest: float) -> Tensor:
    """Blur images (n, c, y, x), each by a Gaussian of its own standard deviation (n,) up to `largest` px."""
    for axis in (2, 3):
        # Reflection needs at least as many pixels.
        half = min(math.ceil(_REACH * largest), images.shape[axis] - 1)
        offsets = torch.arange(half + 1, dtype=torch.float64)
        weights = torch.exp(-0.5 * (offsets / sigma[:, None].clamp(min=1e-3)) ** 2)
        weights = weights / (2 * weights.sum(dim=1, keepdim=True) - weights[:, :1])
        images = _smoothed(images, weights.float().to(images.device), axis)
    return images


def _smoothed(images: Tensor, weights: Tensor, axis: int) -> Tensor:
    half, size = weights.shape[1] - 1, images.shape[axis]
    margins = (0, 0, half, half) if axis == 2 else (half, half, 0, 0)
    padded = functional.pad(images, margins, "reflect")
    result = images * weights[:, 0, None, None, None]
    for offset in range(1, half + 1):
        pair = padded.narrow(axis, half - offset, size) + padded.narrow(axis, half + offset, size)
        result.addcmul_(pair, weights[:, offset, None, None, None])
    return result
