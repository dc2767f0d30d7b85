"""Open every file of a folder in one real viewer and lay the screenshots out on contact sheets.

    sh tools/with_screen.sh python tools/contact_sheet.py FOLDER [OUT]

Writes OUT/sheet-1.png ... and one full screenshot per file into OUT (default: out/contact).
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from PIL import Image as Picture
from PIL import ImageDraw

COLUMNS, ROWS = 3, 4
CELL = (640, 380)
CAPTION = 20


def main() -> int:
    """Open, screenshot, compose; the exit status is the number of files that could not be opened."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path, nargs="?", default=Path("out/contact"))
    arguments = parser.parse_args()
    import napari

    from napari_atomai.files.endings import FORMATS

    files = [path for path in sorted(arguments.folder.iterdir()) if path.suffix.lower() in FORMATS]
    arguments.out.mkdir(parents=True, exist_ok=True)
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1366, 768)
    shots, failed = [], 0
    for path in files:
        caption = opened(viewer, path)
        failed += caption.startswith("FAILED")
        shots.append((caption, screenshot(viewer, arguments.out / f"{path.name}.png")))
        sys.stdout.write(f"{path.name}: {caption}\n")
    for first in range(0, len(shots), COLUMNS * ROWS):
        sheet = sheet_of(shots[first : first + COLUMNS * ROWS])
        sheet.save(arguments.out / f"sheet-{first // (COLUMNS * ROWS) + 1}.png")
    viewer.close()
    return failed


def opened(viewer: Any, path: Path) -> str:
    """Open a file as File > Open does; say what came of it."""
    from napari_atomai.plugin.opened import opened_of

    viewer.layers.clear()
    for file in opened_of(viewer).files:
        opened_of(viewer).close(file.path)
    began = time.perf_counter()
    try:
        layers = viewer.open(path, plugin="napari-atomai")
    except Exception as error:  # noqa: BLE001 - whatever it is, the next file's turn comes
        return f"FAILED {path.name}: {error}"
    seconds = time.perf_counter() - began
    settle()
    datasets = sum(len(file.datasets) for file in opened_of(viewer).files)
    shape = layers[0].data.shape if layers else "no layer"
    return f"{path.name}: {shape}, {datasets} datasets, {seconds:.1f} s"


def settle(seconds: float = 1.0) -> None:
    """Serve the window for a while: docks open, thumbnails are drawn."""
    from napari.qt import get_qapp

    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        get_qapp().processEvents()
        time.sleep(0.005)


def screenshot(viewer: Any, path: Path) -> Picture.Image:
    """Save the whole window and return it."""
    picture = Picture.fromarray(viewer.screenshot(canvas_only=False, flash=False)).convert("RGB")
    picture.save(path)
    return picture


def sheet_of(shots: list[tuple[str, Picture.Image]]) -> Picture.Image:
    """Lay screenshots out with their captions."""
    width, height = CELL
    sheet = Picture.new("RGB", (COLUMNS * width, ROWS * (height + CAPTION)), "black")
    draw = ImageDraw.Draw(sheet)
    for number, (caption, picture) in enumerate(shots):
        left, top = number % COLUMNS * width, number // COLUMNS * (height + CAPTION)
        draw.text((left + 4, top + 4), caption[:105], fill="#ff8080" if "FAILED" in caption else "white")
        small = picture.copy()
        small.thumbnail(CELL)
        sheet.paste(small, (left, top + CAPTION))
    return sheet


if __name__ == "__main__":
    sys.exit(main())
