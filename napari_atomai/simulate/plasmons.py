"""Arrays of plasmonic nanoparticles: their image, and the energy loss of electrons beside them.

Coupled dipoles. Each sphere of radius a answers a field with the polarisability ``a**3 f(E)``, where
``f = (eps - 1) / (eps + 2)`` of a Drude metal, and all spheres act on each other as quasi-static dipoles. The
default metal is a doped oxide, as in the data of the paper's Fig. 8 (Roccapriore et al., Small 2021,
doi:10.1002/smll.202100181). The electron passes perpendicular to the plane; its field at distance b falls as
the Bessel functions K1 (in the plane) and K0 (along the beam) of ``E b / (hbar v)``, and the loss is what
this field does on the dipoles: F. J. Garcia de Abajo, Rev. Mod. Phys. 82, 209 (2010),
doi:10.1103/RevModPhys.82.209.
Not in it: retardation between particles, higher multipoles, bulk losses inside a particle (there the field is
that at its surface). With equal materials the particles' couplings have real eigenmodes that do not depend on
the energy, so that one eigenproblem gives all energies and beam positions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import chebyshev as polynomial
from numpy.typing import NDArray
from scipy import ndimage, special

from napari_atomai.data.image import Axis, Image
from napari_atomai.errors import BadOption

Vector = NDArray[np.float64]

HBAR_C = 197.3269804
"""eV nm."""
_TABLE = 4001
_NODES = 10
_BEAMS = 100


@dataclass(frozen=True)
class Drude:
    """A metal: ``eps(E) = background - plasma**2 / (E (E + i damping))``, energies in eV."""

    background: float = 4.0
    plasma: float = 1.6
    damping: float = 0.12

    def response(self, energies: Vector) -> NDArray[np.complex128]:
        """Return ``(eps - 1) / (eps + 2)`` at energies in eV."""
        eps = self.background - self.plasma**2 / (energies * (energies + 1j * self.damping))
        return np.asarray((eps - 1) / (eps + 2), dtype=np.complex128)


@dataclass(frozen=True, eq=False)
class Plasmons:
    """An array of particles as a microscope sees it.

    Parameters
    ----------
    image : Image, shape (y, x)
        HAADF image with counting noise.
    spectra : Image, shape (E, y, x)
        Energy loss at every pixel of a coarser grid over the same field, with counting noise.
    exact : array, shape (E, y, x)
        The same without noise, in counts.
    positions : array, shape (n, 2)
        Row, column of the particles in nm.
    radii : array, shape (n,)
        In nm.
    """

    image: Image
    spectra: Image
    exact: Vector
    positions: Vector
    radii: Vector


def plasmonic_array(
    field: float = 800.0,
    *,
    shape: tuple[int, int] = (100, 100),
    pixels: int = 512,
    channels: int = 32,
    counts: float = 4000.0,
    seed: int = 0,
) -> Plasmons:
    """Simulate a monolayer of particles with gaps, dislocated places and spread of sizes.

    The field of the electron decays over ``hbar v / E``, 135 nm at the resonance, and neighbours couple:
    particles up to some 60 nm away decide about a spectrum (seen in a window of 40 nm alone, exact physics
    explains 0.82 to 0.87 of the spectra's variance, in 120 nm 0.95 to 0.97). The field is by default six such
    windows wide, so that there is something to learn from and something else to test on.

    Parameters
    ----------
    field : float
        Side of the field of view in nm.
    shape : (int, int)
        Rows and columns of the spectrum image.
    pixels : int
        Of the image along a side.
    channels : int
        Energies from 0.1 to 1.2 eV.
    counts : float
        Counts of the strongest channel.
    seed : int
        Of particles and noise.

    Raises
    ------
    BadOption
        If sizes or counts are not positive.
    """
    if min(field, *shape, pixels, channels, counts) <= 0:
        raise BadOption(
            f"Field {field}, shape {shape}, pixels {pixels}, channels {channels}, counts {counts}.",
            remedy="Give positive numbers.",
        )
    rng = np.random.default_rng(seed)
    positions, radii = _particles(field, rng)
    energies = np.linspace(0.1, 1.2, channels)
    step = field / np.array(shape)
    beam = (np.indices(shape).reshape(2, -1).T + 0.5) * step
    loss = energy_loss(positions, radii, beam, energies)
    exact = (loss / loss.max() * counts).T.reshape(channels, *shape)
    picture = _haadf(positions, radii, field, pixels, rng)
    size = field / pixels
    image = Image(
        picture,
        (Axis("y", size, size / 2, "nm"), Axis("x", size, size / 2, "nm")),
        name="particles (HAADF)",
        quantity="counts",
    )
    spectra = Image(
        rng.poisson(exact).astype(np.float32),
        (
            Axis("E", float(energies[1] - energies[0]), float(energies[0]), "eV"),
            Axis("y", float(step[0]), float(step[0] / 2), "nm"),
            Axis("x", float(step[1]), float(step[1] / 2), "nm"),
        ),
        name="particles (EELS)",
        quantity="counts",
    )
    return Plasmons(image, spectra, exact, positions, radii)


def energy_loss(
    positions: Vector,
    radii: Vector,
    beam: Vector,
    energies: Vector,
    *,
    metal: Drude | None = None,
    voltage: float = 60.0,
) -> Vector:
    """Return the loss probability per energy, up to one constant factor.

    Parameters
    ----------
    positions, radii : array, shape (n, 2) and (n,)
        Row, column and radius of the particles, nm; they must not overlap.
    beam : array, shape (m, 2)
        Row, column of the electrons, nm.
    energies : array, shape (E,)
        Above 0, eV.
    metal : Drude, optional
        Of all particles.
    voltage : float
        Of the microscope, kV.

    Returns
    -------
    array, shape (m, E)
    """
    response = 1 / (metal or Drude()).response(energies)
    speed = _hbar_v(voltage)
    nodes, weights = _nodes(energies)
    result = np.zeros((len(beam), len(energies)))
    # In a plane of particles, dipoles in it and dipoles along the beam do not act on each other.
    for axes, bessel in ((2, special.k1), (1, special.k0)):
        strengths, modes = np.linalg.eigh(_couplings(positions, radii, along=axes == 1))
        # 32 bits are a hundred times finer than the interpolation, at half the time.
        onto = np.asarray(modes * np.repeat(radii**1.5, axes)[:, None], dtype=np.float32)
        # Im of the sum over modes of |field on the mode|**2 / (1 / f - strength).
        resonances = np.imag(-1 / (strengths[:, None] - response)).clip(min=0)
        for first in range(0, len(beam), _BEAMS):
            part = slice(first, first + _BEAMS)
            distance, directions = _from_beam(positions, radii, beam[part])
            fields = np.stack([_tabled(bessel, energy / speed * distance) * energy for energy in nodes])
            if axes == 2:
                fields = np.repeat(fields, 2, axis=2) * directions
            on_modes = fields.astype(np.float32) @ onto
            at = (weights @ on_modes.reshape(len(nodes), -1)).reshape(len(energies), *on_modes.shape[1:])
            result[part] += np.einsum("kbj,jk->bk", np.square(at, out=at), resonances, optimize=True)
    return result


def _nodes(energies: Vector) -> tuple[Vector, NDArray[np.float32]]:
    """Return energies to compute fields at, and the weights (E, nodes) that give those at all energies.

    The field of the electron varies smoothly with the energy, unlike the answer of the metal: a polynomial
    through Chebyshev nodes gives it to about 1e-4.
    """
    low, high = float(energies.min()), float(energies.max())
    if len(energies) <= _NODES or low == high:
        return energies, np.eye(len(energies), dtype=np.float32)
    points = np.cos(np.pi * (np.arange(_NODES) + 0.5) / _NODES)
    scaled = (2 * energies - low - high) / (high - low)
    weights = polynomial.chebvander(scaled, _NODES - 1) @ np.linalg.inv(
        polynomial.chebvander(points, _NODES - 1)
    )
    return (points * (high - low) + low + high) / 2, np.asarray(weights, dtype=np.float32)


def _from_beam(positions: Vector, radii: Vector, beam: Vector) -> tuple[Vector, Vector]:
    """Return the distance of each particle from each electron (m, n), and its directions (m, 2 n).

    Inside a particle the distance is that of its surface, and the radial field goes to zero in the middle,
    as its direction turns round there.
    """
    away = positions[None] - beam[:, None]
    outside = np.maximum(np.linalg.norm(away, axis=-1), radii)
    return outside, (away / outside[..., None]).reshape(len(beam), -1)


def _tabled(function: Callable[[Vector], Vector], values: Vector) -> Vector:
    """Return a smooth function at many values, by interpolation in a fine table: to about 1e-6."""
    steps = np.linspace(np.log(values.min()), np.log(values.max()), _TABLE)
    return np.interp(np.log(values), steps, function(np.exp(steps)))


def _couplings(positions: Vector, radii: Vector, *, along: bool) -> Vector:
    """Return the symmetric couplings of dipoles, in units of their polarisabilities.

    Of those along the beam (n, n), or of those in the plane (2 n, 2 n).
    """
    between = positions[:, None] - positions[None]
    distance = np.linalg.norm(between, axis=-1)
    np.fill_diagonal(distance, 1)
    both = np.sqrt(radii[:, None] * radii[None]) ** 3 / distance**3
    np.fill_diagonal(both, 0)
    if along:
        return np.asarray(-both)
    towards = between / distance[..., None]
    tensor = 3 * towards[..., :, None] * towards[..., None, :] - np.eye(2)
    count = 2 * len(positions)
    return np.asarray((tensor * both[..., None, None]).transpose(0, 2, 1, 3).reshape(count, count))


def _hbar_v(voltage: float) -> float:
    gamma = 1 + voltage / 510.99895
    return HBAR_C * float(np.sqrt(1 - gamma**-2))


def _particles(field: float, rng: np.random.Generator) -> tuple[Vector, Vector]:
    """Return a hexagonal monolayer with a fifth of its places empty, in islands and one by one."""
    spacing, radius = 24.0, 8.5
    rows = np.arange(-1, field / (spacing * np.sqrt(0.75)) + 1)
    columns = np.arange(-1, field / spacing + 1)
    r, c = np.meshgrid(rows, columns, indexing="ij")
    lattice = np.stack([r * spacing * np.sqrt(0.75), (c + 0.5 * (r % 2)) * spacing], axis=-1).reshape(-1, 2)
    lattice += rng.normal(0, 0.8, lattice.shape)
    patches = ndimage.gaussian_filter(rng.standard_normal(r.shape), 1.2).ravel()
    kept = (patches > np.quantile(patches, 0.25)) & (rng.random(len(lattice)) > 0.08)
    places = lattice[kept]
    return places, np.clip(rng.normal(radius, 0.5, len(places)), 7.0, 9.3)


def _haadf(positions: Vector, radii: Vector, field: float, pixels: int, rng: np.random.Generator) -> Vector:
    """Thickness of the spheres, blurred by the probe, with counting noise."""
    at = (np.arange(pixels) + 0.5) * field / pixels
    thickness = np.zeros((pixels, pixels))
    for (row, column), radius in zip(positions, radii, strict=True):
        rows, columns = (np.flatnonzero(np.abs(at - centre) < radius) for centre in (row, column))
        if rows.size and columns.size:
            away = (at[rows, None] - row) ** 2 + (at[None, columns] - column) ** 2
            thickness[np.ix_(rows, columns)] += 2 * np.sqrt(np.maximum(radius**2 - away, 0))
    blurred = ndimage.gaussian_filter(thickness, 0.7 * pixels / field)
    return rng.poisson(20 + 15 * blurred).astype(np.float32)
