"""Structures to images by wave optics: the door to abTEM's multislice, for truth the model has no part in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.errors import BadOption, MissingExtra
from napari_atomai.simulate.columns import project
from napari_atomai.simulate.imaging import Columns, Conditions
from napari_atomai.simulate.microscope import Microscope, Mode
from napari_atomai.simulate.projection import SimulatedImage, recorded
from napari_atomai.simulate.rendering import relief
from napari_atomai.simulate.structures import MARGIN, frame_of

if TYPE_CHECKING:
    from ase import Atoms

Vector = NDArray[np.float64]

_WINDOW = 12.0
"""Width of the window the probe is propagated in (Å), where the structure is larger: PRISM interpolation."""

_ABOVE = 1.0  # Å of vacuum above and below


@dataclass(frozen=True, kw_only=True)
class Multislice:
    """How abTEM is to compute an image.

    Parameters
    ----------
    mode : {"HAADF", "MAADF", "ABF", "BF"}
        Whether columns are bright or dark.
    detector_mrad : (inner, outer)
        Angles of the annular detector.
    energy_kev : float
        Of the electrons.
    semiangle_mrad : float
        Convergence.
    pixel_size_nm : float
        Of the image.
    source_nm : float
        Standard deviation of the effective source.
    phonons : int
        Frozen-phonon configurations; 0 = atoms at rest.
    displacement : float
        Standard deviation of thermal displacement along each axis, Å.
    sampling : float
        Of the potential, Å; 0 = as fine as the detector's outer angle asks for.
    slice_thickness : float
        In Å.
    seed : int
        Of the phonons.
    """

    mode: Mode = "HAADF"
    detector_mrad: tuple[float, float] = (60.0, 110.0)
    energy_kev: float = 100.0
    semiangle_mrad: float = 25.0
    pixel_size_nm: float = 0.02
    source_nm: float = 0.03
    phonons: int = 0
    displacement: float = 0.08
    sampling: float = 0.0
    slice_thickness: float = 2.0
    seed: int = 0

    def __post_init__(self) -> None:
        inner, outer = self.detector_mrad
        if self.mode == "STM" or not 0 <= inner < outer:
            raise BadOption(
                f"A detector from {inner:g} to {outer:g} mrad in the mode {self.mode} cannot be simulated.",
                remedy="Give inner and outer angles, and one of HAADF, MAADF, ABF and BF.",
            )

    @property
    def wavelength(self) -> float:
        """Of the electrons, in Å."""
        volts = 1e3 * self.energy_kev
        return 12.2643 / float(np.sqrt(volts * (1 + 0.978476e-6 * volts)))

    @property
    def finest(self) -> float:
        """Sampling of the potential in Å; a third of its frequencies is cut off against aliasing."""
        return self.sampling or self.wavelength / (3 * 1e-3 * self.detector_mrad[1]) * 0.98


def require_abtem() -> Any:
    """Return abTEM, or say how to get it.

    Raises
    ------
    MissingExtra
        If it is not installed.
    """
    try:
        import abtem
    except ImportError as error:
        raise MissingExtra(
            "abTEM is not installed.",
            why="Multislice images are computed by it.",
            remedy="pip install abtem (its licence is the GPL-3); or use simulate.projection, without it.",
        ) from error
    return abtem


def simulate_multislice(
    atoms: Atoms,
    options: Multislice | None = None,
    conditions: Conditions | None = None,
    rng: np.random.Generator | None = None,
) -> SimulatedImage:
    """Simulate the image of a structure by multislice.

    abTEM computes it: Madsen and Susi, Open Res. Europe 1, 24 (2021), 10.12688/openreseurope.13015.1.

    Parameters
    ----------
    atoms : ase.Atoms
        See `napari_atomai.simulate.structures` for axes and frame.
    options : Multislice, optional
        Microscope and accuracy.
    conditions : Conditions, optional
        Dose, noise and scan errors; the picture is scaled so that 1 is its brightest point (bright
        columns) or its mean (dark ones).
    rng : numpy.random.Generator, optional
        Where all noise comes from; of seed 0 when left out.

    Returns
    -------
    SimulatedImage
        With the columns of the structure as truth; how well they are seen is measured in the picture.

    Raises
    ------
    MissingExtra
        If abTEM is not installed.
    """
    options = options or Multislice()
    conditions, rng = conditions or Conditions(), rng or np.random.default_rng(0)
    microscope = Microscope(mode=options.mode, pixel_size_nm=(options.pixel_size_nm,) * 2)
    seen = scanned(atoms, options)
    picture = (seen / (seen.mean() if microscope.look.dark else seen.max())).astype(np.float32)
    projected = project(atoms[atoms.get_tags() == 0], exponent=microscope.look.exponent)
    positions = projected.positions * 0.1 / options.pixel_size_nm
    widths = np.full((len(positions), 2), 0.05 / options.pixel_size_nm)
    rise = relief(picture, positions, widths) * (-1 if microscope.look.dark else 1)
    columns = Columns(positions, np.maximum(rise, 0), widths)
    return recorded(picture, columns, projected, microscope, conditions, rng)


def scanned(atoms: Atoms, options: Multislice) -> Vector:
    """Return the share of electrons on the detector (y, x), for every pixel of the structure's frame."""
    abtem = require_abtem()
    import dask

    height, width, _ = frame_of(atoms)
    box = _boxed(atoms)
    source: Any = box
    if options.phonons:
        source = abtem.FrozenPhonons(
            box, num_configs=options.phonons, sigmas=options.displacement, seed=options.seed
        )
    lengths = box.cell.lengths()[:2]
    parts = np.maximum((lengths / _WINDOW).astype(int), 1)
    # abTEM wants a grid that its interpolation divides.
    grid = parts * np.ceil(lengths / (options.finest * parts)).astype(int)
    potential = abtem.Potential(
        source, gpts=tuple(grid.tolist()), slice_thickness=options.slice_thickness, projection="infinite"
    )
    waves = abtem.SMatrix(
        potential=potential,
        energy=1e3 * options.energy_kev,
        semiangle_cutoff=options.semiangle_mrad,
        interpolation=tuple(parts.tolist()),
    )
    detector = abtem.AnnularDetector(*options.detector_mrad)
    scan = abtem.GridScan(start=(0, 0), end=tuple(lengths.tolist()), sampling=_nyquist(options))
    with dask.config.set(scheduler="synchronous"):
        measured = waves.scan(scan=scan, detectors=detector).compute(progress_bar=False)
    whole = np.asarray(measured.array, float).T
    return _resampled(whole, lengths[::-1], (height, width), options)


