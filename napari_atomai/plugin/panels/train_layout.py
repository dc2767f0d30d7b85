"""What the Train panel looks like: its widgets and how they show what they are told. No logic."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QCheckBox, QFormLayout, QLabel, QVBoxLayout, QWidget

from napari_atomai.data.recipes_teaching import NOTHING, Teach
from napari_atomai.plugin.forms import RecipeForm
from napari_atomai.plugin.panels.model_box import ModelBox
from napari_atomai.plugin.panels.picker import ImagePicker
from napari_atomai.plugin.panels.run_box import RunBox
from napari_atomai.plugin.panels.widgets import button, row

_FIELDS = [
    ("steps", "Steps"),
    ("held_out", "Held out"),
    ("augmentation", "Augmentation"),
    ("remember", "Simulated part"),
]
_PLOT_HEIGHT = 190


class TrainForm(QWidget):
    """The widgets of the Train panel, from top to bottom.

    Parameters
    ----------
    layers : napari LayerList
        The viewer's layers.
    """

    def __init__(self, layers: Any) -> None:
        super().__init__()
        from napari_atomai.plugin.plots import PlotCanvas  # brings matplotlib

        self.picker = ImagePicker(layers)
        self.base = ModelBox(Teach.model_fields["base"].description or "", (NOTHING,))
        self.region_button = button(
            "Draw reviewed region", "Within it all atoms are right; what lies outside is unknown"
        )
        self.every = QCheckBox("Learn from all images with atoms")
        self.known = QLabel()
        self.known.setWordWrap(True)
        self.patches_button = button("Show patches", "As the net will see them, varied")
        self.estimate_button = button("Estimate", "How long it will take, and how much memory")
        self.run_box = RunBox("Train", "Training ...")
        self.canvas = PlotCanvas()
        self.canvas.setFixedHeight(_PLOT_HEIGHT)
        self.canvas.setVisible(False)
        self.scores = QLabel()
        self.scores.setWordWrap(True)
        self.compare_button = button(
            "Compare", "Show what it finds in a second view, beside the atoms that are there"
        )
        self.use_button = button("Use it here", "Find the atoms of this image with the taught model")
        self.keep_button = button("Keep ...", "Put the model among your own, under a name")
        self._lay_out()
        self.show_taught(False)

    def _lay_out(self) -> None:
        rows = QFormLayout()
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows.addRow("Image", self.picker)
        rows.addRow("Go on from", self.base)
        self._options = RecipeForm(Teach, _FIELDS, rows)
        layout = QVBoxLayout(self)
        layout.addLayout(rows)
        layout.addWidget(self.region_button)
        layout.addWidget(self.every)
        layout.addWidget(self.known)
        layout.addLayout(row(self.patches_button, self.estimate_button))
        layout.addWidget(self.run_box)
        layout.addWidget(self.canvas)
        layout.addWidget(self.scores)
        layout.addLayout(row(self.compare_button, self.use_button, self.keep_button))
        layout.addStretch(1)

    def recipe(self) -> Teach:
        """Return the options.

        Raises
        ------
        BadOption
            If one is not possible.
        """
        return Teach.of({**self._options.options(), "base": self.base.name()})

    def show_taught(self, there: bool) -> None:
        """Show what can be done with a model that was taught."""
        self.compare_button.setEnabled(there)
        self.use_button.setEnabled(there)
        self.keep_button.setEnabled(there)

    def draw_curves(self, curves: dict[str, list[tuple[int, float]]]) -> None:
        """Draw losses and scores against the step."""
        self.canvas.split(False)
        for name, points in curves.items():
            x, y = zip(*points, strict=True)
            self.canvas.axes.plot(x, y, label=name.replace("_", " "), marker="." if len(x) < 30 else "")
        self.canvas.axes.set_xlabel("step")
        if curves:
            self.canvas.axes.legend(fontsize=8, frameon=False)
        self.canvas.setVisible(True)
        self.canvas.redraw()

    def draw_patches(self, patches: list[tuple[Any, Any]]) -> None:
        """Draw patches side by side, with what they teach as outlines."""
        self.canvas.split(False)
        axes = self.canvas.axes
        for number, (picture, labels) in enumerate(patches):
            height, width = picture.shape
            left, top = (number % 3) * (width + 2), (number // 3) * (height + 2)
            place = (left, left + width, top + height, top)
            axes.imshow(picture, cmap="gray", extent=place)
            if (labels == 1).any():
                axes.contour(
                    labels == 1, [0.5], colors="#E69F00", linewidths=0.6, extent=place, origin="upper"
                )
        axes.autoscale()
        axes.set_aspect("equal")
        axes.axis("off")
        self.canvas.setVisible(True)
        self.canvas.redraw()
