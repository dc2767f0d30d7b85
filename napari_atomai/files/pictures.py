"""PNG, JPEG and BMP through Pillow, their size checked before a pixel is decoded."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from napari_atomai.data.arrangement import COLOURS
from napari_atomai.errors import TooLarge
from napari_atomai.files.guard import Limits, check_size

_BYTES = {"1": 2, "L": 2, "LA": 6, "I;16": 4, "I;16B": 4, "I": 8, "F": 8}
_COLOUR_BYTES = 52
"""What a pixel takes at the peak: decoded, as an array, and where its luminance is computed."""

_AS_COLOUR = {"P": "RGBA", "PA": "RGBA", "CMYK": "RGB", "YCbCr": "RGB", "LAB": "RGB", "HSV": "RGB"}
_PNG_COLOUR_TYPES = (2, 6)


def read_picture(path: Path, kind: str, limits: Limits) -> dict[str, Any]:
    """Read a picture as it is stored: grey, colour, 8 or 16 bit.

    Parameters
    ----------
    path : Path
        The file.
    kind : str
        "PNG", "JPEG" or "BMP"; no other decoder is let near the file.
    limits : Limits
        What reading may take.

    Returns
    -------
    dict
        In the form that RosettaSciIO uses.

    Raises
    ------
    TooLarge
        If it declares more pixels than the budget holds.
    """
    from PIL import Image as Pillow

    check_size(path.name, (path.stat().st_size,), 1, limits)
    content = path.read_bytes()
    with warnings.catch_warnings():
        # Decided here by the budget: a large micrograph is no bomb.
        warnings.simplefilter("ignore", Pillow.DecompressionBombWarning)
        try:
            # Not out of the file: Python would make room for as many bytes as a damaged length says.
            picture = Pillow.open(io.BytesIO(content), formats=[kind])
        except Pillow.DecompressionBombError as error:
            raise TooLarge(
                f"{path.name} declares more pixels than a picture may have: {error}.",
                why="Decoding it could fill the memory and stop the computer.",
                remedy="Save the image as TIFF or MRC.",
            ) from error
        with picture:
            columns, rows = picture.size
            check_size(path.name, (rows, columns), _BYTES.get(picture.mode, _COLOUR_BYTES), limits)
            notes = _notes(content[:26], picture.mode)
            tags = {str(key): value for key, value in picture.info.items() if isinstance(value, str)}
            pixels = np.asarray(picture.convert(_AS_COLOUR.get(picture.mode, picture.mode)))
    axes = [{"name": "y"}, {"name": "x"}, COLOURS][: pixels.ndim]
    if pixels.ndim == 3 and pixels.shape[-1] == 2:
        pixels, axes = pixels[..., 0], axes[:2]
        notes += ("Its transparency is left out.",)
    return {
        "data": pixels,
        "axes": axes,
        "original_metadata": tags,
        "reader": f"Pillow {kind}",
        "notes": notes,
    }


def _notes(head: bytes, mode: str) -> tuple[str, ...]:
    wide = head.startswith(b"\x89PNG") and head[24] == 16 and head[25] in _PNG_COLOUR_TYPES
    if wide and mode in ("RGB", "RGBA"):
        return ("A colour picture of 16 bit: only the upper 8 bit are read.",)
    return ("JPEG loses detail: do not measure intensities in it.",) if head.startswith(b"\xff\xd8") else ()
