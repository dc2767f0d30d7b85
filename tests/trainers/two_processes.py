"""Train toy nets in one or two processes: imported by test_devices, and run by it as a script."""

from __future__ import annotations

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    # Python puts this file's own folder first, not the repository's.
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import torch

from napari_atomai.data.progress import finish
from tests.trainers.toy import tiny_net, trainer


def trained(processes: int, norm: bool) -> dict[str, np.ndarray]:
    """Return the weights after the last cycle, those that are kept, and the losses."""
    torch.set_num_threads(1)
    run = trainer(
        tiny_net(norm=norm),
        processes=processes,
        device="cpu",
        micro_batch=2,
        full_epoch=True,
        training_cycles=4,
    )
    losses = finish(run.training()).history["test_loss"]
    last = {f"last {name}": value.numpy() for name, value in run.state()["net"].items()}
    kept = {f"kept {name}": value.numpy() for name, value in run.net.state_dict().items()}
    return {**last, **kept, "losses": np.array(losses)}


if __name__ == "__main__":
    # The second run goes on with the processes of the first.
    for norm in (False, True):
        results = trained(2, norm)
        np.savez(Path(sys.argv[1]) / f"{norm}-{os.environ.get('LOCAL_RANK', '0')}.npz", **results)
