"""The Correct panel: atoms set, moved, taken away and named by hand, with undo, and the keys for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QFormLayout,
    QGroupBox,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from napari_atomai.plugin import edits, keys, painting
from napari_atomai.plugin.history import history_of
from napari_atomai.plugin.panels.panel import Panel
from napari_atomai.plugin.panels.picker import ImagePicker
from napari_atomai.plugin.panels.status_line import StatusLine
from napari_atomai.plugin.panels.widgets import button, fill, row, timer
from napari_atomai.plugin.refit import class_names
from napari_atomai.plugin.scripting import script_of
from napari_atomai.plugin.session import session_of
from napari_atomai.plugin.slots import worded

if TYPE_CHECKING:
    import napari

_NO_ATOMS = "This image has no atoms yet: find them in the Atoms panel."


class CorrectForm(QWidget):
    """The widgets of the Correct panel.

    Parameters
    ----------
    layers : napari LayerList
        The viewer's layers.
    """

    def __init__(self, layers: Any) -> None:
        super().__init__()
        self.picker = ImagePicker(layers)
        self.add_button = button("Add", "Each click on the image sets an atom")
        self.select_button = button("Select", "Click, or drag a box; drag what is selected to move it")
        self.lasso_button = button("Lasso", "Draw around atoms to select them")
        self.delete_button = button("Delete", "Take the selected atoms away")
        self.undo_button, self.redo_button = button("Undo", "Ctrl+Z"), button("Redo", "Ctrl+Shift+Z")
        self.classes = QComboBox()
        self.classes.setEditable(True)
        self.classes.setToolTip("A class for the selected atoms; a new name makes a new class")
        self.class_button = button("Set class", "Give the selected atoms this class")
        self.refits = QCheckBox("Fit atoms that I set or move")
        self.refits.setChecked(True)
        self.refits.setToolTip("A Gaussian is fitted to the raw pixels around each, at once")
        self.labels_button = button("Atoms → labels", "Draw the class map anew: a disc for every atom")
        self.atoms_button = button(
            "Labels → atoms", "What you erased or painted of that class map becomes so of the atoms"
        )
        self.script_button = button(
            "Copy as script", "Python that finds the same atoms and makes the same edits, without a window"
        )
        self.counts, self.status = QLabel(), StatusLine()
        self.counts.setWordWrap(True)
        top = QFormLayout()
        top.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        top.addRow("Image", self.picker)
        layout = QVBoxLayout(self)
        layout.addLayout(top)
        layout.addLayout(row(self.add_button, self.select_button, self.lasso_button))
        layout.addLayout(row(self.delete_button, self.undo_button, self.redo_button))
        layout.addLayout(row(self.classes, self.class_button, grow=self.classes))
        layout.addLayout(row(self.labels_button, self.atoms_button))
        for widget in (self.refits, self.counts, self.script_button, self.status, _keys()):
            layout.addWidget(widget)
        layout.addStretch(1)

    def tools(self) -> tuple[QWidget, ...]:
        """Return what needs atoms."""
        modes = (self.add_button, self.select_button, self.lasso_button, self.delete_button)
        return (*modes, self.classes, self.class_button, self.labels_button, self.atoms_button)


def _keys() -> QGroupBox:
    box = QGroupBox("Keys, while the atoms' layer is chosen")
    table = QLabel(keys.as_html())
    table.setWordWrap(True)
    QVBoxLayout(box).addWidget(table)
    return box


class CorrectPanel(Panel):
    """Correct the atoms of an image by hand.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer whose images are looked at.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:  # napari injects by this name
        super().__init__("Correct")
        self.viewer = viewer
        self.session = session_of(viewer)
        self.correcting = self.session.correcting
        self.form = CorrectForm(viewer.layers)
        fill(self, self.form)
        self._soon = timer(self, 50, self.refresh)
        self._wire()
        self.refresh()

    def _wire(self) -> None:
        form = self.form
        form.picker.chosen.connect(self.refresh)
        form.add_button.clicked.connect(lambda: self._mode("add"))
        form.select_button.clicked.connect(lambda: self._mode("select"))
        form.lasso_button.clicked.connect(lambda: self._act("lasso"))
        form.delete_button.clicked.connect(self._delete)
        form.undo_button.clicked.connect(lambda: self._act("undo"))
        form.redo_button.clicked.connect(lambda: self._act("redo"))
        form.class_button.clicked.connect(self._set_class)
        form.labels_button.clicked.connect(self._draw_labels)
        form.atoms_button.clicked.connect(self._take_atoms)
        form.script_button.clicked.connect(self._copy_script)
        form.refits.toggled.connect(self._on_refits)
        self.correcting.changed.connect(lambda _uid: self._soon.start())
        self.correcting.said.connect(self._on_said)
        self.session.result_changed.connect(lambda _uid: self._soon.start())

    def say(self, sentence: str) -> None:
        """Show a sentence in the status line."""
        self.form.status.say(sentence)

    def points(self) -> Any:
        """Return the atoms' layer of the chosen image, or None."""
        return self.session.points(self.form.picker.uid)

    def refresh(self, _uid: str = "") -> None:
        """Show what can be done, and how much was done by hand."""
        points, form = self.points(), self.form
        for widget in form.tools():
            widget.setEnabled(points is not None)
        history = None if points is None else history_of(points)
        form.undo_button.setEnabled(history is not None and history.can_undo)
        form.redo_button.setEnabled(history is not None and history.can_redo)
        form.counts.setText(_NO_ATOMS if points is None else edits.in_words(points))
        if points is not None:
            self._show_classes(class_names(points))

    def _show_classes(self, names: list[str]) -> None:
        box = self.form.classes
        if [box.itemText(i) for i in range(box.count())] != names:
            with QSignalBlocker(box):
                chosen = box.currentText()
                box.clear()
                box.addItems(names)
                box.setCurrentText(chosen if chosen else names[0])

    def _take(self) -> Any:
        points = self.points()
        if points is not None:
            self.viewer.layers.selection.active = points
        return points

    @worded("choosing a tool")
    def _mode(self, mode: str) -> None:
        points = self._take()
        if points is not None:
            points.mode = mode

    @worded("correcting atoms")
    def _act(self, name: str) -> None:
        if self._take() is not None:
            self.correcting.act(name)

    @worded("deleting atoms")
    def _delete(self, _checked: bool = False) -> None:
        points = self._take()
        if points is not None:
            points.remove_selected()

    @worded("naming atoms")
    def _set_class(self, _checked: bool = False) -> None:
        points, name = self._take(), self.form.classes.currentText().strip()
        if points is None or not name:
            return
        if not points.selected_data:
            self.say("Select atoms first.")
            return
        self.correcting.set_class(points, name)

    @worded("drawing the labels")
    def _draw_labels(self, _checked: bool = False) -> None:
        labels = painting.draw_labels(self.session, self.form.picker.layer())
        self.viewer.layers.selection.active = labels
        labels.visible, labels.mode = True, "paint"
        self.say("Paint spots for atoms, erase others; then press Labels → atoms.")

    @worded("taking atoms from the labels")
    def _take_atoms(self, _checked: bool = False) -> None:
        self.say(painting.take_atoms(self.session, self.form.picker.layer()))

    @worded("writing the script")
    def _copy_script(self, _checked: bool = False) -> None:
        text, said = script_of(self.session)
        QApplication.clipboard().setText(text)
        self.say(said)

    def _on_refits(self, on: bool) -> None:
        self.correcting.refits = on

    def _on_said(self, uid: str, sentence: str) -> None:
        if uid in ("", self.form.picker.uid):
            self.say(sentence)
