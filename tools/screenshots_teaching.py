"""Make the pictures of the page "Teach it your material": a simulated image, corrected, learned from, judged.

    xvfb-run -a -s "-screen 0 1400x900x24" python tools/screenshots_teaching.py

Heavy atoms lie on a support between round spots of contamination, which the bundled finder takes for atoms.
The left half is corrected; what is learned shows on the right half. F1 before and after is written out.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import napari
import numpy as np
from numpy.typing import NDArray
from screenshots import DOCS, SIZE, photograph, settle

from napari_atomai.data.image import Image
from napari_atomai.data.recipe import FindAtoms, RefineAtoms
from napari_atomai.plugin import comparing, own_models, teaching
from napari_atomai.plugin.demo import PLUGIN
from napari_atomai.plugin.elit import ROUND
from napari_atomai.plugin.layers import image_layer_data, uid_of
from napari_atomai.plugin.session import session_of
from napari_atomai.simulate.imaging import Columns, Conditions, draw, expose, speckle
from napari_atomai.simulate.samples import sample
from napari_atomai.simulate.truth import match

PIXELS = 384
PIXEL_SIZE = 0.03
APART = 20.0
WIDTH = 2.6
NEAR = 6.0
STEPS = 60


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=DOCS, help="where the pictures go")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        os.environ[own_models.FOLDER] = folder
        teach(given.out)
        learn_alone(given.out)
    return 0


def teach(out: Path) -> None:
    """Photograph a correction, the training, and what came of it."""
    image, truth = atoms_and_spots()
    with window(image) as viewer:
        layer, session = viewer.layers[0], session_of(viewer)
        find = panel(viewer, "Atoms")
        find.find()
        settle(lambda: session.job is None)
        points = session.points(uid_of(layer))
        before = points.data[:, -2:].copy()
        photograph(viewer, out / "teaching-1-found.png")

        panel(viewer, "Correct")
        wrong = [i for i, place in enumerate(before) if left(place) and not near(place, truth)]
        points.selected_data = set(wrong)
        photograph(viewer, out / "teaching-2-correct.png")
        points.remove_selected()

        train = panel(viewer, "Train")
        shapes = teaching.region_layer(viewer.layers, layer)
        end, middle = PIXELS - 1, PIXELS // 2
        shapes.add_rectangles(np.array([[0, 0], [0, middle], [end, middle], [end, 0]], float))
        train.form._options.put({"steps": STEPS})
        viewer.reset_view()
        train.form.run_box.button.click()
        settle(lambda: len(train._curves.get("loss", ())) >= STEPS // 2)
        photograph(viewer, out / "teaching-3-train.png")
        settle(lambda: train.slot.job is None)
        train.form.compare_button.click()
        settle(lambda: train.comparison.job is None)
        zoom_right(viewer)
        photograph(viewer, out / "teaching-4-compare.png")

        train.form.use_button.click()
        settle(lambda: session.job is None)
        tell("before", before, truth)
        tell("after", session.points(uid_of(layer)).data, truth)

        comparing.close(viewer)
        own_models.keep(train.slot.result().folder / "model.safetensors", "Pt on dirty carbon")
        models = panel(viewer, "Models")
        models.choose([model.name for model in models._models].index("Pt on dirty carbon"))
        photograph(viewer, out / "models-panel.png")


def learn_alone(out: Path) -> None:
    """Photograph ELIT on a noisy movie of graphene, and the review of uncertain atoms."""
    clean = sample("graphene").image
    frame = np.asarray(clean.frame(0), np.float64)[:160, :160]
    rng = np.random.default_rng(0)
    movie = np.stack([rng.poisson(6 * frame).astype(np.float32) for _ in range(2)])
    with window(Image.from_array(movie, clean.pixel_size, name="graphene, low dose (simulated)")) as viewer:
        elit = panel(viewer, "ELIT")
        elit.form._options.put({"iterations": 2, "steps": 20})
        elit.form.run_box.button.click()
        settle(lambda: elit.slot.job is None, longest=600)
        photograph(viewer, out / "elit-panel.png")
        session = session_of(viewer)
        session.find(viewer.layers[0], FindAtoms(model="atoms-ensemble"), RefineAtoms())
        settle(lambda: session.job is None)
        review = panel(viewer, "Uncertainty")
        review.form.coloured.setChecked(True)
        next(layer for layer in viewer.layers if ROUND in layer.name).visible = False
        for _ in range(4):
            review.form.next_button.click()
            review.form.accept_button.click()
        photograph(viewer, out / "uncertainty-panel.png")


@contextmanager
def window(image: Image) -> Iterator[napari.Viewer]:
    viewer = napari.Viewer(title="napari-atomai")
    viewer.window.resize(*SIZE)
    viewer.canvas.overlays.scale_bar.visible = True
    data, options, _ = image_layer_data(image)
    viewer.add_image(data, **options)
    settle(lambda: False, longest=1.0)
    yield viewer
    session_of(viewer).autosave.saved()
    viewer.close()
    settle(lambda: False, longest=0.5)


def panel(viewer: napari.Viewer, name: str) -> Any:
    _, made = viewer.window.add_plugin_dock_widget(PLUGIN, name)
    settle(lambda: False, longest=0.7)
    viewer.reset_view()
    return getattr(made, "__wrapped__", made)


def atoms_and_spots() -> tuple[Image, NDArray[np.float64]]:
    """Simulate heavy atoms on a support with spots of contamination; returns where the atoms are."""
    rng = np.random.default_rng(0)
    places: list[NDArray[np.float64]] = []
    while len(places) < 120:
        place = rng.uniform(8, PIXELS - 9, 2)
        if all(np.hypot(*(place - other)) > APART for other in places):
            places.append(place)
    spots = np.arange(120) >= 70
    width = WIDTH * np.where(spots, rng.uniform(1.7, 2.1, 120), 1.0)
    height = np.where(spots, rng.uniform(0.65, 0.95, 120), 1.0)
    columns = Columns(np.array(places), height, np.repeat(width[:, None], 2, axis=1))
    shape = (PIXELS, PIXELS)
    picture = draw(columns, shape) + 0.5 + 0.12 * speckle(shape, 9, rng)
    pixels = expose(picture, Conditions(dose=25, jitter=0.2, read_noise=0.03), rng)
    image = Image.from_array(pixels, PIXEL_SIZE, name="atoms on a dirty support (simulated)")
    return image, columns.positions[~spots]


def left(place: NDArray[np.float64]) -> bool:
    return bool(place[1] <= PIXELS // 2)


def near(place: NDArray[np.float64], truth: NDArray[np.float64]) -> bool:
    return bool(np.linalg.norm(truth - place, axis=1).min() < NEAR)


def zoom_right(viewer: napari.Viewer) -> None:
    """Bring the half that was not corrected into view."""
    viewer.scene.camera.center = (0.0, PIXELS / 2 * PIXEL_SIZE, 0.75 * PIXELS * PIXEL_SIZE)
    viewer.scene.camera.zoom = viewer.canvas.size[0] / (0.62 * PIXELS * PIXEL_SIZE)


def tell(when: str, found: NDArray[np.float64], truth: NDArray[np.float64]) -> None:
    """Write how good the half is that was not learned from."""
    middle = PIXELS // 2
    here, there = found[found[:, -1] > middle][:, -2:], truth[truth[:, 1] > middle]
    hits = len(match(here, there, NEAR)[0])
    f1 = 2 * hits / (len(here) + len(there))
    sys.stdout.write(f"{when}: {len(here)} found, {hits} of {len(there)} true, F1 {f1:.3f}\n")


if __name__ == "__main__":
    sys.exit(main())
