"""Ensembles: three strategies, members that differ, saved and opened, the same bits for the same seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

from napari_atomai.errors import BadModel, BadOption  # noqa: E402
from napari_atomai.files.weights import read_weights  # noqa: E402
from napari_atomai.predictors.ensemble import EnsemblePredictor  # noqa: E402
from napari_atomai.trainers.ensemble import Ensemble, EnsembleTrainer  # noqa: E402
from napari_atomai.trainers.members import member_seed  # noqa: E402
from napari_atomai.trainers.segmentation import Labelled  # noqa: E402
from tests.trainers.toy import squares  # noqa: E402

SMALL = {"filters": [4, 8], "bottleneck": [1]}
WORDS: dict[str, Any] = {"training_cycles": 6, "batch_size": 4, "learning_rate": 0.01}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def data(images: int = 12) -> tuple[np.ndarray, np.ndarray]:
    pairs = squares(images)
    return pairs.inputs[:, 0].numpy(), pairs.targets.numpy()


def trainer(model: Any = "Unet") -> EnsembleTrainer:
    options = SMALL if isinstance(model, str) else None
    return EnsembleTrainer(model, nb_classes=1, net_options=options)


def differ(ensemble: Ensemble) -> bool:
    name = next(iter(ensemble[0]))
    return len({member[name].numpy().tobytes() for member in ensemble}) == len(ensemble)


@pytest.mark.parametrize("strategy", ["scratch", "baseline", "swag"])
def test_members_differ_predict_and_come_back_from_their_file(tmp_path: Path, strategy: str) -> None:
    made = trainer()
    made.compile_ensemble_trainer(**WORDS)
    if strategy == "swag":
        net, ensemble = made.train_swag(*data(), n_models=3)
    elif strategy == "scratch":
        net, ensemble = made.train_ensemble_from_scratch(*data(), n_models=3)
    else:
        net, ensemble = made.train_ensemble_from_baseline(*data(), n_models=3, training_cycles_ensemble=2)
    assert len(ensemble) == 3
    assert differ(ensemble)
    mean, variance = EnsemblePredictor(net, ensemble, nb_classes=1).predict(data(2)[0])
    assert mean.shape == (2, 16, 16, 1)
    assert variance.max() > 0
    path = ensemble.save_model(tmp_path / "several")
    back = Ensemble.of_weights(read_weights(path))
    for one, other in zip(ensemble, back, strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)
    again = EnsemblePredictor(back.net, back, scaling=back.scaling).predict(data(2)[0])
    np.testing.assert_array_equal(again[0], mean)


def test_the_same_seed_gives_the_same_members_and_work_leaves_the_global_state_alone() -> None:
    before = torch.get_rng_state()
    first = trainer().train_ensemble_from_scratch(*data(), n_models=2, **WORDS)[1]
    again = trainer().train_ensemble_from_scratch(*data(), n_models=2, **WORDS)[1]
    assert all(torch.equal(first[1][name], again[1][name]) for name in first[1])
    assert torch.equal(before, torch.get_rng_state())


def test_members_of_a_baseline_stay_near_it_and_those_from_scratch_do_not() -> None:
    made = trainer()
    net, near = made.train_ensemble_from_baseline(
        *data(), n_models=2, training_cycles_ensemble=1, **{**WORDS, "learning_rate": 1e-4}
    )
    far = trainer().train_ensemble_from_scratch(*data(), n_models=2, **{**WORDS, "learning_rate": 1e-4})[1]
    base = net.state_dict()["stem.weight"]

    def distance(ensemble: Ensemble) -> float:
        return min(float((member["stem.weight"] - base).abs().max()) for member in ensemble)

    assert distance(near) < 0.01 < distance(far)


def test_a_net_that_was_trained_before_is_a_baseline() -> None:
    made = trainer()
    start = trainer().base.fresh_net(77)
    net, _ = made.train_ensemble_from_baseline(
        *data(), n_models=1, basemodel=start, training_cycles_ensemble=1, **WORDS
    )
    assert torch.equal(net.state_dict()["stem.weight"], start.state_dict()["stem.weight"])


def test_the_net_of_swag_has_the_mean_weights_and_batch_statistics_of_its_own() -> None:
    made = trainer()
    seen = []
    work = made.training_swag(Labelled(*data()), 2, **WORDS, swa_start=0.5)
    for progress in work:
        if progress.losses and progress.step >= 4:
            seen.append(made.base.net.state_dict()["stem.weight"].clone())
    state = made.base.net.state_dict()
    assert torch.allclose(state["stem.weight"], torch.stack(seen).mean(0), atol=1e-6)
    images = made.base.pairs(Labelled(*data()), 4)[0].inputs
    with torch.no_grad():
        hidden = made.base.net.stem(images)
    assert torch.allclose(state["stem_norm.running_mean"], hidden.mean((0, 2, 3)), atol=5e-3)


def test_a_net_of_ones_own_makes_an_ensemble_and_says_what_saving_needs(tmp_path: Path) -> None:
    own = torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3, padding=1), torch.nn.Conv2d(3, 1, 1))
    _, ensemble = trainer(own).train_ensemble_from_scratch(*data(), n_models=2, **WORDS)
    assert differ(ensemble)
    with pytest.raises(BadModel, match="register"):
        ensemble.save_model(tmp_path / "own")


def test_progress_counts_all_members_and_what_is_done_stays() -> None:
    made = trainer()
    work = made.training_from_scratch(Labelled(*data()), 3, **WORDS)
    seen = [next(work) for _ in range(13)]
    work.close()
    assert [progress.step for progress in seen] == list(range(1, 14))
    assert {progress.of for progress in seen} == {18}
    assert "model 3 of 3" in seen[-1].message
    assert len(made.members) == 2


def test_what_makes_no_ensemble_is_refused() -> None:
    with pytest.raises(BadOption, match="n_models is 0"):
        trainer().train_ensemble_from_scratch(*data(), n_models=0, **WORDS)
    with pytest.raises(BadOption, match="weights of 1 of 1 cycles"):
        trainer().train_swag(*data(), n_models=2, **{**WORDS, "training_cycles": 1})
    with pytest.raises(BadOption, match="at least one member"):
        Ensemble(torch.nn.Conv2d(1, 1, 1), [])


def test_no_two_members_share_a_seed() -> None:
    assert len({member_seed(seed, index) for seed in range(5) for index in range(50)}) == 250
