"""Actions of the menus and the command palette."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari.settings import get_settings
from napari.utils.notifications import show_info, show_warning

from napari_atomai.data.progress import Progress
from napari_atomai.errors import Stopped
from napari_atomai.plugin import docks
from napari_atomai.plugin.layers import contrast_limits, is_plain_image, uid_of
from napari_atomai.plugin.messages import explain
from napari_atomai.plugin.panels.atoms import AtomsPanel
from napari_atomai.plugin.shown import frame_getter
from napari_atomai.plugin.waiting import wait_for

if TYPE_CHECKING:
    import napari

    from napari_atomai.plugin.jobs import Work

_TAILS = (0.5, 99.5)


def atoms_panel(viewer: napari.viewer.Viewer) -> AtomsPanel:  # napari injects by this name
    """Return the viewer's Atoms panel; it is opened when it is not there."""
    _, panel = viewer.window.add_plugin_dock_widget(docks.PLUGIN, "Atoms")
    return getattr(panel, "__wrapped__", panel)


def find_in_selected(viewer: napari.viewer.Viewer) -> None:  # napari injects by this name
    """Open the Atoms panel and find the atoms of the selected image."""
    panel = atoms_panel(viewer)
    selected = _selected(viewer)
    if selected:
        panel.form.picker.choose(uid_of(selected[-1]))
    panel.find()


def auto_contrast(viewer: napari.viewer.Viewer) -> None:  # napari injects by this name
    """Spread the contrast of the selected images over the frame that is shown, but for its outliers.

    0.5 % of the pixels at either end are left out, as are pixels that are not numbers.
    """
    layers = [layer for layer in _selected(viewer) if not getattr(layer, "rgb", False)]
    if not layers:
        show_info("Select an image layer first.")
        return
    try:
        limits = wait_for(_contrast([frame_getter(viewer, layer) for layer in layers]), "auto contrast")
    except Stopped:  # the window is being left
        return
    except Exception as error:  # noqa: BLE001 - an action must not raise; it is worded and shown
        show_warning(explain(error, "adjusting the contrast").text)
        return
    for layer, (low, high) in zip(layers, limits, strict=True):
        if layer in viewer.layers:
            before = layer.contrast_limits_range
            layer.contrast_limits_range = (min(before[0], low), max(before[1], high))
            layer.contrast_limits = (low, high)


def open_without_asking() -> None:
    """Make napari open files that others read too, such as TIFF, with this plugin from now on.

    Nobody but the user can say which of several readers is wanted; without a choice napari asks each time.
    It asks so for every folder, since ``.zspy`` may be one: other folders are napari's again.
    """
    from npe2 import PluginManager

    ours, theirs = set[str](), set[str]()
    for manifest in PluginManager.instance().iter_manifests(disabled=False):
        patterns = theirs if manifest.name != docks.PLUGIN else ours
        for reader in manifest.contributions.readers or ():
            patterns.update(reader.filename_patterns)
    shared = sorted(ours & theirs)
    plugins = get_settings().plugins
    chosen = {**dict.fromkeys(shared, docks.PLUGIN), "*.zspy/": docks.PLUGIN}
    # Of two patterns alike in kind napari takes the first.
    folders = {} if "*/" in plugins.extension2reader else {"*/": "napari"}
    plugins.extension2reader = {**chosen, **plugins.extension2reader, **chosen, **folders}
    show_info(
        f"{', '.join(chosen)}: opened with {docks.PLUGIN} from now on; other folders by napari, without "
        "asking. Preferences > Plugins changes it."
    )


def _contrast(getters: list[Callable[[], Any]]) -> Callable[[], Work]:
    def start() -> Work:
        limits = []
        for number, get in enumerate(getters):
            yield Progress(number, len(getters), "adjusting the contrast")
            limits.append(contrast_limits(get(), _TAILS))
        return limits

    return start


def _selected(viewer: Any) -> list[Any]:
    return [layer for layer in viewer.layers if layer in viewer.layers.selection and is_plain_image(layer)]
