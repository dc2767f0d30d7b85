"""bfloat16 only where the processor multiplies it: elsewhere torch imitates it, many times slower."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

from napari_atomai.trainers.precision import usual_mixing  # noqa: E402


@pytest.mark.parametrize(
    ("able", "expected"),
    [
        ({"avx512_bf16": True}, torch.bfloat16),
        ({"amx_bf16": True}, torch.bfloat16),
        ({"avx2": True, "avx512_bf16": False}, torch.float32),
        ({}, torch.float32),
    ],
)
def test_nets_run_in_16_bits_only_where_the_processor_has_them(
    able: dict[str, bool], expected: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able, raising=False)
    with usual_mixing():
        assert torch.nn.Conv2d(1, 1, 3)(torch.zeros(1, 1, 8, 8)).dtype == expected
