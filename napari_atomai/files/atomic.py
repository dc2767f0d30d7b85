"""Write beside, flush to the disk, swap: the old file or the new one, never a mixture."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from napari_atomai.errors import AtomAIError, SaveFailed

PART_SUFFIX = ".part"
"""What unfinished files end with; one is left behind only when the process is killed."""


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside `path`; when the block ends well, it takes the place of `path`.

    The data reach the disk before the name changes, and the folder is flushed after it, so that a
    crash at any moment leaves the previous file or the whole new one. When the block raises, the
    previous file is untouched and the temporary one is removed.

    Parameters
    ----------
    path : path-like
        Where the file shall be. Its folder must exist.

    Yields
    ------
    Path
        The temporary file: write to it, and close it before the block ends.

    Raises
    ------
    SaveFailed
        If writing failed for whatever reason; it names the folder and the space left there.
    """
    target = Path(os.path.realpath(path))  # a symbolic link stays one; its target is replaced
    if os.path.isdir(target):  # False where even asking fails
        raise SaveFailed(f"{target} is a folder.", remedy="Give the name of a file.")
    part = target.with_name(f"{_shortened(target.name)}.{os.getpid()}-{os.urandom(4).hex()}{PART_SUFFIX}")
    try:
        yield part
        _flush(part)
        if target.exists():
            shutil.copymode(target, part)
        os.replace(part, target)
        _flush(target.parent)
    except AtomAIError:
        _remove(part)
        raise
    except Exception as error:  # writers raise what they like: OSError, RuntimeError, their own
        _remove(part)
        raise _save_failed(target, error) from error
    except BaseException:  # Ctrl+C must not leave half a file either
        _remove(part)
        raise


def write_text(text: str, path: str | os.PathLike[str]) -> None:
    """Write UTF-8 text whole or not at all; line ends stay as they are.

    Raises
    ------
    SaveFailed
        If the file cannot be written.
    """
    with replacing(path) as part:
        part.write_bytes(text.encode("utf-8"))


def _shortened(name: str) -> str:
    # File systems allow 255 bytes; the ending takes about 30 of them.
    return name.encode()[:200].decode(errors="ignore")


def _flush(path: Path) -> None:
    if os.name == "nt" and path.is_dir():  # Windows cannot open folders
        return
    handle = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(part: Path) -> None:
    with contextlib.suppress(OSError):
        part.unlink()


def _save_failed(target: Path, error: Exception) -> SaveFailed:
    folder = target.parent
    if not folder.is_dir():
        return SaveFailed(
            f"{target.name} could not be saved: the folder {folder} does not exist.",
            remedy="Make the folder, or choose another one.",
        )
    try:
        space = f"{shutil.disk_usage(folder).free / 1e6:.0f} MB are free there"
    except OSError:
        space = "the space left there is not known"
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return SaveFailed(
        f"{target.name} could not be saved in {folder}: {reason or type(error).__name__} ({space}).",
        why="Whatever was there before is untouched.",
        remedy="Free some space or choose another folder, and save again.",
    )
