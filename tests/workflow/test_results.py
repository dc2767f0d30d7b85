"""A folder of results: other programs read it, and no failure leaves it half written."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import ase.io
import numpy as np
import pandas as pd
import pytest
import tifffile
from matplotlib.image import imread

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Image
from napari_atomai.data.recipe import FindAtoms, InputRecord, ModelRecord, Record, RefineAtoms
from napari_atomai.errors import SaveFailed
from napari_atomai.files import export
from napari_atomai.workflow.find import Found
from napari_atomai.workflow.record import describe_input, new_record
from napari_atomai.workflow.results import check_folder, shown_frames, write_results

NAMES = ["atoms.csv", "atoms.xyz", "classes.tif", "overlay.png", "probability.tif", "recipe.json"]


def _image(frames: int = 1, seed: int = 0, pixel_size: float | None = 0.02) -> Image:
    shape = (48, 40) if frames == 1 else (frames, 48, 40)
    return Image.from_array(np.random.default_rng(seed).random(shape), pixel_size, name="scan")


def _found(image: Image) -> Found:
    rng = np.random.default_rng(5)
    frames = np.repeat(np.arange(image.n_frames), 6)
    candidates = Atoms.make(
        rng.random((len(frames), 2)) * image.frame_shape,
        np.arange(len(frames)) % 2,
        frames,
        {"score": np.tile([0.1, 0.9, 0.8, 0.7, 0.6, 0.95], image.n_frames)},
        class_names=("Sr", "Ti"),
        pixel_size=image.pixel_size,
    )
    probability = rng.random(image.shape, dtype=np.float32)
    steps = (FindAtoms(threshold=0.5), RefineAtoms())
    return Found(candidates, probability, new_record(image, steps, ModelRecord(name="m", sha256="0" * 64)))


def _content(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


@pytest.fixture
def no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes a second, and most tests are not about it."""
    monkeypatch.setattr("napari_atomai.plots.overlay", lambda *_a, **_k: None)
    monkeypatch.setattr("napari_atomai.plots.save_figure", lambda _figure, path: path.write_bytes(b"PNG"))


def test_other_programs_read_the_same_numbers(tmp_path: Path) -> None:
    image = _image()
    found = _found(image)
    paths = write_results(found, image, tmp_path / "out" / "scan")
    assert [p.name for p in sorted(paths)] == NAMES
    folder = tmp_path / "out" / "scan"

    table = pd.read_csv(folder / "atoms.csv")
    assert list(table.columns)[:8] == ["id", "frame", "row_px", "col_px", "x_nm", "y_nm", "class", "score"]
    assert len(table) == 5  # the candidate below the threshold is left out
    np.testing.assert_array_equal(table[["row_px", "col_px"]], found.atoms.positions)
    np.testing.assert_allclose(table["x_nm"], found.atoms.positions[:, 1] * 0.02)
    np.testing.assert_allclose(table["y_nm"], found.atoms.positions[:, 0] * 0.02)
    assert list(table["class"]) == ["Ti", "Sr", "Ti", "Sr", "Ti"]

    structure = ase.io.read(folder / "atoms.xyz")
    np.testing.assert_allclose(structure.positions[:, :2], found.atoms.positions_nm[:, ::-1] * 10)

    with tifffile.TiffFile(folder / "probability.tif") as file:
        np.testing.assert_array_equal(file.asarray(), found.probability)
        resolution = file.pages[0].tags["XResolution"].value
        assert resolution[0] / resolution[1] == pytest.approx(1 / 0.02, rel=1e-6)
        assert file.imagej_metadata["unit"] == "nm"
    np.testing.assert_array_equal(tifffile.imread(folder / "classes.tif"), found.probability >= 0.5)

    assert Record.from_json((folder / "recipe.json").read_text(encoding="utf-8")) == found.record
    assert imread(folder / "overlay.png").shape[1] >= 900


