"""The Models panel: which models there are, what is known of them, and what to do with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_atomai.data.recipe import FindAtoms, RefineAtoms
from napari_atomai.plugin import own_models
from napari_atomai.plugin.asking import ask_choice, ask_file
from napari_atomai.plugin.panels.models_layout import ModelsForm
from napari_atomai.plugin.panels.panel import Panel
from napari_atomai.plugin.panels.widgets import fill, timer
from napari_atomai.plugin.session import session_of
from napari_atomai.plugin.slots import worded

if TYPE_CHECKING:
    import napari

    from napari_atomai.plugin.own_models import OwnModel

_DELETE, _CANCEL = "Delete", "Cancel"
_ELSEWHERE = {"segmentation": "Segment", "imspec": "Structure-spectrum"}
"""Panels that use models which do not find atoms."""
_LOOK_EVERY = 2000


class ModelsPanel(Panel):
    """List the models there are.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer on whose images they are used.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:  # napari injects by this name
        super().__init__("Models")
        self.viewer, self.session = viewer, session_of(viewer)
        self.form = ModelsForm(viewer.layers)
        fill(self, self.form)
        self._models: list[OwnModel] = []
        self._there: object = None
        form = self.form
        form.table.selectionModel().selectionChanged.connect(self._on_selected)
        form.use_button.clicked.connect(self._use)
        form.add_button.clicked.connect(self._add)
        form.delete_button.clicked.connect(self._delete)
        self.session.said.connect(self._on_said)
        # Other panels keep models, and other windows do: the folder is looked at while the panel lives.
        timer(self, _LOOK_EVERY, self.refresh, once=False).start()
        self.refresh()

    def say(self, sentence: str) -> None:
        """Show a sentence in the status line."""
        self.form.status.say(sentence)

    def chosen(self) -> OwnModel | None:
        """Return the model that is selected, or None."""
        rows = self.form.table.selectionModel().selectedRows()
        return self._models[self.form.rows.atoms([rows[0].row()])[0]] if rows else None

    @worded("listing the models")
    def refresh(self) -> None:
        """List what there is now; nothing is read where nothing has changed."""
        there = own_models.state()
        if there == self._there:
            return
        chosen = self.chosen()
        self._there, self._models = there, own_models.all_models()
        self.form.show_models(self._models)
        paths = [model.path for model in self._models]
        self.choose(paths.index(chosen.path) if chosen is not None and chosen.path in paths else 0)

    def choose(self, number: int) -> None:
        """Select a model by its place in the list."""
        self.form.table.selectRow(self.form.rows.rows([number])[0])
        self._on_selected()

    @worded("showing a card")
    def _on_selected(self, _selected: Any = None, _deselected: Any = None) -> None:
        self.form.show_card(self.chosen())

    def _on_said(self, uid: str, sentence: str) -> None:
        if uid in ("", self.form.picker.uid):
            self.say(sentence)

    @worded("finding atoms")
    def _use(self, _checked: bool = False) -> None:
        model, layer = self.chosen(), self.form.picker.layer()
        if model is None or model.card is None:
            return
        if layer is None:
            self.say("There is no image yet: open one, or take one from File > Open Sample.")
            return
        if model.card.task in _ELSEWHERE:
            self.say(f"This model finds no atoms: use it in the {_ELSEWHERE[model.card.task]} panel.")
            return
        result = self.session.result(self.form.picker.uid)
        before = None if result is None else result.found.record.step(FindAtoms)
        options = {} if before is None else before.model_dump()
        if self.session.find(layer, FindAtoms.of({**options, "model": model.asked_as}), RefineAtoms()):
            self.say(f"Finding the atoms of {layer.name!r} with {model.name!r} ...")

    @worded("adding a model")
    def _add(self, _checked: bool = False) -> None:
        path = ask_file(self, "Add a model", "Models (*.safetensors)")
        if path is None:
            return
        kept = own_models.add(path)
        self.refresh()
        self.choose([model.path for model in self._models].index(kept))
        self.say(f"{kept.stem!r} is among your models now.")

    @worded("deleting a model")
    def _delete(self, _checked: bool = False) -> None:
        model = self.chosen()
        if model is None:
            return
        question = (
            f"Delete the model {model.name!r} ({model.size / 1e6:.1f} MB)? This cannot be undone, and "
            "sessions and recipes that were made with it cannot be done again."
        )
        if ask_choice(self, "Delete a model", question, (_DELETE, _CANCEL)) != _DELETE:
            return
        own_models.delete(model)
        self.refresh()
        self.say(f"{model.name!r} is deleted.")
