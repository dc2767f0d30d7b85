"""Which test covers which fault that the program promises to survive; all of them must be there."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
FAULTS: dict[str, tuple[str, ...]] = {
    "killed while saving a file, session or autosave": (
        "files/test_atomic.py::test_a_process_killed_while_saving_leaves_a_whole_file",
        "files/test_work.py::test_a_session_whose_writer_is_killed_is_whole",
        "plugin/test_keeping.py::test_work_is_there_again_after_kill_9",
    ),
    "killed while training: the process, and the program": (
        "plugin/test_process.py::test_a_killed_process_is_survived",
        "plugin/test_process.py::test_a_process_ends_when_its_parent_is_killed",
        "plugin/test_run_folders.py::test_a_run_whose_program_was_killed_is_gone_on_with",
        "plugin/test_run_folders.py::test_the_next_window_asks_what_shall_become_of_it",
        "trainers/test_loop.py::test_a_run_that_was_stopped_and_resumed_ends_where_an_uninterrupted_one_does",
        "workflow/test_teach.py::test_learning_is_the_same_again_and_goes_on_from_a_checkpoint",
        "workflow/test_teach.py::"
        "test_the_process_keeps_its_best_net_when_it_is_stopped_and_goes_on_from_there",
    ),
    "disk full": (
        "files/test_atomic.py::test_a_full_disk_names_the_folder_and_the_free_space",
        "files/test_atomic.py::test_a_file_size_limit_met_while_writing_leaves_the_previous_file",
        "plugin/test_keeping.py::test_a_full_disk_leaves_the_old_session_and_the_work",
        "plugin/test_process.py::test_a_full_disk_in_mid_work_leaves_what_was_kept_and_is_said",
        "workflow/test_results.py::test_a_full_disk_is_named_with_its_folder",
    ),
    "no such folder, name too long": (
        "files/test_atomic.py::test_a_missing_folder_is_named",
        "files/test_atomic.py::test_a_name_too_long_for_the_disk_is_refused_with_words",
    ),
    "two windows save the same session": (
        "files/test_work.py::test_of_two_windows_that_save_the_same_session_the_last_one_is_whole",
    ),
    "power loss: order of writes": (
        "files/test_atomic.py::test_data_reach_the_disk_before_the_name_and_the_folder_after_it",
    ),
    "damaged autosave": (
        "plugin/test_keeping.py::test_a_damaged_autosave_is_set_aside_and_the_one_before_taken",
        "plugin/test_keeping.py::test_of_three_autosaves_the_newest_whole_one_is_taken",
    ),
    "session or recipe of an older or newer version": (
        "files/test_work.py::test_a_session_of_this_or_an_older_version_opens",
        "files/test_work.py::test_a_session_of_a_newer_version_says_both_versions",
        "plugin/test_keeping.py::test_a_damaged_or_newer_session_is_refused_in_words",
    ),
    "image file gone or moved": (
        "plugin/test_keeping.py::test_an_image_whose_file_is_gone_is_asked_for_and_the_rest_comes_back",
        "plugin/test_keeping.py::test_a_renamed_image_beside_the_session_is_opened",
        "workflow/test_saved.py::test_a_renamed_image_beside_the_session_is_known_by_its_hash",
    ),
    "stop": (
        "plugin/test_process.py::test_stop_returns_within_two_seconds_and_keeps_the_best",
        "trainers/test_loop.py::test_a_stop_ends_the_run_after_the_batch_and_says_so",
        "plugin/test_elit_panel.py::test_a_stop_keeps_the_rounds_that_are_done",
    ),
    "an error in mid-training": (
        "trainers/test_loop.py::test_closing_the_generator_keeps_the_best_so_far_and_so_does_an_error",
    ),
    "a loss that is no number": (
        "trainers/test_loop.py::test_a_loss_that_is_not_a_number_stops_and_rolls_back",
    ),
    "memory short": (
        "trainers/test_loop.py::test_full_memory_is_said_with_a_remedy",
        "trainers/test_loop.py::test_a_small_memory_budget_makes_parts_and_says_so",
    ),
    "job after job": ("plugin/test_process.py::test_job_after_job_leaves_nothing_behind",),
    "the same seed": (
        "trainers/test_loop.py::test_the_same_seed_gives_the_same_bits_whatever_the_program_did_before",
        "trainers/test_ensemble.py::"
        "test_the_same_seed_gives_the_same_members_and_work_leaves_the_global_state_alone",
    ),
    "viewer closed in mid-run": (
        "plugin/test_window.py::test_a_viewer_closed_in_mid_run_stops_the_work_and_ends_well",
        "plugin/test_train_panel.py::test_a_viewer_closed_in_mid_training_ends_the_process_and_ends_well",
        "plugin/test_opening_window.py::test_a_window_closed_in_mid_read_neither_crashes_nor_hangs",
    ),
    "panel closed and opened in mid-run": (
        "plugin/test_train_panel.py::test_a_panel_opened_in_mid_training_shows_it",
        "plugin/test_lattice_panel.py::test_a_panel_that_is_closed_in_mid_run_leaves_the_result",
    ),
    "layer deleted, renamed or replaced in mid-run": (
        "plugin/test_job_slots.py::test_a_renamed_image_gets_its_result_and_a_removed_one_loses_it",
        "plugin/test_job_slots.py::test_a_result_of_what_is_no_longer_there_is_dropped",
        "plugin/test_train_panel.py::test_an_image_removed_in_mid_training_does_not_end_it",
        "plugin/test_elit_panel.py::test_an_image_removed_in_mid_run_ends_nothing",
    ),
    "double click on Start": (
        "plugin/test_train_panel.py::test_a_double_click_starts_one_training",
        "plugin/test_elit_panel.py::test_a_double_click_starts_one_run",
    ),
    "an error nobody foresaw": (
        "plugin/test_messages.py::test_an_unknown_error_is_one_line_with_details_apart",
        "plugin/test_job_slots.py::test_an_error_while_showing_is_said_and_nothing_is_kept",
        "plugin/test_atoms_panel.py::test_an_unknown_error_is_a_sentence_and_a_notification_with_details",
    ),
}


@cache
def names_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_has_its_tests(fault: str) -> None:
    for place in FAULTS[fault]:
        file, _, name = place.partition("::")
        assert name in names_in(TESTS / file), f"{place} is gone: who covers {fault!r} now?"