def test_no_atoms_at_all_is_a_result_too(tmp_path: Path) -> None:
    image = _image(pixel_size=None)
    found = dataclasses.replace(_found(image), probability=np.zeros(image.shape, np.float32))
    nothing = dataclasses.replace(found, candidates=found.candidates.keep(np.zeros(6, bool)))
    write_results(nothing, image, tmp_path / "scan")
    assert len(pd.read_csv(tmp_path / "scan" / "atoms.csv")) == 0
    assert len(ase.io.read(tmp_path / "scan" / "atoms.xyz")) == 0
    assert tifffile.imread(tmp_path / "scan" / "classes.tif").max() == 0


def test_a_movie_has_its_first_frame_and_some_more_drawn_with_their_own_atoms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    monkeypatch.setattr(
        "napari_atomai.plots.overlay", lambda pixels, atoms, *_a, **_k: drawn.append((pixels, atoms))
    )
    monkeypatch.setattr("napari_atomai.plots.save_figure", lambda _figure, path: path.write_bytes(b"PNG"))
    image = _image(frames=9)
    write_results(_found(image), image, tmp_path / "movie", pictures=3)
    pictures = sorted(p.name for p in (tmp_path / "movie").glob("*.png"))
    assert pictures == ["overlay.png", "overlay_frame0004.png", "overlay_frame0008.png"]
    for (pixels, atoms), frame in zip(drawn, (0, 4, 8), strict=True):
        np.testing.assert_array_equal(pixels, image.pixels[frame])
        assert len(atoms) == 5
        assert set(atoms.frames) == {frame}
    assert tifffile.imread(tmp_path / "movie" / "classes.tif").shape == (9, 48, 40)
    assert len(ase.io.read(tmp_path / "movie" / "atoms.xyz", index=":")) == 9


@pytest.mark.parametrize(
    ("frames", "most", "expected"),
    [(1, 5, [0]), (2, 5, [0, 1]), (9, 3, [0, 4, 8]), (100, 5, [0, 25, 50, 74, 99]), (7, 1, [0]), (7, 0, [0])],
)
def test_drawn_frames_are_spread_evenly(frames: int, most: int, expected: list[int]) -> None:
    assert shown_frames(frames, most) == expected


