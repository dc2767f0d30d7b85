"""Devices are chosen in one place, and two processes give what one gives."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

from napari_atomai.data.progress import finish  # noqa: E402
from napari_atomai.errors import BadOption, MissingExtra, UnknownOption  # noqa: E402
from napari_atomai.trainers.devices import choose_device  # noqa: E402
from tests.trainers.toy import trainer  # noqa: E402
from tests.trainers.two_processes import trained  # noqa: E402

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
HAS_FABRIC = importlib.util.find_spec("lightning_fabric") is not None


def test_auto_is_a_device_that_is_there() -> None:
    device = choose_device("auto")
    assert torch.ones(2, device=device).sum() == 2
    assert choose_device("cpu").type == "cpu"


def test_a_misspelt_device_and_one_that_is_not_there_are_refused() -> None:
    with pytest.raises(UnknownOption, match="Did you mean 'cuda'"):
        choose_device("cude")
    with pytest.raises(BadOption, match="this machine has"):
        choose_device("cuda:77")


@pytest.mark.skipif(HAS_FABRIC, reason="Lightning Fabric is installed")
def test_several_processes_without_fabric_say_what_to_install() -> None:
    with pytest.raises(MissingExtra, match=r"2 processes.*distributed"):
        finish(trainer(processes=2, device="cpu").training())


@pytest.mark.skipif(not HAS_FABRIC, reason="an extra: pip install 'napari-atomai[distributed]'")
@pytest.mark.timeout(300)  # two more interpreters that import torch
def test_two_processes_give_the_result_of_one(tmp_path: Path) -> None:
    script = Path(__file__).with_name("two_processes.py")
    environment = {**os.environ, "GLOO_SOCKET_IFNAME": "lo", "MASTER_ADDR": "127.0.0.1"}
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for norm in (False, True):
        one = trained(1, norm)
        first, second = (np.load(tmp_path / f"{norm}-{rank}.npz") for rank in (0, 1))
        for name in one:
            np.testing.assert_array_equal(first[name], second[name])
            # In one process the statistics of batch normalisation are updated part after part, in two they
            # are averaged: they differ a little, and with them the test loss and which weights are kept.
            if not norm or (name.startswith("last") and not name.endswith(STATISTICS)):
                np.testing.assert_allclose(first[name], one[name], atol=2e-6)
