"""How well atoms are found on real microscope images, and pictures of it to look at.

    python benchmarks/real_images.py --data ../shared/data --out out/real

Prints a table (count, what the lattice gives, spacing, confidence in the scale, low and middle score, seconds
of CPU), and writes the overlays and the histograms of scores into the folder given, which is ignored by git.
What the lattice gives is measured in the Fourier transform: the area of the cell times the columns in it,
over the whole frame.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from napari_atomai.data.image import Image
from napari_atomai.data.progress import finish
from napari_atomai.data.recipe import FindAtoms
from napari_atomai.files.reading import read
from napari_atomai.plots import overlay, save_figure, score_histogram
from napari_atomai.simulate.truth import match
from napari_atomai.workflow.find import Found, finding


@dataclass(frozen=True)
class Case:
    """A file and what is known about its lattice.

    Parameters
    ----------
    file : str
        Name in the data folder.
    period : float
        Distance between the lattice planes that span the cell, pixels, within a tenth; 0: no single lattice.
    columns : int
        Columns in that cell.
    """

    file: str
    period: float = 0.0
    columns: int = 1


CASES = [
    Case("stem_SrTiO3_TIA.ser", 28.5),
    Case("stem_BaTiO3_1.dm4", 9.25),
    Case("stem_BaTiO3_2.dm4", 7.75),
    Case("stem_LLTO_512.tif", 16.5),
    Case("stem_MoS2_Vdoped_000.npy", 15.7, 2),
    Case("stem_MoS2_Vdoped_001.npy", 21.5, 2),
    Case("stem_MoS2_Se-implanted.dm3", 20.4, 2),
    Case("stem_graphene_Si_3frames.npy", 27.5, 2),
    Case("stem_Au_NP_atom_lattice_141pos.hdf5"),
    Case("stem_Fe_grain-boundary.npy"),
    Case("stem_Si110_dumbbells.png"),
    Case("stem_MXene_Ti3C2_9HF_1536.tif"),
    Case("stem_perovskite_ADF_atomap.hdf5"),
    Case("stem_perovskite_ABF_atomap.hdf5"),
    Case("eels_STO-film_SI_survey.dm3"),
    Case("tem_graphene_flower_raw.tif"),
    Case("stem_Pt-single-atoms_038.tif"),
    Case("stem_Pt-porphyrin_1.tif"),
    Case("stem_oxide_interface_rgb.tif"),
    Case("stem_TMD_Re_alloy_lzw.tiff"),
    Case("stem_SrTiO3_NSID.hf5"),
    Case("stem_Au_nanoparticle_velox.emd"),
    Case("stem_Pt-single-atoms_051.tif"),
    Case("stm_Si111-7x7_20nm.sxm"),
    Case("stm_molecular_lattice_20nm.sxm"),
    Case("stm_moire_10nm.sxm"),
    Case("haadf_particles_velox.emd"),
]


def main() -> int:
    """Run every case whose file is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("out/real"))
    parser.add_argument("--only", default="", help="part of the file's name")
    parser.add_argument("--model", default="atoms", help="bundled model or .safetensors file")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    print(
        f"{'file':40} {'atoms':>6} {'lattice':>8} {'ratio':>6} {'spacing':>8} {'sure':>5} "
        f"{'5 %':>5} {'median':>6} {'CPU s':>6}"
    )
    for case in CASES:
        path = options.data / case.file
        if options.only in case.file and path.exists():
            report(case, path, options.out, options.model)
    return 0


def report(case: Case, path: Path, out: Path, model: str) -> None:
    """Find, print a line, write the overlay."""
    image = picture(path)
    start = time.process_time()
    found = finish(finding(image, FindAtoms.of({"model": model})))
    seconds = time.process_time() - start
    spacing = found.record.measured.get("spacing_px", np.nan)
    sure = found.record.measured["confidence"]
    expected = lattice_count(image, case) if case.period else np.nan
    atoms = len(found.atoms)
    low, middle = np.percentile(found.atoms.features["score"], [5, 50]) if atoms else (np.nan, np.nan)
    line = f"{case.file:40} {atoms:6d} {expected:8.0f} {atoms / expected:6.3f} {spacing:8.2f} {sure:5.2f}"
    print(f"{line} {low:5.2f} {middle:6.2f} {seconds:6.2f} {against_labels(path, found)}", flush=True)
    first = found.atoms.keep(found.atoms.frames == 0)
    save_figure(overlay(image.frame(0), first, image.pixel_size), out / f"{path.stem}.png")
    scores = score_histogram(found.candidates.features["score"], found.threshold, title=path.stem)
    save_figure(scores, out / f"{path.stem}_scores.png")


def picture(path: Path) -> Image:
    """Return the file's first image; PNG pictures are read here, they are not a microscope's format."""
    if path.suffix == ".png":
        from matplotlib.image import imread

        return Image.from_array(imread(path), name=path.stem)
    return max(read(path), key=lambda image: image.frame_shape[0] * image.frame_shape[1])


def lattice_count(image: Image, case: Case) -> float:
    """Columns that the lattice gives for all frames: cells per area from two reciprocal vectors."""
    counts = []
    for index in range(image.n_frames):
        pixels = np.asarray(image.frame(index), float)
        one, other = _reciprocal(pixels, 1 / case.period)
        density = abs(one[0] * other[1] - one[1] * other[0])
        counts.append(density * case.columns * pixels.size)
    return float(np.sum(counts))


def _reciprocal(
    pixels: NDArray[np.float64], length: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the two strongest reciprocal vectors of about a length, cycles per pixel, not along one line."""
    window = np.outer(*(np.hanning(n) for n in pixels.shape))
    size = fft.next_fast_len(2 * max(pixels.shape))
    power = np.abs(fft.rfft2((pixels - pixels.mean()) * window, (size, size)))
    rows, cols = np.meshgrid(fft.fftfreq(size), fft.rfftfreq(size), indexing="ij")
    away = np.hypot(rows, cols)
    power[(away < 0.85 * length) | (away > 1.18 * length)] = 0
    first = _peak(power, rows, cols)
    angle = np.abs(first[0] * cols - first[1] * rows) / np.maximum(away * np.hypot(*first), 1e-12)
    power[angle < 0.6] = 0
    return first, _peak(power, rows, cols)


def _peak(
    power: NDArray[np.float64], rows: NDArray[np.float64], cols: NDArray[np.float64]
) -> NDArray[np.float64]:
    top = np.unravel_index(np.argmax(power), power.shape)
    near = np.hypot(rows - rows[top], cols - cols[top]) < 2.5 / power.shape[0]
    weight = power[near] ** 2
    return np.array([(weight * rows[near]).sum(), (weight * cols[near]).sum()]) / weight.sum()


def against_labels(path: Path, found: Found) -> str:
    """Compare with labels where there are some."""
    atoms = found.atoms
    if path.suffix == ".hdf5" and "atom_lattice" in path.stem:
        with h5py.File(path) as file:
            true = file["_sublattice/atom_positions"][:][:, ::-1]
        within = 9.0
    elif (labels := path.with_name(path.stem + "_labels.csv")).exists():
        table = np.genfromtxt(labels, delimiter=",", skip_header=1)
        true, within = table[:, [-1, -2]], 5.0  # the last two columns are X and Y
    else:
        return ""
    of_found, of_true = match(atoms.positions, true, within)
    recall, precision = len(of_true) / len(true), len(of_found) / max(len(atoms), 1)
    return f"| recall {recall:.3f}, precision {precision:.3f} within {within:.0f} px of {len(true)} labels"


if __name__ == "__main__":
    sys.exit(main())