@pytest.mark.usefixtures("no_drawing")
class TestFolder:
    def test_results_of_the_same_input_are_replaced(self, tmp_path: Path) -> None:
        image = _image()
        found = _found(image)
        write_results(found, image, tmp_path / "scan")
        write_results(found.at(0.75), image, tmp_path / "scan")
        assert len(pd.read_csv(tmp_path / "scan" / "atoms.csv")) == 3
        record = Record.from_json((tmp_path / "scan" / "recipe.json").read_text(encoding="utf-8"))
        assert record.steps[0] == FindAtoms(threshold=0.75)

    def test_results_of_another_input_are_refused_and_stay(self, tmp_path: Path) -> None:
        image, other = _image(), _image(seed=1)
        write_results(_found(image), image, tmp_path / "scan")
        before = _content(tmp_path / "scan")
        with pytest.raises(SaveFailed, match="already holds results"):
            write_results(_found(other), other, tmp_path / "scan")
        assert _content(tmp_path / "scan") == before
        write_results(_found(other), other, tmp_path / "scan", overwrite=True)
        record = Record.from_json((tmp_path / "scan" / "recipe.json").read_text(encoding="utf-8"))
        assert record.input == describe_input(other)

    def test_another_dataset_of_the_same_file_is_another_input(self, tmp_path: Path) -> None:
        image = _image()
        write_results(_found(image), image, tmp_path / "scan")
        mine = describe_input(image)
        check_folder(tmp_path / "scan", mine)
        with pytest.raises(SaveFailed, match="already holds results"):
            check_folder(tmp_path / "scan", mine.model_copy(update={"dataset": 1}))

    @pytest.mark.parametrize("recipe", [None, b"", b"not JSON", b'{"schema_version": 99}', b"\xff\xfe"])
    def test_results_whose_recipe_cannot_be_read_are_refused(
        self, tmp_path: Path, recipe: bytes | None
    ) -> None:
        image = _image()
        write_results(_found(image), image, tmp_path / "scan")
        (tmp_path / "scan" / "recipe.json").unlink()
        if recipe is not None:
            (tmp_path / "scan" / "recipe.json").write_bytes(recipe)
        with pytest.raises(SaveFailed, match="unknown input"):
            write_results(_found(image), image, tmp_path / "scan")

    def test_files_of_the_person_are_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "scan").mkdir()
        (tmp_path / "scan" / "notes.txt").write_text("mine")
        (tmp_path / "scan" / "overlay_for_talk.png").write_bytes(b"mine")
        image = _image()
        write_results(_found(image), image, tmp_path / "scan")
        write_results(_found(image), image, tmp_path / "scan")
        assert (tmp_path / "scan" / "notes.txt").read_text() == "mine"
        assert (tmp_path / "scan" / "overlay_for_talk.png").read_bytes() == b"mine"

    def test_pictures_of_an_earlier_longer_movie_go(self, tmp_path: Path) -> None:
        movie = _image(frames=9)
        write_results(_found(movie), movie, tmp_path / "scan")
        assert len(list((tmp_path / "scan").glob("*.png"))) == 5
        write_results(_found(movie), movie, tmp_path / "scan", pictures=1)
        assert [p.name for p in (tmp_path / "scan").glob("*.png")] == ["overlay.png"]

    def test_a_file_in_the_place_of_the_folder_is_said(self, tmp_path: Path) -> None:
        (tmp_path / "scan").write_text("a file")
        image = _image()
        with pytest.raises(SaveFailed, match="is a file, not a folder"):
            write_results(_found(image), image, tmp_path / "scan")
        with pytest.raises(SaveFailed):
            write_results(_found(image), image, tmp_path / "scan", overwrite=True)
        with pytest.raises(SaveFailed):
            write_results(_found(image), image, tmp_path / "scan" / "deeper")
        assert (tmp_path / "scan").read_text() == "a file"

    @pytest.mark.parametrize(
        "error", [OSError(28, "No space left on device"), KeyboardInterrupt(), MemoryError()]
    )
    @pytest.mark.parametrize("writer", ["write_csv", "write_tiff", "write_text"])
    def test_a_failure_on_the_way_leaves_what_was_there_and_nothing_else(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writer: str, error: BaseException
    ) -> None:
        image = _image()
        write_results(_found(image), image, tmp_path / "old")
        before = _content(tmp_path / "old")

        def fail(*_args: object) -> None:
            raise error

        monkeypatch.setattr(export, writer, fail)
        for name in ("old", "new"):
            with pytest.raises(SaveFailed if isinstance(error, OSError) else type(error)):
                write_results(_found(image).at(0.9), image, tmp_path / name)
        assert _content(tmp_path / "old") == before
        assert [p.name for p in tmp_path.iterdir()] == ["old"]

    def test_a_full_disk_is_named_with_its_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_args: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(export, "write_csv", fail)
        image = _image()
        with pytest.raises(SaveFailed, match=r"scan: No space left on device.*intact"):
            write_results(_found(image), image, tmp_path / "scan")

    def test_the_recipe_comes_last_so_that_it_vouches_for_the_rest(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        image = _image()
        write_results(_found(image), image, tmp_path / "scan")
        replace = Path.replace

        def stop_at_probability(self: Path, target: Path) -> Path:
            if self.name == "probability.tif" and self.parent.name.endswith(".part"):
                raise KeyboardInterrupt
            return replace(self, target)

        monkeypatch.setattr(Path, "replace", stop_at_probability)
        with pytest.raises(KeyboardInterrupt):
            write_results(_found(image), image, tmp_path / "scan")
        assert not (tmp_path / "scan" / "recipe.json").exists()


def test_an_empty_record_never_counts_as_the_same_input(tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text(Record().to_json(), encoding="utf-8")
    with pytest.raises(SaveFailed, match="another input"):
        check_folder(tmp_path, InputRecord())
