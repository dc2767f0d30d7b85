"""The record of a result: which pixels, which steps, which model, which versions."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import numpy as np

from napari_atomai.data.image import Image, Source
from napari_atomai.data.recipe import InputRecord, ModelRecord, Record, Step
from napari_atomai.errors import CannotRead

_PACKAGES = (
    "napari-atomai",
    "numpy",
    "scipy",
    "pydantic",
    "onnxruntime",
    "onnxruntime-gpu",
    "rosettasciio",
    "hyperspy",
    "h5py",
    "tifffile",
    "dask",
    "torch",
    "napari",
)
_BLOCK = 1 << 20
_SHORT = 12  # characters of a hash that tell two inputs apart in a sentence


def now() -> str:
    """Return the time in UTC, as ISO 8601 with seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide on numbers.

    Nothing is imported for it; packages that are not installed are left out.

    Returns
    -------
    dict of str to str
        Package name to version; ``"python"`` first.
    """
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def describe_input(image: Image) -> InputRecord:
    """Describe the pixels that go in, with a hash that changes when they do.

    Parameters
    ----------
    image : Image
        With a file behind it, the file is hashed, in blocks; without one (or when the file is gone, or
        is no longer what was read), the pixels are, frame by frame, together with their shape and dtype.

    Returns
    -------
    InputRecord

    Raises
    ------
    CannotRead
        If the file is there and may not be read.
    """
    source = image.source
    if source is not None and source.path.exists() and not _has_changed(source):
        digest = file_sha256(source.path)
    else:
        digest = _pixels_sha256(image)
    return InputRecord(
        path=str(source.path) if source is not None else "",
        dataset=source.dataset if source is not None else 0,
        sha256=digest,
        shape=image.shape,
        dtype=str(image.pixels.dtype),
        pixel_size_nm=image.pixel_size,
        calibration=image.calibration,
    )


def new_record(
    image: Image,
    steps: Sequence[Step],
    model: ModelRecord | None = None,
    measured: Mapping[str, float] | None = None,
    notes: Sequence[str] = (),
) -> Record:
    """Make the record of a result on `image`.

    Parameters
    ----------
    image : Image
        What went in.
    steps : sequence of recipes
        What was done, in order, with all options.
    model : ModelRecord, optional
        The trained model that was used.
    measured : mapping of str to float, optional
        What was measured on the way: spacing in pixels, scale factor ...
    notes : sequence of str
        Sentences a person should see; one is added when the file has changed since it was opened.

    Returns
    -------
    Record
    """
    return Record(
        created=now(),
        input=describe_input(image),
        steps=tuple(steps),
        model=model,
        measured=dict(measured or {}),
        versions=versions(),
        notes=(*notes, *_note_on(image.source)),
    )


def check_input(record: Record, image: Image) -> tuple[str, ...]:
    """Say in a sentence when `image` is not what the record was made of.

    Parameters
    ----------
    record : Record
        Of an earlier result.
    image : Image
        What is about to go in.

    Returns
    -------
    tuple of str
        Empty when the input is the same, or when the record does not say what its input was.
    """
    before = record.input
    if not before.sha256:
        return ()
    here = describe_input(image)
    called = Path(before.path).name or "pixels without a file"
    if here.sha256 != before.sha256:
        return (
            f"The recipe was recorded on {called} (sha256 {before.sha256[:_SHORT]}...), "
            f"this input is {Path(here.path).name or image.name} (sha256 {here.sha256[:_SHORT]}...): "
            "the steps are the same, the numbers will not be.",
        )
    if here.dataset != before.dataset:
        return (
            f"The recipe was recorded on dataset {before.dataset} of {called}, this is dataset "
            f"{here.dataset}: the steps are the same, the numbers will not be.",
        )
    return ()


def file_sha256(path: Path) -> str:
    """Return the hash of a file's bytes, or of all files in a folder with their names (zarr).

    Raises
    ------
    CannotRead
        If it is missing or may not be read.
    """
    digest = hashlib.sha256()
    try:
        for part in sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]:
            if path.is_dir():
                digest.update(part.relative_to(path).as_posix().encode() + b"\0")
            for block in _blocks(part):
                digest.update(block)
    except OSError as error:
        raise CannotRead(
            f"{path} cannot be read: {error.strerror or error}.",
            why="Its hash belongs into the record of the result.",
            remedy="Check that the file is there and that you may read it.",
        ) from error
    return digest.hexdigest()


def _has_changed(source: Source) -> bool:
    """Whether the file is there, and not as it was when it was read."""
    if source.stamp is None or not source.path.exists():
        return False
    now_there = source.path.stat()
    return source.stamp != (now_there.st_mtime_ns, now_there.st_size)


def _note_on(source: Source | None) -> tuple[str, ...]:
    if source is None or not _has_changed(source):
        return ()
    return (
        f"{source.path.name} has changed since it was opened: this result, and the hash in its record, are "
        "of the pixels that were opened. Open the file again to work on its present content.",
    )


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            yield block


def _pixels_sha256(image: Image) -> str:
    # The byte order is made little-endian, so that the same numbers have the same hash everywhere.
    # Long doubles differ between machines, and NumPy does not hand out their bytes.
    given = np.dtype(image.pixels.dtype)
    dtype = np.dtype(np.float64 if given.char == "g" else given).newbyteorder("<")
    digest = hashlib.sha256(f"{image.shape} {dtype.str}\n".encode())
    for index in range(image.n_frames):
        digest.update(np.ascontiguousarray(image.frame(index), dtype=dtype).data)
    return digest.hexdigest()
