"""The command line: words, exit codes, folders, recipes. The finder itself is replaced by a small one."""

from __future__ import annotations

import functools
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
import tifffile
from scipy import ndimage

from napari_atomai import cli
from napari_atomai.cli import find as find_command
from napari_atomai.cli import main, parser
from napari_atomai.cli.bar import Bar
from napari_atomai.cli.places import folder_names
from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Image
from napari_atomai.data.progress import Progress
from napari_atomai.data.recipe import Calibration, FindAtoms, ModelRecord, Record, RefineAtoms
from napari_atomai.errors import BadImage
from napari_atomai.files.reading import read
from napari_atomai.models import storage
from napari_atomai.simulate.samples import SAMPLES
from napari_atomai.workflow import find as engine
from napari_atomai.workflow.find import Found
from napari_atomai.workflow.record import new_record

MODEL = "a" * 64


def _peaks(
    image: Image, find: FindAtoms | None = None, refine: RefineAtoms | None = None
) -> Generator[Progress, None, Found]:
    """Find maxima: a finder that is quick and gives the same numbers each time."""
    find, refine = find or FindAtoms(), refine or RefineAtoms()
    yield Progress(0, 2, "looking")
    if image.frame_shape[0] < 8:
        raise BadImage("The image is too small.", remedy="Choose a larger one.")
    smooth = ndimage.gaussian_filter(image.pixels.astype(float), 2)
    where = np.argwhere(smooth == ndimage.maximum_filter(smooth, 7))
    score = smooth[tuple(where.T)] / smooth.max()
    yield Progress(2, 2, "done")
    atoms = Atoms.make(where, features={"score": score}, pixel_size=image.pixel_size, origin=image.origin)
    record = new_record(image, (find, refine), ModelRecord(name=find.model, sha256=MODEL), {}, ("seen",))
    return Found(atoms, (smooth / smooth.max()).astype(np.float32), record)


@pytest.fixture(autouse=True)
def _small_finder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "finding", _peaks)
    monkeypatch.setattr("napari_atomai.plots.overlay", lambda *_a, **_k: None)
    monkeypatch.setattr("napari_atomai.plots.save_figure", lambda _figure, path: path.write_bytes(b"PNG"))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def save(here: Path) -> Callable[[str, int], Path]:
    def _save(name: str, seed: int = 0) -> Path:
        path = here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).random((40, 50)).astype(np.float32)
        if path.suffix == ".npy":
            np.save(path, pixels)
        else:
            tifffile.imwrite(path, pixels)
        return path

    return _save


def _record(folder: Path) -> Record:
    return Record.from_json((folder / "recipe.json").read_text(encoding="utf-8"))


def _numbers(folder: Path) -> dict[str, bytes]:
    names = ("atoms.csv", "atoms.xyz", "classes.tif", "probability.tif")
    return {name: (folder / name).read_bytes() for name in names}


