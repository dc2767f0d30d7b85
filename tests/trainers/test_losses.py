"""Losses against values and gradients worked out by hand."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

from napari_atomai.errors import BadImage, BadOption, UnknownOption  # noqa: E402
from napari_atomai.trainers.losses import make_loss  # noqa: E402

NAMES = ["ce", "focal", "dice", "ce+dice", "focal+dice"]


def logit(p: float) -> float:
    return math.log(p / (1 - p))


def logits(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def labels(classes: int, *shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, max(classes, 2), shape, generator=torch.Generator().manual_seed(seed))


def row(*values: float) -> torch.Tensor:
    """Logits of one class of an image of one row."""
    return torch.tensor(values, dtype=torch.float64).reshape(1, 1, 1, -1)


def test_cross_entropy_of_one_class_is_the_mean_of_the_logarithms() -> None:
    loss = make_loss("ce", 1)(row(logit(0.9), logit(0.2)), torch.tensor([[[1, 0]]]))
    assert float(loss) == pytest.approx(-(math.log(0.9) + math.log(0.8)) / 2)


def test_cross_entropy_of_two_classes_works() -> None:
    both = torch.tensor([[math.log(0.7), math.log(0.1)], [math.log(0.3), math.log(0.9)]]).reshape(1, 2, 1, 2)
    loss = make_loss("ce", 2)(both, torch.tensor([[[0, 1]]]))
    assert float(loss) == pytest.approx(-(math.log(0.7) + math.log(0.9)) / 2, rel=1e-6)


def test_one_class_is_the_same_as_two_whose_logits_differ_by_it() -> None:
    one, target = logits(3, 1, 4, 5), labels(1, 3, 4, 5)
    two = torch.cat([torch.zeros_like(one), one], 1)
    for name in ("ce", "focal"):
        torch.testing.assert_close(make_loss(name, 1)(one, target), make_loss(name, 2)(two, target))


def test_focal_weighs_every_pixel_by_how_wrong_it_is() -> None:
    loss = make_loss("focal", 1)(row(logit(0.9), logit(0.2)), torch.tensor([[[1, 1]]]))
    expected = (0.1**2 * -math.log(0.9) + 0.8**2 * -math.log(0.2)) / 2
    assert float(loss) == pytest.approx(expected)


def test_focal_of_several_classes_uses_the_probability_of_the_right_one() -> None:
    p = torch.tensor([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]], dtype=torch.float64)
    target = torch.tensor([[[0, 1]]])
    loss = make_loss("focal", 3)(p.log().T.reshape(1, 3, 1, 2), target)
    assert float(loss) == pytest.approx((0.4**2 * -math.log(0.6) + 0.8**2 * -math.log(0.2)) / 2)


def test_one_wrong_pixel_among_many_right_ones_keeps_its_gradient_under_focal_loss() -> None:
    # On the mean of the batch instead of per pixel, this gradient is thousands of times smaller.
    easy, hard = logit(0.99), logit(0.05)
    x = torch.full((1, 1, 1, 1000), easy, dtype=torch.float64)
    x[..., 0] = hard
    x.requires_grad_()
    make_loss("focal", 1)(x, torch.ones(1, 1, 1000, dtype=torch.int64)).backward()
    p = 0.05
    by_hand = (1 - p) ** 2 * (2 * p * math.log(p) - (1 - p)) / 1000
    assert float(x.grad[0, 0, 0, 0]) == pytest.approx(by_hand, rel=1e-9)
    assert abs(x.grad[0, 0, 0, 0]) > 1000 * abs(x.grad[0, 0, 0, 1])


def test_focal_has_finite_gradients_for_pixels_that_are_certain() -> None:
    x = torch.tensor([90.0, -90.0]).reshape(1, 1, 1, 2).requires_grad_()
    make_loss("focal", 1)(x, torch.tensor([[[1, 1]]])).backward()
    assert x.grad.isfinite().all()
    assert float(x.grad[0, 0, 0, 1]) == pytest.approx(-0.5)


def test_dice_of_one_class_is_worked_out_by_hand() -> None:
    loss = make_loss("dice", 1)(row(logit(0.9), logit(0.2), logit(0.4)), torch.tensor([[[1, 0, 1]]]))
    assert float(loss) == pytest.approx(1 - (2 * 1.3 + 1) / (1.5 + 2 + 1))


def test_dice_of_several_classes_is_the_mean_over_them() -> None:
    p = torch.tensor([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]], dtype=torch.float64)
    loss = make_loss("dice", 3)(p.log().T.reshape(1, 3, 1, 2), torch.tensor([[[0, 1]]]))
    scores = (2 * 0.6 + 1) / (0.8 + 2), (2 * 0.2 + 1) / (0.5 + 2), 1 / (0.7 + 1)
    assert float(loss) == pytest.approx(1 - sum(scores) / 3)


def test_a_right_answer_costs_nothing_and_the_opposite_costs_most() -> None:
    target = labels(1, 2, 6, 6)
    sure = (target.double() * 2 - 1).unsqueeze(1) * 40
    for name in NAMES:
        loss = make_loss(name, 1)
        assert float(loss(sure, target)) == pytest.approx(0, abs=1e-9)
        assert float(loss(-sure, target)) > 0.9


def test_an_image_without_any_object_wants_none_to_be_found() -> None:
    x = row(1.0, 1.0).requires_grad_()
    make_loss("dice", 1)(x, torch.zeros(1, 1, 2, dtype=torch.int64)).backward()
    assert (x.grad > 0).all()


def test_a_sum_adds_its_terms_with_their_weights() -> None:
    x, target = logits(2, 3, 4, 4), labels(3, 2, 4, 4)
    parts = {name: float(make_loss(name, 3)(x, target)) for name in ("ce", "focal", "dice")}
    assert float(make_loss("ce+dice", 3)(x, target)) == pytest.approx(parts["ce"] + parts["dice"])
    mixed = make_loss(" Focal + 0.25*Dice", 3)(x, target)
    assert float(mixed) == pytest.approx(parts["focal"] + 0.25 * parts["dice"])


@pytest.mark.parametrize("classes", [1, 2, 4])
@pytest.mark.parametrize("name", NAMES)
class TestEveryLoss:
    def test_is_blind_to_pixels_that_nobody_labelled(self, name: str, classes: int) -> None:
        x, target = logits(2, classes, 4, 6), labels(classes, 2, 4, 6)
        target[:, :, 3:] = -1
        other = x.clone()
        other[..., 3:] = 1e4
        loss, x = make_loss(name, classes), x.requires_grad_()
        value = loss(x, target)
        value.backward()
        torch.testing.assert_close(value.detach(), loss(other, target))
        torch.testing.assert_close(value.detach(), loss(x.detach()[..., :3], target[:, :, :3]))
        assert not x.grad[..., 3:].any()
        assert x.grad[..., :3].any()

    def test_is_zero_with_a_gradient_where_nothing_is_labelled(self, name: str, classes: int) -> None:
        x = logits(2, classes, 3, 3).requires_grad_()
        value = make_loss(name, classes)(x, torch.full((2, 3, 3), -1))
        value.backward()
        assert float(value.detach()) == 0
        assert x.grad is not None
        assert not x.grad.any()

    def test_of_parts_of_a_batch_adds_up_to_that_of_the_whole(self, name: str, classes: int) -> None:
        x, target = logits(5, classes, 4, 4), labels(classes, 5, 4, 4)
        target[0, :2] = -1
        target[3] = -1
        loss = make_loss(name, classes, range(1, 1 + max(classes, 2)))
        counted = [(target[part] != -1).sum() for part in (slice(2), slice(2, 5))]
        parts = [loss(x[part], target[part]) for part in (slice(2), slice(2, 5))]
        total = sum(n * value for n, value in zip(counted, parts, strict=True)) / sum(counted)
        torch.testing.assert_close(loss(x, target), total)

    def test_has_the_gradient_that_differences_give(self, name: str, classes: int) -> None:
        target = labels(classes, 2, 2, 3)
        target[0, 0, 0] = -1
        loss = make_loss(name, classes, range(1, 1 + max(classes, 2)))
        x = logits(2, classes, 2, 3).requires_grad_()
        assert torch.autograd.gradcheck(lambda values: loss(values, target), x)

    def test_has_the_dtype_of_the_logits_and_takes_spectra_too(self, name: str, classes: int) -> None:
        value = make_loss(name, classes)(logits(2, classes, 9).float(), labels(classes, 2, 9))
        assert (value.dtype, value.shape) == (torch.float32, ())

    def test_stays_on_the_device_of_the_logits(self, name: str, classes: int) -> None:
        # "meta" has no values: any tensor of another device that meets it raises.
        x, target = logits(2, classes, 4, 4).to("meta"), labels(classes, 2, 4, 4).to("meta")
        loss = make_loss(name, classes, range(1, 1 + max(classes, 2)))
        assert loss(x, target).device.type == "meta"


def test_class_weights_are_relative() -> None:
    x, target = logits(2, 3, 4, 4), labels(3, 2, 4, 4)
    for name in NAMES:
        once, twice = make_loss(name, 3, (1, 2, 3)), make_loss(name, 3, (2, 4, 6))
        torch.testing.assert_close(once(x, target), twice(x, target))
        torch.testing.assert_close(make_loss(name, 3, (5, 5, 5))(x, target), make_loss(name, 3)(x, target))


def test_class_weights_say_how_much_a_pixel_counts() -> None:
    x, target = row(logit(0.9), logit(0.2)), torch.tensor([[[1, 0]]])
    weighted = make_loss("ce", 1, class_weights=(1, 3))(x, target)
    assert float(weighted) == pytest.approx(-(1.5 * math.log(0.9) + 0.5 * math.log(0.8)) / 2)


def test_mean_squares_compare_numbers() -> None:
    loss = make_loss("mse", 7)
    assert float(loss(torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 4.0]]))) == 2
    with pytest.raises(BadImage, match=r"gives \(1, 2\), and the target has the shape \(2,\)"):
        loss(torch.zeros(1, 2), torch.zeros(2))


def test_a_function_is_used_as_it_is() -> None:
    loss = make_loss(lambda x, y: (x[:, 0] - y).abs().mean().reshape(1), 1)
    value = loss(torch.ones(1, 1, 2, 2), torch.zeros(1, 2, 2))
    assert (value.shape, float(value)) == ((), 1)
    with pytest.raises(BadOption, match=r"returned \(1, 2, 2\)"):
        make_loss(lambda x, y: x[:, 0] - y, 1)(torch.ones(1, 1, 2, 2), torch.zeros(1, 2, 2))
    with pytest.raises(BadOption, match="returned float"):
        make_loss(lambda x, y: 0.5, 1)(torch.ones(1, 1), torch.zeros(1))


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("focl", 1), UnknownOption, "no loss 'focl'. Did you mean 'focal'"),
        (("ce+", 1), UnknownOption, "no loss ''"),
        (("", 1), UnknownOption, "Known: ce, dice, focal, mse"),
        (("x*ce", 1), BadOption, "weights 'ce' by 'x'"),
        (("ce+0*dice", 1), BadOption, "weights 'dice' by '0'"),
        (("ce+mse", 1), BadOption, "beside the squared error"),
        (("mse", 1, (1, 2)), BadOption, "beside the squared error"),
        (("ce", 1, (1,)), BadOption, "1 class weights for 2 labels.*background and object"),
        (("ce", 3, (1, 2)), BadOption, "2 class weights for 3 labels"),
        (("ce", 2, (1, -2)), BadOption, r"\(1.0, -2.0\)"),
        (("ce", 2, (0, 0)), BadOption, r"\(0.0, 0.0\)"),
        (("ce", 2, (1, math.nan)), BadOption, "nan"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: tuple, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make_loss(*arguments)


@pytest.mark.parametrize("classes", [1, 3])
def test_shapes_and_types_that_do_not_fit_are_named(classes: int) -> None:
    loss = make_loss("ce", classes)
    with pytest.raises(BadImage, match=r"\(2, 4, 5\)"):
        loss(logits(2, classes, 4, 4), labels(classes, 2, 4, 5))
    with pytest.raises(BadImage, match=rf"gives \(2, {classes + 1}, 4, 4\)"):
        loss(logits(2, classes + 1, 4, 4), labels(classes, 2, 4, 4))
    with pytest.raises(BadImage, match=r"type torch.float64"):
        loss(logits(2, classes, 4, 4), logits(2, 4, 4))
