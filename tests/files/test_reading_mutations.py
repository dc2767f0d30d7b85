"""Damaged files of every format, many of each: a named error or data that hold together, never a crash.

They are opened in a child process, as the libraries behind some formats can crash where no exception is
caught. `NAPARI_ATOMAI_MUTATIONS` tells how many of each format; the child may take little more memory than
the budget it is given.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

COUNT = int(os.environ.get("NAPARI_ATOMAI_MUTATIONS", "20"))
BUDGET = 256 << 20
MADE = [
    [".npy", ".npz", ".tif", ".png", ".jpg", ".bmp", ".zip"],
    [".mrc", ".ser", ".emi", ".blo", ".rpl"],
    [".hspy", ".emd", ".hdf5", ".zspy"],
]
REAL = [
    ["eels_STO-film_SI.dm3", "stem_BaTiO3_2.dm4", "stem_SrTiO3_TIA.ser", "mrc_HAADF_FEI-exthdr_16x16.mrc"],
    ["eds_TEM_bruker.bcf", "blo_diffraction_3x2.blo", "edx_PTO-trilayer_maps.npz"],
    ["stem_Pt-single-atoms_038.tif", "stem_TMD_Re_alloy_lzw.tiff", "tem_nanoparticles_0_mask.png"],
    ["eds_FePt_bare_core.hdf5", "eds_SrTiO3_velox.emd", "eels_EDS_velox_SI.zip", "stem_SrTiO3_NSID.hf5"],
]

CHILD = """
import faulthandler, resource, sys, time
from pathlib import Path
import numpy as np
from napari_atomai.data.image import Image
from napari_atomai.errors import AtomAIError
from napari_atomai.files.guard import Limits
from napari_atomai.files.reading import read_all

def size():
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()

folder, budget = Path(sys.argv[1]), int(sys.argv[2])
for whole in sorted((folder / "whole").iterdir()):
    if whole.name not in ("made.raw", "made_1.ser"):
        read_all(whole)  # imports what the reader needs
if Path("/proc/self/statm").exists():
    most = size() + 3 * budget
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
faulthandler.enable()
damaged = [path for path in sorted(folder.glob("damaged_*/*")) if path.name not in ("made.raw", "made_1.ser")]
for path in damaged:
    faulthandler.dump_traceback_later(20, exit=True)
    began = time.process_time()
    try:
        datasets = read_all(path, limits=Limits(bytes_in_memory=budget, bytes_at_once=64 << 20))
    except AtomAIError as error:
        message = str(error)
        assert path.stem.partition(".")[0] in message, message
        assert "more data than fits into memory" not in message, f"{path}: it tried to take it: {message}"
    else:
        assert datasets
        for item in datasets:
            values = item.pixels if isinstance(item, Image) else item.values
            assert values.dtype.kind in "buif", path
            assert all(np.isfinite([axis.scale, axis.offset]).all() for axis in item.axes), path
    assert time.process_time() - began < 10, path
    faulthandler.cancel_dump_traceback_later()
print("all", len(damaged))
"""


def survive(folder: Path, count: int) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "faulthandler", "-c", CHILD, folder, str(BUDGET)],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-4000:]
    assert done.stdout.decode().split() == ["all", str(count)]
    assert done.stderr == b""


def damage(attacks: ModuleType, whole: Path, name: str, folder: Path, companion: str = "") -> None:
    for i, damaged in enumerate(attacks.mutations((whole / name).read_bytes(), COUNT, seed=len(name))):
        (folder / f"damaged_{i:04}").mkdir(exist_ok=True)
        (folder / f"damaged_{i:04}" / name).write_bytes(damaged)
        if companion:
            shutil.copy(whole / companion, folder / f"damaged_{i:04}" / companion)


@pytest.mark.timeout(60 + 8 * COUNT)
@pytest.mark.parametrize("suffixes", MADE, ids="+".join)
def test_damaged_files_give_an_error_or_data(
    tmp_path: Path, attacks: ModuleType, suffixes: list[str]
) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    for suffix in suffixes:
        attacks.MAKERS[suffix](whole / f"made{suffix}")
        companion = {".rpl": "made.raw", ".emi": "made_1.ser"}.get(suffix, "")
        damage(attacks, whole, f"made{suffix}", tmp_path, companion)
    survive(tmp_path, COUNT * len(suffixes))


@pytest.mark.timeout(60 + 8 * COUNT)
@pytest.mark.parametrize("names", REAL, ids=lambda names: "+".join(Path(name).suffix for name in names))
def test_damaged_copies_of_real_files_give_an_error_or_data(
    shared_data: Path, tmp_path: Path, attacks: ModuleType, names: list[str]
) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    for name in names:
        content, inside = (shared_data / name).read_bytes(), name
        if name.endswith(".zip"):  # what is inside: a damaged archive would not get that far
            with zipfile.ZipFile(shared_data / name) as archive:
                content, inside = archive.read(archive.namelist()[0]), "inside.emd"
        (whole / inside).write_bytes(content)
        damage(attacks, whole, inside, tmp_path)
    survive(tmp_path, COUNT * len(names))
