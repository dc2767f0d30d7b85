"""What the Datasets panel looks like: a list of files and their datasets, and what it says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QIcon, QImage, QPainter, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QPushButton,
    QTreeWidget,
    QVBoxLayout,
    QWidget,
)

from napari_atomai.data.image import UNCALIBRATED, Axis, Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_atomai.data.spectrum import Spectrum
from napari_atomai.plugin.panels.status_line import StatusLine

SIDE = 48
EMPTY = "Drop a microscope file on the window: its datasets are listed here."


class DatasetsForm(QWidget):
    """The widgets of the Datasets panel, from top to bottom."""

    def __init__(self) -> None:
        super().__init__()
        self.tree = QTreeWidget()
        self.tree.setHeaderHidden(True)
        self.tree.setIconSize(QSize(SIDE, SIDE))
        self.tree.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.tree.setExpandsOnDoubleClick(False)
        self.tree.setIndentation(10)
        self.tree.setMinimumHeight(160)
        self.tree.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.tree.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.tree.setToolTip(
            "The datasets of the files opened in this viewer. "
            "Double click adds one; Ctrl and Shift choose several."
        )
        self.add_button = QPushButton("Add to viewer")
        self.add_button.setToolTip(
            "Add the chosen images as layers; a spectrum is plotted in the Spectrum panel."
        )
        self.close_button = QPushButton("Close file")
        self.close_button.setToolTip(
            "Take the file of the chosen dataset off the list and free its memory; layers stay in the viewer."
        )
        self.status = StatusLine(EMPTY)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self.tree, stretch=1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.add_button)
        buttons.addWidget(self.close_button)
        layout.addLayout(buttons)
        layout.addWidget(self.status)


def described(dataset: Image | Spectrum, *, in_viewer: bool) -> str:
    """Say in three lines what a dataset is: its name, its shape, its scale and quantity."""
    mark = "✓ " if in_viewer else ""
    return "\n".join([mark + _short_name(dataset), shape_in_words(dataset), scale_in_words(dataset)])


def _short_name(dataset: Image | Spectrum) -> str:
    # The file's own name stands above.
    stem = "" if dataset.source is None else f"{dataset.source.path.stem}: "
    return dataset.name.removeprefix(stem) if stem else dataset.name


def shape_in_words(dataset: Image | Spectrum) -> str:
    """Say the shape with the names of the axes: "E y x: 2048 × 128 × 128"."""
    names = " ".join(axis.name for axis in dataset.axes)
    return f"{names}: {' × '.join(str(n) for n in dataset.shape)}"


def scale_in_words(dataset: Image | Spectrum) -> str:
    """Say the pixel size of an image or the step of a spectrum, and what the values are."""
    steps = _pixel(dataset) if isinstance(dataset, Image) else _step(dataset.axes[-1])
    others = [_step(axis) for axis in dataset.axes[:-2]] if isinstance(dataset, Image) else []
    unit = f" ({dataset.value_unit})" if dataset.value_unit else ""
    values = (dataset.quantity + unit).strip() or ""
    return ", ".join(part for part in [steps, *others, values] if part)


def _pixel(image: Image) -> str:
    rows, columns = image.axes[-2:]
    if UNCALIBRATED in (rows.unit, columns.unit):
        return "uncalibrated"
    if rows.unit == columns.unit and np.isclose(abs(rows.scale), abs(columns.scale), rtol=1e-3):
        return f"{abs(columns.scale):.4g} {columns.unit}/px"
    return f"{abs(rows.scale):.4g} {rows.unit} × {abs(columns.scale):.4g} {columns.unit}/px"


def _step(axis: Axis) -> str:
    if axis.unit == UNCALIBRATED:
        return ""
    return f"{axis.name} in steps of {abs(axis.scale):.4g} {axis.unit}"


def icon_of(grey: NDArray[np.uint8] | None, ratio: float = 1.0) -> QIcon:
    """Make a square icon of a grey picture; `ratio` is the height of a pixel over its width."""
    square = QPixmap(SIDE, SIDE)
    square.fill(Qt.GlobalColor.transparent)
    if grey is not None:
        rows, columns = grey.shape
        image = QImage(grey.tobytes(), columns, rows, columns, QImage.Format.Format_Grayscale8).copy()
        height, width = rows * float(np.clip(ratio, 0.05, 20)), float(columns)
        scale = SIDE / max(height, width)
        size = QSize(max(2, round(width * scale)), max(2, round(height * scale)))
        smooth = Qt.TransformationMode.SmoothTransformation
        _paint(square, image.scaled(size, Qt.AspectRatioMode.IgnoreAspectRatio, smooth))
    return QIcon(square)


def _paint(square: QPixmap, image: Any) -> None:
    painter = QPainter(square)
    painter.drawImage((SIDE - image.width()) // 2, (SIDE - image.height()) // 2, image)
    painter.end()
