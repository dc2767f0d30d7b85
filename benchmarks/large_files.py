"""How long the first picture of a file of 2 GB takes, and how much memory.

    python benchmarks/large_files.py                 every format
    python benchmarks/large_files.py --only hspy     those whose name contains it
    python benchmarks/large_files.py --gigabytes 0.5

Each file is written into a temporary folder, opened in a process of its own (the reader already imported,
as it is in a running window) and removed. "First" is from the call to the first slice in memory, "next"
another slice of it, "point" the spectrum or the column of one pixel; "memory" is what the peak of the
process grew by. Linux and macOS only.
"""

from __future__ import annotations

import argparse
import json
import os
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

FIRST_S = 2.0
GROWTH_MB = 300.0

_OPEN = """
import json, resource, sys, time
from pathlib import Path
import numpy as np
from napari_atomai.files.formats import READERS
from napari_atomai.files.reading import read
small, path = Path(sys.argv[1]), Path(sys.argv[2])
read(small)[0]
def warm(array):
    return np.array(array)  # a copy: of a mapped file nothing is read before
import dask.array as da
warm(da.zeros((4, 4, 4), chunks=2)[0])
def peak():
    if Path("/proc/self/status").exists():
        text = Path("/proc/self/status").read_text().split()
        return int(text[text.index("VmHWM:") + 1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
if Path("/proc/self/clear_refs").exists():
    Path("/proc/self/clear_refs").write_text("5")  # the peak of the imports is not that of the reading
before, begun, cpu = peak(), time.perf_counter(), time.process_time()
image = read(path)[0]
pixels = image.pixels
middle = tuple(n // 2 for n in pixels.shape[:-2])
first = warm(pixels[(0,) * len(middle)])
took, cpu = time.perf_counter() - begun, time.process_time() - cpu
begun = time.perf_counter()
second = warm(pixels[middle])
again = time.perf_counter() - begun
grown = peak() - before
begun = time.perf_counter()
point = warm(pixels[..., pixels.shape[-2] // 2, pixels.shape[-1] // 2])
at_point = time.perf_counter() - begun
print(json.dumps({"shape": image.shape, "first": took, "cpu": cpu, "next": again, "point": at_point,
                  "memory": grown, "dtype": str(pixels.dtype)}))
"""


def counts(rows: int, columns: int, channels: int) -> Any:
    """Rows of a spectrum image with few counts, one after the other."""
    random = np.random.default_rng(0)
    row = random.poisson(0.05, (columns, channels)).astype(np.uint16)
    return (np.roll(row, i, axis=0) for i in range(rows))