class TestFind:
    def test_a_file_becomes_a_folder_of_results(self, save, here, capsys) -> None:
        save("scan.npy")
        assert main(["find", "scan.npy", "--out", "out", "--pixel-size", "0.02"]) == 0
        table = pd.read_csv(here / "out" / "scan" / "atoms.csv")
        assert len(table) > 5
        np.testing.assert_allclose(table["x_nm"], table["col_px"] * 0.02)
        assert (table["score"] >= 0.5).all()
        said = capsys.readouterr()
        assert f"scan.npy: {len(table)} atoms (column {len(table)}) -> " in said.out
        assert "note: seen" in said.err

    def test_results_are_written_for_hyperspy_and_sidpy_too(self, save, here) -> None:
        save("scan.npy")
        line = ["find", "scan.npy", "--out", "out", "--pixel-size", "0.02", "--also", "hspy, NSID"]
        assert main(line) == 0
        for name in ("results.hspy", "results.h5"):
            images = read(here / "out" / "scan" / name)
            assert [image.pixel_size for image in images] == [pytest.approx((0.02, 0.02))] * 2
            assert images[0].metadata["original"]["recipe"] == _record(here / "out" / "scan").to_json()

    def test_a_format_that_does_not_exist_is_refused_with_those_that_do(self, save, here, capsys) -> None:
        save("scan.npy")
        assert main(["find", "scan.npy", "--out", "out", "--also", "hspy,nsd"]) == 2
        assert "no format 'nsd' (known: hspy, nsid)" in capsys.readouterr().err
        assert not (here / "out").exists()

    def test_options_of_the_line_reach_the_finder_and_the_record(self, save, here) -> None:
        save("scan.npy")
        line = ["--threshold", "0.9", "--spacing", "12.5", "--contrast", "dark"]
        mine = str(storage.BUNDLED / "atoms.safetensors")
        assert (
            main(["find", "scan.npy", "--out", "out", "--refine", "centre of mass", "--model", mine, *line])
            == 0
        )
        assert _record(here / "out" / "scan").steps == (
            FindAtoms(threshold=0.9, spacing=12.5, contrast="dark", model=mine),
            RefineAtoms(method="centre of mass"),
        )

    def test_a_bad_file_stops_no_other_and_the_exit_code_tells(self, save, here, capsys) -> None:
        save("good.npy")
        (here / "lies.dm4").write_bytes(b"not a DM4 file at all")
        np.save(here / "small.npy", np.ones((3, 3)))
        np.save(here / "line.npy", np.ones(5))
        files = ["lies.dm4", "missing.tif", "small.npy", "line.npy", "good.npy"]
        assert main(["find", *files, "--out", "out"]) == 1
        said = capsys.readouterr()
        assert [p.name for p in (here / "out").iterdir()] == ["good"]
        assert re.search(rf"^1 of 5 done in \d+ s; failed: {', '.join(files[:4])}$", said.out, re.MULTILINE)
        for name in files[:4]:
            (sentence,) = re.findall(rf"^napari-atomai: (.*{re.escape(name)}.*)$", said.err, re.MULTILINE)
            assert sentence.count(name) == 1
            assert sentence not in said.out
        assert "Traceback" not in said.err

    def test_a_mistake_of_ours_stops_no_other_and_is_called_one(
        self, save, here, capsys, monkeypatch
    ) -> None:
        def wrong(image: Image, *_args: object) -> Generator[Progress, None, Found]:
            if image.name == "one":
                raise ZeroDivisionError("by zero")
            return (yield from _peaks(image))

        monkeypatch.setattr(engine, "finding", wrong)
        save("one.npy")
        save("two.npy", 1)
        assert main(["find", "one.npy", "two.npy", "--out", "out"]) == 1
        said = capsys.readouterr()
        assert "one.npy: unexpected ZeroDivisionError: by zero Run again with -v" in said.err
        assert (here / "out" / "two" / "recipe.json").exists()
        assert main(["find", "one.npy", "--out", "out", "-v"]) == 1
        assert "Traceback" in capsys.readouterr().err

    def test_files_of_the_same_stem_do_not_collide(self, save, here) -> None:
        for seed, name in enumerate(("a/scan.npy", "b/scan.npy", "scan.tif", "other.tif")):
            save(name, seed)
        assert main(["find", "a/scan.npy", "b/scan.npy", "scan.tif", "other.tif", "--out", "out"]) == 0
        folders = {p.name: Path(_record(p).input.path) for p in (here / "out").iterdir()}
        assert folders == {
            "a_scan_npy": here / "a/scan.npy",
            "b_scan_npy": here / "b/scan.npy",
            "scan_tif": here / "scan.tif",
            "other": here / "other.tif",
        }

    def test_the_same_file_named_twice_is_done_once(self, save, capsys) -> None:
        save("scan.npy")
        assert main(["find", "scan.npy", "./scan.npy", "--out", "out"]) == 0
        assert capsys.readouterr().out.count("scan.npy") == 1

    def test_results_of_another_input_are_not_overwritten_unless_asked(self, save, here, capsys) -> None:
        save("scan.npy", 0)
        assert main(["find", "scan.npy", "--out", "out"]) == 0
        before = _numbers(here / "out" / "scan")
        save("scan.npy", 1)
        assert main(["find", "scan.npy", "--out", "out"]) == 1
        assert "already holds results" in capsys.readouterr().err
        assert _numbers(here / "out" / "scan") == before
        assert main(["find", "scan.npy", "--out", "out", "--overwrite"]) == 0
        assert _numbers(here / "out" / "scan") != before

    def test_a_folder_of_another_input_is_refused_before_the_work(self, save, monkeypatch) -> None:
        save("scan.npy", 0)
        main(["find", "scan.npy", "--out", "out"])
        save("scan.npy", 1)
        monkeypatch.setattr(engine, "finding", lambda *_a: pytest.fail("worked for nothing"))
        assert main(["find", "scan.npy", "--out", "out"]) == 1

    def test_an_output_folder_that_cannot_be_made_is_refused_before_the_work(
        self, save, here, capsys, monkeypatch
    ) -> None:
        save("scan.npy")
        monkeypatch.setattr(engine, "finding", lambda *_a: pytest.fail("worked for nothing"))
        (here / "out").write_text("a file")
        for out in ("out", "out/deeper"):
            assert main(["find", "scan.npy", "--out", out]) == 1
            assert "out is a file, not a folder. Choose" in capsys.readouterr().err
        (here / "x").mkdir()
        (here / "x" / "scan").write_text("a file")
        assert main(["find", "scan.npy", "--out", "x", "--overwrite"]) == 1
        assert "scan is a file, not a folder. Choose" in capsys.readouterr().err
        assert main(["find", "scan.npy", "--out", "n" * 300]) == 1
        assert "Results cannot be written to nnn" in capsys.readouterr().err

    def test_looking_whether_a_folder_can_be_written_leaves_nothing(self, here) -> None:
        assert main(["find", "gone.npy", "--out", "out/deeper"]) == 1
        assert list(here.iterdir()) == []

    def test_quiet_says_only_what_failed(self, save, capsys) -> None:
        save("scan.npy")
        assert main(["find", "scan.npy", "--out", "out", "--quiet"]) == 0
        assert capsys.readouterr() == ("", "")
        assert main(["find", "gone.npy", "--out", "out", "-q"]) == 1
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("napari-atomai: gone.npy cannot be opened")
        assert said.err.count("\n") == 1

    @pytest.mark.parametrize("name", sorted(SAMPLES))
    def test_the_samples_are_found_without_any_file(self, name: str, here) -> None:
        assert main(["find", "--sample", name, "--out", "out"]) == 0
        assert _record(here / "out" / name).input.pixel_size_nm is not None


