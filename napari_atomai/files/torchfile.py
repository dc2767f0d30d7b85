"""What a checkpoint of torch holds, read without torch and without unpickling it.

A checkpoint is a zip archive: a pickle, which is a small program, and the numbers of its tensors. Here the
program's steps are followed by a machine of our own that can build dictionaries, lists, numbers, words and
arrays and nothing else: it has no way of importing or calling what the file names. Objects that it does not
know, such as an optimizer, become an `Unread`.
"""

from __future__ import annotations

import math
import pickletools
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_atomai.errors import BadModel, CannotRead, TooLarge
from napari_atomai.files.guard import check_path, in_words

MAX_BYTES = 2 * 1024**3
MAX_PROGRAM = 16 * 1024**2
"""Longest pickle: the tensors' names and shapes, not their numbers."""

_DTYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
_HARMLESS = {"collections.OrderedDict", "collections.defaultdict", "_codecs.encode"} | {
    f"{module}.{name}"
    for module in ("builtins", "__builtin__")
    for name in ("dict", "list", "set", "int", "float")
}
"""What of Python's own library an honest checkpoint names."""
_OF_PYTHON = sys.stdlib_module_names | {"__builtin__", "copy_reg"}


class Name(NamedTuple):
    """A class or function that the file names; it is not looked up."""

    full: str


class Unread(NamedTuple):
    """An object that is left out: what would have made it, and from what."""

    name: str
    arguments: tuple[Any, ...]


def read_torch(path: Path) -> Any:
    """Return the content of a checkpoint: dictionaries, lists, tuples, numbers, words, arrays, `Unread`.

    Parameters
    ----------
    path : Path
        Written by ``torch.save`` of torch 1.6 or newer.

    Raises
    ------
    CannotRead
        If it is missing, damaged, or no such file.
    TooLarge
        If it declares more than it can hold, or is longer than 2 GiB.
    BadModel
        If it names a function of Python's own library: a checkpoint does not need to run anything.
    """
    path = check_path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            program, storages = _checked(archive, path)
            machine = _Machine(archive, storages)
            return machine.run(archive.read(program))
    except (BadModel, CannotRead, TooLarge):
        raise
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise CannotRead(
            f"{path.name} is not a whole checkpoint of torch: {error}.",
            remedy="Copy the file again; one that a torch before 1.6 wrote, load and save with a newer one.",
        ) from error
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, EOFError) as error:
        raise CannotRead(
            f"The list of contents of {path.name} is damaged: {error!r:.200}.", remedy="Copy the file again."
        ) from error


def _checked(archive: zipfile.ZipFile, path: Path) -> tuple[str, dict[str, zipfile.ZipInfo]]:
    """Return the pickle's name, and the entries with numbers by their key."""
    entries = archive.infolist()
    length = path.stat().st_size
    if length > MAX_BYTES:
        raise TooLarge(f"{path.name} has {in_words(length)}; checkpoints of up to 2 GiB are read.")
    declared = sum(entry.file_size for entry in entries)
    if declared > length:
        raise TooLarge(
            f"{path.name} has {in_words(length)} and declares {in_words(declared)}.",
            why="torch does not compress what it saves: this file was made to fill the memory.",
            remedy="Do not use it.",
        )
    programs = [entry for entry in entries if entry.filename.endswith("/data.pkl")]
    if len(programs) != 1:
        raise CannotRead(
            f"{path.name} is a zip archive without the parts of a checkpoint of torch.",
            remedy="Choose a file that AtomAI saved.",
        )
    program = programs[0]
    if program.file_size > MAX_PROGRAM:
        raise TooLarge(f"The list of contents of {path.name} has {in_words(program.file_size)}.")
    root = program.filename.removesuffix("data.pkl")
    order = [entry for entry in entries if entry.filename == f"{root}byteorder"]
    if order and archive.read(order[0]) != b"little":
        raise CannotRead(f"{path.name} was written on a computer with the other order of bytes.")
    head = f"{root}data/"
    return program.filename, {e.filename[len(head) :]: e for e in entries if e.filename.startswith(head)}


