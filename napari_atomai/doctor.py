"""Looks at an installation: what is there, what is missing, and what to do about it."""

from __future__ import annotations

import base64
import dataclasses
import importlib.util
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata, resources
from pathlib import Path
from typing import Any, Literal

from napari_atomai.errors import AtomAIError
from napari_atomai.files.guard import free_memory, in_words

State = Literal["ok", "warn", "fail"]

_OLDEST = (3, 11)
_LITTLE_MEMORY = 2 * 2**30
_CHILD_SECONDS = 60
_ENGINE = (
    "numpy", "scipy", "pydantic", "onnxruntime", "rosettasciio", "safetensors", "tifffile", "h5py", "dask",
    "matplotlib",
)  # fmt: skip
_AGAIN = "Run: pip install --force-reinstall napari-atomai"
_BINDINGS = ("PyQt6", "PySide6", "PyQt5")

# Run in a process of their own: a broken driver kills the process, and torch takes seconds to start.
_OPENGL = """
import json
from qtpy.QtGui import QGuiApplication, QOffscreenSurface, QOpenGLContext
app = QGuiApplication([])
surface = QOffscreenSurface()
surface.create()
context = QOpenGLContext()
assert context.create() and context.makeCurrent(surface), "no OpenGL context"
from OpenGL import GL
words = {n: GL.glGetString(getattr(GL, n)).decode() for n in ("GL_VERSION", "GL_RENDERER")}
print(json.dumps(words | {"platform": app.platformName()}))
"""
_TORCH = """
import json, torch
mps = getattr(torch.backends, "mps", None)
devices = [f"CUDA {torch.cuda.get_device_name(i)}, {torch.cuda.mem_get_info(i)[0] / 2**30:.1f} GiB free"
           for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
devices += ["Apple MPS"] if mps is not None and mps.is_available() else []
print(json.dumps({"version": torch.__version__, "devices": devices}))
"""
_PROVIDERS = """
import json, onnxruntime
print(json.dumps({"version": onnxruntime.__version__, "providers": onnxruntime.get_available_providers()}))
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Parameters
    ----------
    name : str
        What was looked at.
    state : {"ok", "warn", "fail"}
        warn: something does not work that not everyone needs; fail: atoms cannot be found here.
    text : str
        What was seen.
    remedy : str
        What to do about it; empty when nothing needs doing.
    """

    name: str
    state: State
    text: str
    remedy: str = ""


def examine() -> list[Finding]:
    """Look at Python, Qt, OpenGL, torch, ONNX Runtime, memory, models and readers.

    Nothing heavy is imported into this process; what may crash or is slow runs in child processes.

    Returns
    -------
    list of Finding
    """
    children = {name: _child(code) for name, code in (("torch", _TORCH), ("onnx", _PROVIDERS))}
    gl = _child(_OPENGL) if has_display() and qt_bindings() else None
    return [
        _python(),
        *_engine(),
        _napari(),
        _qt(),
        _opengl(gl),
        _runtime(children["onnx"]),
        _torch(children["torch"]),
        _memory(),
        _threads(),
        *_models(),
        _readers(),
    ]


def has_display() -> bool:
    """Whether there is a screen that a window can be shown on."""
    if sys.platform != "linux":
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))


def qt_bindings() -> list[str]:
    """Return the Qt bindings that are installed; none of them is imported."""
    return [name for name in _BINDINGS if importlib.util.find_spec(name) is not None]


def _python() -> Finding:
    text = f"Python {platform.python_version()} on {platform.platform()}, {sys.executable}"
    if sys.version_info[:2] < _OLDEST:
        return Finding("python", "fail", text, "Install Python 3.11 or newer.")
    return Finding("python", "ok", text)


def _engine() -> list[Finding]:
    versions = {name: _version(name) for name in _ENGINE}
    missing = [name for name, version in versions.items() if not version]
    text = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    if missing:
        return [Finding("libraries", "fail", f"missing: {', '.join(missing)}", _AGAIN)]
    return [Finding("libraries", "ok", f"napari-atomai {_version('napari-atomai') or '?'}; {text}")]


def _napari() -> Finding:
    version = _version("napari")
    if not version:
        return Finding(
            "napari",
            "warn",
            "not installed: `find` works, `open` does not",
            'Run: pip install "napari-atomai[all]"',
        )
    return Finding("napari", "ok", f"napari {version}")


def _qt() -> Finding:
    found = [f"{name} {_version(name)}" for name in qt_bindings()]
    if not found:
        return Finding(
            "qt", "warn", "no Qt binding: windows cannot open", 'Run: pip install "napari-atomai[all]"'
        )
    if len(found) > 1:
        return Finding(
            "qt",
            "warn",
            f"several bindings: {', '.join(found)}",
            "Keep one of them: they disturb each other when both are loaded. Or set QT_API=pyqt6.",
        )
    return Finding("qt", "ok", found[0])


def _opengl(child: subprocess.Popen[str] | None) -> Finding:
    if child is None and not has_display():
        return Finding(
            "opengl",
            "warn",
            "no screen here (DISPLAY and WAYLAND_DISPLAY are empty): `find` works, `open` does not",
            "Log in at the desktop, use `ssh -X` or a remote desktop, or put `xvfb-run` before the command.",
        )
    if child is None:
        return Finding("opengl", "warn", "not tried: there is no Qt binding")
    said, error = _answer(child)
    if not said:
        return Finding(
            "opengl",
            "warn",
            f"no OpenGL: {error}",
            "Update the graphics driver; over a remote desktop or without a graphics card set "
            "LIBGL_ALWAYS_SOFTWARE=1 (Linux: apt install libgl1-mesa-dri libegl1 libxcb-cursor0; "
            "Wayland: QT_QPA_PLATFORM=xcb).",
        )
    return Finding("opengl", "ok", f"OpenGL {said['GL_VERSION']}, {said['GL_RENDERER']}, {said['platform']}")


