from __future__ import annotations

import logging

import pytest

from napari_atomai.errors import NotCalibrated
from napari_atomai.plugin.messages import explain, time_left


def test_an_error_of_ours_is_said_as_it_is():
    message = explain(NotCalibrated("No pixel size.", remedy="Give one."), "finding atoms")

    assert message.text == "No pixel size. Give one."
    assert not message.details


def test_short_memory_comes_with_a_remedy():
    assert "crop the image" in explain(MemoryError(), "finding atoms").text


def test_a_missing_library_names_it_and_says_what_to_install():
    text = explain(ImportError("No module named 'onnxruntime'"), "finding atoms").text

    assert "onnxruntime" in text
    assert "napari-atomai[all]" in text


def test_an_unknown_error_is_one_line_with_details_apart(caplog):
    caplog.set_level(logging.CRITICAL)
    try:
        raise ZeroDivisionError("first\nsecond")
    except ZeroDivisionError as error:
        message = explain(error, "finding atoms")

    assert message.text == "Something went wrong while finding atoms: ZeroDivisionError: first"
    assert "Traceback" in message.details


def test_the_cause_inside_an_emit_loop_error_is_the_one_that_is_said():
    class EmitLoopError(RuntimeError):
        pass

    wrapped = EmitLoopError("while emitting signal")
    wrapped.__cause__ = NotCalibrated("No pixel size.")

    assert explain(wrapped, "finding atoms").text == "No pixel size."


@pytest.mark.parametrize(
    ("fraction", "elapsed", "words"),
    [
        (0.0, 10, ""),
        (0.5, 0.1, ""),
        (0.5, 10, "about 10 s left"),
        (0.9, 9, "about a second left"),
        (0.1, 60, "about 9 min left"),
    ],
)
def test_time_left_is_said_in_words(fraction, elapsed, words):
    assert time_left(fraction, elapsed) == words
