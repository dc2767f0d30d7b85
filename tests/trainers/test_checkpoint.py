"""A state comes back as it went, bit for bit, with its kinds of keys."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

from napari_atomai.errors import AtomAIError  # noqa: E402
from napari_atomai.trainers.checkpoint import load_state, save_state  # noqa: E402


def test_a_state_comes_back_with_its_numbers_and_its_kinds_of_keys(tmp_path: Path) -> None:
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
    optimiser = torch.optim.AdamW(net.parameters(), lr=0.1 + 0.2)
    net(torch.ones(1, 1, 5, 5)).sum().backward()
    optimiser.step()
    state = {"net": net.state_dict(), "optimiser": optimiser.state_dict(), "step": 7, "none": None}
    save_state(tmp_path / "a.ckpt", state)
    back = load_state(tmp_path / "a.ckpt")
    assert back["step"] == 7
    assert back["none"] is None
    assert back["optimiser"]["param_groups"][0]["lr"] == 0.1 + 0.2
    assert set(back["optimiser"]["state"]) == {0, 1, 2, 3}
    for name, tensor in net.state_dict().items():
        assert torch.equal(back["net"][name], tensor)
        assert back["net"][name].dtype == tensor.dtype


@pytest.mark.parametrize("content", [b"", b"not a checkpoint at all", b"\x80\x02}q\x00."])
def test_what_is_not_a_state_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.ckpt"
    path.write_bytes(content)
    with pytest.raises(AtomAIError, match=r"bad\.ckpt"):
        load_state(path)
