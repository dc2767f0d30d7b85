"""Weights and their card in one safetensors file: the only door to safetensors.

Reading runs no code and reserves no more memory than the file is long. A hash of header and weights is
kept in the header, so that a file that was damaged on its way is refused and not believed.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from napari_atomai.data.card import ModelCard
from napari_atomai.errors import BadModel, CannotRead, TooLarge
from napari_atomai.files.atomic import replacing

MAX_BYTES = 2 * 1024**3
MAX_HEADER_BYTES = 4 * 1024**2
_CARD = "napari_atomai.card"
_HASH = "napari_atomai.sha256"
_METADATA = "__metadata__"


@dataclass(frozen=True, eq=False)
class Weights:
    """A trained net at rest.

    Parameters
    ----------
    card : ModelCard
        What the net is and was trained at.
    tensors : mapping of str to array
        Parameters and buffers by name, float32.
    sha256 : str
        Hash of the file, or of the bytes that would be written.
    """

    card: ModelCard
    tensors: Mapping[str, NDArray[Any]]
    sha256: str

    def of_members(self) -> list[Weights]:
        """Return the nets of an ensemble, each as weights of its own; a single net is the only one.

        The tensors of an ensemble carry the number of the member before their name: ``0.stem.weight``.
        """
        if self.card.members == 1:
            return [self]
        card = self.card.model_copy(update={"members": 1})
        return [
            Weights(
                card,
                {name[len(head) :]: array for name, array in self.tensors.items() if name.startswith(head)},
                f"{self.sha256}.{index}",
            )
            for index, head in enumerate(f"{i}." for i in range(self.card.members))
        ]


def write_weights(
    path: Path,
    card: ModelCard,
    tensors: Mapping[str, NDArray[Any]],
    *,
    half: bool = False,
    beside: Mapping[str, str] | None = None,
) -> None:
    """Write weights and card to one file; an existing file stays whole until the new one is.

    Parameters
    ----------
    path : Path
        Ends in ``.safetensors``.
    card : ModelCard
        Kept as JSON in the header.
    tensors : mapping of str to array
        Parameters and buffers by name.
    half : bool
        Keep kernels (four dimensions) in 16 bits: half the size, for nets that will only be used.
    beside : mapping of str to str, optional
        Further strings for the header, which `read_tensors` gives back.
    """
    kept = {
        name: array.astype(np.float16) if half and array.ndim == 4 else array
        for name, array in tensors.items()
    }
    write_tensors(path, kept, {**(beside or {}), _CARD: card.to_json()})


def write_tensors(path: Path, tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> None:
    """Write arrays by name, and strings beside them, to one file."""
    plain = save({name: np.asarray(array, order="C") for name, array in tensors.items()}, dict(metadata))
    header, data = _parted(plain)
    header[_METADATA] = {**metadata, _HASH: _digest(header, data)}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # the weights behind it stay aligned
    with replacing(Path(path)) as part, part.open("wb") as file:
        for block in (struct.pack("<Q", len(text)), text, data):
            file.write(block)


def read_weights(path: Path) -> Weights:
    """Read weights and card.

    Raises
    ------
    CannotRead
        If the file is missing, is not whole, or is not what was once saved.
    TooLarge
        If it is longer than 2 GiB.
    BadModel
        If it carries no card, a card that does not hold together, or weights that are not finite.
    """
    path = Path(path)
    content = _content(path)
    card = _card(_metadata(content, path), path)
    single = {name: _single(name, array, path) for name, array in _tensors(content, path).items()}
    return Weights(card, single, hashlib.sha256(content).hexdigest())


def read_tensors(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Read what `write_tensors` wrote: arrays by name, and the strings beside them.

    Raises
    ------
    CannotRead
        If the file is missing, is not whole, or is not what was once saved.
    TooLarge
        If it is longer than 2 GiB.
    """
    content = _content(Path(path))
    return _tensors(content, Path(path)), _metadata(content, Path(path))


