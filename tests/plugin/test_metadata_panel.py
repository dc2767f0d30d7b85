from __future__ import annotations

import contextlib
import json
import time

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtTest import QAbstractItemModelTester

from napari_atomai.data.image import Image
from napari_atomai.files.reading import read_all
from napari_atomai.plugin.layers import KEY, calibrate, image_layer_data
from napari_atomai.plugin.panels.metadata import MetadataPanel
from napari_atomai.plugin.panels.metadata_content import content_of
from napari_atomai.plugin.panels.metadata_tree import TagTree, value_text, walk

TAGS = {
    "Optics": {"AccelerationVoltage": "200000", "CameraLength": "0.098"},
    "Scan": {"DwellTime": "2e-5", "ScanSize": {"width": 512, "height": 256}},
    "Detectors": [{"Name": "HAADF"}, {"Name": "BF"}],
    "comment": "first line\nsecond line",
    "none": None,
}


def rows(model, parent=None):
    """Paths of what is shown, from top to bottom."""
    found = []
    args = () if parent is None else (parent,)
    for row in range(model.rowCount(*args)):
        index = model.index(row, 0, *args)
        found.append(model.tag(index).path)
        found += rows(model, index)
    return found


def add(viewer, tags=None, name="picture", size=0.5):
    image = Image.from_array(np.zeros((20, 30)), size, name=name)
    data, options, _ = image_layer_data(image)
    options["metadata"] = {**options["metadata"], "original": TAGS if tags is None else tags}
    return viewer.add_image(data, **options)


def facts(panel):
    table = panel.form.facts
    return {table.item(row, 0).text(): table.item(row, 1).text() for row in range(table.rowCount())}


def clipboard():
    return QGuiApplication.clipboard().text()


def choose(panel, path):
    panel.form.tree.setCurrentIndex(panel.model.index_of(path))


@pytest.fixture
def tree(qtbot):
    model = TagTree()
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.show(walk({"original": TAGS}))
    return model


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def panel(qtbot, viewer, until):
    panel = MetadataPanel(viewer)
    panel.resize(320, 600)
    panel.show()
    yield panel
    with contextlib.suppress(RuntimeError):  # the test may have deleted it
        until(lambda: not panel._file.busy and not panel._walks.busy)
        panel.close()
        panel.deleteLater()
    qtbot.wait(1)


# --- the tree -------------------------------------------------------------------------------------


def test_the_tree_shows_every_tag_in_the_order_of_the_file(tree):
    assert rows(tree)[:5] == [
        "original",
        "original/Optics",
        "original/Optics/AccelerationVoltage",
        "original/Optics/CameraLength",
        "original/Scan",
    ]
    assert "original/Detectors/[1]/Name" in rows(tree)
    assert tree.matches == 9


@pytest.mark.parametrize(
    ("pattern", "leaves"),
    [
        ("dwell", ["original/Scan/DwellTime"]),  # key
        ("haadf", ["original/Detectors/[0]/Name"]),  # value, whatever its case
        ("scan/scansize", ["original/Scan/ScanSize/width", "original/Scan/ScanSize/height"]),  # path
        ("scan 512", ["original/Scan/ScanSize/width"]),  # both words
        ("second line", ["original/comment"]),
        ("nothing of this", []),
    ],
)
def test_a_search_finds_keys_values_and_paths_and_shows_the_groups_above(tree, pattern, leaves):
    tree.search(pattern)
    shown = rows(tree)
    assert [path for path in shown if not tree.tag(tree.index_of(path)).children] == leaves
    assert all(path.rpartition("/")[0] in ("", *shown) for path in shown)
    assert tree.matches == len(leaves)
    tree.search("")
    assert tree.matches == 9


def test_a_parent_is_found_at_its_row_while_searching(tree):
    tree.search("bf")
    index = tree.index_of("original/Detectors/[1]/Name")
    assert tree.parent(index).row() == 0
    assert tree.tag(tree.parent(index)).path == "original/Detectors/[1]"
    assert tree.data(index.siblingAtColumn(1)) == "BF"
    assert not tree.index_of("original/Scan").isValid()


