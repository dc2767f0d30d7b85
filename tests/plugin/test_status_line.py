from __future__ import annotations

import pytest
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_atomai.plugin.panels.status_line import StatusLine


@pytest.fixture
def line(qtbot):
    parent = QWidget()
    qtbot.addWidget(parent)
    line = StatusLine()
    QVBoxLayout(parent).addWidget(line)
    yield line
    parent.close()


def test_what_was_done_is_said_until_it_is_about_something_else(line):
    line.say("Choose a tool.")
    line.say_done("Written to a.csv.", [1, 2])
    line.keep_for([1, 2])
    assert line.text() == "Written to a.csv."

    line.keep_for([1, 3])

    assert line.text() == "Choose a tool."


def test_of_two_things_done_one_after_the_other_neither_stays(line):
    line.say("Choose a tool.")
    line.say_done("Written to a.csv.", 1)
    line.say_done("Written to b.csv.", 1)

    line.keep_for(None)

    assert line.text() == "Choose a tool."


def test_what_is_said_since_stays(line):
    line.say_done("Written to a.csv.", 1)
    line.say("The image has other pixels now.")

    line.keep_for(2)

    assert line.text() == "The image has other pixels now."


def test_an_empty_line_takes_no_room_and_a_line_without_a_window_opens_none(line):
    line.say("")
    assert line.isHidden()
    line.say("Something.")
    assert not line.isHidden()

    alone = StatusLine()
    alone.say("Something.")
    assert not alone.isVisible()


def test_names_of_files_are_not_taken_for_markup(line):
    line.say("<b>a</b>.dm4")

    assert line.text() == "<b>a</b>.dm4"
    assert line.textFormat().name == "PlainText"
