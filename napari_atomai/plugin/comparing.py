"""Before and after: what a taught model finds, in a second view beside the atoms that are there."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from napari_atomai.data.recipe import FindAtoms, RefineAtoms
from napari_atomai.errors import BadOption
from napari_atomai.plugin.layers import image_of, uid_of
from napari_atomai.plugin.points import coordinates
from napari_atomai.plugin.second_view import SecondView

if TYPE_CHECKING:
    from napari_atomai.plugin.jobs import Work
    from napari_atomai.plugin.session import Session
    from napari_atomai.workflow.find import Found

COMPARE = "compare"
"""The slot in which the atoms of the second view are found."""

_views: weakref.WeakKeyDictionary[Any, SecondView] = weakref.WeakKeyDictionary()


def start(session: Session, viewer: Any, layer: Any, find: FindAtoms) -> bool:
    """Find the atoms of an image with other options, and show them beside those that are there.

    Raises
    ------
    BadOption
        If there are no atoms to compare with, or no window.
    """
    if session.points(uid_of(layer)) is None:
        raise BadOption(f"{layer.name!r} has no atoms to compare with.", remedy="Find its atoms first.")
    if getattr(viewer, "window", None) is None:
        raise BadOption("There is no window to show a second view in.", remedy="Open napari with a window.")
    image = image_of(layer)
    here, held = weakref.ref(getattr(viewer, "__wrapped__", viewer)), weakref.ref(session)

    def work() -> Work:
        from napari_atomai.workflow import find as workflow

        return workflow.finding(image, find, RefineAtoms())

    def done(found: Found, there: Any) -> None:
        viewer, session = here(), held()
        if viewer is not None and session is not None:
            show(viewer, there, session.points(uid_of(there)), found)

    return session.slot(COMPARE).start(layer, work, "comparing", done)


def show(viewer: Any, image: Any, before: Any, found: Found) -> SecondView:
    """Show what was found in the second view of a viewer; it is opened when it is not there."""
    view = _views.get(viewer)
    if view is None or view.closed:
        view = _views[viewer] = _opened(viewer)
    view.show_image(image)
    if before is not None:
        view.show_atoms(coordinates(found.atoms, found.probability.shape), before)
    count = 0 if before is None else len(before.data)
    view.title.setText(f"After: {len(found.atoms)} atoms; at the left, before: {count}.")
    return view


def close(viewer: Any) -> None:
    """Close the second view of a viewer, if there is one."""
    view = _views.get(getattr(viewer, "__wrapped__", viewer))
    if view is not None:
        view.close()


def _opened(viewer: Any) -> SecondView:
    view = SecondView(viewer, "")
    middle = viewer.window._qt_window.centralWidget().layout()
    middle.addWidget(view, stretch=1)
    middle.setStretch(0, 1)
    return view
