"""Sample files in every format that can be made here, and the hostile ones we defend against."""

from __future__ import annotations

import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tifffile

PIXEL_NM = 0.025


def picture(rows: int = 40, columns: int = 60) -> np.ndarray[Any, Any]:
    """A picture without symmetry, so that a transposed or mirrored reading shows."""
    y, x = np.mgrid[:rows, :columns]
    return (100 * y + x + 7).astype(np.uint16)


def axes_of(shape: tuple[int, ...]) -> list[dict[str, Any]]:
    """Axes as RosettaSciIO's writers want them: calibrated rows and columns, frames in front."""
    names = ["time", "y", "x"][-len(shape) :]
    return [
        {
            "name": name,
            "size": size,
            "scale": 0.5 if name == "time" else PIXEL_NM,
            "offset": 0.0,
            "units": "s" if name == "time" else "nm",
            "navigate": name == "time",
            "_type": "UniformDataAxis",
            "is_binned": False,
        }
        for name, size in zip(names, shape, strict=True)
    ]


def signal(data: np.ndarray[Any, Any]) -> dict[str, Any]:
    """A HyperSpy signal as a dictionary."""
    return {
        "data": data,
        "axes": axes_of(data.shape),
        "metadata": {"General": {"title": "made here"}, "Signal": {"signal_type": ""}},
        "original_metadata": {"voltage": 200},
        "tmp_parameters": {},
        "learning_results": {},
        "models": {},
        "package_info": {"package": "test", "package_version": "1"},
        "attributes": {"_lazy": False},
    }


def npy(path: Path) -> None:
    np.save(path, picture())


def tif(path: Path) -> None:
    tifffile.imwrite(
        path,
        picture(),
        imagej=True,
        resolution=(1 / PIXEL_NM, 1 / PIXEL_NM),
        metadata={"unit": "nm", "axes": "YX"},
    )


def hspy(path: Path) -> None:
    from rsciio.hspy import file_writer

    file_writer(str(path), signal(picture()))


def emd(path: Path) -> None:
    from rsciio.emd import file_writer

    file_writer(str(path), signal(picture()))


def hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["picture"] = picture()
        file["table"] = np.zeros((141, 2))


def mrc(path: Path) -> None:
    rows, columns = picture().shape
    header = bytearray(1024)
    struct.pack_into("<4i", header, 0, columns, rows, 1, 6)
    struct.pack_into("<3i", header, 28, columns, rows, 1)
    struct.pack_into("<3f", header, 40, columns * PIXEL_NM * 10, rows * PIXEL_NM * 10, 1)
    header[208:216] = b"MAP DD\x00\x00"
    path.write_bytes(bytes(header) + picture().tobytes())


def ser(path: Path) -> None:
    """A TIA series of one image; it stores rows from the bottom up."""
    rows, columns = picture().shape
    scale = PIXEL_NM * 1e-9
    dimension = struct.pack("<IddI", 1, 0.0, 1.0, 0) + struct.pack("<I", 0) + struct.pack("<I", 0)
    data_at = 30 + len(dimension)
    element = struct.pack("<ddIddIHII", 0.0, scale, 0, 0.0, scale, 0, 2, columns, rows)
    element += picture()[::-1].tobytes()
    tag_at = data_at + len(element)
    table_at = tag_at + 8
    head = struct.pack("<HHHIIIIII", 0x4949, 0x0197, 0x0210, 0x4122, 0x4152, 1, 1, table_at, 1)
    tag = struct.pack("<HHI", 0x4152, 0, 0)
    path.write_bytes(head + dimension + element + tag + struct.pack("<II", data_at, tag_at))


