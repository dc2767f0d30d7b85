"""The main job on sample images: in napari where there is a screen, else as files in a folder it names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

OUT = Path("out/demo")
SAMPLES = ("perovskite", "graphene")
WHAT = {
    "atoms.csv": "table of atoms: position in pixels and nm, class, score, fit",
    "atoms.xyz": "the same atoms for ASE, OVITO or VESTA",
    "overlay.png": "picture: the image with its atoms",
    "classes.tif": "class map, with its pixel size",
    "probability.tif": "probability of an atom in each pixel, with its pixel size",
    "recipe.json": "the record: input, every option, model and versions",
}


def screen_works() -> bool:
    """Tell whether Qt can open a window; asked in a process of its own, since Qt aborts where it cannot."""
    probe = "from qtpy.QtWidgets import QApplication; QApplication([])"
    named = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if sys.platform.startswith("linux") and not named:
        return False
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60)
    if result.returncode != 0:
        print("A display is set, but Qt cannot open a window on it; working without one.")
        print("    " + (result.stderr.strip().splitlines() or ["(Qt said nothing)"])[0])
        print("    .venv/bin/napari-atomai doctor   says more")
    return result.returncode == 0


def show_results(folder: Path) -> None:
    """Print the folder and, for each file in it, what it is."""
    print(f"\nThe results are in {folder.resolve()}")
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = str(path.relative_to(folder))
            print(f"    {name:34} {path.stat().st_size / 1024:8.0f} kB  {_meaning(path)}")
    print("\nNext: .venv/bin/napari-atomai find YOUR_FILE --out out/mine")


def _meaning(path: Path) -> str:
    return next((text for name, text in WHAT.items() if path.name.endswith(name)), "")


def main() -> int:
    """Run the demo."""
    from napari_atomai.cli import main as command_line

    if screen_works():
        print("Opening napari on a simulated perovskite with its atoms ...")
        return command_line(["open", "--sample", SAMPLES[0]])
    print("No screen here: finding the atoms of two simulated images, without a window ...")
    for name in SAMPLES:
        status = command_line(["find", "--sample", name, "--out", str(OUT)])
        if status != 0:
            return status
    show_results(OUT)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