class TestDatasets:
    @pytest.fixture
    def three(self, monkeypatch: pytest.MonkeyPatch, save) -> None:
        """A file that holds a spectrum image and two pictures."""
        from napari_atomai.data.image import Axis, Source

        path = save("many.npy")
        rng = np.random.default_rng(3)
        spectra = (Axis("E", 1.0, unit="eV"), Axis("y"), Axis("x"))
        images = [Image(rng.random((4, 40, 40)), spectra, source=Source(path, 0))]
        for index in (1, 2):
            images.append(Image(rng.random((40, 40)), spectra[1:], source=Source(path, index)))
        monkeypatch.setattr("napari_atomai.files.reading.read", lambda _path: images)

    @pytest.mark.usefixtures("three")
    def test_without_a_number_the_first_picture_is_taken_and_said(self, here, capsys) -> None:
        assert main(["find", "many.npy", "--out", "out"]) == 0
        assert [p.name for p in (here / "out").iterdir()] == ["many"]
        assert _record(here / "out" / "many").input.dataset == 1
        assert "holds 3 images, this is dataset 1;" in capsys.readouterr().err

    @pytest.mark.usefixtures("three")
    def test_a_number_takes_another_to_a_folder_of_its_own(self, here) -> None:
        assert main(["find", "many.npy", "--out", "out", "--dataset", "2"]) == 0
        assert main(["find", "many.npy", "--out", "out"]) == 0
        folders = {p.name: _record(p).input.dataset for p in (here / "out").iterdir()}
        assert folders == {"many": 1, "many_dataset2": 2}

    @pytest.mark.usefixtures("three")
    def test_all_takes_all_and_one_failure_stops_no_other(self, here, capsys, monkeypatch) -> None:
        def only_pictures(image: Image, *args: object) -> Generator[Progress, None, Found]:
            if len(image.shape) > 2:
                raise BadImage("Spectra.")
            return (yield from _peaks(image, *args))

        monkeypatch.setattr(engine, "finding", only_pictures)
        assert main(["find", "many.npy", "--out", "out", "--dataset", "all"]) == 1
        assert sorted(p.name for p in (here / "out").iterdir()) == ["many", "many_dataset2"]
        assert "many.npy [0]: Spectra." in capsys.readouterr().err

    @pytest.mark.usefixtures("three")
    def test_a_number_beyond_the_last_is_refused_with_the_count(self, capsys) -> None:
        assert main(["find", "many.npy", "--out", "out", "--dataset", "3"]) == 1
        assert "holds 3 image(s)" in capsys.readouterr().err

    @pytest.mark.parametrize("text", ["-1", "first", "1.5"])
    def test_what_is_no_number_is_a_mistake_of_usage(self, text: str) -> None:
        assert main(["find", "x.npy", "--out", "out", f"--dataset={text}"]) == 2