def test_huge_values_are_cut_in_the_view_and_whole_when_copied(tree):
    long, many = "x" * 100_000, list(range(5000))
    tree.show(walk({"long": long, "many": many, "array": np.arange(3000), "big": np.zeros((100, 100))}))
    texts = [tree.data(tree.index(row, 1)) for row in range(4)]
    assert all(len(text) < 260 for text in texts)
    assert "100,000 characters" in texts[0]
    assert texts[1].startswith("5,000 values: 0, 1, 2, ")
    assert texts[2].startswith("3,000 values: 0, 1, 2, ")
    assert texts[3] == "array of shape (100, 100), float64"
    assert len(tree.data(tree.index(0, 1), Qt.ItemDataRole.ToolTipRole)) < 2100
    assert value_text(tree.tag(tree.index(0, 0))) == long
    assert value_text(tree.tag(tree.index(1, 0))).endswith(", 4999")
    assert value_text(tree.tag(tree.index(2, 0))).endswith(", 2999")


def test_tags_without_end_are_walked_to_an_end():
    loop = {"name": "loop"}
    loop["again"] = {"inside": loop, "list": [loop]}
    walked = walk({"loop": loop})
    assert walked.truncated
    assert len(walked.tags) < 20
    deep = top = {}
    for _ in range(3000):
        deep["in"] = deep = {}
    deep["end"] = 1
    walked = walk(top)
    assert walked.truncated
    assert len(walked.tags) == 65
    assert len(walk({str(i): i for i in range(500)}, most=100).tags) == 100


def test_the_same_group_in_two_places_is_shown_in_both():
    group = {"a": 1}
    walked = walk({"first": group, "second": group})
    assert not walked.truncated
    assert [tag.path for tag in walked.tags] == ["first", "second", "second/a", "first/a"]


def test_fifty_thousand_tags_are_searched_before_anybody_notices(tree):
    tags = {
        f"g{i}": {f"s{j}": {f"t{k}": i * j * k for k in range(10)} for j in range(50)} for i in range(100)
    }
    tree = TagTree()
    tree.show(walk(tags))
    assert tree.matches == 50_000
    for pattern in ("g17", "s3 t5", "zzz", "9"):
        before = time.process_time()
        tree.search(pattern)
        assert time.process_time() - before < 0.3, pattern


# --- the panel ------------------------------------------------------------------------------------


def test_without_a_layer_it_says_so_and_offers_nothing(panel):
    assert "Choose a layer" in panel.form.status.text()
    assert not any(
        button.isEnabled()
        for button in (panel.form.copy_value, panel.form.copy_path, panel.form.copy_all, panel.form.export)
    )
    panel.copy_all()
    panel.copy_value()


def test_it_follows_the_chosen_layer(panel, viewer):
    first = add(viewer, name="first")
    add(viewer, {"Optics": {"AccelerationVoltage": "80000"}}, name="second")
    assert panel.form.name.text() == "second"
    assert facts(panel)["Acceleration voltage"] == "80 kV"
    viewer.layers.selection.active = first
    assert panel.form.name.text() == "first"
    assert facts(panel)["Acceleration voltage"] == "200 kV"
    assert facts(panel)["Dwell time"] == "20 µs"
    viewer.layers.selection.clear()
    assert panel.form.name.text() == "first"  # what was chosen last stays
    viewer.layers.remove("first")
    assert panel.form.name.text() == "second"
    viewer.layers.clear()
    assert "Choose a layer" in panel.form.status.text()
    assert facts(panel) == {}


def test_facts_follow_the_calibration_and_say_where_they_were_found(panel, viewer):
    layer = add(viewer)
    assert facts(panel)["Field of view"] == "10 × 15 nm (height × width)"
    calibrate(layer, 1.0)
    assert facts(panel)["Field of view"] == "20 × 30 nm (height × width)"
    assert facts(panel)["Pixel size"] == "1 nm"
    tips = [panel.form.facts.item(row, 1).toolTip() for row in range(panel.form.facts.rowCount())]
    assert "original/Optics/AccelerationVoltage" in tips[0]
    assert any("calibration" in tip for tip in tips)


