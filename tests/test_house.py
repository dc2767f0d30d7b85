"""The house itself: light imports, safe files, a wheel that napari finds, docs that name what exists."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest
from npe2 import PluginManifest

import napari_atomai as aoi

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "napari_atomai"
MODULES = sorted(PACKAGE.rglob("*.py"))
PAGES = [
    REPOSITORY / "README.md",
    REPOSITORY / "CONTRIBUTING.md",
    *sorted((REPOSITORY / "docs").rglob("*.md")),
]
PYPROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
ASE_DOORS = ("cells", "export", "paper", "potentials", "relax", "run_inputs", "tersoff")
HEAVY = {"torch", "rsciio", "onnxruntime", "onnx", "matplotlib", "h5py", "dask", "ase", "networkx"}
SCREEN = {"napari", "magicgui", "qtpy", "superqt", "PyQt6", "PySide6", "vispy"}
NOT_OURS = {".venv", ".git", "site", "out", "build", "dist", ".mypy_cache", ".ruff_cache"}
BARE = {"Makefile", "LICENSE", "run", ".gitignore"}


def name_of(module: Path) -> str:
    return module.relative_to(REPOSITORY).as_posix()


def modules_after(statements: str) -> set[str]:
    """Top-level names in sys.modules after running statements in a fresh interpreter."""
    code = f"{statements}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return set(result.stdout.split())


def test_importing_the_package_brings_nothing_heavy_and_no_screen() -> None:
    loaded = modules_after("import napari_atomai")
    assert not loaded & (
        HEAVY | SCREEN | {"pydantic", "scipy", "tifffile", "safetensors", "importlib_metadata"}
    )


def test_a_public_name_of_a_part_is_never_the_module_it_lives_in() -> None:
    parts = [part for name in aoi.__all__ if isinstance(part := getattr(aoi, name), ModuleType)]
    assert len(parts) >= 8
    for _ in range(2):  # importing a module hides what its package names alike
        named = {
            part.__name__: [getattr(part, name) for name in getattr(part, "__all__", ())] for part in parts
        }
    assert not [found for held in named.values() for found in held if isinstance(found, ModuleType)]


def test_the_command_line_answers_help_without_loading_the_engine() -> None:
    loaded = modules_after("from napari_atomai.cli import main\nassert main(['find', '--help']) == 0")
    assert not loaded & (HEAVY | SCREEN | {"numpy", "pydantic"})


def test_napari_finds_the_manifest_of_the_installed_package() -> None:
    manifest = PluginManifest.from_distribution("napari-atomai")
    written = PluginManifest.from_file(REPOSITORY / "napari.yaml")
    assert manifest.contributions == written.contributions
    assert manifest.contributions.widgets
    assert manifest.contributions.readers
    assert manifest.contributions.sample_data


def test_everything_the_manifest_names_can_be_imported_without_heavy_libraries() -> None:
    commands = PluginManifest.from_file(REPOSITORY / "napari.yaml").contributions.commands or []
    names = [command.python_name for command in commands if command.python_name]
    assert names
    imports = "\n".join("from {} import {}".format(*str(name).split(":")) for name in names)
    heavy = HEAVY - {"dask"}  # napari itself brings dask
    assert not modules_after(imports) & heavy


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_every_module_says_what_it_is_for(module: Path) -> None:
    assert ast.get_docstring(ast.parse(module.read_text(encoding="utf-8")))


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_no_module_can_run_code_from_a_file(module: Path) -> None:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    assert not set(imported(tree)) & {"pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert isinstance(node.value, ast.Constant), ast.unparse(node)
            assert node.value.value is False, ast.unparse(node)
        if isinstance(node, ast.Attribute) and node.attr == "load":
            assert ast.unparse(node) != "torch.load", "weights are safetensors"


def imported(tree: ast.AST) -> Iterator[str]:
    """Top-level names of everything a module imports when it runs, at any depth."""
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for part in node.body
        for inner in ast.walk(part)
    }
    for node in ast.walk(tree):
        if node in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def requirement_names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=!~; ]", line)[0].lower() for line in requirements}


def test_the_engine_imports_only_what_its_dependencies_bring() -> None:
    base = requirement_names(PYPROJECT["project"]["dependencies"]) | {
        "rsciio",
        "mpl_toolkits",
        "PIL",
        "sklearn",
    }
    allowed = base | set(sys.stdlib_module_names) | {"napari_atomai", "torch"}
    engine = [module for module in MODULES if PACKAGE / "plugin" not in module.parents]
    strays = {
        (name_of(module), name)
        for module in engine
        for name in imported(ast.parse(module.read_text(encoding="utf-8")))
        if name not in allowed
    }
    by_design = {
        ("napari_atomai/cli/window.py", "napari"),  # the command that opens a window
        # Extras, each asked for behind one function that says how to install it.
        ("napari_atomai/simulate/structures.py", "ase"),
        *((f"napari_atomai/aseutils/{name}.py", "ase") for name in ASE_DOORS),
        ("napari_atomai/aseutils/potentials.py", "chgnet"),
        ("napari_atomai/graphx/networks.py", "networkx"),
        ("napari_atomai/simulate/multislice.py", "abtem"),
        ("napari_atomai/trainers/devices.py", "lightning_fabric"),
    }
    probes = {(module, name) for module, name in strays if "doctor" in module}  # it asks what is there
    assert strays - by_design - probes == set()


def test_every_dependency_is_pinned_in_the_constraints() -> None:
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.!]+", line) for line in pins)
    project = PYPROJECT["project"]
    wanted = requirement_names(project["dependencies"])
    large = {"sid", "openvino", "multislice"}  # hundreds of megabytes: not installed for the tests
    installed = [extra for name, extra in project["optional-dependencies"].items() if name not in large]
    wanted |= {name for extra in installed for name in requirement_names(extra)}
    pinned = {line.partition("==")[0].lower() for line in pins}
    assert wanted - {project["name"]} <= pinned


def test_base_dependencies_bring_no_screen_and_no_torch() -> None:
    base = requirement_names(PYPROJECT["project"]["dependencies"])
    assert not base & {name.lower() for name in SCREEN | {"torch", "hyperspy", "pyqt5", "pyside2"}}


def test_the_wheel_holds_the_manifest_the_types_and_the_weights(tmp_path: Path) -> None:
    from hatchling.builders.wheel import WheelBuilder

    wheel = next(iter(WheelBuilder(str(REPOSITORY)).build(directory=str(tmp_path), versions=["standard"])))
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        assert archive.read("napari_atomai/napari.yaml") == (REPOSITORY / "napari.yaml").read_bytes()
        entry_points = next(name for name in names if name.endswith("entry_points.txt"))
        assert "napari-atomai = napari_atomai:napari.yaml" in archive.read(entry_points).decode()
    assert len(names) == len(set(names))
    for kind in ("*.safetensors", "py.typed"):
        for path in PACKAGE.rglob(kind):
            assert name_of(path) in names
    assert not [name for name in names if name.endswith((".pyc", ".pt", ".pkl"))]


def test_the_version_is_the_same_wherever_it_is_told() -> None:
    import napari_atomai

    version = napari_atomai.__version__
    assert version == metadata.version("napari-atomai")
    assert f"## {version} " in (REPOSITORY / "CHANGELOG.md").read_text()


def text_files() -> list[Path]:
    top = [path for path in REPOSITORY.iterdir() if path.name not in NOT_OURS]
    found = [path for each in top for path in (each.rglob("*") if each.is_dir() else [each])]
    kinds = {".py", ".md", ".toml", ".txt", ".sh", ".yml", ".yaml", ".json"}
    return [path for path in found if path.is_file() and (path.suffix in kinds or path.name in BARE)]


def test_no_file_names_a_path_of_one_machine() -> None:
    private = re.compile(r"(?<![\w.:/<-])/(?:home|root|Users|work|opt|mnt)/\w")
    named = [
        f"{name_of(path)}: {line.strip()}"
        for path in text_files()
        for line in path.read_text(encoding="utf-8").splitlines()
        if private.search(line)
    ]
    assert named == []


def blocks(page: Path, language: str) -> list[str]:
    fenced = re.findall(rf"^( *)```{language}\n(.*?)^\1```", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    return ["\n".join(line.removeprefix(indent) for line in body.splitlines()) for indent, body in fenced]


def commands_in(page: Path, program: str) -> list[list[str]]:
    lines = (line for block in blocks(page, "sh") for line in block.splitlines())
    words = [shlex.split(line, comments=True) for line in lines if program in line]
    return [each[each.index(program) + 1 :] for each in words if program in each]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_in_the_docs_is_understood(page: Path) -> None:
    from napari_atomai.cli.parser import build_parser, parse

    for words in commands_in(page, "napari-atomai"):
        parse(build_parser(), words)
    targets = set(re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text(), flags=re.MULTILINE))
    assert {words[0] for words in commands_in(page, "make")} <= targets


def test_the_commands_of_the_tutorial_are_seen_by_the_test_above() -> None:
    assert len(commands_in(REPOSITORY / "docs/tutorial.md", "napari-atomai")) >= 4
    assert ["demo"] in commands_in(REPOSITORY / "README.md", "make")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_script_in_the_docs_is_python(page: Path) -> None:
    for block in blocks(page, "python"):
        ast.parse(block)


def test_links_in_the_readme_lead_somewhere() -> None:
    for page in (REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (REPOSITORY / target).exists(), f"{page.name}: {target}"