class TestRecipe:
    @pytest.fixture
    def first(self, save, here) -> Path:
        save("scan.npy")
        line = ["--threshold", "0.8", "--pixel-size", "0.031"]
        assert main(["find", "scan.npy", "--out", "first", *line]) == 0
        return here / "first" / "scan" / "recipe.json"

    def test_the_same_recipe_gives_the_same_numbers_bit_for_bit(self, first: Path, here, capsys) -> None:
        capsys.readouterr()
        assert main(["find", "--recipe", str(first), "--out", "again"]) == 0
        assert _numbers(here / "again" / "scan") == _numbers(first.parent)
        before, after = _record(first.parent), _record(here / "again" / "scan")
        assert after.model_copy(update={"created": before.created}) == before
        assert "hash" not in capsys.readouterr().err

    def test_another_input_gets_the_steps_and_a_warning(self, first: Path, save, here, capsys) -> None:
        save("new.npy", 9)
        assert main(["find", "new.npy", "--recipe", str(first), "--out", "again"]) == 0
        assert _record(here / "again" / "new").steps == _record(first.parent).steps
        assert _record(here / "again" / "new").input.pixel_size_nm is None  # not that of the other image
        assert "the numbers will not be" in capsys.readouterr().err

    def test_the_pixel_size_of_the_line_is_recorded_as_given(self, first: Path) -> None:
        how = _record(first.parent).input.calibration
        assert how == Calibration(method="given", pixel_size_nm=(0.031, 0.031))

    def test_a_pixel_size_that_was_measured_in_the_window_is_used_and_recorded_again(
        self, first: Path, here, capsys
    ) -> None:
        how = Calibration(
            method="lattice", pixel_size_nm=(0.03, 0.02), known_nm=0.39, measured_px=19.5, time="today"
        )
        self._rewrite(first, how)
        assert main(["find", "--recipe", str(first), "--out", "again"]) == 0
        entry = _record(here / "again" / "scan").input
        assert (entry.pixel_size_nm, entry.calibration) == ((0.03, 0.02), how)
        table = pd.read_csv(here / "again" / "scan" / "atoms.csv")
        np.testing.assert_allclose(table["y_nm"], table["row_px"] * 0.03)
        np.testing.assert_allclose(table["x_nm"], table["col_px"] * 0.02)
        assert "pixel size 0.03 x 0.02 nm as in the recipe" in capsys.readouterr().err

    def test_a_calibration_that_was_taken_away_in_the_window_stays_away(
        self, first: Path, save, here, capsys
    ) -> None:
        how = Calibration(method="typed", pixel_size_nm=None, before_nm=(0.031, 0.031))
        self._rewrite(first, how)
        assert main(["find", "--recipe", str(first), "--out", "again"]) == 0
        entry = _record(here / "again" / "scan").input
        assert (entry.pixel_size_nm, entry.calibration) == (None, how)

    def test_the_pixel_size_of_the_line_wins_over_that_of_the_recipe(self, first: Path, here) -> None:
        line = ["find", "--recipe", str(first), "--out", "again", "--pixel-size", "0.5"]
        assert main(line) == 0
        entry = _record(here / "again" / "scan").input
        assert entry.pixel_size_nm == (0.5, 0.5)
        assert entry.calibration.method == "given"

    @staticmethod
    def _rewrite(recipe: Path, how: Calibration) -> None:
        record = _record(recipe.parent)
        changes = {"pixel_size_nm": how.pixel_size_nm, "calibration": how}
        changed = record.model_copy(update={"input": record.input.model_copy(update=changes)})
        recipe.write_text(changed.to_json(), encoding="utf-8")

    def test_an_input_that_changed_in_place_is_noticed(self, first: Path, save, capsys) -> None:
        save("scan.npy", 4)
        assert main(["find", "--recipe", str(first), "--out", "again"]) == 0
        assert "recorded on scan.npy" in capsys.readouterr().err

    def test_another_model_is_noticed(self, first: Path, capsys) -> None:
        text = first.read_text(encoding="utf-8").replace(MODEL, "b" * 64)
        first.write_text(text, encoding="utf-8")
        assert main(["find", "--recipe", str(first), "--out", "again"]) == 0
        said = capsys.readouterr().err
        assert "model atoms (sha256 bbbbbbbbbbbb...)" in said
        assert "(sha256 aaaaaaaaaaaa...)" in said

    def test_an_option_of_the_line_wins_and_is_said(self, first: Path, here, capsys) -> None:
        assert main(["find", "--recipe", str(first), "--out", "again", "--threshold", "0.6"]) == 0
        assert _record(here / "again" / "scan").step(FindAtoms) == FindAtoms(threshold=0.6)
        assert "threshold is 0.6 as on the command line, not 0.8" in capsys.readouterr().err

    def test_a_recipe_without_a_file_asks_for_one(self, here, capsys) -> None:
        main(["find", "--sample", "perovskite", "--out", "out"])
        recipe = str(here / "out" / "perovskite" / "recipe.json")
        assert main(["find", "--recipe", recipe, "--out", "again"]) == 1
        assert "pixels without a file" in capsys.readouterr().err
        assert main(["find", "--sample", "perovskite", "--recipe", recipe, "--out", "again"]) == 0
        assert _numbers(here / "again" / "perovskite") == _numbers(here / "out" / "perovskite")

    @pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"schema_version": 99}', b"\xff\xfe\x00"])
    def test_what_is_no_recipe_ends_with_a_sentence(self, here, capsys, content: bytes) -> None:
        (here / "r.json").write_bytes(content)
        assert main(["find", "--recipe", "r.json", "--out", "out"]) in (1, 2)
        said = capsys.readouterr().err
        assert said.startswith("napari-atomai: ")
        assert said.count("r.json") == 1
        assert "wrote" in said or "Update" in said
        assert "Traceback" not in said