def read_card(path: Path) -> ModelCard:
    """Read the card alone; the weights are not loaded."""
    path = Path(path)
    with _opened(path) as file:
        length = file.read(8)
        size = struct.unpack("<Q", length)[0] if len(length) == 8 else 0
        return _card(_metadata(length + file.read(min(size, MAX_HEADER_BYTES)), path), path)


def _opened(path: Path) -> Any:
    try:
        return path.open("rb")
    except OSError as error:
        raise CannotRead(
            f"The model {path} cannot be opened: {error.strerror or error}.",
            remedy="Check the path, or choose a bundled model by its name.",
        ) from error


def _content(path: Path) -> bytes:
    with _opened(path) as file:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise TooLarge(
                f"{path.name} has {size / 1e9:.1f} GB; models of up to {MAX_BYTES / 1e9:.1f} GB are read.",
                remedy="Check that this is a model file.",
            )
        content: bytes = file.read()
        return content


def _tensors(content: bytes, path: Path) -> dict[str, NDArray[Any]]:
    try:
        tensors = load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise CannotRead(
            f"{path.name} is not a whole safetensors file: {error}",
            remedy="Copy the file again, or choose another one.",
        ) from error
    _refuse_damaged(content, path)
    return tensors


def _refuse_damaged(content: bytes, path: Path) -> None:
    """Compare the hash that was stored; a file of an older version has none and passes."""
    header, data = _parted(content)
    stored = (header.get(_METADATA) or {}).get(_HASH)
    if stored is not None and stored != _digest(header, data):
        raise CannotRead(
            f"{path.name} is damaged: its {len(content)} bytes do not have the hash {str(stored)[:12]}... "
            "that they were saved with.",
            why="The net would give answers that look right and are not.",
            remedy="Copy the file again from where it came, or choose another one.",
        )


def _parted(content: bytes) -> tuple[dict[str, Any], memoryview]:
    """Return header and weights of a file that safetensors has accepted; nothing is copied."""
    size = struct.unpack("<Q", content[:8])[0]
    header: dict[str, Any] = json.loads(content[8 : 8 + size])
    return header, memoryview(content)[8 + size :]


def _digest(header: Mapping[str, Any], data: memoryview) -> str:
    """Hash what a header says, in whatever order, less the hash itself, and the weights."""
    words = {name: value for name, value in (header.get(_METADATA) or {}).items() if name != _HASH}
    said = json.dumps({**header, _METADATA: words}, sort_keys=True).encode()
    digest = hashlib.sha256(said)
    digest.update(data)
    return digest.hexdigest()


def _metadata(content: bytes, path: Path) -> dict[str, str]:
    size = struct.unpack("<Q", content[:8])[0] if len(content) >= 8 else 0
    if not 0 < size <= min(MAX_HEADER_BYTES, len(content) - 8):
        raise CannotRead(
            f"{path.name} is not a safetensors file, or not whole: {len(content)} bytes.",
            remedy="Choose a .safetensors file that napari-atomai wrote.",
        )
    try:
        found = json.loads(content[8 : 8 + size]).get("__metadata__", {})
    except (ValueError, AttributeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _card(metadata: Mapping[str, str], path: Path) -> ModelCard:
    text = metadata.get(_CARD)
    if not isinstance(text, str):
        raise BadModel(
            f"{path.name} carries no napari-atomai card.",
            why="Without it the net, its classes and its pixel size are not known.",
            remedy="Choose a .safetensors file that napari-atomai wrote.",
        )
    return ModelCard.from_json(text)


def _single(name: str, array: NDArray[Any], path: Path) -> NDArray[Any]:
    if array.dtype.kind != "f":
        return array
    single = array.astype(np.float32)
    if not np.isfinite(single).all():
        raise BadModel(
            f"{path.name}: {name!r} holds values that are not finite.",
            why="The net would give nothing but NaN.",
            remedy="Copy the file again, or choose another model.",
        )
    return single