def _nyquist(options: Multislice) -> float:
    """Return the coarsest scan step that loses nothing: the probe's intensity holds twice its frequencies."""
    return 0.95 * options.wavelength / (4e-3 * options.semiangle_mrad)


def _boxed(atoms: Atoms) -> Atoms:
    """Put a structure into a box that repeats, with the atoms beyond its frame as a border."""
    height, width, _ = frame_of(atoms)
    box = atoms.copy()
    bottom, top = float(atoms.positions[:, 2].min()), float(atoms.positions[:, 2].max())
    box.positions += [MARGIN, MARGIN, _ABOVE - bottom]
    box.set_cell([width + 2 * MARGIN, height + 2 * MARGIN, top - bottom + 2 * _ABOVE])
    box.pbc = True
    inside = (box.positions[:, :2] >= 0) & (box.positions[:, :2] < box.cell.lengths()[:2])
    return box[inside.all(axis=1)]


def _resampled(whole: Vector, lengths: Vector, frame: tuple[float, float], options: Multislice) -> Vector:
    """Evaluate the Fourier series of a scan over the whole box at the pixels of the frame."""
    pixel = 10 * options.pixel_size_nm
    series = np.fft.fft2(whole) / whole.size
    parts = []
    for axis in (0, 1):
        number = np.fft.fftfreq(whole.shape[axis], 1 / whole.shape[axis])
        where = MARGIN + pixel * np.arange(int(frame[axis] / pixel + 1e-6))
        wave = np.exp(2j * np.pi * np.outer(where, number) / lengths[axis])
        parts.append(wave * np.exp(-2 * (np.pi * 10 * options.source_nm * number / lengths[axis]) ** 2))
    image: Vector = (parts[0] @ series @ parts[1].T).real
    return image