class TestUsage:
    @pytest.mark.parametrize(
        ("line", "hint"),
        [
            ("find a.npy --out o --treshold 0.3", "Did you mean --threshold?"),
            ("find a.npy --uot o", "Did you mean --out?"),
            ("find a.npy --out o --pixelsize=1", "Did you mean --pixel-size?"),
            ("fnd a.npy", "Did you mean find?"),
            ("find a.npy --out o --refine gausian", "Did you mean gaussian?"),
            ("find --sample perovskit --out o", "Did you mean perovskite?"),
            ("doctor --jsn", "Did you mean --json?"),
            ("find a.npy", "--out DIR is missing"),
            ("find --out o", "nothing to do"),
            ("find a.npy --sample graphene --out o", "not both"),
            ("find a.npy --out o --threshold high", "invalid float value: 'high'"),
            ("find a.npy --out o --threshold 7", "'threshold' of 'Find atoms' is 7.0"),
            ("find a.npy --out o --threshold nan", "'threshold' of 'Find atoms' is nan"),
            ("find a.npy --out o --spacing -3", "'spacing' of 'Find atoms' is -3.0"),
            ("find a.npy --out o --model atom", "no model 'atom'. Did you mean 'atoms'?"),
            ("", "COMMAND"),
        ],
    )
    def test_a_mistake_is_answered_with_what_to_do_and_code_2(
        self, line: str, hint: str, capsys, here: Path
    ) -> None:
        assert main(line.split()) == 2
        said = capsys.readouterr()
        assert hint in said.err
        assert "Traceback" not in said.err
        assert said.out == ""
        assert list(here.iterdir()) == []

    @pytest.mark.parametrize("size", ["-1", "0", "nan", "inf", "1,2,3", "0.1,0", "small", ""])
    def test_an_impossible_pixel_size_is_refused_with_a_sentence(self, size: str, capsys) -> None:
        assert main(["find", "scan.npy", "--out", "out", "--pixel-size", size]) == 2
        assert f"a pixel size of {size!r} is not possible" in capsys.readouterr().err

    def test_a_pixel_size_may_differ_between_rows_and_columns(self, save, here) -> None:
        save("scan.npy")
        assert main(["find", "scan.npy", "--out", "out", "--pixel-size", "0.02,0.03"]) == 0
        assert _record(here / "out" / "scan").input.pixel_size_nm == (0.02, 0.03)

    @pytest.mark.parametrize("command", ["find", "open", "doctor"])
    def test_help_has_examples_of_every_command(self, command: str, capsys) -> None:
        assert main([command, "--help"]) == 0
        said = capsys.readouterr().out
        assert f"  napari-atomai {command}" in said
        assert "exit codes:" in said

    def test_the_words_of_the_line_are_those_of_the_recipes(self) -> None:
        assert get_args(FindAtoms.model_fields["contrast"].annotation) == parser.CONTRASTS
        assert get_args(RefineAtoms.model_fields["method"].annotation) == parser.METHODS
        assert tuple(sorted(SAMPLES)) == parser.SAMPLES

    def test_the_examples_of_find_run_as_they_are_printed(self, save, here, capsys) -> None:
        for name in ("scan.npy", "raw.npy", "abf.npy", "other.npy"):
            save(name, len(name))
        main(["find", "--help"])
        lines = re.findall(r"^  napari-atomai (find .*)$", capsys.readouterr().out, re.MULTILINE)
        assert len(lines) >= 6
        for line in lines:
            words = shlex.split(line.replace("*.ser", "raw.npy").replace(".dm4", ".npy"))
            assert main(words) == 0, line

    def test_help_and_version_are_instant_and_load_nothing_heavy(self) -> None:
        code = (
            "import sys, resource\nfrom napari_atomai.cli import main\n"
            "codes = main(['--version']), main(['find', '--help'])\n"
            "heavy = {'numpy', 'pydantic', 'matplotlib', 'torch', 'napari', 'qtpy', 'onnxruntime'}\n"
            "used = resource.getrusage(resource.RUSAGE_SELF)\n"
            "print(codes, sorted(heavy & set(sys.modules)), used.ru_utime + used.ru_stime < 0.3)"
        )
        said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert said.stdout.splitlines()[-1] == "(0, 0) [] True"

    def test_find_loads_neither_napari_nor_qt_nor_torch(self, here) -> None:
        code = (
            "import sys\nfrom napari_atomai.cli import main\n"
            "main(['find', 'gone.npy', '--out', 'out'])\n"
            "print(sorted({'napari', 'qtpy', 'PyQt6', 'torch'} & set(sys.modules)))"
        )
        said = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=here
        )
        assert "gone.npy" in said.stderr
        assert said.stdout.splitlines()[-1] == "[]"


