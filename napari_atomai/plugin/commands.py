"""Actions of the menus and the command palette."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_atomai.plugin.layers import is_plain_image, uid_of
from napari_atomai.plugin.panels.atoms import AtomsPanel

if TYPE_CHECKING:
    import napari


def atoms_panel(viewer: napari.viewer.Viewer) -> AtomsPanel:  # napari injects by this name
    """Return the viewer's Atoms panel; it is opened when it is not there."""
    _, panel = viewer.window.add_plugin_dock_widget("napari-atomai", "Atoms")
    return getattr(panel, "__wrapped__", panel)


def find_in_selected(viewer: napari.viewer.Viewer) -> None:  # napari injects by this name
    """Open the Atoms panel and find the atoms of the selected image."""
    panel = atoms_panel(viewer)
    selected = [
        layer for layer in viewer.layers if layer in viewer.layers.selection and is_plain_image(layer)
    ]
    if selected:
        panel.form.picker.choose(uid_of(selected[-1]))
    panel.find()
