"""What the Latent panel looks like: its widgets and what they are told. No logic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QFormLayout,
    QLabel,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_atomai.data.recipes_latent import CutPatches, LearnLatents
from napari_atomai.plugin.form_fields import FormField, field_for
from napari_atomai.plugin.panels.latent_plot import LatentPlot, ManifoldPlot
from napari_atomai.plugin.panels.lattice_atoms import AtomsBox
from napari_atomai.plugin.panels.lattice_layout import fill_box
from napari_atomai.plugin.panels.picker import ImagePicker
from napari_atomai.plugin.panels.run_box import RunBox
from napari_atomai.plugin.panels.widgets import button, row

PATCHES, MANIFOLD = "patches", "manifold"
SCATTER, TRAINING, MEANS, TIME = "scatter", "training", "mean of clusters", "over time"
VIEWS = (SCATTER, TRAINING, MEANS, TIME)
NONE = "none"

_CUT = ("around", "window", "spacing", "pixels", "source", "edge", "level")
_FREE = {"rotation": "rotation", "translation": "shift", "scale": "scale", "conditional": "class"}
_LEARN = (
    "model",
    "latent_dim",
    "states",
    "cycles",
    "batch_size",
    "seed",
    "degree",
    "rotation_prior",
    "translation_prior",
    "clusters",
    "number",
)
_NARROW = 84
_ZERO = {"rotation_prior": "any", "states": "none"}
"""What a 0 means, where it is not "auto"."""


class LatentForm(QWidget):
    """The widgets of the Latent panel, from top to bottom.

    Parameters
    ----------
    layers : napari LayerList
        The viewer's layers.
    """

    cut_changed = Signal()
    """Other patches are asked for."""

    def __init__(self, layers: Any) -> None:
        super().__init__()
        self.picker, self.atoms = ImagePicker(layers), AtomsBox(layers)
        self.run_box = RunBox("Learn", "Learning ...")
        self.about = QLabel()
        self.about.setWordWrap(True)
        self._fields: dict[str, FormField] = {}
        for kind, names in ((CutPatches, _CUT), (LearnLatents, (*_FREE, *_LEARN))):
            for name in names:
                self._fields[name] = _field(kind, name)
        for name, word in _FREE.items():
            self._fields[name].widget.setText(word)
        for name in _CUT:
            self._fields[name].changed.connect(lambda *_: self.cut_changed.emit())
        self.picture, self.plot = ManifoldPlot(), LatentPlot()
        self._make_views()
        self._lay_out()
        self.show_possible((), states=1, tracks=False, there=False)

    def _make_views(self) -> None:
        self.picture_view, self.view, self.colour = QComboBox(), QComboBox(), QComboBox()
        self.x, self.y, self.state = QComboBox(), QComboBox(), QSpinBox()
        self.picture_view.addItems([PATCHES, MANIFOLD])
        self.picture_view.setToolTip("The patches that are cut, or what the latents mean")
        self.view.addItems(list(VIEWS))
        self.view.setToolTip("Draw around points of the scatter to select their atoms on the image")
        self.colour.setToolTip("What the atoms on the image, and the points of the scatter, are coloured by")
        self.x.setToolTip("Horizontal axis of the scatter")
        self.y.setToolTip("Vertical axis of the scatter")
        self.state.setRange(1, 1)
        self.state.setPrefix("state ")
        self.state.setToolTip("State of the discrete latent whose manifold is shown")
        self.arrows = QCheckBox("arrows")
        self.arrows.setToolTip("Angle of each motif as an arrow on the image")
        self.cluster_button = button("Cluster", "Put alike ones together anew, with the options above")
        self.open_button = button(
            "Open ...", "Latents of these patches by a model that was saved; nothing is trained"
        )
        self.export_button = button("Export ...", "Tables, arrays, figures, the model and the recipe")
        for box in (self.picture_view, self.view, self.colour, self.x, self.y):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(5)

    def _lay_out(self) -> None:
        rows, field = QFormLayout(), {name: each.widget for name, each in self._fields.items()}
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows.addRow("Image", self.picker)
        rows.addRow("Atoms", self.atoms)
        rows.addRow("Around", row(field["around"], QLabel("side"), field["window"]))
        rows.addRow("Cut from", row(field["source"], QLabel("edge"), field["edge"]))
        rows.addRow("Level", row(field["level"], QLabel("pixels"), field["pixels"]))
        rows.addRow("Bond, step", field["spacing"])
        rows.addRow(self.about)
        rows.addRow("Model", row(field["model"], QLabel("cycles"), field["cycles"]))
        rows.addRow("Batch", row(field["batch_size"], QLabel("seed"), field["seed"]))
        rows.addRow("Free of", row(*(field[name] for name in _FREE)))
        rows.addRow("Usual turn", row(field["rotation_prior"], QLabel("shift"), field["translation_prior"]))
        rows.addRow("Latents", row(field["latent_dim"], QLabel("states"), field["states"]))
        rows.addRow("Moments to", row(field["degree"], QLabel("(zernike)")))
        rows.addRow("Clusters", row(field["clusters"], field["number"], self.cluster_button))
        layout = QVBoxLayout(self)
        layout.addLayout(rows)
        layout.addWidget(self.run_box)
        layout.addLayout(row(self.picture_view, self.state))
        layout.addWidget(self.picture)
        layout.addLayout(row(self.view, QLabel("x"), self.x, QLabel("y"), self.y))
        layout.addWidget(self.plot)
        layout.addLayout(
            row(QLabel("Colour by"), self.colour, self.arrows, self.open_button, self.export_button)
        )
        layout.addStretch(1)

    def cut(self) -> CutPatches:
        """Return which patches are asked for.

        Raises
        ------
        BadOption
            If that is not possible.
        """
        grid = self._fields["around"].get() == "grid"
        classes = (self.atoms.class_name,) if self.atoms.class_name and not grid else ()
        return CutPatches.of({**{name: self._fields[name].get() for name in _CUT}, "classes": classes})

    def learn(self) -> LearnLatents:
        """Return what is to be learned of them; raises as `cut`."""
        return LearnLatents.of({name: self._fields[name].get() for name in (*_FREE, *_LEARN)})

    def put(self, **options: Any) -> None:
        """Put options into the form."""
        for name, value in options.items():
            self._fields[name].put(value)

    def show_unit(self, unit: str) -> None:
        """Write a unit behind lengths."""
        for name in ("window", "spacing"):
            spin = self._fields[name].widget
            spin.setSuffix(f" {unit}" if unit else "")
            spin.setDecimals(1 if unit == "px" else 3)

    def show_possible(self, names: Sequence[str], *, states: int, tracks: bool, there: bool) -> None:
        """Offer what a result has; choices stay where they can, and nothing hears of it."""
        fill_box(self.colour, (NONE, *names))
        fill_box(self.x, names)
        fill_box(self.y, names)
        fill_box(self.view, VIEWS if tracks else VIEWS[:-1])
        fill_box(self.picture_view, (PATCHES, MANIFOLD) if there else (PATCHES,))
        self.state.setRange(1, max(states, 1))
        self.state.setVisible(states > 1)
        for widget in (self.view, self.colour, self.x, self.y, self.arrows):
            widget.setEnabled(there)
        self.cluster_button.setEnabled(there)
        self.export_button.setEnabled(there)


def _field(kind: Any, name: str) -> FormField:
    info = kind.model_fields[name]
    made = field_for(info, {"rotation_prior": "°"}.get(name, ""))
    made.widget.setToolTip(info.description or "")
    made.widget.setObjectName(name)
    made.widget.setMinimumWidth(0)
    if isinstance(made.widget, QComboBox):
        made.widget.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        made.widget.setMinimumContentsLength(4)
    elif isinstance(made.widget, QAbstractSpinBox):
        made.widget.setMaximumWidth(_NARROW)
        made.widget.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
        made.widget.setSpecialValueText(_ZERO.get(name, "auto" if info.default == 0 else ""))
    return made