def spectrum_image(path: Path, nbytes: int, compression: str | None) -> None:
    """Write a HyperSpy file as RosettaSciIO writes it: chunks of whole spectra, row by row here."""
    import h5py
    from rsciio.hspy import file_writer

    columns, channels = 512, 2048
    rows = max(16, nbytes // (2 * columns * channels))
    axes = [axis("y", rows, "nm", True), axis("x", columns, "nm", True), axis("E", channels, "eV", False)]
    small = np.zeros((rows, columns, channels), np.uint16) if rows < 32 else None
    chunks = (16, 16, channels)
    pixels = np.zeros((16, 16, channels), np.uint16) if small is None else small
    if small is None:
        axes[0]["size"], axes[1]["size"] = 16, 16
    file_writer(str(path), signal(pixels, axes), compression=compression)
    with h5py.File(path, "r+") as file:
        group = file["Experiments/made here"]
        del group["data"]
        data = group.create_dataset(
            "data", (rows, columns, channels), "u2", chunks=chunks, compression=compression, shuffle=True
        )
        made = counts(rows, columns, channels)
        for at in range(0, rows, 16):
            block = [next(made) for _ in range(min(16, rows - at))]
            data[at : at + len(block)] = np.stack(block)
        group["axis-0"].attrs["size"], group["axis-1"].attrs["size"] = rows, columns


def hspy_movie(path: Path, nbytes: int) -> None:
    """Write a HyperSpy movie of 1024 x 1024 pixels, a frame at a time."""
    import h5py
    from rsciio.hspy import file_writer

    frames = max(2, nbytes // (2 << 20))
    axes = [axis("t", 2, "s", True), axis("y", 1024, "nm", False), axis("x", 1024, "nm", False)]
    file_writer(str(path), signal(np.zeros((2, 1024, 1024), np.uint16), axes))
    with h5py.File(path, "r+") as file:
        group = file["Experiments/made here"]
        chunks = group["data"].chunks
        del group["data"]
        data = group.create_dataset(
            "data", (frames, 1024, 1024), "u2", chunks=chunks, compression="gzip", shuffle=True
        )
        frame = np.random.default_rng(0).poisson(50, (1024, 1024)).astype(np.uint16)
        for i in range(frames):
            data[i] = frame
        group["axis-0"].attrs["size"] = frames


def axis(name: str, size: int, units: str, navigate: bool) -> dict[str, Any]:
    """Describe an axis for RosettaSciIO."""
    made = {"name": name, "size": size, "scale": 0.5, "offset": 0.0, "units": units, "navigate": navigate}
    return {**made, "_type": "UniformDataAxis", "is_binned": False}


def signal(data: Any, axes: list[dict[str, Any]]) -> dict[str, Any]:
    """Make a HyperSpy signal as a dictionary."""
    return {
        "data": data,
        "axes": axes,
        "metadata": {"General": {"title": "made here"}, "Signal": {"signal_type": ""}},
        "original_metadata": {},
        "tmp_parameters": {},
        "learning_results": {},
        "models": {},
        "package_info": {"package": "benchmark", "package_version": "1"},
        "attributes": {"_lazy": False},
    }


def written(path: Path, head: bytes, nbytes: int) -> None:
    """Write a header, and numbers behind it: real ones, as holes in a file would be read too fast."""
    block = np.random.default_rng(0).poisson(50, 8 << 20).astype(np.uint16).tobytes()
    with path.open("wb") as file:
        file.write(head)
        while nbytes > 0:
            nbytes -= file.write(block[: min(len(block), nbytes)])


def npy(path: Path, nbytes: int) -> None:
    """Write a movie of 1024 x 1024 pixels."""
    import io

    shape = (max(2, nbytes // (2 << 20)), 1024, 1024)
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"shape": shape, "fortran_order": False, "descr": "<u2"})
    written(path, head.getvalue(), 2 * int(np.prod(shape)))


def mrc(path: Path, nbytes: int) -> None:
    """Write a movie of 1024 x 1024 pixels."""
    frames = max(2, nbytes // (2 << 20))
    header = bytearray(1024)
    struct.pack_into("<4i", header, 0, 1024, 1024, frames, 6)
    struct.pack_into("<3i", header, 28, 1024, 1024, frames)
    struct.pack_into("<3f", header, 40, 1024.5, 1024.5, 1)
    header[208:216] = b"MAP DD\x00\x00"
    written(path, bytes(header), frames * (2 << 20))


def tif(path: Path, nbytes: int) -> None:
    """Write a movie of 1024 x 1024 pixels."""
    import tifffile

    frames = max(2, nbytes // (2 << 20))
    frame = np.random.default_rng(0).poisson(50, (1024, 1024)).astype(np.uint16)
    tifffile.imwrite(
        path, (frame for _ in range(frames)), shape=(frames, 1024, 1024), dtype="u2", photometric="minisblack"
    )


def blo(path: Path, nbytes: int) -> None:
    """Write a scan of patterns of 144 x 144 pixels."""
    side = 144
    columns = 256
    rows = max(2, nbytes // (columns * (side * side + 6)))
    head = struct.pack(
        "<6sHIIIHHHHHddIHId",
        b"IMGBLO",
        0x0102,
        4096,
        8192,
        0,
        side,
        0,
        columns,
        rows,
        0,
        5.0,
        5.0,
        200_000,
        100,
        100,
        40_000.0,
    )
    written(path, head.ljust(8192, b"\0"), rows * columns * (side * side + 6))


def rpl(path: Path, nbytes: int) -> None:
    """Write spectra of 2048 channels."""
    columns, channels = 512, 2048
    rows = max(16, nbytes // (2 * columns * channels))
    keys = {
        "key": "value",
        "width": columns,
        "height": rows,
        "depth": channels,
        "offset": 0,
        "data-length": 2,
        "data-type": "unsigned",
        "byte-order": "little-endian",
        "record-by": "vector",
    }
    path.write_text("".join(f"{key}\t{value}\n" for key, value in keys.items()))
    written(path.with_suffix(".raw"), b"", rows * columns * channels * 2)


def dm4(path: Path, nbytes: int) -> None:
    """Write a spectrum image of 2048 channels as DigitalMicrograph does: channel by channel."""
    rows = columns = 512
    channels = max(16, nbytes // (2 * rows * columns))
    path.write_bytes(b"")
    with path.open("wb") as file:
        _Dm4(file).spectrum_image((channels, rows, columns))


class _Dm4:
    """As little of the tag tree of DM4 as a spectrum image needs."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def spectrum_image(self, shape: tuple[int, int, int]) -> None:
        channels, rows, columns = shape
        self.file.write(struct.pack(">IQI", 4, 0, 1))
        self.group(1)
        self.head(20, "ImageList")
        self.group(1)
        for size in ((columns, rows, channels),):
            self.head(20, "")
            self.group(2)
            self.head(20, "ImageTags")
            self.group(1)
            self.head(20, "Meta Data")
            self.group(2)
            self.text("Format", "Spectrum image")
            self.text("Signal", "EELS")
            self.head(20, "ImageData")
            self.group(5)
            self.head(20, "Calibrations")
            self.group(1)
            self.head(20, "Dimension")
            self.group(3)
            for unit in ("nm", "nm", "eV"):
                self.head(20, "")
                self.group(3)
                self.number("Origin", 6, "<f", 0.0)
                self.number("Scale", 6, "<f", 0.5)
                self.text("Units", unit)
            self.pixels(size)
            self.number("DataType", 5, "<I", 10)
            self.head(20, "Dimensions")
            self.group(3)
            for length in size:
                self.number("", 5, "<I", length)
            self.number("PixelDepth", 5, "<I", 2)
        self.file.write(bytes(8))

    def group(self, count: int) -> None:
        self.file.write(struct.pack(">BBQ", 0, 0, count))

    def head(self, kind: int, name: str) -> None:
        self.file.write(struct.pack(">BH", kind, len(name)) + name.encode() + struct.pack(">Q", 0))

    def number(self, name: str, kind: int, form: str, value: float) -> None:
        self.head(21, name)
        self.file.write(b"%%%%" + struct.pack(">QQ", 1, kind) + struct.pack(form, value))

    def text(self, name: str, text: str) -> None:
        self.head(21, name)
        self.file.write(b"%%%%" + struct.pack(">QQQQ", 3, 20, 4, len(text)) + text.encode("utf-16-le"))

    def pixels(self, size: tuple[int, ...]) -> None:
        count = int(np.prod(size))
        self.head(21, "Data")
        self.file.write(b"%%%%" + struct.pack(">QQQQ", 3, 20, 4, count))
        block = np.random.default_rng(0).poisson(50, 8 << 20).astype(np.uint16).tobytes()
        left = 2 * count
        while left > 0:
            left -= self.file.write(block[: min(len(block), left)])


MAKERS: dict[str, tuple[str, Callable[[Path, int], None]]] = {
    "npy movie": (".npy", npy),
    "mrc movie": (".mrc", mrc),
    "tif movie": (".tif", tif),
    "hspy movie, gzip": (".hspy", hspy_movie),
    "hspy spectrum image": (".hspy", lambda path, nbytes: spectrum_image(path, nbytes, None)),
    "hspy spectrum image, gzip": (".hspy", lambda path, nbytes: spectrum_image(path, nbytes, "gzip")),
    "rpl spectrum image": (".rpl", rpl),
    "blo diffraction patterns": (".blo", blo),
    "dm4 spectrum image": (".dm4", dm4),
}


def main() -> int:
    """Measure and print a table; the exit status tells whether the goals were met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", default="")
    parser.add_argument("--gigabytes", type=float, default=2.0)
    options = parser.parse_args()
    print("| file | shape | first s | (CPU s) | next s | point s | memory MB |\n" + "|---|---" * 3 + "|---|")
    met = True
    for name, (suffix, make) in MAKERS.items():
        if options.only not in name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            found = measure(Path(folder), suffix, make, int(options.gigabytes * 2**30))
        met &= found["first"] < FIRST_S and found["memory"] < GROWTH_MB
        figures = " | ".join(f"{found[key]:.2f}" for key in ("first", "cpu", "next", "point"))
        print(f"| {name} | {tuple(found['shape'])} | {figures} | {found['memory']:.0f} |", flush=True)
    return 0 if met else 1


def measure(folder: Path, suffix: str, make: Callable[[Path, int], None], nbytes: int) -> dict[str, Any]:
    """Write a file, open it in a child and return what that took."""
    path, small = folder / f"large{suffix}", folder / f"small{suffix}"
    for where, size in ((path, nbytes), (small, 1 << 20)):
        # In a process of its own: Linux hands the peak memory of a parent down to its children.
        child = os.fork()
        if not child:
            make(where, size)
            os._exit(0)
        if os.waitpid(child, 0)[1]:
            raise SystemExit(f"{where.name} could not be written")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _OPEN, str(small), str(path)],
        capture_output=True,
        check=False,
        text=True,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    sys.exit(main())
