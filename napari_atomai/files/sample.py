"""What is known of a microscope file that somebody published: where it is, whose, and its sha256."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import quote

HOST = "https://raw.githubusercontent.com"
"""Sends the bytes of a file at a commit."""


@dataclass(frozen=True)
class Origin:
    """Where files come from.

    Parameters
    ----------
    repository : str
        Owner and name on GitHub.
    licence : str
        SPDX identifier.
    credit : str
        Whom to name when the file is shown.
    """

    repository: str
    licence: str
    credit: str


@dataclass(frozen=True)
class Sample:
    """A published file, and how to recognise it.

    Parameters
    ----------
    name : str
        What it is called here, and its file name without the ending.
    title : str
        What a menu calls it.
    origin : Origin
        Repository, licence and credit.
    commit : str
        40 hexadecimal digits: the file at this commit never changes.
    path : str
        The file inside the repository.
    sha256 : str
        Of its bytes.
    size : int
        Bytes.
    shows : str
        What is to be seen.
    layers : bool
        Whether it opens as layers; single spectra do not, they are plotted.
    """

    name: str
    title: str
    origin: Origin
    commit: str
    path: str
    sha256: str
    size: int
    shows: str
    layers: bool = True

    @property
    def file(self) -> str:
        """File name that it gets here: the name, and the ending that says the format."""
        return self.name + PurePosixPath(self.path).suffix

    @property
    def url(self) -> str:
        """Where the bytes are."""
        return f"{HOST}/{self.origin.repository}/{self.commit}/{quote(self.path)}"

    @property
    def menu(self) -> str:
        """Title with what opening it for the first time costs, and the licence."""
        return f"{self.title} (download, {self.size_in_words}, {self.origin.licence})"

    @property
    def size_in_words(self) -> str:
        """Size as a person reads it: 2.1 MB."""
        return f"{self.size / 1e6:.1f} MB" if self.size >= 50_000 else f"{self.size / 1e3:.0f} kB"