def test_a_rename_or_a_new_scale_does_not_close_the_tree(panel, viewer):
    layer = add(viewer)
    choose(panel, "original/Scan/ScanSize/width")
    layer.name = "renamed"
    layer.scale = (2, 2)
    assert panel.form.name.text() == "renamed"
    panel.copy_value()
    assert clipboard() == "512"
    layer.metadata = {**layer.metadata, "original": {"other": 1}}
    assert rows(panel.model) == ["original", "original/other"]
    assert not panel.form.copy_value.isEnabled()


def test_values_paths_and_all_are_copied(panel, viewer):
    add(viewer)
    choose(panel, "original/Scan/DwellTime")
    panel.form.copy_value.click()
    assert clipboard() == "2e-5"
    panel.form.copy_path.click()
    assert clipboard() == "original/Scan/DwellTime"
    choose(panel, "original/Scan/ScanSize")
    panel.form.copy_value.click()
    assert json.loads(clipboard()) == {"width": 512, "height": 256}
    panel.form.facts.selectRow(0)
    panel.form.copy_value.click()
    assert clipboard() == "200 kV"
    panel.form.copy_all.click()
    assert json.loads(clipboard())["metadata"]["original"] == TAGS
    assert panel.form.status.text() == "Copied all as JSON."
    choose(panel, "original/Scan/DwellTime")
    assert panel.form.status.text().endswith("tags.")


def test_the_menu_offers_what_can_be_done(panel, viewer):
    add(viewer)
    actions = {action.text(): action for action in panel.menu().actions()}
    assert not actions["Copy path"].isEnabled()
    choose(panel, "original/comment")
    actions = {action.text(): action for action in panel.menu().actions()}
    actions["Copy path"].trigger()
    assert clipboard() == "original/comment"


def test_an_export_holds_facts_and_tags_whole(panel, viewer, tmp_path, until, monkeypatch):
    tags = {**TAGS, "long": "x" * 50_000, "nan": float("nan"), "array": np.arange(2000)}
    add(viewer, tags)
    path = tmp_path / "out.json"
    monkeypatch.setattr(
        "napari_atomai.plugin.panels.metadata.QFileDialog.getSaveFileName", lambda *_: (str(path), "")
    )
    panel.form.export.click()
    until(path.exists)
    until(lambda: "Written" in panel.form.status.text())
    read = json.loads(path.read_text("utf-8"))
    assert read["metadata"]["original"]["long"] == tags["long"]
    assert read["metadata"]["original"]["nan"] is None
    assert read["metadata"]["original"]["array"] == list(range(2000))
    (fact,) = [fact for fact in read["facts"] if fact["name"] == "Dwell time"]
    assert (fact["value"], fact["unit"], fact["found_at"]) == (20.0, "µs", "original/Scan/DwellTime")


def test_an_export_that_fails_is_worded(panel, viewer, tmp_path, until):
    add(viewer)
    panel.export(tmp_path / "nowhere" / "out.json")
    until(lambda: "could not be saved" in panel.form.status.text())


def test_typing_searches_after_a_pause_and_a_double_click_shows_the_tag(panel, viewer, qtbot, until):
    add(viewer)
    qtbot.keyClicks(panel.form.search, "haadf")
    assert panel.model.pattern == ""
    until(lambda: panel.model.pattern == "haadf")
    assert panel.form.status.text() == "1 tag found."
    assert panel.form.tree.isExpanded(panel.model.index_of("original/Detectors"))
    row = list(facts(panel)).index("Dwell time")
    panel.form.facts.cellDoubleClicked.emit(row, 0)
    assert panel.form.search.text() == ""
    assert panel.model.tag(panel.form.tree.currentIndex()).path == "original/Scan/DwellTime"


def test_many_tags_are_walked_by_a_worker_and_belong_to_the_layer_that_is_shown(panel, viewer, until):
    add(viewer, {f"g{i}": {f"t{j}": j for j in range(20)} for i in range(500)})
    assert len(panel.model) == 3000
    assert "so far" in panel.form.status.text()
    until(lambda: panel.model.matches == 10_000)
    assert panel.form.status.text() == "10,000 tags."
    add(viewer, {f"h{i}": {f"t{j}": j for j in range(20)} for i in range(500)})
    add(viewer, {"only": 1})
    until(lambda: not panel._walks.busy)
    assert rows(panel.model) == ["original", "original/only"]


