"""Train a net of three classes on simulated perovskites, and class both sublattices of real images.

    python tools/train_sublattices.py --out DIR [IMAGE=ZOOM ...]

Nothing but simulated images is learned from. DIR gets sublattices.safetensors (an ensemble of three) and a
picture of each image: what it shows, the classes, and where the members disagree. ZOOM brings the lattice to
a unit cell of about 13 pixels. The last picture is of an image whose right half is unlike anything learned.
Takes about five minutes on two cores.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

import napari_atomai as aoi
from napari_atomai.data.image import Image
from napari_atomai.prepare.augment_recipe import Augment
from napari_atomai.prepare.masks import disc_labels
from napari_atomai.simulate.samples import perovskite
from napari_atomai.trainers.ensemble import Ensemble
from napari_atomai.workflow.segment import Segmented, segment

SIDE, PATCH = 192, 96
Number = TypeVar("Number", bound=np.generic)
NAMES = ("A site", "B site")
VARY = Augment(
    rotation=(0, 360), dose=(10, 300), blur=(0, 1.2), gamma=(0.7, 1.4), jitter=(0, 0.5), outside="ignore"
)


def main() -> None:
    """Train, segment and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("images", nargs="*", metavar="IMAGE=ZOOM")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cycles", type=int, default=400)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    ensemble = trained(options.cycles)
    ensemble.save_model(options.out / "sublattices")
    for given in options.images:
        path, _, zoom = given.partition("=")
        result = segment(path, ensemble, zoom=float(zoom or 1))
        print(Path(path).name, result.atoms.counts(), *result.notes, sep="\n  ")
        draw(result, options.out / f"{Path(path).stem}.png")
    strange = half_unlike()
    result = segment(strange, ensemble)
    assert result.uncertainty is not None
    halves = (result.uncertainty[:, : SIDE // 2], result.uncertainty[:, SIDE // 2 :])
    print("uncertainty in the half like the training set, and in the other:", *(h.mean() for h in halves))
    draw(result, options.out / "unlike.png")


def trained(cycles: int) -> Ensemble:
    """Return an ensemble that learned from simulated images, sampled at 0.022 to 0.04 nm."""
    rng = np.random.default_rng(0)
    scenes = [scene(seed, float(rng.uniform(0.022, 0.04))) for seed in range(32)]
    images, labels = (np.concatenate(parts) for parts in zip(*scenes, strict=True))
    trainer = aoi.trainers.EnsembleTrainer(
        "Unet", nb_classes=3, net_options={"filters": [16, 32, 64]}, class_names=NAMES
    )
    return trainer.train_ensemble_from_baseline(
        images,
        labels,
        n_models=3,
        training_cycles=cycles,
        training_cycles_ensemble=max(cycles // 4, 1),
        batch_size=16,
        learning_rate=3e-3,
        lr_scheduler="cosine",
        augmentation=VARY,
    )[1]


def scene(seed: int, pixel_size: float) -> tuple[NDArray[np.floating], NDArray[np.int64]]:
    """Return patches of a simulated image and their labels: 0 and 1 the sublattices, 2 the background."""
    made = perovskite(size=SIDE, pixel_size=pixel_size, dose=200.0, seed=seed)
    table = np.column_stack([made.truth.positions, made.truth.classes])
    labels = disc_labels({0: table}, (SIDE, SIDE), nb_classes=3, radius=0.075 / pixel_size)
    return cut(np.asarray(made.image.pixels)), cut(np.asarray(labels).reshape(SIDE, SIDE))


def cut(image: NDArray[Number]) -> NDArray[Number]:
    """Cut an image into patches (n, y, x)."""
    count = SIDE // PATCH
    return image.reshape(count, PATCH, count, PATCH).swapaxes(1, 2).reshape(-1, PATCH, PATCH)


def half_unlike() -> Image:
    """Return a crystal whose right half is replaced by stripes and a grain of noise."""
    image = perovskite(size=SIDE, pixel_size=0.03, seed=1000).image
    pixels = np.asarray(image.pixels, float).copy()
    rows, columns = np.indices(pixels.shape)
    stripes = np.sin(columns / 1.7) * np.sin(rows / 11)
    stripes += np.random.default_rng(0).normal(0, 0.3, pixels.shape)
    pixels[:, SIDE // 2 :] = (pixels.mean() + pixels.std() * stripes)[:, SIDE // 2 :]
    return Image.from_array(pixels, 0.03)


def draw(result: Segmented, path: Path) -> None:
    """Draw image, atoms in the colour of their class, and uncertainty side by side."""
    figure = Figure(figsize=(15, 5.2), layout="constrained")
    picture, classes, unsure = figure.subplots(1, 3)
    low, high = np.nanpercentile(result.image.pixels, [0.5, 99.5])
    for axes in (picture, classes):
        axes.imshow(result.image.pixels, cmap="gray", vmin=low, vmax=high)
    for number, (name, colour) in enumerate(zip(NAMES, ("tab:red", "tab:cyan"), strict=True)):
        atoms = result.atoms.positions[result.atoms.classes == number]
        classes.plot(atoms[:, 1], atoms[:, 0], ".", c=colour, ms=3, label=f"{name} ({len(atoms)})")
    classes.legend(loc="upper right")
    shown = unsure.imshow(result.uncertainty, cmap="magma")
    figure.colorbar(shown, ax=unsure, shrink=0.8)
    for axes, title in ((picture, "image"), (classes, "classes"), (unsure, "disagreement of the members")):
        axes.set_title(title)
        axes.set_axis_off()
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    main()
