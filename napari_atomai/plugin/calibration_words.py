"""What a panel says about the pixel size of an image layer. No Qt."""

from __future__ import annotations

from pathlib import PureWindowsPath
from typing import TYPE_CHECKING, Any

from napari_atomai.data.image import UNCALIBRATED
from napari_atomai.plugin.calibration import calibration_of
from napari_atomai.plugin.layers import KEY, pixel_size_nm
from napari_atomai.plugin.shown import frame_shape

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_atomai.data.recipe import Calibration


def came_from(layer: Layer) -> str:
    """Say in a sentence where the pixel size of an image layer comes from."""
    how, size = calibration_of(layer), pixel_size_nm(layer)
    if how is not None and size is not None:
        return _how(how)
    unit = str(layer.units[-1])
    if size is None and unit != UNCALIBRATED:
        return f"Its pixels are in {layer.units[-1]:~P}, which is not a length."
    if size is None:
        return "Nobody has said how large a pixel is." if how is None else "The calibration was taken away."
    source = layer.metadata.get(KEY, {}).get("source")
    if source:
        return f"From the file {PureWindowsPath(source['path']).name}."
    return "It came with the image, not from a file."


def _how(how: Calibration) -> str:
    measured = f"{_number(how.known_nm)} nm = {_number(how.measured_px)} px"
    error = "" if how.relative_sd is None else f" (± {100 * how.relative_sd:.2g} %)"
    return {
        "line": f"By hand: a line, {measured}.",
        "lattice": f"By hand: lattice planes, {measured}{error}.",
        "typed": "By hand: typed in.",
        "given": "Given as an argument or on the command line.",
        "layer": "Set on the layer, not by this program.",
    }[how.method]


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:.6g}"


def size_in_words(image: Layer) -> str:
    """Write the height and width of a pixel."""
    size = pixel_size_nm(image)
    if size is not None:
        return f"{_both(size)} nm"
    unit = str(image.units[-1])
    return "unknown" if unit == UNCALIBRATED else f"{_both(image.scale[-2:])} {image.units[-1]:~P}"


def _both(size: Any) -> str:
    texts = [f"{abs(float(each)):.5g}" for each in size]
    return texts[0] if texts[0] == texts[1] else f"{texts[0]} x {texts[1]}"


def field_in_words(image: Layer) -> str:
    """Write the height and width of an image."""
    size, shape = pixel_size_nm(image), frame_shape(image)
    if size is None:
        return f"{shape[0]} x {shape[1]} px"
    height, width = shape[0] * size[0], shape[1] * size[1]
    factor, unit = (1e-3, "µm") if max(height, width) >= 1e4 else (1.0, "nm")
    return f"{height * factor:.4g} x {width * factor:.4g} {unit}"


def proposal_in_words(how: Calibration) -> str:
    """Write a pixel size that is not applied yet, and how far it is from the one there is."""
    new, old = how.pixel_size_nm, how.before_nm
    if new is None:
        return ""
    error = "" if how.relative_sd is None else f" ± {100 * how.relative_sd:.2g} %"
    change = "" if old is None else f" ({100 * (new[1] / old[1] - 1):+.1f} %)"
    return f"New: {_both(new)} nm{error}{change}"