def test_layers_of_other_readers_show_what_they_hold(panel, viewer):
    viewer.add_points(np.zeros((2, 2)), name="theirs", metadata={"a": {"b": [{"c": 1}]}, "original": None})
    assert rows(panel.model) == ["a", "a/b", "a/b/[0]", "a/b/[0]/c"]
    viewer.add_image(np.zeros((4, 5, 3)), rgb=True, name="colour")
    assert panel.form.status.text() == "The file of this layer holds no tags."
    viewer.add_image([np.zeros((8, 8)), np.zeros((4, 4))], multiscale=True, scale=(2, 2), units="nm")
    assert facts(panel)["Field of view"] == "16 × 16 nm"


def test_results_of_ours_show_their_recipe(panel, viewer, find_result, picture):
    image = add(viewer)
    record = find_result(Image.from_array(np.zeros((96, 120))), picture[1]).record
    notes = {"role": "atoms", "parent_uid": "x", "record": record.to_json(), "notes": ["Two things."]}
    layer = viewer.add_points(np.zeros((2, 2)), metadata={KEY: notes})
    assert panel.content.tags["recipe"]["measured"] == {"spacing_px": 12.0}
    assert panel.form.notes.text() == "Two things."
    assert not any("uid" in path for path in rows(panel.model))
    layer.metadata[KEY]["record"] = "not a record"
    panel.refresh()
    assert panel.content.tags == {"recipe": "not a record"}
    viewer.layers.selection.active = image
    assert "recipe" not in panel.content.tags


def test_how_an_image_was_calibrated_by_hand_is_shown(panel, viewer):
    layer = add(viewer)
    layer.metadata[KEY]["calibration"] = {"method": "line", "length_nm": 5.0}
    layer.scale = (0.1, 0.1)
    assert rows(panel.model)[:3] == ["calibration", "calibration/method", "calibration/length_nm"]
    assert facts(panel)["Pixel size"] == "0.1 nm"


def test_a_real_file_shows_its_path_reader_facts_and_tags(panel, viewer, shared_data):
    data, options, _ = image_layer_data(read_all(shared_data / "stem_MoS2_Se-implanted.dm3")[0])
    layer = viewer.add_image(data, **options)
    assert panel.form.file.text().startswith("stem_MoS2_Se-implanted.dm3 · rosettasciio")
    assert str(shared_data / "stem_MoS2_Se-implanted.dm3") in panel.form.file.toolTip()
    assert facts(panel)["Acceleration voltage"] == "60 kV"
    assert panel.model.matches > 500
    assert content_of(layer).facts[0].found_at.endswith("Microscope Info/Voltage")


def test_a_deleted_panel_hears_nothing_more(qtbot, viewer):
    panel = MetadataPanel(viewer)
    layer = add(viewer)
    panel.deleteLater()
    qtbot.wait(20)
    layer.name = "other"
    add(viewer)
    viewer.layers.clear()


def test_every_control_has_a_tooltip_and_the_panel_is_small(panel, viewer):
    add(viewer)
    form = panel.form
    for widget in (
        form.search,
        form.tree,
        form.facts,
        form.copy_value,
        form.copy_path,
        form.copy_all,
        form.export,
    ):
        assert widget.toolTip()
    assert form.minimumSizeHint().width() <= 320
    assert panel.minimumSizeHint().height() <= 600


def test_the_panel_lives_in_a_viewer(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    panel = MetadataPanel(viewer)
    viewer.window.add_dock_widget(panel, name="Metadata")
    layer = add(viewer)
    other = viewer.add_labels(np.zeros((20, 30), int), name="labels")
    viewer.layers.selection.active = layer
    qtbot.wait(20)
    assert panel.form.name.text() == "picture"
    assert len(panel.model) > 9
    viewer.layers.remove(layer)
    viewer.layers.selection.active = other
    assert panel.form.name.text() == "labels"
