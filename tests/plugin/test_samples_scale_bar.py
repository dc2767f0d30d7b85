"""A simulated sample in an empty window has a scale bar at once; later it stays as the user left it."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize("name", ["graphene", "perovskite", "plasmonic_particles"])
def test_a_sample_in_an_empty_window_shows_the_scale_bar(make_napari_viewer: Any, name: str) -> None:
    viewer = make_napari_viewer()
    viewer.open_sample("napari-atomai", name)
    assert viewer.canvas.overlays.scale_bar.visible
    viewer.canvas.overlays.scale_bar.visible = False
    viewer.open_sample("napari-atomai", "perovskite")
    assert not viewer.canvas.overlays.scale_bar.visible
