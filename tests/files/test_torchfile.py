"""A checkpoint of torch is read step by step; what it asks to be run is never run."""

from __future__ import annotations

import io
import os
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_atomai.errors import AtomAIError, BadModel, CannotRead, TooLarge
from napari_atomai.files.torchfile import Unread, read_torch

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")


class Payload:
    """Unpickled, it calls a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def saved(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


def archive(path: Path, program: bytes, **entries: bytes) -> Path:
    """A zip archive with a pickle of our own."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("own/data.pkl", program)
        for name, content in entries.items():
            file.writestr(f"own/data/{name.removeprefix('_')}", content)
    return path


def test_what_torch_saves_is_read_as_it_was(tmp_path: Path) -> None:
    base = torch.arange(24, dtype=torch.float32)
    content = {
        "view": base.reshape(4, 6)[1:3, ::2].T,
        "shared": base[5:],
        "empty": torch.zeros(0, 3),
        "scalar": torch.tensor(7),
        "half": torch.tensor([0.5, -2], dtype=torch.float16),
        "truth": torch.tensor([True, False]),
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "number": (1, -(2**40), 0.25, None, True, "µ", [1, [2, (3,)]]),
    }
    found = read_torch(saved(tmp_path / "own.pt", content))
    for name, value in content.items():
        if isinstance(value, torch.Tensor):
            assert found[name].dtype == value.detach().numpy().dtype
            np.testing.assert_array_equal(found[name], value.detach().numpy())
        else:
            assert found[name] == value


def test_the_state_of_a_net_is_read_and_an_optimizer_is_left_out(tmp_path: Path) -> None:
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
    optimizer = torch.optim.Adam(net.parameters())
    found = read_torch(saved(tmp_path / "own.pt", {"net": net.state_dict(), "optimizer": optimizer}))
    assert list(found["net"]) == list(net.state_dict())
    np.testing.assert_array_equal(found["net"]["0.weight"], net[0].weight.detach().numpy())
    assert found["optimizer"] == Unread("torch.optim.adam.Adam", ())


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("where", ["weights", "optimizer"])
def test_a_function_of_python_is_refused_and_not_run(tmp_path: Path, where: str, protocol: int) -> None:
    victim = tmp_path / "victim"
    for payload in (
        Payload(os.system, f"touch {victim}"),
        Payload(eval, f"open({str(victim)!r}, 'w')"),
        Payload(getattr, "word", "upper"),
        Payload(Path.touch, victim),
        Payload(pickle.loads, pickle.dumps(Payload(os.mkdir, str(victim)))),
    ):
        path = tmp_path / "own.pt"
        torch.save({"model_type": "seg", where: payload}, path, pickle_protocol=protocol)
        with pytest.raises(BadModel, match=r"The file names \w+\.\w+.* Nothing was run"):
            read_torch(path)
        assert not victim.exists()


def test_a_function_of_a_library_is_left_out_and_not_run(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    path = saved(tmp_path / "own.pt", {"optimizer": Payload(np.savetxt, str(victim), [1.0])})
    assert read_torch(path)["optimizer"] == Unread("numpy.savetxt", (str(victim), [1.0]))
    assert not victim.exists()
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path, weights_only=True)  # so does torch