def png(path: Path) -> None:
    from PIL import Image

    kind = {".png": "PNG", ".bmp": "BMP"}.get(path.suffix.lower(), "JPEG")
    pixels = picture() if kind == "PNG" else (picture() // 17).astype(np.uint8)
    Image.fromarray(pixels).save(path, format=kind)


def npz(path: Path) -> None:
    with path.open("wb") as file:  # by name, savez would add its own ending
        np.savez_compressed(file, picture=picture(), label=np.array("text"), row=np.arange(40.0))


def blo(path: Path) -> None:
    """A scan of 3 x 4 points, patterns of 20 x 20 pixels with a mark of 6 bytes before each."""
    head = struct.pack("<6sHIIIHHHHHddI", b"IMGBLO", 0x0102, 4096, 5000, 0, 20, 0, 4, 3, 0, 2.0, 3.0, 200_000)
    head += struct.pack("<HId", 50, 100, 40_000.0)
    records = np.zeros(12, np.dtype([("mark", "u1", 6), ("data", "u1", (20, 20))]))
    records["data"] = blo_patterns().reshape(12, 20, 20)
    path.write_bytes(head.ljust(5000, b"\0") + records.tobytes())


def blo_patterns() -> np.ndarray[Any, Any]:
    return (np.arange(3 * 4 * 20 * 20) % 251).astype(np.uint8).reshape(3, 4, 20, 20)


def rpl(path: Path, record_by: str = "dont-care") -> None:
    """A Ripple header with its numbers beside it: one picture, or spectra (y, x, E)."""
    stack = picture()[None] if record_by == "dont-care" else spectra()
    depth, rows, columns = stack.shape if record_by == "dont-care" else np.roll(stack.shape, 1)
    keys = {"key": "value", "width": columns, "height": rows, "depth": depth, "offset": 0, "data-length": 2,
            "data-type": "unsigned", "byte-order": "little-endian", "record-by": record_by,
            "width-scale": PIXEL_NM, "height-scale": PIXEL_NM, "width-units": "nm", "height-units": "nm",
            "width-name": "x", "height-name": "y"}  # fmt: skip
    if record_by == "vector":
        keys |= {"ev-per-chan": 10, "depth-name": "Energy", "depth-units": "eV"}
    path.write_text("".join(f"{key}\t{value}\n" for key, value in keys.items()))
    path.with_suffix(".raw").write_bytes(stack.tobytes())


def spectra() -> np.ndarray[Any, Any]:
    """A spectrum image (y, x, E)."""
    return np.arange(6 * 7 * 50, dtype=np.uint16).reshape(6, 7, 50)


def emi(path: Path) -> None:
    ser(path.with_name(f"{path.stem}_1.ser"))
    tags = b"<ObjectInfo><Uuid>u</Uuid><AcquireDate>Tue Mar 04 12:00:00 2014</AcquireDate></ObjectInfo>"
    path.write_bytes(b"JK\x00\x02" + bytes(200) + tags + bytes(50))


def zspy(path: Path, **changes: Any) -> None:
    """A zarr store of version 2, as HyperSpy writes it: an archive, or a folder where the name says so."""
    import imagecodecs

    pixels, rows = picture(), picture().shape[0] // 2
    form = {"shape": pixels.shape, "chunks": (rows, pixels.shape[1]), "dtype": "<u2", "order": "C"}
    form |= {"zarr_format": 2, "fill_value": 0, "filters": None, "dimension_separator": "/"}
    form |= {"compressor": {"id": "blosc", "cname": "zstd"}} | changes
    signal_at = "Experiments/made here"
    files = {".zgroup": {"zarr_format": 2}, ".zattrs": {"file_format": "ZSpy", "file_format_version": "3.3"}}
    files |= {f"{signal_at}/data/.zarray": form, f"{signal_at}/metadata/.zgroup": {"zarr_format": 2}}
    for i, axis in enumerate(axes_of(pixels.shape)):
        files[f"{signal_at}/axis-{i}/.zattrs"] = axis
    texts = {name: json.dumps(content).encode() for name, content in files.items()}
    for i in range(2):
        half = pixels[i * rows : (i + 1) * rows].tobytes()
        texts[f"{signal_at}/data/{i}/0"] = imagecodecs.blosc_encode(half, typesize=2)
    if path.name.startswith("folder"):
        for name, content in texts.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)
        return
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in texts.items():
            archive.writestr(name, content)


