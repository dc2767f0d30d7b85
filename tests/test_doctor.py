"""The doctor: what is missing is found, a crash in a driver is survived, every complaint has a remedy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_atomai import doctor
from napari_atomai.data.card import ModelCard
from napari_atomai.doctor import Finding
from napari_atomai.files.weights import write_weights


def _child(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of bundled models, with one small model in it."""
    folder = tmp_path / "weights"
    folder.mkdir()
    monkeypatch.setattr(doctor.resources, "files", lambda _package: tmp_path)
    write_weights(folder / "atoms.safetensors", ModelCard(name="atoms", net="unet"), {"w": np.ones(9, "f4")})
    return folder


def test_this_machine_is_examined_and_every_complaint_has_a_remedy() -> None:
    findings = doctor.examine()
    named = {finding.name: finding for finding in findings}
    expected = "python libraries napari qt opengl onnxruntime torch memory cpu models readers"
    assert set(named) == set(expected.split())
    assert sys.executable in named["python"].text
    assert "CPUExecutionProvider" in named["onnxruntime"].text
    assert f"numpy {np.__version__}" in named["libraries"].text
    assert all(finding.remedy for finding in findings if finding.state != "ok")


def test_nothing_heavy_is_loaded_into_the_process_that_examines() -> None:
    code = (
        "import sys; from napari_atomai import doctor; doctor._child = lambda code: None\n"
        "doctor._answer = lambda child: ({}, 'not asked'); doctor.has_display = lambda: False\n"
        "doctor.examine(); print({'torch', 'napari', 'qtpy', 'onnxruntime'} & set(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "set()"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to die of")
def test_a_driver_that_kills_the_process_kills_only_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":99")
    finding = doctor._opengl(_child("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"))
    assert finding.state == "warn"
    assert "signal 11" in finding.text
    assert "LIBGL_ALWAYS_SOFTWARE=1" in finding.remedy


def test_a_child_that_fails_is_quoted_by_its_last_line() -> None:
    finding = doctor._opengl(_child("raise RuntimeError('could not load xcb')"))
    assert finding.text == "no OpenGL: RuntimeError: could not load xcb"


def test_a_child_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_CHILD_SECONDS", 0.2)
    child = _child("import time; time.sleep(60)")
    assert doctor._answer(child) == ({}, "no answer within 0.2 s")
    assert child.returncode is not None


def test_a_child_that_chatters_before_its_answer_is_understood() -> None:
    assert doctor._answer(_child("print('hello'); print('{\"version\": 1}')")) == ({"version": 1}, "")
    said, reason = doctor._answer(_child("print('nonsense')"))
    assert (said, reason) == ({}, "an answer that is not understood: nonsense")


def test_onnxruntime_that_does_not_start_is_a_failure() -> None:
    finding = doctor._runtime(_child("raise ImportError('DLL load failed')"))
    assert finding.state == "fail"
    assert "DLL load failed" in finding.text


def test_torch_tells_its_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_version", lambda _name: "2.10")
    answer = {"version": "2.10", "devices": ["CUDA H100, 70.0 GiB free"]}
    finding = doctor._torch(_child(f"print({json.dumps(json.dumps(answer))})"))
    assert finding == Finding("torch", "ok", "torch 2.10: CUDA H100, 70.0 GiB free")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a screen")
def test_no_screen_is_a_warning_not_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    finding = doctor._opengl(None)
    assert finding.state == "warn"
    assert "no screen" in finding.text
    assert "xvfb-run" in finding.remedy


def test_missing_libraries_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_version", lambda name: "" if name in ("scipy", "h5py") else "1.0")
    (finding,) = doctor._engine()
    assert (finding.state, finding.text) == ("fail", "missing: scipy, h5py")


@pytest.mark.parametrize(
    ("installed", "state", "text"),
    [
        ([], "warn", "no Qt binding: windows cannot open"),
        (["PyQt6"], "ok", "PyQt6 6.9"),
        (["PyQt6", "PySide6"], "warn", "several bindings: PyQt6 6.9, PySide6 6.9"),
    ],
)
def test_the_qt_binding_is_told(
    installed: list[str], state: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "qt_bindings", lambda: installed)
    monkeypatch.setattr(doctor, "_version", lambda _name: "6.9")
    finding = doctor._qt()
    assert (finding.state, finding.text) == (state, text)


def test_little_memory_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "free_memory", lambda: 2**30)
    assert doctor._memory().state == "warn"
    assert doctor._memory().text == "1.0 GiB free"


class TestModels:
    def test_a_whole_model_is_named_with_its_hash(self, bundled: Path) -> None:
        (finding,) = doctor._models()
        assert finding.state == "ok"
        assert finding.text.startswith("atoms, atoms.safetensors, sha256 ")

    def test_a_damaged_model_is_a_failure(self, bundled: Path) -> None:
        path = bundled / "atoms.safetensors"
        os.truncate(path, path.stat().st_size - 5)
        (finding,) = doctor._models()
        assert finding.state == "fail"
        assert "atoms.safetensors" in finding.text

    def test_a_model_other_than_the_installed_one_is_a_failure(
        self, bundled: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(doctor, "_shipped_sha256", lambda _name: "f" * 64)
        (finding,) = doctor._models()
        assert finding.state == "fail"
        assert "not ffffffffffff..." in finding.text

    def test_the_hash_that_the_installer_noted_is_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from importlib.metadata import FileHash, PackagePath

        noted = PackagePath("napari_atomai/weights/atoms.safetensors")
        # sha256 of no bytes, as pip writes it into RECORD: base64 without padding
        noted.hash = FileHash("sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU")
        monkeypatch.setattr(doctor.metadata, "files", lambda _name: [noted])
        empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        assert doctor._shipped_sha256("atoms.safetensors") == empty
        assert doctor._shipped_sha256("other.safetensors") == ""

    def test_no_model_at_all_is_a_failure(self, bundled: Path) -> None:
        (bundled / "atoms.safetensors").unlink()
        (finding,) = doctor._models()
        assert finding.state == "fail"
        assert "no bundled model" in finding.text


def test_the_text_puts_the_remedy_under_what_it_cures_and_ends_with_a_verdict() -> None:
    ok, warn = Finding("a", "ok", "fine"), Finding("b", "warn", "odd", "Do this.")
    lines = doctor.as_text([ok, warn]).splitlines()
    assert lines[0].split() == ["ok", "a", "fine"]
    assert lines[2].strip() == "-> Do this."
    assert lines[3].startswith("Atoms can be found here")
    assert doctor.as_text([ok]).splitlines()[-1] == "All is well."
    assert doctor.worst([warn, Finding("c", "fail", "")]) == "fail"
    assert doctor.worst([]) == "ok"