def test_the_payload_would_have_been_run_by_pickle(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    pickle.loads(pickle.dumps(Payload(os.mkdir, str(victim))))
    assert victim.is_dir()


def test_a_file_cut_off_anywhere_is_not_whole(tmp_path: Path) -> None:
    whole = saved(tmp_path / "own.pt", {"a": torch.ones(300)}).read_bytes()
    part = tmp_path / "part.pt"
    for length in (1, 3, 100, len(whole) // 2, len(whole) - 1):
        part.write_bytes(whole[:length])
        with pytest.raises(CannotRead, match=r"part\.pt is not a whole checkpoint"):
            read_torch(part)


def test_damaged_numbers_are_noticed(tmp_path: Path) -> None:
    path = saved(tmp_path / "own.pt", {"a": torch.full((300,), 3.0)})
    content = bytearray(path.read_bytes())
    at = content.index(torch.full((300,), 3.0).numpy().tobytes())
    content[at + 500] ^= 1
    path.write_bytes(content)
    with pytest.raises(CannotRead, match="CRC"):
        read_torch(path)


def test_files_of_other_kinds_are_named(tmp_path: Path) -> None:
    path = tmp_path / "own.tar"
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(CannotRead, match="not a zip file"):
        read_torch(path)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("readme.txt", "words")
    with pytest.raises(CannotRead, match="without the parts of a checkpoint"):
        read_torch(path)
    torch.save({"a": torch.ones(2)}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(CannotRead, match=r"torch before 1\.6"):
        read_torch(path)


def test_packed_numbers_are_refused_before_they_are_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("own/data.pkl", pickle.dumps({}, 2))
        file.writestr("own/data/0", bytes(50 << 20))
    with pytest.raises(TooLarge, match=r"declares 50\.0 MiB"):
        read_torch(path)


def test_entries_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("own/data.pkl", pickle.dumps({}, 2))
        file.writestr("own/data/0", bytes(100_000))
        twin = zipfile.ZipInfo("own/data/1")
        for name in ("header_offset", "file_size", "compress_size", "CRC", "compress_type"):
            setattr(twin, name, getattr(file.getinfo("own/data/0"), name))
        file.filelist.append(twin)
        file._didModify = True
    path = tmp_path / "own.pt"
    path.write_bytes(buffer.getvalue())
    with pytest.raises(TooLarge, match="declares"):
        read_torch(path)


def tensor_program(size: str, stride: str, offset: str = "K\x00", key: str = "0") -> bytes:
    """A pickle of one float tensor; numbers as pickle writes them."""
    name = b"X" + struct.pack("<I", len(key)) + key.encode()
    storage = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\n" + name + b"X\x03\x00\x00\x00cpuK\x04tQ"
    shape = f"{offset}({size}t({stride}t\x89)".encode("latin1")
    return b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + storage + shape + b"tR."


def test_a_tensor_must_lie_within_its_numbers(tmp_path: Path) -> None:
    numbers = np.arange(4, dtype=np.float32).tobytes()

    def read(*arguments: str) -> Any:
        return read_torch(archive(tmp_path / "own.pt", tensor_program(*arguments), _0=numbers))

    assert read("K\x02K\x02", "K\x02K\x01").tolist() == [[0, 1], [2, 3]]
    for arguments in (
        ("K\x05", "K\x01"),  # longer than what there is
        ("K\x02", "K\x04"),  # steps over the end
        ("K\x04", "K\x01", "K\x01"),  # begins too late
        ("J\xff\xff\xff\xff", "K\x01"),  # -1 long
        ("K\x02", "J\xff\xff\xff\xff"),  # backwards, before its beginning
        ("J\xff\xff\xff\x7fJ\xff\xff\xff\x7f", "K\x00K\x00"),  # one number, 2 ** 62 times
        ("M\xff\xff", "K\x00"),  # one number, 65535 times
        ("K\x02", "K\x01K\x01"),
        ("K\x02", "K\x01", "K\x00", "9"),  # of a file that is not there
    ):
        with pytest.raises(CannotRead, match=r"list of contents of own\.pt is damaged"):
            read(*arguments)


@pytest.mark.parametrize(
    "program",
    [
        b"\x80\x02]r\xff\xff\xff\x7f.",  # a place 2 ** 31 in the memory of Python's own machine
        b"\x80\x02}" + b")" + b"\x85" * 100_000 + b"K\x01s.",  # a key so deep that hashing it ends Python
        b"\x80\x02(i",
        b"\x80\x02.",
        b"\x80\x02N",
        b"\x80\x02K\x01K\x01R.",
        b"\x80\x02h\x05.",
        b"\x80\x02t.",
        b"\x80\x02}(K\x01u.",
        b"\x80\x02NNQ.",
        b"",
    ],
)
def test_a_list_of_contents_that_makes_no_sense_is_damaged(tmp_path: Path, program: bytes) -> None:
    path = archive(tmp_path / "own.pt", program)
    if program.startswith(b"\x80\x02]r"):
        assert read_torch(path) == []  # here it is a word in a dictionary
        return
    with pytest.raises(CannotRead):
        read_torch(path)


def test_whatever_byte_is_changed_the_answer_is_a_value_or_words(tmp_path: Path) -> None:
    content = {"weights": {"a": torch.ones(2, 3), "b": torch.zeros(4)}, "n": [1, 2], "optimizer": None}
    path = saved(tmp_path / "own.pt", content)
    with zipfile.ZipFile(path) as file:
        program, zero, one = (file.read(f"own/{name}") for name in ("data.pkl", "data/0", "data/1"))
    rng = np.random.default_rng(0)
    outcomes = set()
    for _ in range(400):
        mutant = bytearray(program)
        for at in rng.integers(0, len(mutant), rng.integers(1, 4)):
            mutant[at] = rng.integers(256)
        try:
            read_torch(archive(path, bytes(mutant), _0=zero, _1=one))
            outcomes.add("value")
        except AtomAIError as error:
            outcomes.add(type(error).__name__)
    assert outcomes >= {"value", "CannotRead"}
