"""What cannot be learned from is refused at once, with the values and the remedy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

from napari_atomai.data.progress import finish  # noqa: E402
from napari_atomai.errors import AtomAIError, BadImage, BadModel, BadOption, UnknownOption  # noqa: E402
from napari_atomai.trainers.segmentation import Labelled, SegTrainer  # noqa: E402

SMALL = {"filters": [4, 8], "bottleneck": [1]}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def three_classes(images: int = 8, size: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Return images and labels in which class 0 is bright, class 1 half as bright, class 2 the background."""
    rng = np.random.default_rng(0)
    labels = np.full((images, size, size), 2)
    labels[:, 2:6, 2:6], labels[:, 9:13, 9:13] = 0, 1
    pixels = np.array([1.0, 0.5, 0.0])[labels] + 0.05 * rng.standard_normal(labels.shape)
    return pixels, labels


def compiled(images: Any, labels: Any, nb_classes: int = 3, channels: int = 1, **options: Any) -> Any:
    trainer = SegTrainer("Unet", nb_classes, channels=channels, net_options=SMALL)
    tests = three_classes(4) if nb_classes == 3 else (None, None)
    return trainer.compile_trainer(Labelled(images, labels, *tests), **{"batch_size": 4, **options})


def broken(where: tuple[int, ...], value: float) -> tuple[np.ndarray, np.ndarray]:
    images, labels = three_classes()
    images[where] = value
    return images, labels


def relabelled(**changes: int) -> tuple[np.ndarray, np.ndarray]:
    images, labels = three_classes()
    for old, new in changes.items():
        labels[labels == int(old[1:])] = new
    return images, labels


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (relabelled(c2=3), r"values 0, 1, 3; with nb_classes=3 they go from 0 to 2"),
        (relabelled(c1=7), r"7"),
        (relabelled(c0=-2), r"-2"),
        (relabelled(c1=2), r"No pixel of the training labels has the value 1"),
        (broken((3, 1, 1), np.nan), r"image 3, with 1"),
        ((three_classes()[0], three_classes()[1][:7]), r"\(8, 16, 16\), their labels \(7, 16, 16\)"),
        ((three_classes()[0], three_classes(8, 24)[1]), r"\(8, 16, 16\), their labels \(8, 24, 24\)"),
        (three_classes(3), r"3 images to learn from, and a batch has 4.*batch_size=3"),
        ((np.zeros((8, 16, 16, 3)), three_classes()[1]), r"3 channel\(s\); the net takes 1.*channels=3"),
        ((np.zeros((16, 16)), np.zeros((16, 16), int)), r"shape \(16, 16\)"),
    ],
)
def test_data_that_do_not_fit_are_refused_with_their_values(data: Any, message: str) -> None:
    with pytest.raises(BadImage, match=message):
        compiled(*data)


def test_test_data_are_checked_too_and_are_given_whole() -> None:
    images, labels = three_classes()
    trainer = SegTrainer("Unet", 3, net_options=SMALL)
    with pytest.raises(BadImage, match=r"test labels.*9"):
        trainer.compile_trainer(
            Labelled(images, labels, images, np.where(labels == 1, 9, labels)), batch_size=4
        )
    with pytest.raises(BadImage, match="labels are missing"):
        trainer.compile_trainer(Labelled(images, labels, images), batch_size=4)


def test_without_test_images_some_are_set_aside() -> None:
    images, labels = three_classes(20)
    trainer = SegTrainer("Unet", 3, net_options=SMALL)
    train, test = trainer.pairs(Labelled(images, labels), batch=4)
    assert (len(train), len(test)) == (17, 3)
    with pytest.raises(BadImage, match=r"17 images to learn from \(3 of 20 are set aside.*a batch has 20"):
        trainer.pairs(Labelled(images, labels), batch=20)
    with pytest.raises(BadImage, match="There is 1 image"):
        trainer.pairs(Labelled(images[:1], labels[:1]), batch=1)


def test_a_missing_class_is_accepted_where_that_is_asked_for() -> None:
    images, labels = relabelled(c1=2)
    run = compiled(images, labels, missing_classes=True, training_cycles=2)
    assert finish(run.training()).cycles == 2


