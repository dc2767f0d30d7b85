"""The training loop: same seed, same bits; stopped and resumed bit for bit; the best weights are kept."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

from napari_atomai.data.progress import finish  # noqa: E402
from napari_atomai.errors import BadModel, BadOption, Diverged, TooLarge  # noqa: E402
from napari_atomai.trainers.checkpoint import load_state, save_state  # noqa: E402
from napari_atomai.trainers.loop import Trainer  # noqa: E402
from napari_atomai.trainers.options import TrainingOptions  # noqa: E402
from napari_atomai.trainers.task import Objective, Pairs  # noqa: E402
from tests.trainers.toy import loss, same, squares, tiny_net, trainer, weights  # noqa: E402

EVERYTHING: dict[str, Any] = {
    "perturb_weights": {"e_p": 3},
    "swa": True,
    "swa_start": 0.5,
    "lr_scheduler": "cosine",
}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def noisy(images: torch.Tensor, labels: torch.Tensor, random: torch.Generator) -> tuple[Any, Any]:
    return images + 0.1 * torch.randn(images.shape, generator=random), labels


def test_the_loss_falls_and_a_cycle_is_one_batch_or_all_images() -> None:
    seen = list(trainer(training_cycles=60).training())
    assert [progress.step for progress in seen] == list(range(1, 61))
    losses = [progress.losses["test_loss"] for progress in seen]
    assert np.mean(losses[-5:]) < 0.5 * losses[0]
    whole = list(trainer(training_cycles=3, full_epoch=True).training())
    assert len(whole) == 3 * 5
    assert sum(bool(progress.losses) for progress in whole) == 3


def test_the_same_seed_gives_the_same_bits_whatever_the_program_did_before() -> None:
    first = trainer(tiny_net(dropout=0.2), noisy, **EVERYTHING)
    finish(first.training())
    torch.randn(1000)
    torch.set_default_dtype(torch.float64)
    try:
        again = trainer(tiny_net(dropout=0.2), noisy, **EVERYTHING)
        finish(again.training())
    finally:
        torch.set_default_dtype(torch.float32)
    assert same(weights(first.net), weights(again.net))
    other = trainer(tiny_net(dropout=0.2), noisy, **EVERYTHING, seed=2)
    finish(other.training())
    assert not same(weights(first.net), weights(other.net))


def test_dropout_and_augmentation_leave_the_global_random_state_alone() -> None:
    before = torch.get_rng_state()
    finish(trainer(tiny_net(dropout=0.2), noisy, **EVERYTHING).training())
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("full_epoch", [False, True])
def test_a_run_that_was_stopped_and_resumed_ends_where_an_uninterrupted_one_does(
    tmp_path: Path, full_epoch: bool
) -> None:
    options = {**EVERYTHING, "full_epoch": full_epoch, "training_cycles": 12 if not full_epoch else 4}
    whole = trainer(tiny_net(dropout=0.2), noisy, **options)
    reference = finish(whole.training())
    part = trainer(tiny_net(dropout=0.2), noisy, **options)
    work = part.training()
    for _ in range(7):  # in the middle of a full epoch
        next(work)
    work.close()
    save_state(tmp_path / "run", part.state())
    resumed = trainer(tiny_net(seed=9, dropout=0.2), noisy, **options)
    resumed.resume(load_state(tmp_path / "run"))
    end = finish(resumed.training())
    assert same(weights(whole.net), weights(resumed.net))
    assert end.history == reference.history


def test_a_checkpoint_file_is_gone_on_with(tmp_path: Path) -> None:
    def run(net: Any, path: Path) -> Trainer:
        options = TrainingOptions.of({"training_cycles": 8, "batch_size": 4})
        data = squares(20), squares(6, seed=1)
        return Trainer(net, data, Objective(loss), options, checkpoint=path, every=2)

    whole = run(tiny_net(), tmp_path / "whole")
    finish(whole.training())
    work = run(tiny_net(), tmp_path / "part").training()
    for _ in range(5):
        next(work)
    work.close()
    assert load_state(tmp_path / "part")["step"] == 4
    again = run(tiny_net(seed=3), tmp_path / "part")
    finish(again.training())
    assert same(weights(whole.net), weights(again.net))


def test_the_net_ends_with_the_weights_of_the_lowest_test_loss() -> None:
    run = trainer(training_cycles=30, lr_scheduler=(0.02,) * 20 + (5.0,), batch_size=6)
    seen = []
    for progress in run.training():
        seen.append((progress.losses["test_loss"], weights(run.net)))
    best = min(range(30), key=lambda cycle: seen[cycle][0])
    assert best < 29  # else this test would say nothing
    assert same(weights(run.net), seen[best][1])


def test_closing_the_generator_keeps_the_best_so_far_and_so_does_an_error() -> None:
    run = trainer()
    work = run.training()
    losses, kept = [], []
    for _ in range(5):
        losses.append(next(work).losses["test_loss"])
        kept.append(weights(run.net))
    work.close()
    assert not run.net.training
    rounds = [np.mean(losses[max(i - 1, 0) : i + 1]) for i in range(5)]  # two batches hold all test images
    assert same(weights(run.net), kept[int(np.argmin(rounds))])


def test_a_stop_ends_the_run_after_the_batch_and_says_so() -> None:
    run = trainer(training_cycles=50)
    work = run.training()
    for _ in range(3):
        next(work)
    run.stop()
    trained = finish(work)
    assert trained.cycles == 3
    assert "Stopped after 3 of 50" in trained.notes[-1]


def test_early_stopping_ends_a_run_that_no_longer_gets_better() -> None:
    trained = finish(trainer(training_cycles=500, learning_rate=0.5, early_stopping=5).training())
    assert trained.cycles == trained.best_cycle + 5
    assert "5 cycles brought no better test loss" in trained.notes[-1]


def test_a_loss_that_is_not_a_number_stops_and_rolls_back() -> None:
    calls = 0

    def breaks(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return loss(logits, target) * (math.nan if logits.requires_grad and calls > 9 else 1)

    options = TrainingOptions.of({"training_cycles": 12, "batch_size": 4, "micro_batch": 4})
    run = Trainer(tiny_net(), (squares(20), squares(4, seed=1)), Objective(breaks), options)
    work = run.training()
    kept = [weights(run.net) for _, _ in zip(range(5), work, strict=False)]
    with pytest.raises(
        Diverged, match=r"cycle 6 the loss is nan.*weights of cycle \d.*smaller learning_rate"
    ):
        finish(work)
    assert any(same(weights(run.net), each) for each in kept)
    assert all(np.isfinite(each).all() for each in weights(run.net))


def test_full_memory_is_said_with_a_remedy() -> None:
    def full(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        if len(logits) > 1:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")
        return loss(logits, target)

    options = TrainingOptions.of({"batch_size": 4})
    run = Trainer(tiny_net(), (squares(8), squares(4)), Objective(full), options)
    with pytest.raises(TooLarge, match="micro_batch=2"):
        finish(run.training())


def test_parts_of_a_batch_give_the_gradient_of_the_whole_where_labels_are_missing_too() -> None:
    data = squares(8)
    data.targets[:3, :8] = -1

    def trained(micro: int) -> list[np.ndarray]:
        options = TrainingOptions.of({"training_cycles": 5, "batch_size": 8, "micro_batch": micro})
        run = Trainer(tiny_net(norm=False), (data, data), Objective(loss), options)
        finish(run.training())
        return weights(run.net)

    for whole, parts in zip(trained(8), trained(3), strict=True):
        np.testing.assert_allclose(parts, whole, atol=2e-6)


def test_a_small_memory_budget_makes_parts_and_says_so() -> None:
    run = trainer(memory_gb=3e-5)
    trained = finish(run.training())
    assert "parts of up to" in trained.notes[0]
    assert finish(trainer(memory_gb=1).training()).notes == ()


@pytest.mark.parametrize("full_epoch", [False, True])
def test_no_image_is_ever_dropped(full_epoch: bool) -> None:
    seen: list[int] = []
    numbers = np.arange(7, dtype=np.float32)[:, None, None, None] * np.ones((1, 1, 4, 4), np.float32)
    data = Pairs.of(numbers, np.zeros((7, 4, 4), np.int64))

    def watch(images: torch.Tensor, labels: torch.Tensor, random: torch.Generator) -> tuple[Any, Any]:
        seen.extend(images[:, 0, 0, 0].int().tolist())
        return images, labels

    options = TrainingOptions.of({"training_cycles": 7, "batch_size": 3, "full_epoch": full_epoch})
    finish(Trainer(tiny_net(), (data, data), Objective(loss, augment=watch), options).training())
    assert np.bincount(seen).tolist() == ([7] * 7 if full_epoch else [3] * 7)


def test_averaged_weights_are_the_mean_of_the_last_cycles_with_statistics_of_their_own() -> None:
    run = trainer(swa=True, swa_start=0.5)
    last = []
    work = run.training()
    while True:
        try:
            progress = next(work)
        except StopIteration as end:
            trained = end.value
            break
        if progress.step >= 7:
            last.append(weights(run.net)[0])
    assert trained.kept == "average"
    np.testing.assert_allclose(weights(run.net)[0], np.mean(last, axis=0), atol=1e-6)
    norm = run.net[1]
    hidden = run.net[0](squares(20).inputs)
    np.testing.assert_allclose(norm.running_mean.numpy(), hidden.mean((0, 2, 3)).detach().numpy(), atol=1e-5)


def test_a_run_that_is_made_longer_averages_its_own_last_part() -> None:
    options = {"swa": True, "swa_start": 0.5}
    whole = trainer(training_cycles=12, **options)
    finish(whole.training())
    first = trainer(training_cycles=6, **options)
    finish(first.training())
    longer = trainer(training_cycles=12, **options)
    longer.resume(first.state())
    finish(longer.training())
    assert same(weights(whole.net), weights(longer.net))


def test_mixed_precision_trains_weights_of_32_bits() -> None:
    run = trainer(training_cycles=40, precision="bf16")
    losses = [progress.losses["test_loss"] for progress in run.training()]
    assert losses[-1] < 0.6 * losses[0]
    assert all(value.dtype == torch.float32 for value in run.net.parameters())


def test_a_net_without_weights_is_refused() -> None:
    with pytest.raises(BadModel, match="no weights"):
        trainer(torch.nn.ReLU())


def test_averaging_works_in_a_run_of_one_cycle() -> None:
    assert finish(trainer(training_cycles=1, swa=True).training()).kept == "average"


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [0.02] * 4),
        ("cosine", [0.02, 0.02 * (0.5 + 0.25 * 2**0.5), 0.01, 0.02 * (0.5 - 0.25 * 2**0.5)]),
        ((0.1, 0.05), [0.1, 0.05, 0.05, 0.05]),
    ],
)
def test_the_learning_rate_follows_its_schedule(schedule: Any, expected: list[float]) -> None:
    run = trainer(training_cycles=4, lr_scheduler=schedule)
    rates = [run.state()["optimizer"]["param_groups"][0]["lr"] for _ in run.training()]
    np.testing.assert_allclose(rates, expected)


def test_one_cycle_rises_and_falls() -> None:
    run = trainer(training_cycles=20, lr_scheduler="onecycle")
    rates = [run.state()["optimizer"]["param_groups"][0]["lr"] for _ in run.training()]
    assert np.argmax(rates) == 5
    assert max(rates) == pytest.approx(0.02)
    assert rates[0] < 0.05 * max(rates)
    assert rates[-1] < 0.05 * max(rates)


def test_perturbation_is_weaker_later_and_leaves_statistics_alone() -> None:
    from napari_atomai.trainers.averaging import perturb
    from napari_atomai.trainers.options import Perturbation

    how = Perturbation(a=0.01, gamma=1.5, e_p=50)

    def change(cycle: int) -> float:
        net = torch.nn.Sequential(torch.nn.Linear(100, 100), torch.nn.BatchNorm1d(100))
        before = net[0].weight.detach().clone()
        perturb(net, how, cycle, torch.Generator().manual_seed(0))
        assert torch.equal(net[1].running_var, torch.ones(100))
        return float((net[0].weight.detach() - before).std())

    assert change(48) == 0
    assert change(49) == pytest.approx((0.01 / 50**1.5) ** 0.5, rel=0.05)
    assert change(199) == pytest.approx((0.01 / 200**1.5) ** 0.5, rel=0.05)


def test_losses_go_to_the_log_when_asked(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "napari_atomai"):
        finish(trainer(training_cycles=5, print_loss=2).training())
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "cycle 2 of 5",
        "cycle 4 of 5",
        "cycle 5 of 5",
    ]


def test_a_run_is_not_gone_on_with_otherwise_than_it_was_begun() -> None:
    run = trainer()
    finish(run.training())
    with pytest.raises(BadOption, match="begun with batch_size=4, and is to go on with 5"):
        trainer(batch_size=5).resume(run.state())
    others = Trainer(tiny_net(), (squares(20, seed=7), squares(6)), Objective(loss), run.options)
    with pytest.raises(
        BadOption, match="begun with 20 images, and is to go on with 20; they are not the same"
    ):
        others.resume(run.state())
    with pytest.raises(BadModel, match="not the state"):
        trainer().resume({"net": {}})
    other = trainer(torch.nn.Conv2d(1, 1, 1), training_cycles=20)
    other.resume(run.state())
    before = weights(other.net)
    with pytest.raises(BadModel, match="does not fit this net"):
        finish(other.training())
    assert same(before, weights(other.net))


def test_an_optimizer_of_ones_own_is_used() -> None:
    def make(parameters: Any) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=0.0)

    net = tiny_net(norm=False)
    before = weights(net)
    options = TrainingOptions.of({"training_cycles": 3, "batch_size": 4, "optimizer": "own"})
    finish(Trainer(net, (squares(8), squares(8)), Objective(loss), options, make_optimizer=make).training())
    assert same(before, weights(net))
