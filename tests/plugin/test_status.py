from __future__ import annotations

from pathlib import Path

import pytest
from napari.components import ViewerModel

from napari_atomai.data.progress import Progress
from napari_atomai.plugin.status import reading_in_words, shown_in_status


def test_the_file_is_named_with_its_size_and_the_time_that_passed(tmp_path):
    path = tmp_path / "large.emd"
    path.write_bytes(bytes(3 << 20))

    assert reading_in_words([path], Progress(0, 1), 12.4) == "Reading large.emd (3.0 MiB) ... 12 s"


def test_of_several_files_the_one_that_is_being_read_is_named_and_how_far_it_is(tmp_path):
    paths = [tmp_path / name for name in ("a.npy", "b.npy", "c.npy", "d.npy")]

    words = reading_in_words(paths, Progress(1, 4), 2.0)

    assert words == "Reading b.npy - file 2 of 4, 25 % ... 2 s"


@pytest.mark.parametrize("step", [4, 99])
def test_a_step_behind_the_last_file_is_no_error(step):
    assert "a.npy" in reading_in_words([Path("a.npy")], Progress(step, 4), 2.0)


def test_the_status_is_ready_again_at_the_end():
    viewer = ViewerModel()

    with shown_in_status(viewer, [Path("a.npy")]) as tell:
        tell(Progress(0, 1), 1.0)
        assert viewer.status == "Reading a.npy ... 1 s"

    assert viewer.status == "Ready"


def test_what_was_written_there_meanwhile_stays():
    viewer = ViewerModel()

    with shown_in_status(viewer, [Path("a.npy")]) as tell:
        tell(Progress(0, 1), 1.0)
        viewer.status = "a pixel under the mouse"

    assert viewer.status == "a pixel under the mouse"


def test_an_error_of_the_reading_leaves_no_status_behind():
    viewer = ViewerModel()

    with pytest.raises(ValueError, match="bad"), shown_in_status(viewer, [Path("a.npy")]) as tell:  # noqa: PT012
        tell(Progress(0, 1), 1.0)
        raise ValueError("bad")

    assert viewer.status == "Ready"


def test_without_a_viewer_there_is_nobody_to_tell():
    with shown_in_status(None, [Path("a.npy")]) as tell:
        assert tell is None