def zipped(path: Path) -> None:
    inside = path.with_name("inside.tif")
    tif(inside)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("__MACOSX/._made.tif", b"not an image")
        archive.writestr("notes.txt", b"of no interest")
        archive.write(inside, "../../made.tif")  # a name that is never used as a path
    inside.unlink()


MAKERS: dict[str, Callable[[Path], None]] = {
    ".npy": npy,
    ".png": png,
    ".jpg": png,
    ".bmp": png,
    ".npz": npz,
    ".blo": blo,
    ".rpl": rpl,
    ".emi": emi,
    ".zspy": zspy,
    ".zip": zipped,
    ".tif": tif,
    ".hspy": hspy,
    ".emd": emd,
    ".hdf5": hdf5,
    ".mrc": mrc,
    ".ser": ser,
}


EXTREMES = (0, 1, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def mutations(content: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Truncated, bit-flipped and exaggerated variants, most of them damaged where the headers lie."""
    random = np.random.default_rng(seed)
    for i in range(count):
        damaged = bytearray(content)
        if i % 4 == 0:
            del damaged[int(random.integers(1, len(content))) :]
        elif i % 4 == 1:  # a field of the header takes an absurd value
            for at in random.integers(0, max(1, min(len(content), 1024) - 4), int(random.integers(1, 4))):
                order = "<I" if random.integers(2) else ">I"
                struct.pack_into(order, damaged, int(at) // 2 * 2, int(random.choice(EXTREMES)))
        else:
            reach = min(len(content), 2048) if i % 2 else len(content)
            for at in random.integers(0, reach, int(random.integers(1, 24))).tolist():
                damaged[at] = int(random.choice([0, 1, 127, 128, 255, random.integers(256)]))
        yield bytes(damaged)


class Payload:
    """Runs a command when it is unpickled."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch '{self.witness}'",)


def pickled_npy(path: Path, witness: Path) -> None:
    """A .npy that holds a Python object: loading it would run a command."""
    array = np.empty((20, 20), dtype=object)
    array[0, 0] = Payload(witness)
    with path.open("wb") as file:
        np.lib.format.write_array(file, array, allow_pickle=True)


def bare_pickle(path: Path, witness: Path) -> None:
    path.write_bytes(pickle.dumps(Payload(witness)))


def eight_tebibytes(path: Path) -> None:
    """1.4 kB on the disk that declare 8 TiB."""
    with h5py.File(path, "w") as file:
        file.create_dataset("image", shape=(1 << 20, 1 << 20), dtype="f8", chunks=(1024, 1024))


def endless_movie(path: Path) -> None:
    """Small frames, but terabytes of them that were never written."""
    with h5py.File(path, "w") as file:
        file.create_dataset("movie", shape=(1 << 26, 512, 512), dtype="u2", chunks=(1, 512, 512))


def external_storage(path: Path) -> None:
    secret = path.with_name("secret.txt")
    secret.write_bytes(b"someone's private text " * 200)
    with h5py.File(path, "w") as file:
        file.create_dataset("image", shape=(40, 60), dtype="u1", external=[(str(secret), 0, 2400)])


def external_link(path: Path) -> None:
    other = path.with_name("other.h5")
    hdf5(other)
    with h5py.File(path, "w") as file:
        file["Experiments/one"] = h5py.ExternalLink(str(other), "/picture")


def virtual_dataset(path: Path) -> None:
    other = path.with_name("other.h5")
    hdf5(other)
    layout = h5py.VirtualLayout(shape=(40, 60), dtype="u2")
    layout[:] = h5py.VirtualSource(str(other), "picture", shape=(40, 60))
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("image", layout)


def link_loop(path: Path) -> None:
    with h5py.File(path, "w") as file:
        inner = file.create_group("Experiments").create_group("one")
        inner["again"] = h5py.SoftLink("/Experiments")


def group_in_itself(path: Path) -> None:
    with h5py.File(path, "w") as file:
        group = file.create_group("a")
        group["b"] = group


def deep(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_group("/".join(["g"] * 200))