def test_sizes_the_net_cannot_take_are_mirrored_and_what_is_added_does_not_count() -> None:
    images, labels = three_classes(4, 18)
    trainer = SegTrainer("Unet", 3, net_options=SMALL)
    train, _ = trainer.pairs(Labelled(images, labels, images, labels), batch=4)
    assert train.inputs.shape == (4, 1, 20, 20)
    assert (train.targets[:, 18:] == -1).all()
    assert (train.targets[:, :, 18:] == -1).all()
    np.testing.assert_array_equal(train.targets[:, :18, :18].numpy(), labels)


@pytest.mark.parametrize("nb_classes", [1, 2])
def test_one_and_two_classes_work(nb_classes: int) -> None:
    images, labels = three_classes()
    binary = (labels == 2).astype(int) if nb_classes == 2 else (labels < 2).astype(int)
    trainer = SegTrainer("Unet", nb_classes, net_options=SMALL)
    data = Labelled(images, binary, images, binary)
    trainer.compile_trainer(data, batch_size=4, training_cycles=80, learning_rate=0.02, compute_accuracy=True)
    trained = finish(trainer.training())
    assert trained.history["test_accuracy"][-1] > 0.8


def test_two_channels_are_learned_from() -> None:
    images, labels = three_classes()
    trainer = SegTrainer("Unet", 3, channels=2, net_options=SMALL)
    data = Labelled(np.stack([images, -images], axis=-1), labels)
    trainer.compile_trainer(data, batch_size=4, training_cycles=2)
    assert trainer.run() is trainer.net


def test_masks_train_as_labels_do() -> None:
    images, labels = three_classes()

    def weights(given: np.ndarray) -> np.ndarray:
        trainer = SegTrainer("Unet", 3, net_options=SMALL)
        trainer.compile_trainer(Labelled(images, given), batch_size=4, training_cycles=3)
        return trainer.run().state_dict()["head.weight"].numpy()

    np.testing.assert_array_equal(weights(labels), weights(np.eye(3)[labels]))


def test_a_net_that_does_not_fit_is_refused() -> None:
    images, labels = three_classes()
    with pytest.raises(UnknownOption, match="Did you mean 'unet'"):
        SegTrainer("Unnet", 3)
    with pytest.raises(UnknownOption, match="filters"):
        SegTrainer("Unet", 3, net_options={"fliters": [4, 8]})
    trainer = SegTrainer(torch.nn.Conv2d(1, 2, 3, padding=1), 3)
    with pytest.raises(BadModel, match=r"gives \(1, 2, 16, 16\) instead of \(1, 3, 16, 16\)"):
        trainer.compile_trainer(Labelled(images, labels), batch_size=4)
    trainer = SegTrainer(torch.nn.Conv2d(2, 3, 3, padding=1), 3)
    with pytest.raises(BadModel, match=r"cannot take images of shape \(1, 1, 16, 16\)"):
        trainer.compile_trainer(Labelled(images, labels), batch_size=4)


def test_options_are_refused_before_anything_is_learned() -> None:
    images, labels = three_classes()
    for words in ({"loss": "cee"}, {"training_cycle": 3}, {"augmentation": 3}, {"class_weights": [1, 2]}):
        with pytest.raises(AtomAIError):
            compiled(images, labels, **words)
    with pytest.raises(BadOption, match="compile_trainer"):
        SegTrainer("Unet", 3, net_options=SMALL).run()


def test_augmentation_is_a_recipe_or_a_function_and_drops_no_image() -> None:
    images, labels = three_classes()
    finish(compiled(images, labels, training_cycles=2, augmentation={"flips": True}).training())

    def drops(images: Any, labels: Any, random: Any) -> Any:
        return images[1:], labels[1:]

    with pytest.raises(BadOption, match="none may be dropped"):
        finish(compiled(images, labels, training_cycles=2, augmentation=drops).training())


def test_nothing_is_learned_from_the_images_themselves_being_changed() -> None:
    images, labels = three_classes()
    before = images.copy(), labels.copy()
    finish(compiled(images, labels, training_cycles=2).training())
    np.testing.assert_array_equal(images, before[0])
    np.testing.assert_array_equal(labels, before[1])
