"""Before and after in two views that move together. In a process of its own: it needs a real window."""

from __future__ import annotations

import pytest

_LINKED = """
import time
import napari
import numpy as np
from napari.qt import get_qapp
from napari_atomai.data.recipe import FindAtoms, RefineAtoms
from napari_atomai.plugin import comparing
from napari_atomai.plugin.layers import uid_of
from napari_atomai.plugin.session import session_of
from napari_atomai.simulate.samples import sample

def until(condition, longest=60):
    end = time.monotonic() + longest
    while not condition() and time.monotonic() < end:
        get_qapp().processEvents()
        time.sleep(0.01)

frame = np.asarray(sample("graphene").image.frame(0))[:96, :120]
viewer = napari.Viewer(show=True)
layer = viewer.add_image(
    np.stack([frame, frame]), name="movie", scale=(1, 0.02, 0.02), units=("pixel", "nm", "nm")
)
session = session_of(viewer)
slot = session.slot(comparing.COMPARE)
session.find(layer, FindAtoms(), RefineAtoms())
until(lambda: session.job is None)
before = len(session.points(uid_of(layer)).data)
assert before > 50

def compare(threshold):
    assert comparing.start(session, viewer, layer, FindAtoms(threshold=threshold))
    until(lambda: slot.job is None)
    until(lambda: False, 0.3)  # it settles in its dock
    return comparing._views[viewer]

view = compare(0.97)
image, atoms = view.model.layers
assert image.data is layer.data
assert 0 < len(atoms.data) < before == len(session.points(uid_of(layer)).data)
assert tuple(atoms.scale) == tuple(layer.scale)
assert f"After: {len(atoms.data)} atoms; at the left, before: {before}." in view.title.text()

viewer.scene.camera.zoom = 77.0
viewer.scene.camera.center = (0.0, 0.5, 0.7)
viewer.dims.set_current_step(0, 1)
assert view.model.scene.camera.zoom == 77.0
assert view.model.scene.camera.center == (0.0, 0.5, 0.7)
assert view.model.dims.current_step[0] == 1
view.model.scene.camera.center = (0.0, 1.0, 1.1)
assert viewer.scene.camera.center == (0.0, 1.0, 1.1)

assert compare(0.5) is view
assert viewer.scene.camera.zoom == view.model.scene.camera.zoom == 77.0
assert viewer.scene.camera.center == view.model.scene.camera.center == (0.0, 1.0, 1.1)
assert len(view.model.layers) == 2
assert abs(view.width() - viewer.window._qt_viewer.width()) < 60
view.close_button.click()
until(lambda: False, 0.1)
viewer.scene.camera.zoom = 50.0
assert view.model.scene.camera.zoom == 77.0  # nobody follows any more
assert compare(0.5) is not view
session.autosave.saved()
viewer.close()
until(lambda: False, 0.1)
print("ended well")
"""


@pytest.mark.timeout(120)
def test_the_second_view_shows_the_other_atoms_and_both_move_together(in_child):
    done = in_child(_LINKED)

    assert done.returncode == 0, done.stderr
    assert "ended well" in done.stdout
    for bad in ("Traceback", "deleted", "RuntimeError", "Segmentation"):
        assert bad not in done.stderr
