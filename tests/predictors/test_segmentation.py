"""Prediction: tiles give what the whole image gives, whatever the size, and nothing is left behind."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

from napari_atomai.errors import BadImage, BadOption, TooLarge, UnknownOption  # noqa: E402
from napari_atomai.predictors.segmentation import SegPredictor  # noqa: E402
from napari_atomai.prepare.scaling import Scaling  # noqa: E402
from tests.predictors.fakes import Fake  # noqa: E402
from tests.predictors.nets import SMALL, Blur, lively, shared, small  # noqa: E402

AS_IT_IS = Scaling(kind="none")
SHAPES = [(1, 3, 3), (2, 64, 64), (1, 250, 243), (1, 1, 300), (3, 33, 8)]


def images(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape, np.float32)


def probabilities(net: torch.nn.Module, scaled: np.ndarray) -> np.ndarray:
    """What torch gives for images (n, y, x) or (n, y, x, c) that are mirrored all around."""
    rows, columns = scaled.shape[1:3]
    far = min(32, min(rows, columns) // 4) // net.multiple * net.multiple
    around = [(0, 0), (far, far + -rows % 8), (far, far + -columns % 8), *[(0, 0)] * (scaled.ndim - 3)]
    wide = torch.from_numpy(np.pad(scaled, around, mode="symmetric"))
    with torch.no_grad():
        out = net.eval()(wide[:, None] if wide.ndim == 3 else wide.permute(0, 3, 1, 2))
    out = torch.sigmoid(out) if out.shape[1] == 1 else torch.softmax(out, 1)
    return out.numpy().transpose(0, 2, 3, 1)[:, far : far + rows, far : far + columns]


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("classes", [1, 2, 3])
def test_a_prediction_is_what_the_net_gives_for_the_scaled_image(name: str, classes: int) -> None:
    net, stack = shared(name, classes), 100 + 50 * images(2, 64, 48)
    expected = probabilities(net, Scaling().apply(stack))
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(SegPredictor(net).predict(stack), expected, atol=1e-5)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("engine", ["onnx", "torch"])
def test_tiles_give_what_the_whole_image_gives(name: str, shape: tuple[int, ...], engine: str) -> None:
    net, stack = shared(name), images(*shape)
    whole = SegPredictor(net, engine=engine).predict(stack)
    assert whole.shape == (*shape, 3)
    np.testing.assert_allclose(SegPredictor(net, tile=40, engine=engine).predict(stack), whole, atol=1e-5)
    np.testing.assert_allclose(
        SegPredictor(net, memory_budget=4_000_000, engine=engine).predict(stack), whole, atol=1e-5
    )


def test_a_size_the_net_does_not_take_is_mirrored_and_cropped_back() -> None:
    net, stack = shared("unet"), images(1, 21, 30)
    expected = probabilities(net, Scaling().apply(stack))
    np.testing.assert_allclose(SegPredictor(net).predict(stack), expected, atol=1e-5)


def test_what_is_mirrored_makes_no_atoms() -> None:
    # A net that says "atom" where it is bright; the image has an offset, and a spot far from the border.
    net = Blur(reach=1, classes=1)
    with torch.no_grad():
        net.conv.weight.fill_(100 / 9)
        net.conv.bias.fill_(-50.0)
    stack = np.full((1, 250, 243), 1000.0)
    stack[0, 100:110, 100:110] = 1200
    seen = SegPredictor(net, channels=1, scaling=Scaling(kind="minmax")).predict(stack)[0, ..., 0] > 0.5
    assert seen[101:109, 101:109].all()
    assert not seen[:99].any()
    assert not seen[111:].any()


def test_a_frame_gives_the_same_alone_and_in_a_stack() -> None:
    net, stack = shared("unet"), images(5, 40, 32)
    stack[2] *= 1000
    together = SegPredictor(net).predict(stack)
    for number, frame in enumerate(stack):
        np.testing.assert_allclose(SegPredictor(net).predict(frame)[0], together[number], atol=1e-6)


def test_shifting_the_image_shifts_the_prediction() -> None:
    net, wide = shared("unet"), images(1, 320, 320)
    predictor = SegPredictor(net, scaling=AS_IT_IS)
    one, other = predictor.predict(wide[:, :-16, :-8]), predictor.predict(wide[:, 16:, 8:])
    halo = predictor.engine.halo
    np.testing.assert_allclose(
        other[:, halo : -halo - 16, halo : -halo - 8],
        one[:, halo + 16 : -halo, halo + 8 : -halo],
        atol=1e-5,
    )


def test_several_channels_come_last() -> None:
    net, stack = small("unet", channels=2), images(1, 24, 16, 2)
    expected = probabilities(net, Scaling().apply(stack))
    np.testing.assert_allclose(SegPredictor(net).predict(stack), expected, atol=1e-5)


def test_a_net_trained_on_is_used_as_it_is_now() -> None:
    net, stack = small("unet"), images(1, 32, 32)
    predictor = SegPredictor(net)
    before = predictor.predict(stack)
    lively(net, seed=5)
    after = predictor.predict(stack)
    assert np.abs(after - before).max() > 0.01
    np.testing.assert_allclose(after, probabilities(net, Scaling().apply(stack)), atol=1e-5)


@pytest.mark.parametrize("engine", ["onnx", "torch"])
def test_predicting_leaves_nothing_behind(engine: str) -> None:
    net = small("unet").train()
    net.down[0].eval()
    modes = [part.training for part in net.modules()]
    state = {name: value.clone() for name, value in net.state_dict().items()}
    random, dtype, threads = torch.get_rng_state(), torch.get_default_dtype(), torch.get_num_threads()
    SegPredictor(net, engine=engine).predict(images(1, 40, 40))
    assert [part.training for part in net.modules()] == modes
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in net.modules())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in net.parameters())
    assert all(parameter.is_contiguous() for parameter in net.parameters())
    assert torch.equal(torch.get_rng_state(), random)
    assert (torch.get_default_dtype(), torch.get_num_threads()) == (dtype, threads)
    assert torch.is_grad_enabled()


def test_progress_counts_the_tiles_to_the_end() -> None:
    steps = list(SegPredictor(Fake(), tile=32).predicting(images(2, 64, 40)))
    assert [(step.step, step.of) for step in steps] == [(n, 8) for n in range(1, 9)]


@pytest.mark.parametrize("error", [MemoryError, RuntimeError, torch.cuda.OutOfMemoryError])
@pytest.mark.parametrize("shape", [(9, 24, 20), (1, 130, 90)])
def test_where_memory_does_not_do_the_work_is_halved(error: type[Exception], shape: tuple[int, ...]) -> None:
    stack, engine = images(*shape), Fake(room=1500, error=error)
    result = SegPredictor(engine, scaling=AS_IT_IS).predict(stack)
    np.testing.assert_array_equal(result[..., 0], stack)
    failures = sum(np.prod(one) > engine.room for one in engine.shapes)
    assert 1 <= failures <= 5  # what failed once is not tried again at that size
    assert engine.rested > failures


def test_progress_counts_also_tiles_that_were_halved() -> None:
    steps = list(SegPredictor(Fake(room=1500), scaling=AS_IT_IS).predicting(images(1, 130, 90)))
    assert steps[-1].step == steps[-1].of == len(steps) > 4


def test_where_memory_does_not_do_for_the_smallest_tile_that_is_said() -> None:
    with pytest.raises(TooLarge, match="12 × 12"):
        SegPredictor(Fake(room=10)).predict(images(1, 64, 64))


def test_other_errors_of_an_engine_are_not_taken_for_memory() -> None:
    class Broken(Fake):
        def __call__(self, batch: np.ndarray) -> np.ndarray:
            raise RuntimeError("size mismatch")

    with pytest.raises(RuntimeError, match="size mismatch"):
        SegPredictor(Broken()).predict(images(1, 64, 64))


def test_a_net_with_statistics_over_the_image_says_that_tiles_are_not_exact() -> None:
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3, padding=1), torch.nn.InstanceNorm2d(2))
    assert "not exactly" in SegPredictor(net, channels=1).notes[0]
    assert SegPredictor(shared("unet")).notes == ()
    assert np.isfinite(SegPredictor(net, channels=1, tile=32).predict(images(1, 100, 90))).all()


def test_images_that_are_not_numbers_give_finite_maps() -> None:
    stack = images(2, 40, 40)
    stack[0, 3, 4], stack[1, 1:] = np.nan, np.inf
    assert np.isfinite(SegPredictor(shared("unet")).predict(stack)).all()


@pytest.mark.parametrize(
    ("stack", "words"),
    [
        (np.zeros((1, 8, 8, 2)), "2 channels; the net takes 1 channel"),
        (np.zeros((1, 8, 8, 1, 1)), r"\(1, 8, 8, 1, 1\)"),
        (np.zeros((0, 8, 8)), r"\(0, 8, 8\)"),
        (np.zeros((1, 8, 8), complex), "complex"),
    ],
)
def test_what_is_no_stack_for_the_net_is_refused(stack: np.ndarray, words: str) -> None:
    with pytest.raises(BadImage, match=words):
        SegPredictor(shared("unet")).predict(stack)


def test_options_out_of_range_are_refused_at_once() -> None:
    net = shared("unet")
    with pytest.raises(BadOption, match="tile is -3"):
        SegPredictor(net, tile=-3)
    with pytest.raises(BadOption, match=r"memory_budget is 1\.5"):
        SegPredictor(net, memory_budget=1.5)
    with pytest.raises(UnknownOption, match="'onnx'"):
        SegPredictor(net, engine="onx").predict(images(1, 8, 8))
    with pytest.raises(BadOption, match="cuda:99"):
        SegPredictor(net, device="cuda:99").predict(images(1, 8, 8))


@pytest.mark.parametrize("engine", ["onnx", "torch"])
def test_an_engine_can_be_sent_to_another_process(engine: str) -> None:
    one = SegPredictor(shared("unet"), engine=engine).engine
    other = pickle.loads(pickle.dumps(one))
    batch = images(1, 1, 16, 16)
    np.testing.assert_array_equal(other(batch), one(batch))
    assert (other.halo, other.facts) == (one.halo, one.facts)