def _runtime(child: subprocess.Popen[str]) -> Finding:
    said, error = _answer(child)
    if not said:
        remedy = "Run: pip install --force-reinstall onnxruntime (Windows: install the Visual C++ runtime)."
        return Finding("onnxruntime", "fail", f"does not start: {error}", remedy)
    return Finding("onnxruntime", "ok", f"ONNX Runtime {said['version']}: {', '.join(said['providers'])}")


def _torch(child: subprocess.Popen[str]) -> Finding:
    said, error = _answer(child)
    if not _version("torch"):
        return Finding(
            "torch",
            "warn",
            "not installed: bundled models work, training does not",
            'Run: pip install "napari-atomai[train]"',
        )
    if not said:
        remedy = "Install it anew, as pytorch.org says for your machine."
        return Finding("torch", "warn", f"does not start: {error}", remedy)
    devices = ", ".join(said["devices"]) or "no GPU that it can use: training runs on the CPU"
    return Finding("torch", "ok", f"torch {said['version']}: {devices}")


def _memory() -> Finding:
    free = free_memory()
    text = f"{in_words(free)} free"
    if free < _LITTLE_MEMORY:
        return Finding("memory", "warn", text, "Close other programs: a 4096 x 4096 image needs up to 2 GiB.")
    return Finding("memory", "ok", text)


def _threads() -> Finding:
    affinity = getattr(os, "sched_getaffinity", None)
    usable = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    return Finding("cpu", "ok", f"{usable} thread(s) usable of {os.cpu_count()}, {platform.machine()}")


def _models() -> list[Finding]:
    folder = Path(str(resources.files("napari_atomai") / "weights"))
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        return [Finding("models", "fail", f"no bundled model in {folder}", _AGAIN)]
    return [_model(path) for path in files]


def _model(path: Path) -> Finding:
    from napari_atomai.files.weights import read_weights

    try:
        weights = read_weights(path)
    except AtomAIError as error:
        return Finding("models", "fail", f"{path.name}: {error}", _AGAIN)
    shipped = _shipped_sha256(path.name)
    if shipped not in ("", weights.sha256):
        text = f"{path.name} is not the file that was installed: sha256 {weights.sha256[:12]}..."
        return Finding("models", "fail", f"{text}, not {shipped[:12]}...", _AGAIN)
    return Finding("models", "ok", f"{weights.card.name}, {path.name}, sha256 {weights.sha256[:12]}...")


def _shipped_sha256(name: str) -> str:
    """Hash that the installer noted for a bundled model; nothing in an editable installation."""
    try:
        files = metadata.files("napari-atomai") or []
    except metadata.PackageNotFoundError:
        return ""
    noted = next((f.hash for f in files if f.name == name and f.hash is not None), None)
    if noted is None or noted.mode != "sha256":
        return ""
    return base64.urlsafe_b64decode(noted.value + "=" * (-len(noted.value) % 4)).hex()


def _readers() -> Finding:
    versions = [f"{name} {_version(name)}" for name in ("rosettasciio", "hyperspy") if _version(name)]
    if not versions:
        return Finding("readers", "fail", "rosettasciio is missing", _AGAIN)
    return Finding("readers", "ok", ", ".join(versions))


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _child(code: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code]  # the texts above, nothing from outside
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603


def _answer(child: subprocess.Popen[str]) -> tuple[dict[str, Any], str]:
    """Return what a child said as JSON, or nothing and the reason in words."""
    try:
        said, complaint = child.communicate(timeout=_CHILD_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        return {}, f"no answer within {_CHILD_SECONDS} s"
    if child.returncode < 0:
        return {}, f"the trial ended with signal {-child.returncode}"
    if child.returncode:
        return {}, (complaint.strip().splitlines() or ["no reason given"])[-1]
    last = (said.strip().splitlines() or ["nothing"])[-1]
    try:
        answer: dict[str, Any] = json.loads(last)
    except json.JSONDecodeError:
        return {}, f"an answer that is not understood: {last[:200]}"
    return answer, ""


def worst(findings: Sequence[Finding]) -> State:
    """Return the gravest state among the findings."""
    order: tuple[State, ...] = ("fail", "warn", "ok")
    return next((state for state in order if any(f.state == state for f in findings)), "ok")


def as_text(findings: Sequence[Finding]) -> str:
    """Return the findings as lines for a person, remedies under what they cure."""
    lines = []
    for finding in findings:
        lines.append(f"{finding.state:5} {finding.name:12} {finding.text}")
        lines += [f"{'':18} -> {finding.remedy}"] if finding.remedy else []
    verdict = {
        "ok": "All is well.",
        "warn": "Atoms can be found here; see the warnings for what does not work.",
        "fail": "Atoms cannot be found here before the failures are mended.",
    }[worst(findings)]
    return "\n".join([*lines, verdict, ""])


def as_json(findings: Sequence[Finding]) -> str:
    """Return the findings as JSON."""
    content = {"state": worst(findings), "findings": [dataclasses.asdict(f) for f in findings]}
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
