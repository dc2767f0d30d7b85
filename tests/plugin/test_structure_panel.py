"""The Structure panel: atoms of an image become a structure, are relaxed, and are saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("ase", reason="ASE is an extra: pip install 'napari-atomai[ase]'")

import ase.io
from ase.build import bulk
from napari.components import ViewerModel
from napari.layers import Image as ImageLayer
from napari.layers import Points

from napari_atomai.plugin.layers import KEY, find_layer, uid_of
from napari_atomai.plugin.panels.structure_layout import FIELD, RELAXED
from napari_atomai.plugin.panels.structure_panel import StructurePanel
from napari_atomai.plugin.panels.structure_work import ARROWS, POSITIONS, TRAJECTORY
from napari_atomai.simulate.lattices import PROTOTYPES

BOND = 10.0  # pixels
SHAPE = (80, 90)
SCALE = 0.142 / BOND  # nm per pixel


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def layer(viewer: ViewerModel) -> ImageLayer:
    layer = ImageLayer(np.zeros(SHAPE), scale=(SCALE, SCALE), units=("nm", "nm"), name="sheet")
    viewer.layers.append(layer)
    return layer


@pytest.fixture
def points(viewer: ViewerModel, layer: ImageLayer) -> Points:
    where = PROTOTYPES["honeycomb"].scaled(BOND).tile(SHAPE, 0.2, 0.0)[0]
    kinds = np.full(len(where), "a", object)
    kinds[0] = "b"
    points = Points(
        where,
        features={"class": kinds},
        scale=layer.scale,
        units=layer.units,
        metadata={KEY: {"class_names": ["a", "b"]}},
    )
    viewer.layers.append(points)
    return points


@pytest.fixture
def panel(qtbot: Any, viewer: ViewerModel, points: Points, until: Any) -> StructurePanel:
    panel = StructurePanel(viewer)
    qtbot.addWidget(panel)
    panel.form.elements.line("a").setText("C")
    panel.form.elements.line("b").setText("Si")
    until(lambda: panel.built is not None)
    return panel


def text(panel: StructurePanel) -> str:
    return panel.form.run_box.status.text()


def layer_of(panel: StructurePanel, role: str) -> Any:
    return find_layer(panel.viewer.layers, role, panel.form.picker.uid)


def atoms_of(panel: StructurePanel) -> Any:
    return panel.built.structure.atoms


def test_classes_become_elements_and_the_structure_follows_the_options(
    panel: StructurePanel, points: Points, until: Any
) -> None:
    atoms = atoms_of(panel)
    assert atoms.get_chemical_symbols()[:2] == ["Si", "C"]
    moved = atoms.positions[:, 1::-1] / 10 / SCALE
    np.testing.assert_allclose(moved - moved[0], points.data - points.data[0], atol=1e-6)
    panel.form.cell.put({"vacuum": 25.0})
    until(lambda: atoms_of(panel) is not atoms)
    assert atoms_of(panel).cell[2, 2] == pytest.approx(25)
    panel.form.repeats.setCurrentText(FIELD)
    until(lambda: atoms_of(panel).pbc[0])
    np.testing.assert_allclose(atoms_of(panel).cell.lengths()[:2], np.array(SHAPE[::-1]) * 10 * SCALE)
    assert "repeats along x, y" in panel.form.notes.text()
    assert panel.minimumSizeHint().width() <= 420


def test_heights_of_classes_lift_their_atoms(panel: StructurePanel, until: Any) -> None:
    panel.form.cell.put({"third": "layer heights"})
    assert not panel.form.heights.isHidden()
    panel.form.heights.box("b").setValue(1.5)
    until(lambda: np.ptp(atoms_of(panel).positions[:, 2]) > 0)
    z = atoms_of(panel).positions[:, 2]
    assert z[0] - z[1] == pytest.approx(1.5)


def test_columns_are_stacked_as_in_a_unit_cell(
    panel: StructurePanel, until: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ase.io.write(tmp_path / "si.cif", bulk("Si", cubic=True))
    panel.form.elements.line("a").setText("Si")
    panel.form.cell.put({"third": "columns", "thickness": 11.0})
    monkeypatch.setattr("napari_atomai.plugin.asking.answer", lambda ask: str(tmp_path / "si.cif"))
    count = len(atoms_of(panel))
    panel.form.prototype.click()
    until(lambda: panel.built is not None and len(atoms_of(panel)) == 2 * count)
    assert panel.form.prototype.text() == "si.cif"
    heights = np.sort(atoms_of(panel)[atoms_of(panel).arrays["column"] == 3].positions[:, 2])
    np.testing.assert_allclose(np.diff(heights), bulk("Si", cubic=True).cell[2, 2])


def test_relaxation_shows_where_atoms_have_gone_and_the_way(
    panel: StructurePanel, points: Points, until: Any
) -> None:
    panel.form.elements.line("b").setText("C")
    until(lambda: set(atoms_of(panel).get_chemical_symbols()) == {"C"})
    panel.form.moves.put({"steps": 60, "force": 0.5})
    panel.form.run_box.button.click()
    panel.form.run_box.button.click()
    assert "Still at work" in text(panel)
    until(lambda: panel.slot.job is None, 30_000)
    assert "largest force" in text(panel)
    relaxed = panel.moved.relaxed
    shift = relaxed.displacements[:, 1::-1] / 10 / SCALE
    np.testing.assert_allclose(layer_of(panel, POSITIONS).data, points.data + shift, atol=1e-6)
    np.testing.assert_allclose(layer_of(panel, ARROWS).data[:, 1], shift, atol=1e-6)
    way = layer_of(panel, TRAJECTORY).data
    np.testing.assert_allclose(way[way[:, 0] == 0][:, 1:], points.data, atol=1e-6)
    np.testing.assert_allclose(way[way[:, 0] == way[:, 0].max()][:, 1:], points.data + shift, atol=1e-6)
    energies = panel.form.plot.upper.lines[0].get_ydata()
    np.testing.assert_allclose(energies, relaxed.energies)
    assert energies[-1] < energies[0]
    assert panel.form.which.currentText() == RELAXED
    panel.viewer.layers.remove(panel.form.picker.layer())
    assert panel.moved is None


def test_stopping_keeps_what_was_there(panel: StructurePanel, until: Any) -> None:
    panel.form.moves.put({"method": "langevin", "steps": 100_000})
    panel.form.run_box.button.click()
    until(lambda: len(panel._steps) > 2, 30_000)
    panel.form.run_box.stop_button.click()
    until(lambda: panel.slot.job is None)
    assert "Stopped" in text(panel)
    assert layer_of(panel, POSITIONS) is None


@pytest.mark.parametrize("kind", ["poscar", "cif", "extxyz", "lammps", "espresso", "pdb", "db"])
def test_each_format_is_saved_as_the_structure_that_is_shown(
    panel: StructurePanel, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel.form.format.setCurrentIndex(panel.form.format.findData(kind))
    monkeypatch.setattr("napari_atomai.plugin.asking.answer", lambda ask: str(tmp_path / "made"))
    panel.form.save_button.click()
    assert "read back, and the same" in text(panel)
    assert (tmp_path / "made").stat().st_size > 500


def test_a_vasp_run_is_written_into_a_folder(
    panel: StructurePanel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_atomai.plugin.asking.answer", lambda ask: str(tmp_path))
    panel.form.save_button.click()
    assert {path.name for path in tmp_path.iterdir()} == {"POSCAR", "INCAR", "KPOINTS", "POTCAR.txt"}
    assert len(ase.io.read(tmp_path / "POSCAR")) == len(atoms_of(panel))


def test_what_cannot_be_is_said_in_words(panel: StructurePanel, points: Points, until: Any) -> None:
    panel.form.elements.line("b").setText("")
    until(lambda: panel.built is None)
    assert "'b' has no element" in panel.form.notes.text()
    assert not panel.form.save_button.isEnabled()
    panel.relax()
    assert "no structure yet" in text(panel)
    panel.form.elements.line("b").setText("Au")
    until(lambda: panel.built is not None)
    panel.relax()
    until(lambda: panel.slot.job is None)
    assert "No potential" in text(panel)
    panel.viewer.layers.remove(points)
    until(lambda: panel.built is None)
    assert "no atoms yet" in panel.form.notes.text()


def test_elements_are_remembered_with_the_atoms(
    qtbot: Any, viewer: ViewerModel, panel: StructurePanel, layer: ImageLayer
) -> None:
    again = StructurePanel(viewer)
    qtbot.addWidget(again)
    assert again.form.elements.elements() == {"b": "Si", "a": "C"}
    assert uid_of(layer) == again.form.picker.uid
