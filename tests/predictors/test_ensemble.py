"""An ensemble's mean and spread are those of its members, at the memory of one."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

import napari_atomai.predictors as predictors  # noqa: E402
from napari_atomai.errors import BadModel, BadOption  # noqa: E402
from napari_atomai.predictors.engines import BaseEngine, NetFacts  # noqa: E402
from napari_atomai.predictors.ensemble import EnsemblePredictor  # noqa: E402
from napari_atomai.predictors.segmentation import SegPredictor  # noqa: E402
from napari_atomai.predictors.uncertainty import entropy  # noqa: E402
from napari_atomai.prepare.scaling import Scaling  # noqa: E402
from tests.predictors.nets import lively, shared, small  # noqa: E402


class Constant(BaseEngine):
    """An engine that says the same of every pixel."""

    def __init__(self, *probabilities: float) -> None:
        super().__init__(NetFacts(1, len(probabilities), multiple=1, halo=0))
        self.said = np.array(probabilities, np.float32)[:, None, None]

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        return np.broadcast_to(self.said, (len(batch), len(self.said), *batch.shape[2:]))


def images(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape, np.float32)


def states(count: int, classes: int = 3) -> dict[int, dict[str, torch.Tensor]]:
    return {n: small("unet", classes, seed=n).state_dict() for n in range(count)}


def test_two_members_that_contradict_each_other_have_all_entropy_as_mutual_information() -> None:
    maps = EnsemblePredictor([Constant(1, 0), Constant(0, 1)]).predict_uncertainty(images(1, 4, 5))
    np.testing.assert_allclose(maps.mean, np.full((1, 4, 5, 2), 0.5), atol=1e-6)
    np.testing.assert_allclose(maps.standard_deviation, np.full((1, 4, 5, 2), 0.5), atol=1e-6)
    np.testing.assert_allclose(maps.predictive_entropy, np.full((1, 4, 5), np.log(2)), atol=1e-6)
    np.testing.assert_allclose(maps.mutual_information, np.full((1, 4, 5), np.log(2)), atol=1e-6)


def test_members_that_agree_on_not_knowing_have_no_mutual_information() -> None:
    maps = EnsemblePredictor([Constant(0.5, 0.5)] * 3).predict_uncertainty(images(1, 2, 2))
    np.testing.assert_allclose(maps.predictive_entropy, np.full((1, 2, 2), np.log(2)), atol=1e-6)
    np.testing.assert_allclose(maps.mutual_information, np.zeros((1, 2, 2)), atol=1e-6)
    np.testing.assert_allclose(maps.standard_deviation, np.zeros((1, 2, 2, 2)), atol=1e-6)


def test_three_members_against_numbers_worked_out_by_hand() -> None:
    said = np.array([0.9, 0.6, 0.3])
    maps = EnsemblePredictor([Constant(p) for p in said]).predict_uncertainty(images(1, 1, 1))
    total = -0.6 * np.log(0.6) - 0.4 * np.log(0.4)
    inside = np.mean(-said * np.log(said) - (1 - said) * np.log(1 - said))
    assert maps.mean.item() == pytest.approx(0.6, abs=1e-6)
    assert maps.standard_deviation.item() == pytest.approx(np.sqrt(0.06), abs=1e-6)
    assert maps.predictive_entropy.item() == pytest.approx(total, abs=1e-6)
    assert maps.mutual_information.item() == pytest.approx(total - inside, abs=1e-6)
    assert maps.members == 3


@pytest.mark.parametrize("tile", [0, 32])
@pytest.mark.parametrize("shape", [(2, 50, 43), (1, 3, 3)])
def test_mean_and_variance_are_those_of_the_members_alone(tile: int, shape: tuple[int, ...]) -> None:
    net, ensemble, stack = shared("unet"), states(3), images(*shape)
    alone = []
    for state in ensemble.values():
        member = small("unet")
        member.load_state_dict(state)
        alone.append(SegPredictor(member, engine="torch").predict(stack))
    mean, variance = EnsemblePredictor(net, ensemble, nb_classes=3, tile=tile).predict(stack)
    assert variance.max() > 0.01
    np.testing.assert_allclose(mean, np.mean(alone, axis=0), atol=1e-5)
    np.testing.assert_allclose(variance, np.var(alone, axis=0), atol=1e-5)


def test_members_can_be_nets_or_lists_of_weights_and_come_one_after_the_other() -> None:
    ensemble, stack = states(2), images(1, 24, 24)
    nets = [small("unet", seed=n) for n in range(2)]
    one = EnsemblePredictor(nets)
    other = EnsemblePredictor(shared("unet"), list(ensemble.values()))
    for a, b in zip(one.each(stack), other.each(stack), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    np.testing.assert_allclose(one.predict(stack)[0], other.predict(stack)[0], atol=1e-6)


def test_large_images_run_in_the_faster_engine_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    predictor, stack = EnsemblePredictor(shared("unet"), states(2)), images(1, 40, 40)
    slow = predictor.predict_uncertainty(stack)
    monkeypatch.setattr("napari_atomai.predictors.ensemble.EXPORTED_FROM", 1000)
    fast = predictor.predict_uncertainty(stack)
    np.testing.assert_allclose(fast.mean, slow.mean, atol=1e-5)
    np.testing.assert_allclose(fast.mutual_information, slow.mutual_information, atol=1e-5)


def test_the_net_that_is_given_keeps_its_weights_and_mode() -> None:
    net = lively(small("unet"), seed=9).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    random = torch.get_rng_state()
    EnsemblePredictor(net, states(2)).predict(images(1, 16, 16))
    assert net.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)


def test_a_temperature_is_applied_to_the_pooled_mean() -> None:
    members = [Constant(0.9), Constant(0.7)]  # mean 0.8, logit ln 4
    maps = EnsemblePredictor(members, temperature=2.0).predict_uncertainty(images(1, 1, 1))
    assert maps.mean.item() == pytest.approx(2 / 3, abs=1e-6)
    assert maps.predictive_entropy.item() == pytest.approx(entropy([2 / 3]).item(), abs=1e-6)
    plain = EnsemblePredictor(members).predict_uncertainty(images(1, 1, 1))
    assert maps.mutual_information == plain.mutual_information
    assert maps.standard_deviation == plain.standard_deviation


def test_progress_runs_over_all_members() -> None:
    steps = list(EnsemblePredictor([Constant(0.5)] * 3, tile=20).predicting(images(2, 40, 30)))
    assert [step.step for step in steps] == list(range(1, len(steps) + 1))
    assert steps[-1].step == steps[-1].of
    assert steps[-1].message == "member 3 of 3"


def test_one_member_is_at_work_at_a_time() -> None:
    order = []

    class Watched(Constant):
        def __call__(self, batch: np.ndarray) -> np.ndarray:
            order.append(id(self))
            return super().__call__(batch)

    members = [Watched(0.5), Watched(0.6)]
    EnsemblePredictor(members, tile=20).predict(images(1, 40, 40))
    half = len(order) // 2
    assert order == [id(members[0])] * half + [id(members[1])] * half


def test_an_ensemble_that_brings_its_scaling_is_used_with_it() -> None:
    class Trained(list):
        scaling = Scaling(kind="none")

    net, stack = shared("unet"), 3 * images(1, 16, 16)
    trained = Trained(states(2).values())
    asked = EnsemblePredictor(net, list(trained), scaling=Scaling(kind="none")).predict(stack)[0]
    np.testing.assert_array_equal(EnsemblePredictor(net, trained).predict(stack)[0], asked)
    assert np.abs(EnsemblePredictor(net, list(trained)).predict(stack)[0] - asked).max() > 0.01


def test_what_does_not_belong_together_is_refused() -> None:
    net = shared("unet")
    with pytest.raises(BadOption, match="no member"):
        EnsemblePredictor(net, {})
    with pytest.raises(BadModel, match="3 classes; 2"):
        EnsemblePredictor(net, states(1), nb_classes=2)
    with pytest.raises(BadModel, match="member 0"):
        EnsemblePredictor(net, {0: {"a": torch.zeros(1)}})
    with pytest.raises(BadModel, match="2 classes; 1"):
        EnsemblePredictor([Constant(0.5), Constant(0.5, 0.5)]).predict(images(1, 4, 4))
    with pytest.raises(BadOption, match="temperature"):
        EnsemblePredictor([net], temperature=0.0)


def test_the_papers_names_are_found_where_the_paper_looks() -> None:
    assert predictors.EnsemblePredictor is EnsemblePredictor
    assert predictors.SegPredictor is SegPredictor
    assert callable(predictors.ensemble_locate)
    with pytest.raises(AttributeError, match="Locator"):
        predictors.Locator  # noqa: B018
