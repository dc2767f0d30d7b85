"""Long work in a process of its own, told of in JSON lines: it can be killed, and may die, alone.

A task is a folder: ``task.json`` names a module of this package and describes the work, ``arrays.npz`` holds
its arrays. ``python -m napari_atomai.workflow.process FOLDER`` runs it. What it says goes to its standard
output, one JSON object a line; a line "stop" on its standard input ends it at its next step, and the end of
that input, which comes with the death of its parent, ends it at once. Nothing is pickled.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.progress import Progress
from napari_atomai.errors import AtomAIError, BadOption, CannotRead
from napari_atomai.files.atomic import replacing

TASK, ARRAYS, KEPT = "task.json", "arrays.npz", "kept.json"
STOP = "stop"
_OURS = "napari_atomai."

Say = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, eq=False)
class Task:
    """What a worker is given, and how it tells what is worth keeping.

    Parameters
    ----------
    module : str
        Module of this package with ``working(task)``: a generator of Progress that returns a dict for JSON.
    description : dict
        Options, as JSON has them.
    arrays : dict of str to array
        Pixels, labels, positions ... of numbers or text; no objects.
    folder : Path
        Where files of the result are written.
    """

    module: str
    description: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]
    folder: Path
    say: Say = field(default=lambda _: None, repr=False)

    def keep(self, summary: Mapping[str, Any]) -> None:
        """Note that the files in the folder are now worth having, should the work end here."""
        with replacing(self.folder / KEPT) as part:
            part.write_text(json.dumps(dict(summary)), encoding="utf-8")

    def preview(self, name: str, values: NDArray[Any]) -> None:
        """Show an array while the work goes on."""
        path = self.folder / f"preview-{name}.npy"
        with replacing(path) as part, part.open("wb") as stream:
            np.save(stream, values, allow_pickle=False)
        self.say({"preview": name})


def write_task(folder: Path, module: str, description: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
    """Write a task into a folder.

    Raises
    ------
    BadOption
        If the module is none of this package's, or something of it is neither JSON nor numbers.
    SaveFailed
        If the folder cannot be written to.
    """
    _check(module)
    plain = {name: np.asarray(values) for name, values in arrays.items()}
    objects = [name for name, values in plain.items() if values.dtype.hasobject]
    if objects:
        raise BadOption(f"The arrays {objects} hold objects.", remedy="Give numbers or text.")
    with replacing(folder / ARRAYS) as part, part.open("wb") as stream:
        np.savez(stream, **plain)  # type: ignore[arg-type]
    with replacing(folder / TASK) as part:
        part.write_text(json.dumps({"module": module, "description": dict(description)}), encoding="utf-8")


def read_task(folder: Path, say: Say) -> Task:
    """Read a task from its folder.

    Raises
    ------
    CannotRead
        If there is none, or it does not hold together.
    BadOption
        If its module is none of this package's.
    """
    try:
        entry = json.loads((folder / TASK).read_text(encoding="utf-8"))
        with np.load(folder / ARRAYS, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        module, description = str(entry["module"]), dict(entry["description"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CannotRead(
            f"There is no usable task in {folder}: {error}.", remedy="Start the work again."
        ) from error
    _check(module)
    return Task(module, description, arrays, folder, say)


def _check(module: str) -> None:
    if not module.startswith(_OURS):
        raise BadOption(f"{module!r} is no module of napari-atomai.", remedy="Only its own work is started.")


def read_kept(folder: Path) -> dict[str, Any] | None:
    """Return what a worker last kept, or None."""
    try:
        summary = json.loads((folder / KEPT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return summary if isinstance(summary, dict) else None


def as_line(progress: Progress) -> dict[str, Any]:
    """Return a Progress as JSON."""
    entry: dict[str, Any] = {"step": progress.step, "of": progress.of, "message": progress.message}
    return {"progress": entry | {"losses": {name: float(x) for name, x in progress.losses.items()}}}


def as_progress(line: Mapping[str, Any]) -> Progress:
    """Return the Progress that `as_line` wrote."""
    entry = line["progress"]
    losses = {str(name): float(x) for name, x in entry["losses"].items()}
    return Progress(int(entry["step"]), int(entry["of"]), str(entry["message"]), losses)


def as_error(line: Mapping[str, Any]) -> Exception:
    """Return the error that a worker told of."""
    entry = line["error"]
    if not entry["ours"]:
        return RuntimeError(f"{entry['kind']}: {entry['what']}")
    return AtomAIError(entry["what"], why=entry["why"], remedy=entry["remedy"])


def _error_line(error: Exception) -> dict[str, Any]:
    kind = type(error).__name__
    if isinstance(error, AtomAIError):
        told = {"ours": True, "what": error.what, "why": error.why, "remedy": error.remedy}
    else:
        told = {"ours": False, "what": str(error), "why": "", "remedy": ""}
    return {"error": {"kind": kind, **told}}


def _run(work: Generator[Progress, None, dict[str, Any]], stop: threading.Event, say: Say) -> None:
    try:
        while not stop.is_set():
            say(as_line(next(work)))
    except StopIteration as end:
        say({"result": end.value})
        return
    finally:
        work.close()
    say({"stopped": True})


def _listen(stop: threading.Event) -> None:
    for line in sys.stdin:
        if line.strip() == STOP:
            stop.set()
    # The parent is gone: nobody waits for a result. What was kept lies on the disk.
    os._exit(1)


def main(arguments: list[str]) -> int:
    """Run the task in a folder; return the exit status."""
    # Libraries print: their words must not come between the lines.
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    lock = threading.Lock()

    def say(line: dict[str, Any]) -> None:
        with lock:
            lines.write(json.dumps(line) + "\n")

    stop = threading.Event()
    threading.Thread(target=_listen, args=(stop,), daemon=True).start()
    try:
        task = read_task(Path(arguments[0]), say)
        _run(importlib.import_module(task.module).working(task), stop, say)
    except Exception as error:  # noqa: BLE001 - whatever it is, the window must hear of it
        say(_error_line(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
