"""Choose a model: bundled, own, or a file."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QToolButton, QWidget

from napari_atomai.plugin.asking import ask_file
from napari_atomai.plugin.own_models import bundled_models, own_models
from napari_atomai.plugin.panels.widgets import row


class _Box(QComboBox):
    """Tells before its list is shown: models come and go meanwhile."""

    opening = Signal()

    def showPopup(self) -> None:
        self.opening.emit()
        super().showPopup()


class ModelBox(QWidget):
    """A list of models to which any name or path can be written.

    Parameters
    ----------
    tip : str
        What the model is for.
    more : tuple of str
        Other names to choose from, at the end.
    """

    def __init__(self, tip: str, more: tuple[str, ...] = ()) -> None:
        super().__init__()
        self._more = more
        self.box = _Box()
        self.box.opening.connect(self.refresh)
        self.box.setEditable(True)
        self.box.setToolTip(tip)
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.setMinimumContentsLength(12)
        browse = QToolButton()
        browse.setText("...")
        browse.setToolTip("Choose a .safetensors file")
        browse.clicked.connect(self._browse)
        self.setLayout(row(self.box, browse))
        self.refresh()

    def name(self) -> str:
        """Return the name or path that is chosen."""
        index = self.box.findText(self.box.currentText())
        path = self.box.itemData(index) if index >= 0 else None
        return str(path or self.box.currentText().strip())

    def choose(self, name: str) -> None:
        """Choose a model by its name or path."""
        index = self.box.findData(name)
        self.box.setCurrentText(self.box.itemText(index) if index >= 0 else name)

    def refresh(self) -> None:
        """List what there is now; the choice stays."""
        chosen = self.box.currentText()
        self.box.clear()
        self.box.addItems(bundled_models())
        for model in own_models():
            self.box.addItem(model.path.stem, str(model.path))
        self.box.addItems(list(self._more))
        if chosen:
            self.box.setCurrentText(chosen)

    def _browse(self) -> None:
        path = ask_file(self, "Choose a model", "Models (*.safetensors)")
        if path is not None:
            self.choose(str(path))