class _Machine:
    """Follows the steps of a pickle.

    Every step costs no more than the bytes that it was written in: nothing is copied that a later step could
    ask for again and again.
    """

    def __init__(self, archive: zipfile.ZipFile, storages: dict[str, zipfile.ZipInfo]) -> None:
        self.archive, self.storages = archive, storages
        self.read: dict[tuple[str, str], NDArray[Any]] = {}
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def run(self, program: bytes) -> Any:
        for step, argument, _ in pickletools.genops(program):
            if step.name == "STOP":
                return self.stack.pop()
            if step.name in _CONSTANTS:
                self.stack.append(_CONSTANTS[step.name]())
            elif step.name in _LITERALS:
                self.stack.append(argument)
            elif step.name in _STEPS:
                _STEPS[step.name](self, argument)
            elif step.name not in ("PROTO", "FRAME"):
                raise ValueError(f"a step {step.name}, which torch does not write")
        raise EOFError("it breaks off")

    def above_mark(self) -> list[Any]:
        start = self.marks.pop()
        above = self.stack[start:]
        del self.stack[start:]
        return above

    def put(self, argument: Any) -> None:
        self.memo[len(self.memo) if argument is None else argument] = self.stack[-1]

    def get(self, argument: Any) -> None:
        self.stack.append(self.memo[argument])

    def mark(self, argument: Any) -> None:
        self.marks.append(len(self.stack))

    def pack(self, count: int) -> None:
        items = tuple(self.stack[-count:])
        del self.stack[-count:]
        self.stack.append(items)

    def pack_above_mark(self, argument: Any) -> None:
        self.stack.append(tuple(self.above_mark()))

    def extend(self, items: list[Any]) -> None:
        if isinstance(self.stack[-1], list):
            self.stack[-1].extend(items)

    def assign(self, items: list[Any]) -> None:
        if isinstance(self.stack[-1], dict):
            if not all(type(key) in (str, int) for key in items[::2]):
                raise ValueError("a dictionary whose keys are neither words nor numbers")
            self.stack[-1].update(zip(items[::2], items[1::2], strict=True))

    def assign_one(self, argument: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self.assign([key, value])

    def name(self, argument: str) -> None:
        full = argument.replace(" ", ".")
        if full.partition(".")[0] in _OF_PYTHON and full not in _HARMLESS:
            raise BadModel(
                f"The file names {full}, which is a part of Python itself.",
                why="A net needs nothing of it: such a file is made to run a program on your computer.",
                remedy="Nothing was run. Delete the file, and ask its source for another one.",
            )
        self.stack.append(Name(full))

    def name_from_stack(self, argument: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.name(f"{module} {name}")

    def make(self, argument: Any) -> None:
        """Stand in for a call: what torch's own functions make is made here, the rest is left out."""
        arguments, what = self.stack.pop(), self.stack.pop()
        if not isinstance(what, Name) or not isinstance(arguments, tuple):
            raise ValueError("a call of what is no function")
        maker = _MAKERS.get(what.full)
        self.stack.append(maker(*arguments) if maker else Unread(what.full, arguments))

    def storage(self, argument: Any) -> None:
        """Put the numbers on the stack that a tensor, or several, are made of."""
        _, kind, key, _, _ = self.stack.pop()
        dtype = _DTYPES[kind.full.removeprefix("torch.")]
        if (key, dtype) not in self.read:
            self.read[key, dtype] = np.frombuffer(self.archive.read(self.storages[key]), dtype)
        self.stack.append(self.read[key, dtype])


def _tensor(storage: NDArray[Any], offset: int, size: Any, stride: Any, *_: Any) -> NDArray[Any]:
    if len(size) != len(stride) or min(*size, *stride, offset, 0) < 0 or math.prod(size) > storage.size:
        raise ValueError(f"a tensor of shape {size} from {storage.size} numbers")
    steps = tuple(step * storage.itemsize for step in stride)
    # numpy refuses what would reach beyond the storage.
    return np.ndarray(size, storage.dtype, storage, offset * storage.itemsize, steps)


def _empty_dict(*content: Any) -> dict[Any, Any]:
    if content not in ((), ([],)):
        raise ValueError("a dictionary that is not written the way torch does")
    return {}


def _parameter(tensor: Any, *_: Any) -> Any:
    return tensor


def _bytes(text: str, encoding: str) -> bytes:
    if encoding != "latin1" or len(text) > 16:
        raise ValueError("a long row of bytes")
    return text.encode(encoding)


def _scalar(dtype: Any, content: bytes) -> Any:
    code = dtype.arguments[0]
    if code not in ("f8", "f4", "f2", "i8", "i4", "i2", "i1", "u1", "u2", "u4", "u8", "b1"):
        raise ValueError(f"a number of kind {code!r:.20}")
    return np.frombuffer(content, f"<{code}")[0].item()


_MAKERS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _empty_dict,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch.Size": _parameter,
    "_codecs.encode": _bytes,
    "numpy.core.multiarray.scalar": _scalar,
    "numpy._core.multiarray.scalar": _scalar,
}
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
}
_LITERALS = {
    *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "SHORT_BINBYTES", "BINBYTES"),
}
_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine.mark,
    "TUPLE": _Machine.pack_above_mark,
    "TUPLE1": lambda machine, _: machine.pack(1),
    "TUPLE2": lambda machine, _: machine.pack(2),
    "TUPLE3": lambda machine, _: machine.pack(3),
    "APPEND": lambda machine, _: machine.extend([machine.stack.pop()]),
    "APPENDS": lambda machine, _: machine.extend(machine.above_mark()),
    "SETITEM": _Machine.assign_one,
    "SETITEMS": lambda machine, _: machine.assign(machine.above_mark()),
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "MEMOIZE": _Machine.put,
    "BINGET": _Machine.get,
    "LONG_BINGET": _Machine.get,
    "GLOBAL": _Machine.name,
    "STACK_GLOBAL": _Machine.name_from_stack,
    "REDUCE": _Machine.make,
    "NEWOBJ": _Machine.make,
    "BUILD": lambda machine, _: machine.stack.__delitem__(-1),  # an object's state: nothing here has one
    "BINPERSID": _Machine.storage,
}
