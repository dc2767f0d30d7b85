"""Makes `attacks` reachable: with importlib mode, test folders are not packages."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def attacks() -> ModuleType:
    """The module that makes sample files and hostile ones."""
    spec = importlib.util.spec_from_file_location("attacks", Path(__file__).with_name("attacks.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
