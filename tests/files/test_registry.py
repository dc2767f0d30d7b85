from __future__ import annotations

import functools
import hashlib
import http.server
import logging
import os
import re
import shutil
import socket
import threading
from dataclasses import dataclass, field

import pooch
import pytest
import requests

from napari_atomai.errors import AtomAIError, CannotRead, SaveFailed, Stopped, UnknownOption
from napari_atomai.files import registry, sample
from napari_atomai.files.published import SAMPLES
from napari_atomai.files.reading import read_all

PERMISSIVE = {"MIT", "BSD-3-Clause", "Apache-2.0", "CC-BY-4.0"}
CONTENT = b"column" * 50_000
NAME = "made_up"


@dataclass
class Server:
    """Answers on this machine in place of the one that holds the files."""

    content: bytes = CONTENT
    status: int = 200
    promised: int | None = None
    asked: list[str] = field(default_factory=list)


class Answer(http.server.BaseHTTPRequestHandler):
    def __init__(self, server_like: Server, *args):
        self.like = server_like
        super().__init__(*args)

    def do_GET(self):
        self.like.asked.append(self.path)
        self.send_response(self.like.status)
        if self.like.promised is not None:
            self.send_header("Content-Length", str(self.like.promised))
        self.end_headers()
        self.wfile.write(self.like.content)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    """A server on this machine, and one registered sample that is on it."""
    like = Server(promised=len(CONTENT))
    real = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Answer, like))
    thread = threading.Thread(target=real.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(sample, "HOST", f"http://127.0.0.1:{real.server_port}")
    made_up = sample.Sample(
        NAME,
        "Made up",
        sample.Origin("some/where", "MIT", "nobody"),
        "0" * 40,
        "a folder/x.npy",
        hashlib.sha256(CONTENT).hexdigest(),
        len(CONTENT),
        "nothing",
    )
    monkeypatch.setattr(registry, "SAMPLES", (made_up,))
    yield like
    real.shutdown()
    thread.join()
    real.server_close()


@pytest.fixture
def no_server(server, monkeypatch):
    """Nobody listens where the sample should be."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setattr(sample, "HOST", f"http://127.0.0.1:{port}")


def left_in(folder):
    return [path.name for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("entry", SAMPLES, ids=lambda entry: entry.name)
def test_an_entry_is_pinned_permissive_and_says_what_it_shows(entry):
    assert re.fullmatch(r"[0-9a-f]{40}", entry.commit)
    assert re.fullmatch(r"[0-9a-f]{64}", entry.sha256)
    assert entry.origin.licence in PERMISSIVE
    assert entry.origin.credit
    assert entry.shows
    assert 0 < entry.size < 5e6
    assert entry.url.startswith(
        f"https://raw.githubusercontent.com/{entry.origin.repository}/{entry.commit}/"
    )
    assert " " not in entry.url
    assert 3 <= len(entry.menu) <= 90


def test_names_files_and_titles_are_each_given_once():
    for of in ("name", "file", "title", "url", "sha256"):
        assert len({getattr(entry, of) for entry in SAMPLES}) == len(SAMPLES), of


@pytest.mark.parametrize("entry", SAMPLES, ids=lambda entry: entry.name)
def test_a_cached_file_is_the_registered_one_and_opens(entry, shared_data, tmp_path):
    shutil.copy(shared_data / entry.file, tmp_path)

    path = registry.fetch(entry.name, tmp_path)  # the network is closed: this proves that none is needed

    assert path == tmp_path / entry.file
    datasets = read_all(path)
    pictures = [one for one in datasets if type(one).__name__ == "Image"]
    assert datasets
    assert bool(pictures) == entry.layers


def test_the_registered_licence_is_the_one_that_the_list_of_the_files_states(shared_data):
    lines = (shared_data / "README.md").read_text().splitlines()
    stated = {line.split("|")[1].strip(): line.split("|")[5] for line in lines if line.count("|") >= 8}

    for entry in SAMPLES:
        assert entry.origin.licence in stated[entry.file], entry.file


def test_a_download_arrives_whole_and_is_not_repeated(server, tmp_path):
    seen = []

    path = registry.fetch(NAME, tmp_path / "new" / "folder", seen.append)
    again = registry.fetch(NAME, tmp_path / "new" / "folder")

    assert path.read_bytes() == CONTENT
    assert again == path == tmp_path / "new" / "folder" / "made_up.npy"
    assert server.asked == [f"/some/where/{'0' * 40}/a%20folder/x.npy"]
    assert [step.step for step in seen] == sorted(step.step for step in seen)
    assert seen[-1].fraction == 1
    assert seen[0].step < len(CONTENT)


def test_nothing_is_asked_for_until_a_file_is_fetched(server, tmp_path):
    assert not registry.cached(NAME, tmp_path)
    (row,) = registry.describe(tmp_path)

    assert (row.name, row.licence, row.size, row.cached) == (NAME, "MIT", "0.3 MB", False)
    assert server.asked == []
    assert left_in(tmp_path) == []


def test_the_list_says_which_files_are_already_here(server, tmp_path):
    registry.fetch(NAME, tmp_path)

    assert registry.cached(NAME, tmp_path)
    assert registry.describe(tmp_path)[0].cached


@pytest.mark.usefixtures("no_server")
def test_without_a_network_one_sentence_says_what_to_do_and_nothing_is_kept(tmp_path):
    with pytest.raises(CannotRead) as caught:
        registry.fetch(NAME, tmp_path)

    error = caught.value
    assert "made_up.npy (0.3 MB)" in error.what
    assert "127.0.0.1" in error.what
    assert str(tmp_path / "made_up.npy") in error.remedy
    assert "\n" not in str(error)
    assert left_in(tmp_path) == []


@pytest.mark.parametrize(("status", "said"), [(404, "404"), (403, "403"), (503, "503")])
def test_a_refusal_is_passed_on_with_its_number(server, tmp_path, status, said):
    server.status = status

    with pytest.raises(CannotRead, match=said):
        registry.fetch(NAME, tmp_path)

    assert left_in(tmp_path) == []


def test_a_server_that_does_not_answer_is_given_up(server, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "TIMEOUTS", (0.2, 0.2))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(sample, "HOST", f"http://127.0.0.1:{silent.getsockname()[1]}")

        with pytest.raises(CannotRead, match="no answer came"):
            registry.fetch(NAME, tmp_path)

    assert left_in(tmp_path) == []


def test_a_download_that_takes_too_long_is_given_up(server, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "LONGEST", -1.0)

    with pytest.raises(CannotRead, match="too slow"):
        registry.fetch(NAME, tmp_path)

    assert left_in(tmp_path) == []


def test_another_content_is_refused_with_both_hashes(server, tmp_path):
    server.content = CONTENT[:-1] + b"!"

    with pytest.raises(CannotRead) as caught:
        registry.fetch(NAME, tmp_path)

    assert hashlib.sha256(server.content).hexdigest()[:12] in str(caught.value)
    assert hashlib.sha256(CONTENT).hexdigest()[:12] in str(caught.value)
    assert left_in(tmp_path) == []


def test_a_connection_that_breaks_off_leaves_nothing(server, tmp_path):
    server.content = CONTENT[:100_000]

    with pytest.raises(CannotRead, match="broke off"):
        registry.fetch(NAME, tmp_path)

    assert left_in(tmp_path) == []


def test_an_answer_without_end_is_cut_at_the_registered_size(server, tmp_path):
    server.content, server.promised = CONTENT * 40, None

    with pytest.raises(CannotRead, match=f"more than its {len(CONTENT)} bytes"):
        registry.fetch(NAME, tmp_path)

    assert left_in(tmp_path) == []


@pytest.mark.parametrize("how", [Stopped("Stopped."), KeyboardInterrupt()])
def test_a_download_that_is_stopped_leaves_nothing(server, tmp_path, how):
    def stop(step):
        raise how

    with pytest.raises(type(how)):
        registry.fetch(NAME, tmp_path, stop)

    assert left_in(tmp_path) == []


def test_a_damaged_file_of_the_cache_is_replaced(server, tmp_path):
    (tmp_path / "made_up.npy").write_bytes(CONTENT[:-1] + b"!")
    assert not registry.cached(NAME, tmp_path)

    assert registry.fetch(NAME, tmp_path).read_bytes() == CONTENT


@pytest.mark.usefixtures("no_server")
def test_a_damaged_file_of_the_cache_is_never_handed_out(tmp_path):
    (tmp_path / "made_up.npy").write_bytes(CONTENT[:-1])

    with pytest.raises(CannotRead, match="could not be downloaded"):
        registry.fetch(NAME, tmp_path)


def test_a_folder_that_cannot_be_written_is_named(server, tmp_path):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(SaveFailed, match="NAPARI_ATOMAI_SAMPLES") as caught:
        registry.fetch(NAME, tmp_path / "file" / "cache")

    assert str(tmp_path / "file" / "cache") in caught.value.what


def test_a_full_disk_is_not_called_a_missing_network(server, tmp_path, monkeypatch):
    def full(step):
        raise OSError(28, "No space left on device")

    with pytest.raises(SaveFailed, match="No space left"):
        registry.fetch(NAME, tmp_path, full)

    assert left_in(tmp_path) == []


def test_a_bug_is_not_dressed_up_as_a_missing_network(server, tmp_path, monkeypatch):
    def wrong(*args, **options):
        raise AssertionError("a bug")

    monkeypatch.setattr(requests, "get", wrong)

    with pytest.raises(AssertionError, match="a bug"):
        registry.fetch(NAME, tmp_path)

    assert left_in(tmp_path) == []


def test_pooch_says_nothing_to_the_user_and_keeps_its_voice_for_others(server, tmp_path, monkeypatch, caplog):
    shown = logging.Handler()
    said = []
    monkeypatch.setattr(shown, "emit", lambda record: said.append(record.getMessage()))
    monkeypatch.setattr(pooch.get_logger(), "handlers", [shown])
    caplog.set_level(logging.DEBUG, "napari_atomai")

    registry.fetch(NAME, tmp_path)
    pooch.get_logger().warning("of another program")

    assert said == ["of another program"]
    assert any("made_up.npy" in record.getMessage() for record in caplog.records)


def test_the_folder_is_the_argument_then_the_environment_then_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv(registry.FOLDER_VARIABLE, str(tmp_path / "b"))
    assert registry.cache_folder(tmp_path / "a") == tmp_path / "a"
    assert registry.cache_folder() == tmp_path / "b"

    monkeypatch.delenv(registry.FOLDER_VARIABLE)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert registry.cache_folder() == pooch.os_cache("napari-atomai") / "samples"
    assert left_in(tmp_path) == []


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(UnknownOption, match="Did you mean 'stem_SrTiO3_NSID'"):
        registry.fetch("stem_SrTiO3")


@pytest.mark.parametrize("name", ["", "../stem_BaTiO3_1", "/etc/passwd", "stem_BaTiO3_1.dm4"])
def test_a_name_is_never_taken_for_a_path(name, tmp_path):
    with pytest.raises(AtomAIError):
        registry.fetch(name, tmp_path)

    assert os.listdir(tmp_path) == []
