"""ImSpec on real pairs of structure and spectra: scores on held-out blocks with baselines, and figures.

    python benchmarks/imspec_real.py DATA OUT

DATA holds the files named below. Where the data do not allow a prediction, the sentence says so.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt

from napari_atomai.data.image import Image
from napari_atomai.data.progress import finish
from napari_atomai.data.recipes_spectra import TrainImSpec
from napari_atomai.errors import AtomAIError
from napari_atomai.files.reading import read
from napari_atomai.workflow.imspec import ImSpecResult, training_imspec

COMMON: dict[str, Any] = {}
CASES: dict[str, tuple[str, str, str, str, dict[str, Any]]] = {
    "EELS, SrTiO3 film": (
        "eels_STO-film_SI_HAADF.dm3",
        "",
        "eels_STO-film_SI.dm3",
        "",
        {"alignment": "same field", "rebin": 4},
    ),
    "EELS, SrTiO3 film, survey": (
        "eels_STO-film_SI_survey.dm3",
        "",
        "eels_STO-film_SI.dm3",
        "",
        {"rebin": 4},
    ),
    "EDS, SiO2 spheres": (
        "eds_SiO2_spheres_HAADF.hspy",
        "",
        "eds_SiO2_spheres_SI.hspy",
        "",
        {"low": 0.2, "high": 3.0, "rebin": 4},
    ),
    "CL, nanoparticles (image: total light)": ("", "", "cl_nanoparticles.hspy", "", {"rebin": 8}),
    "EDS, TEM Bruker": ("eds_TEM_bruker.bcf", "HAADF", "eds_TEM_bruker.bcf", "EDX", {"rebin": 16}),
    "STS grid, topography": (
        "sts_grid_nanonis.3ds",
        "topography",
        "sts_grid_nanonis.3ds",
        "Current forward",
        {"rebin": 4},
    ),
}


def chosen(path: Path, words: str, *, spectral: bool) -> Image:
    """Return the first image of a file of that kind whose name holds the words."""
    return next(one for one in read(path) if one.is_spectral == spectral and words in one.name)


def figure(name: str, result: ImSpecResult, image: Image, path: Path) -> None:
    """Draw image, measured and predicted spectra, map of the error and the first latents."""
    pairs, energies = result.pairs, result.pairs.energy
    axis = energies.offset + energies.scale * np.arange(pairs.spectra.shape[1])
    drawing, axes = plt.subplots(1, 5, figsize=(20, 4), layout="constrained")
    axes[0].imshow(image.frame(0), cmap="gray", aspect="auto")
    for one in result.test[:: max(1, len(result.test) // 3)][:3]:
        (line,) = axes[1].plot(axis, pairs.spectra[one], lw=0.6, alpha=0.7)
        axes[1].plot(axis, result.predicted.mean[one], color=line.get_color(), lw=1.8)
    axes[1].set(title="held out: measured (thin), predicted", xlabel=energies.unit)
    axes[2].imshow(result.error_map(), aspect="auto")
    axes[2].set_title("error (RMS)")
    for part, latent in zip(axes[3:], result.latent_maps(), strict=False):
        part.imshow(latent, aspect="auto")
        part.set_title("latent")
    drawing.suptitle(f"{name}: {result.comparison.sentence()}", wrap=True)
    drawing.savefig(path, dpi=90)
    plt.close(drawing)


def main(data: Path, out: Path) -> None:
    """Do every case, and say what came of it."""
    out.mkdir(parents=True, exist_ok=True)
    for name, (image_file, image_words, file, words, options) in CASES.items():
        try:
            spectra = chosen(data / file, words, spectral=True)
            # Cathodoluminescence came without an image: what its total light tells of its spectra is a
            # test of the machinery, not of a structure.
            image = (
                chosen(data / image_file, image_words, spectral=False)
                if image_file
                else Image(np.asarray(spectra.pixels, np.float64).sum(axis=0), spectra.axes[1:], name="light")
            )
            result = finish(training_imspec(image, spectra, TrainImSpec(**(COMMON | options))))
        except AtomAIError as error:
            sys.stdout.write(f"{name}: {error}\n")
            continue
        scores = ", ".join(f"{key} {value:.3f}" for key, value in result.comparison.scores.items())
        sys.stdout.write(f"{name}: {len(result.train)} learned, {len(result.test)} held out; R2: {scores}\n")
        sys.stdout.write(f"    {result.comparison.sentence()} {' '.join(result.pairs.notes)}\n")
        sys.stdout.flush()
        figure(name, result, image, out / f"imspec_{name.split(',')[0]}_{list(CASES).index(name)}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
