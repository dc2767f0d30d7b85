"""What the Uncertainty panel looks like: its widgets. No logic."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QLabel,
    QProgressBar,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_atomai.plugin import results, review
from napari_atomai.plugin.panels.picker import ImagePicker
from napari_atomai.plugin.panels.status_line import StatusLine
from napari_atomai.plugin.panels.widgets import button, row

ENTROPY, MUTUAL = "entropy", "mutual information"
"""Roles of the maps that are made when they are asked for."""

_PLOT_HEIGHT = 200


class UncertaintyForm(QWidget):
    """The widgets of the Uncertainty panel.

    Parameters
    ----------
    layers : napari LayerList
        The viewer's layers.
    """

    def __init__(self, layers: Any) -> None:
        super().__init__()
        self.picker, self.measure, self.truth = ImagePicker(layers), QComboBox(), narrow(QComboBox())
        self.measure.addItems(list(review.MEASURES))
        self.next_button, self.back_button = button("Next", "Key N"), button("Back", "Key B")
        self.accept_button, self.reject_button = button("Accept", "Key Y"), button("Reject", "Key X")
        self.progress = QProgressBar()
        self.progress.setFormat("%v of %m looked at")
        self.coloured = QCheckBox("Colour atoms by it")
        self.least = QSlider(Qt.Orientation.Horizontal)
        self.least.setRange(0, 99)
        self.least.setToolTip("Hides the surest atoms: this share of them is not shown")
        self.least_label, self.status = QLabel("all"), StatusLine()
        self.maps = {
            name: button(text, tip)
            for name, text, tip in (
                (results.PROBABILITY, "Mean", "Probability of an atom, the mean of the nets"),
                (results.UNCERTAINTY, "Std", "Standard deviation among the nets of the ensemble"),
                (ENTROPY, "Entropy", "Of the mean probability, in bits: 1 where nothing is known"),
                (
                    MUTUAL,
                    "Mutual",
                    "Mutual information, in bits: the part of the entropy that the nets disagree about",
                ),
            )
        }
        self.reliability_button = button("Reliability", "How often atoms of a score are true")
        self.canvas: Any = None
        self._lay_out()

    def _lay_out(self) -> None:
        rows = QFormLayout()
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows.addRow("Image", self.picker)
        rows.addRow("Unsure by", self.measure)
        rows.addRow("Show", row(self.least, self.least_label))
        maps = list(self.maps.values())
        rows.addRow("Maps", row(*maps[:2]))
        rows.addRow("", row(*maps[2:]))
        rows.addRow("Truth", row(self.truth, self.reliability_button, grow=self.truth))
        self.layout_ = QVBoxLayout(self)
        self.layout_.addLayout(rows)
        self.layout_.addWidget(self.coloured)
        self.layout_.addLayout(row(self.back_button, self.next_button))
        self.layout_.addLayout(row(self.accept_button, self.reject_button))
        self.layout_.addWidget(self.progress)
        self.layout_.addWidget(self.status)
        self.layout_.addStretch(1)

    def plot(self, viewer: Any) -> Any:
        """Return the canvas; the first call makes it."""
        if self.canvas is None:
            from napari_atomai.plugin.plots import PlotCanvas  # brings matplotlib

            self.canvas = PlotCanvas()
            self.canvas.setFixedHeight(_PLOT_HEIGHT)
            self.canvas.follow(viewer)
            self.layout_.insertWidget(self.layout_.count() - 1, self.canvas)
        return self.canvas

    def actions(self) -> dict[str, QWidget]:
        """Return the buttons by the names of the actions they do."""
        return {
            "next_uncertain": self.next_button,
            "previous_uncertain": self.back_button,
            "accept": self.accept_button,
            "reject": self.reject_button,
        }


def narrow(box: QComboBox) -> QComboBox:
    """Let a list of layers not grow with their names, which may be long."""
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(8)
    return box
