"""Published sample files, fetched when somebody asks for one and kept in the user's cache. One door to pooch.

Nothing here reaches the network but `fetch`, and that only for a file that is not in the cache yet.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from napari_atomai.data.progress import Progress
from napari_atomai.errors import AtomAIError, CannotRead, SaveFailed, UnknownOption
from napari_atomai.files.published import SAMPLES
from napari_atomai.files.sample import Sample

FOLDER_VARIABLE = "NAPARI_ATOMAI_SAMPLES"
"""Environment variable with the folder that sample files are kept in."""
TIMEOUTS = (10.0, 30.0)
"""Seconds to wait for a connection, and for the next bytes of an answer."""
LONGEST = 600.0
"""Seconds that one download may take."""
_CHUNK = 1 << 16

log = logging.getLogger(__name__)
Watch = Callable[[Progress], None]


class Row(NamedTuple):
    """One line of the list of samples, in words."""

    name: str
    title: str
    shows: str
    licence: str
    size: str
    source: str
    credit: str
    cached: bool


def find(name: str) -> Sample:
    """Return the sample of that name.

    Raises
    ------
    UnknownOption
        If there is none; it names the nearest.
    """
    by_name = {sample.name: sample for sample in SAMPLES}
    if name not in by_name:
        raise UnknownOption("sample", name, by_name)
    return by_name[name]


def describe(folder: str | os.PathLike[str] | None = None) -> list[Row]:
    """List what can be fetched, in the order of the menu, and what is already here."""
    return [
        Row(
            sample.name,
            sample.title,
            sample.shows,
            sample.origin.licence,
            sample.size_in_words,
            f"https://github.com/{sample.origin.repository}/tree/{sample.commit}",
            sample.origin.credit,
            cached(sample.name, folder),
        )
        for sample in SAMPLES
    ]


def cache_folder(folder: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder that sample files are kept in; it need not exist.

    Parameters
    ----------
    folder : path-like, optional
        Goes before the environment variable NAPARI_ATOMAI_SAMPLES, and that before the user's cache folder.
    """
    if folder is None:
        folder = os.environ.get(FOLDER_VARIABLE) or None
    if folder is not None:
        return Path(folder).expanduser().absolute()
    import pooch

    return Path(pooch.os_cache("napari-atomai")) / "samples"


def cached(name: str, folder: str | os.PathLike[str] | None = None) -> bool:
    """Tell whether the file is in the cache, whole and unchanged."""
    sample = find(name)
    return _is_whole(cache_folder(folder) / sample.file, sample)


def fetch(name: str, folder: str | os.PathLike[str] | None = None, progress: Watch | None = None) -> Path:
    """Return a sample file; it is downloaded if it is not in the cache yet.

    Parameters
    ----------
    name : str
        One of those that `describe` lists.
    folder : path-like, optional
        Where files are kept, see `cache_folder`.
    progress : callable, optional
        Called with the bytes so far while the file comes; whatever it raises ends the download.

    Returns
    -------
    Path
        A file with the registered sha256.

    Raises
    ------
    UnknownOption
        If there is no sample of that name.
    CannotRead
        If the file could not be reached, or something else came. Nothing is kept then.
    SaveFailed
        If the folder cannot be written to.
    """
    sample, where = find(name), cache_folder(folder)
    target = where / sample.file
    if _is_whole(target, sample):
        return target
    import pooch

    try:
        where.mkdir(parents=True, exist_ok=True)
        with _quiet(pooch.get_logger()):
            pooch.retrieve(
                sample.url,
                known_hash=f"sha256:{sample.sha256}",
                fname=sample.file,
                path=where,
                downloader=_downloader(sample, where, progress),
            )
    except AtomAIError:
        raise
    except OSError as error:  # of the disk: those of the network were worded by the downloader
        raise SaveFailed(
            f"{sample.file} could not be kept in {where}: {error.strerror or error}.",
            why=f"It takes {sample.size_in_words}; nothing was kept.",
            remedy=f"Free some space, or name another folder in the environment variable {FOLDER_VARIABLE}.",
        ) from error
    return target


def _is_whole(path: Path, sample: Sample) -> bool:
    try:
        return path.stat().st_size == sample.size and _sha256(path) == sample.sha256
    except OSError:
        return False


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _quiet(theirs: logging.Logger) -> Iterator[None]:
    """Bring what pooch says in this thread to our log; by itself it prints to the user."""
    thread = threading.get_ident()

    def take(record: logging.LogRecord) -> bool:
        if record.thread != thread:
            return True
        log.debug("%s", record.getMessage())
        return False

    theirs.addFilter(take)
    try:
        yield
    finally:
        theirs.removeFilter(take)


class _Bar:
    """What pooch takes for a progress bar: looks at the bytes that came, after each piece of them."""

    total = 0

    def __init__(self, sample: Sample, part: Path, progress: Watch | None) -> None:
        self.sample, self.part, self.progress = sample, part, progress
        self.end = time.monotonic() + LONGEST

    def update(self, count: int) -> None:
        done = self.part.stat().st_size  # pooch counts whole pieces, also where a piece was shorter
        if done > self.sample.size:
            raise _other_file(self.sample, f"more than its {self.sample.size} bytes came")
        if time.monotonic() > self.end:
            raise _unreachable(self.sample, self.part.parent, f"{done} bytes in {LONGEST:.0f} s are too slow")
        if self.progress is not None:
            self.progress(Progress(done, self.sample.size, f"downloading {self.sample.file}"))

    def reset(self) -> None: ...

    def close(self) -> None: ...


def _downloader(sample: Sample, where: Path, progress: Watch | None) -> Callable[[str, str, object], None]:
    import pooch
    from requests.exceptions import RequestException

    def download(url: str, part: str, _: object) -> None:
        http = pooch.HTTPDownloader(
            progressbar=_Bar(sample, Path(part), progress),
            chunk_size=_CHUNK,
            timeout=TIMEOUTS,
            headers={"Accept-Encoding": "identity"},  # so that no small answer unpacks into a large one
        )
        try:
            http(url, part, None)
        except RequestException as error:
            raise _unreachable(sample, where, _reason(error)) from error
        came = _sha256(Path(part))
        if came != sample.sha256:
            raise _other_file(sample, f"its sha256 begins {came[:12]}, not {sample.sha256[:12]}")

    return download


def _reason(error: Exception) -> str:
    from requests import exceptions as failed

    response = getattr(error, "response", None)
    if isinstance(error, failed.HTTPError) and response is not None:
        return f"the answer was {response.status_code} {response.reason}"
    words = {
        failed.SSLError: "its certificate was not accepted",
        failed.ProxyError: "the proxy of this network did not let it through",
        failed.Timeout: f"no answer came within {max(TIMEOUTS):.0f} s",
        failed.ChunkedEncodingError: "the connection broke off",
    }
    return next((said for kind, said in words.items() if isinstance(error, kind)), "it cannot be reached")


def _unreachable(sample: Sample, where: Path, reason: str) -> CannotRead:
    return CannotRead(
        f"{sample.file} ({sample.size_in_words}) could not be downloaded from "
        f"{urlsplit(sample.url).hostname}: {reason}.",
        why="Samples are downloaded when they are first opened; nothing was kept.",
        remedy=f"Check the connection; or get {sample.url} elsewhere, and keep it as {where / sample.file}.",
    )


def _other_file(sample: Sample, how: str) -> CannotRead:
    return CannotRead(
        f"What {urlsplit(sample.url).hostname} sent is not {sample.file}: {how}.",
        why="It could be anything, so it was deleted.",
        remedy="If this network has a login page, log in; then try again.",
    )
