"""Training from simulated images: resumes bit for bit, learns, leaves the global state alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

from napari_atomai.data.progress import finish  # noqa: E402
from napari_atomai.errors import BadModel  # noqa: E402
from napari_atomai.trainers.checkpoint import save_state  # noqa: E402
from napari_atomai.trainers.simulated import Plan, simulated_batch, training, turned, weighted_loss  # noqa: E402

PLAN = Plan(steps=6, batch=2, size=32, members=2, net_options={"filters": [4, 8], "bottleneck": [1]})


def weights(nets: list[torch.nn.Module]) -> list[np.ndarray]:
    return [tensor.numpy().copy() for net in nets for tensor in net.state_dict().values()]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def test_a_run_that_was_stopped_ends_where_an_uninterrupted_one_does(tmp_path: Path) -> None:
    whole = weights(finish(training(PLAN, workers=0)))
    work = training(PLAN, tmp_path / "run.ckpt", every=2, workers=0)
    for _ in range(4):
        next(work)
    work.close()
    resumed = weights(finish(training(PLAN, tmp_path / "run.ckpt", every=2, workers=0)))
    for one, other in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(one, other)


def test_members_start_from_weights_of_their_own_and_see_images_turned() -> None:
    one, other = finish(training(PLAN, workers=0))
    assert not torch.equal(one.stem.weight, other.stem.weight)
    batch = simulated_batch(PLAN, 0)
    seen = {tuple(part.numpy().tobytes() for part in turned(batch, i)) for i in range(8)}
    assert len(seen) == 8
    image, target, _ = turned(batch, 5)
    np.testing.assert_array_equal(image[0, 0], np.fliplr(np.rot90(batch[0][0, 0])))
    np.testing.assert_array_equal(target[0, 0], np.fliplr(np.rot90(batch[1][0, 0])))


def test_building_and_training_leave_the_global_random_state_alone() -> None:
    before = torch.get_rng_state()
    finish(training(PLAN, workers=0))
    assert torch.equal(before, torch.get_rng_state())


def test_another_seed_gives_other_images() -> None:
    first = simulated_batch(PLAN, 3)[0]
    assert torch.equal(first, simulated_batch(PLAN, 3)[0])
    assert not torch.equal(first, simulated_batch(Plan(batch=2, size=32, seed=1), 3)[0])


def test_pixels_of_weight_zero_do_not_count() -> None:
    target, weight = torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
    logits = torch.zeros(1, 1, 2, 2)
    weight[..., 0, 0], logits[..., 0, 0] = 0, 50
    assert weighted_loss(logits, target, weight) == pytest.approx(np.log(2))


def test_the_loss_falls() -> None:
    plan = Plan(
        steps=60, batch=4, size=48, learning_rate=2e-2, net_options={"filters": [8, 16], "bottleneck": [1]}
    )
    losses = [progress.losses["loss"] for progress in training(plan, workers=0)]
    assert np.mean(losses[-8:]) < 0.75 * np.mean(losses[:4])


def test_a_foreign_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.ckpt"
    save_state(path, {"net": {}})
    with pytest.raises(BadModel, match=r"other\.ckpt"):
        finish(training(PLAN, path, workers=0))
