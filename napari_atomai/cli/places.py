"""Where the results of the command line go."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Sequence
from pathlib import Path

from napari_atomai.errors import SaveFailed


def check_place(folder: Path) -> None:
    """Refuse a folder that is a file or cannot be written to, before the work and not after it.

    Raises
    ------
    SaveFailed
        With the part of the path that is in the way.
    """
    try:
        there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
        if not there.is_dir():
            raise SaveFailed(f"{there} is a file, not a folder.", remedy="Choose another folder.")
        # Asking for permissions is no proof on Windows, on network drives and for root: it is tried.
        tempfile.TemporaryDirectory(prefix=".napari-atomai-", dir=there).cleanup()
    except SaveFailed:  # an OSError, too
        raise
    except OSError as error:
        raise SaveFailed(
            f"Results cannot be written to {folder}: {error.strerror or error}.",
            remedy="Check that the folder may be written, or choose another.",
        ) from error


def folder_names(paths: Sequence[Path]) -> list[str]:
    """Give each path a folder name: its stem, with suffix, parent or number where stems collide.

    Letter case does not tell names apart, since it does not on Windows and macOS.
    """
    suffixes = [path.suffix.lstrip(".") for path in paths]
    forms = [
        [path.stem for path in paths],
        [f"{path.stem}_{suffix}" for path, suffix in zip(paths, suffixes, strict=True)],
        [f"{path.parent.name}_{path.stem}_{suffix}" for path, suffix in zip(paths, suffixes, strict=True)],
    ]
    chosen: list[str] = []
    for index in range(len(paths)):
        name = next((form[index] for form in forms if _only(form, index)), forms[-1][index])
        taken = {other.casefold() for other in chosen}
        numbered = (name if number == 1 else f"{name}_{number}" for number in itertools.count(1))
        chosen.append(next(each for each in numbered if each.casefold() not in taken))
    return chosen


def _only(names: Sequence[str], index: int) -> bool:
    return sum(name.casefold() == names[index].casefold() for name in names) == 1