class TestStop:
    def test_ctrl_c_leaves_whole_results_and_code_130(self, save, here, capsys, monkeypatch) -> None:
        closed = []

        def stopped(image: Image, *args: object) -> Generator[Progress, None, Found]:
            try:
                if image.name == "two":
                    yield Progress(1, 3)
                    raise KeyboardInterrupt
                return (yield from _peaks(image, *args))
            finally:
                closed.append(image.name)

        monkeypatch.setattr(engine, "finding", stopped)
        for seed, name in enumerate(("one", "two", "three")):
            save(f"{name}.npy", seed)
        assert main(["find", "one.npy", "two.npy", "three.npy", "--out", "out"]) == 130
        assert [p.name for p in (here / "out").iterdir()] == ["one"]
        assert closed == ["one", "two"]
        said = capsys.readouterr()
        assert "one.npy" in said.out
        assert "nothing is half written" in said.err

    def test_ctrl_c_while_writing_leaves_no_half_folder(self, save, here, monkeypatch) -> None:
        def stop(*_args: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("napari_atomai.files.export.write_xyz", stop)
        save("scan.npy")
        assert main(["find", "scan.npy", "--out", "out"]) == 130
        assert list((here / "out").iterdir()) == []

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to catch")
    @pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
    def test_a_signal_ends_the_process_with_130_and_leaves_nothing(self, sent: int, save, here) -> None:
        save("scan.npy")
        code = (
            "import sys, time\nfrom napari_atomai.data.progress import Progress\n"
            "from napari_atomai.workflow import find\n"
            "def slow(*_args):\n    sys.stderr.write('working\\n'); sys.stderr.flush()\n"
            "    while True:\n        time.sleep(0.05); yield Progress(1, 9)\n"
            "find.finding = slow\nfrom napari_atomai.cli import main\n"
            "sys.exit(main(['find', 'scan.npy', '--out', 'out']))"
        )
        command = [sys.executable, "-c", code]
        # A background job of a shell has Ctrl-C switched off, and hands that on to its children.
        listening = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        with subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, cwd=here, preexec_fn=listening
        ) as child:
            first = [child.stderr.readline() for _ in range(2)]
            assert "working\n" in first
            time.sleep(0.1)
            os.kill(child.pid, sent)
            assert "stopped" in child.communicate(timeout=20)[1]
        assert child.returncode == 130
        assert not (here / "out").exists()


