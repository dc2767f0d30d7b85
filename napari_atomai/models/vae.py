"""Autoencoders with the paper's names (Ziatdinov et al., arXiv:2105.07485, III.B)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from napari_atomai.models.latent import FACES, LatentModel, NetWords

__all__ = ["VAE", "LatentModel", "jVAE", "jrVAE", "rVAE"]


class VAE(LatentModel):
    """Variational autoencoder of patches or spectra.

    Parameters
    ----------
    in_dim, latent_dim, nb_classes, seed, **net
        See `LatentModel`.

    Examples
    --------
    >>> vae = VAE((32, 32), latent_dim=2)  # doctest: +SKIP
    >>> vae.fit(patches, training_cycles=100, batch_size=100)  # doctest: +SKIP
    >>> mean, sd = vae.encode(patches)  # doctest: +SKIP
    """

    def __init__(
        self,
        in_dim: int | Sequence[int],
        latent_dim: int = 2,
        nb_classes: int = 0,
        *,
        seed: int = 1,
        **net: Unpack[NetWords],
    ) -> None:
        super().__init__(in_dim, latent_dim, nb_classes=nb_classes, seed=seed, **net)


class rVAE(LatentModel):
    """Variational autoencoder free of how patches are turned and, unless it is not asked, shifted.

    Parameters
    ----------
    in_dim, latent_dim, nb_classes, seed, **net
        See `LatentModel`.
    translation, scale : bool
        Whether shifts and scales are set apart, too.
    """

    def __init__(
        self,
        in_dim: Sequence[int],
        latent_dim: int = 2,
        nb_classes: int = 0,
        translation: bool = True,
        *,
        scale: bool = False,
        seed: int = 1,
        **net: Unpack[NetWords],
    ) -> None:
        invariances = _turned(translation, scale)
        super().__init__(in_dim, latent_dim, invariances=invariances, nb_classes=nb_classes, seed=seed, **net)


class jVAE(LatentModel):
    """Variational autoencoder with discrete latents beside the continuous ones.

    Parameters
    ----------
    in_dim, latent_dim, discrete_dim, nb_classes, seed, **net
        See `LatentModel`.
    """

    def __init__(
        self,
        in_dim: int | Sequence[int],
        latent_dim: int = 2,
        discrete_dim: int | Sequence[int] = (2,),
        nb_classes: int = 0,
        *,
        seed: int = 1,
        **net: Unpack[NetWords],
    ) -> None:
        super().__init__(
            in_dim, latent_dim, discrete_dim=discrete_dim, nb_classes=nb_classes, seed=seed, **net
        )


class jrVAE(LatentModel):
    """Variational autoencoder with discrete latents, free of how patches are turned and shifted.

    Parameters
    ----------
    in_dim, latent_dim, discrete_dim, nb_classes, seed, **net
        See `LatentModel`.
    translation, scale : bool
        Whether shifts and scales are set apart, too.
    """

    def __init__(
        self,
        in_dim: Sequence[int],
        latent_dim: int = 2,
        discrete_dim: int | Sequence[int] = (2,),
        nb_classes: int = 0,
        translation: bool = True,
        *,
        scale: bool = False,
        seed: int = 1,
        **net: Unpack[NetWords],
    ) -> None:
        super().__init__(
            in_dim,
            latent_dim,
            invariances=_turned(translation, scale),
            discrete_dim=discrete_dim,
            nb_classes=nb_classes,
            seed=seed,
            **net,
        )


FACES.update(
    {(False, False): VAE, (True, False): rVAE, (False, True): jVAE, (True, True): jrVAE},
)


def _turned(translation: bool, scale: bool) -> list[str]:
    return ["rotation", *(["translation"] if translation else []), *(["scale"] if scale else [])]