class TestBar:
    class Terminal:
        def __init__(self) -> None:
            self.text = ""

        def isatty(self) -> bool:
            return True

        def write(self, text: str) -> None:
            self.text += text

        def flush(self) -> None:
            pass

    def test_on_a_terminal_it_shows_part_done_and_time_left(self, monkeypatch) -> None:
        clock = iter([0.0, 30.0, 30.01, 60.0])
        monkeypatch.setattr("napari_atomai.cli.bar.time.monotonic", lambda: next(clock))
        terminal = self.Terminal()
        bar = Bar("scan.dm4", terminal)
        bar.show(Progress(1, 4, "looking"))
        assert "25%" in terminal.text
        assert "1:30 left" in terminal.text
        assert "looking" in terminal.text
        before = terminal.text
        bar.show(Progress(1, 4, "too soon"))
        assert terminal.text == before
        bar.show(Progress(0, 0, "how long is not known"))
        assert "0%  how long" in terminal.text
        bar.clear()
        assert terminal.text.endswith("\r\x1b[K")

    def test_elsewhere_it_is_one_plain_line(self, save, capsys) -> None:
        save("scan.npy")
        main(["find", "scan.npy", "--out", "out"])
        said = capsys.readouterr().err
        assert said.splitlines()[0] == "scan.npy"
        assert "\x1b" not in said
        assert "%" not in said

    def test_a_long_name_does_not_break_the_line(self, monkeypatch) -> None:
        monkeypatch.setenv("COLUMNS", "80")
        terminal = self.Terminal()
        Bar("n" * 300, terminal).show(Progress(1, 2, "looking"))
        assert len(terminal.text) < 90


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a.tif", "b.tif"], ["a", "b"]),
        (["a.tif", "a.npy"], ["a_tif", "a_npy"]),
        (["x/a.tif", "y/a.tif"], ["x_a_tif", "y_a_tif"]),
        (["A.tif", "a.npy"], ["A_tif", "a_npy"]),
        (["p/x/a.tif", "q/x/a.tif"], ["x_a_tif", "x_a_tif_2"]),
        (["a.tif", "a.npy", "a_tif.npy"], ["a_tif", "a_npy", "a_tif_2"]),
        (["a.b.tif"], ["a.b"]),
    ],
)
def test_folder_names_differ_whatever_the_files_are_called(paths: list[str], names: list[str]) -> None:
    chosen = folder_names([Path(p) for p in paths])
    assert chosen == names
    assert len({name.casefold() for name in chosen}) == len(paths)


class TestOpen:
    def test_the_window_knows_the_samples_of_the_line(self) -> None:
        pytest.importorskip("napari")
        from napari_atomai.plugin import demo

        assert set(parser.SAMPLES) <= set(demo.SAMPLES)

    @pytest.fixture
    def opened(self, monkeypatch: pytest.MonkeyPatch) -> list[object]:
        import types

        calls: list[object] = []
        demo = types.ModuleType("napari_atomai.plugin.demo")
        demo.open_files = lambda paths: calls.append(list(paths))
        demo.show = calls.append
        monkeypatch.setitem(sys.modules, "napari_atomai.plugin.demo", demo)
        monkeypatch.setattr("napari_atomai.plugin.demo", demo, raising=False)
        monkeypatch.setenv("DISPLAY", ":99")
        return calls

    def test_files_and_samples_are_handed_to_the_window(self, opened: list[object], save) -> None:
        path = save("scan.npy")
        assert main(["open", str(path)]) == 0
        assert main(["open", "--sample", "graphene"]) == 0
        assert main(["open"]) == 0
        assert opened == [[path], "graphene", []]

    def test_a_missing_file_is_said_before_anything_is_loaded(self, opened: list[object], capsys) -> None:
        assert main(["open", "gone.dm4"]) == 1
        assert "Not there: gone.dm4" in capsys.readouterr().err
        assert opened == []

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a screen")
    def test_no_screen_is_said_with_what_to_do(self, capsys, monkeypatch) -> None:
        for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
            monkeypatch.delenv(name, raising=False)
        assert main(["open"]) == 1
        said = capsys.readouterr().err
        assert "There is no screen" in said
        assert "napari-atomai find" in said

    @pytest.mark.parametrize(("missing", "word"), [("napari", "napari is not"), ("PyQt", "No Qt binding")])
    def test_what_is_not_installed_is_said_with_the_command(
        self, missing: str, word: str, capsys, monkeypatch
    ) -> None:
        import importlib.util

        find_spec = importlib.util.find_spec
        gone = (missing, "PySide6") if missing == "PyQt" else (missing,)
        monkeypatch.setattr(
            importlib.util,
            "find_spec",
            lambda name, *a: None if name.startswith(gone) else find_spec(name, *a),
        )
        monkeypatch.setenv("DISPLAY", ":99")
        assert main(["open"]) == 1
        said = capsys.readouterr().err
        assert word in said
        assert 'pip install "napari-atomai[all]"' in said


def test_doctor_as_json_can_be_read(capsys, monkeypatch) -> None:
    from napari_atomai import doctor

    findings = [
        doctor.Finding("python", "ok", "3.11"),
        doctor.Finding("models", "fail", "gone", "Reinstall."),
    ]
    monkeypatch.setattr(doctor, "examine", lambda: findings)
    assert main(["doctor", "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["state"] == "fail"
    assert said["findings"][1] == {"name": "models", "state": "fail", "text": "gone", "remedy": "Reinstall."}
    assert main(["doctor", "--quiet"]) == 1
    assert "python" not in capsys.readouterr().out


def test_the_entry_point_is_the_function_that_is_tested() -> None:
    assert cli.main is main
    assert find_command.engine is engine


class TestPublishedSamples:
    def test_they_are_listed_with_size_and_licence_and_without_network(self, capsys) -> None:
        assert main(["samples"]) == 0
        lines = capsys.readouterr().out.splitlines()
        row = next(line for line in lines if line.startswith("stem_BaTiO3_1 "))
        assert "1.3 MB" in row
        assert "MIT" in row

    def test_one_is_worked_on_from_the_cache(
        self, here, monkeypatch: pytest.MonkeyPatch, shared_data: Path
    ) -> None:
        monkeypatch.setenv("NAPARI_ATOMAI_SAMPLES", str(here / "cache"))
        (here / "cache").mkdir()
        shutil.copy(shared_data / "stem_LLTO_512.tif", here / "cache")
        assert main(["find", "--sample", "stem_LLTO_512", "--out", "out"]) == 0
        assert (here / "out" / "stem_LLTO_512" / "atoms.csv").exists()

    def test_a_name_that_is_nearly_right_is_asked_about(self, capsys) -> None:
        assert main(["find", "--sample", "stem_BaTio3_1", "--out", "out"]) == 2
        assert "Did you mean stem_BaTiO3_1?\n" in capsys.readouterr().err
