"""The words of the command line. Standard library only, so that ``--help`` is instant."""

from __future__ import annotations

import argparse
import difflib
import math
import re
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import NoReturn

from napari_atomai.cli import (
    components,
    elit,
    imspec,
    latent,
    lattice,
    local_order,
    movie,
    replay,
    rings,
    segment,
    structure,
    train,
    unmix,
)

SAMPLES = ("graphene", "perovskite")
"""Simulated images that come with the package."""
CONTRASTS = ("auto", "bright", "dark")
ALL_DATASETS = -1
"""What ``--dataset all`` becomes."""
ALSO = ("hspy", "nsid")
"""Formats that results can be written in beside the usual ones."""
METHODS = ("gaussian", "centre of mass", "none")

_CODES = """exit codes:
  0    all fine
  1    something failed; the sentences on stderr say what
  2    the command was not understood, nothing was done
  130  stopped by Ctrl-C; nothing is half written
"""

_MAIN_EXAMPLES = f"""examples:
  napari-atomai find scan.dm4 --out results      find the atoms of an image, write tables and pictures
  napari-atomai open scan.dm4                    the same in a window
  napari-atomai doctor                           what is installed here, and what is missing
  napari-atomai find --help                      all options and more examples

{_CODES}"""

_FIND_EXAMPLES = f"""examples:
  napari-atomai find scan.dm4 --out results
  napari-atomai find *.ser --out results --threshold 0.6
  napari-atomai find raw.npy --out results --pixel-size 0.02
  napari-atomai find abf.dm4 --out results --contrast dark --refine "centre of mass"
  napari-atomai find scan.dm4 --out results --false-rate 0.05
  napari-atomai find scan.dm4 --out results --also hspy,nsid
  napari-atomai find --sample graphene --out results
  napari-atomai find --recipe results/scan/recipe.json --out again
  napari-atomai find other.dm4 --recipe results/scan/recipe.json --out results

Each file gets its own folder in DIR, with:
  atoms.csv        one line per atom: id, frame, row_px, col_px, x_nm, y_nm, class, score ...
  atoms.xyz        the same for ASE, OVITO, VESTA
  classes.tif      class map; probability.tif and, of an ensemble, uncertainty.tif: all calibrated
  overlay.png      the picture with its atoms (a movie: more frames beside it)
  recipe.json      how it came about; give it to --recipe to do the same again
  results.hspy     with --also hspy: maps, atoms and recipe in one file for HyperSpy
  results.h5       with --also nsid: the same for sidpy

{_CODES}"""

_OPEN_EXAMPLES = f"""examples:
  napari-atomai open scan.dm4
  napari-atomai open --sample perovskite
  napari-atomai open

{_CODES}"""

_SAMPLES_EXAMPLES = f"""examples:
  napari-atomai samples
  napari-atomai find --sample stem_BaTiO3_1 --out results

{_CODES}"""

_DOCTOR_EXAMPLES = f"""examples:
  napari-atomai doctor
  napari-atomai doctor --json > doctor.json      for a bug report

{_CODES}"""


_SAMPLE_HELP = "a simulated image, or a real one that is downloaded the first time; `samples` lists them"


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that asks "did you mean" where a word is nearly right."""

    def __init__(self, prog: str, description: str, epilog: str) -> None:
        super().__init__(
            prog=prog,
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.flags = ["-h", "--help"]

    def flag(self, *names: str, **how: object) -> None:
        """Add an option and remember its names."""
        self.add_argument(*names, **how)  # type: ignore[arg-type]
        self.flags += names

    def error(self, message: str) -> NoReturn:
        """End with exit code 2, the message, and the nearest word that exists."""
        choice = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message)
        hint = nearest(choice[1], re.findall(r"[\w ]+", choice[2].replace(", ", ","))) if choice else ""
        end = "" if message.endswith((".", "?")) else "."
        self.exit(2, f"{self.prog}: {message}{end}{hint}\nTry '{self.prog} --help'.\n")


def nearest(word: str, known: Sequence[str]) -> str:
    """Return " Did you mean ...?" for the nearest known word, or nothing."""
    near = difflib.get_close_matches(word, known, n=1)
    return f" Did you mean {near[0]}?" if near else ""


def parse(parser: Parser, argv: Sequence[str]) -> argparse.Namespace:
    """Parse the arguments; unknown options end with exit code 2 and a suggestion."""
    args, rest = parser.parse_known_args(argv)
    mine: Parser = getattr(args, "parser", parser)
    if rest:
        wrong = next((word for word in rest if word.startswith("-")), rest[0])
        name = wrong.split("=")[0]
        hint = nearest(name, mine.flags)
        mine.exit(2, f"{mine.prog}: there is no option {name}.{hint}\nTry '{mine.prog} --help'.\n")
    if args.command == "find":
        _check_find(mine, args)
    return args


def build_parser() -> Parser:
    """Make the parser of all commands."""
    parser = Parser("napari-atomai", "Find atoms in microscope images.", _MAIN_EXAMPLES)
    parser.add_argument("--version", action="version", version=f"napari-atomai {_version()}")
    parser.flags.append("--version")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    _find(
        commands.add_parser(
            "find",
            help="find atoms in files and write the results to a folder",
            description="Find the atoms of images; write tables, maps and pictures.",
            epilog=_FIND_EXAMPLES,
        )
    )
    _open(
        commands.add_parser(
            "open",
            help="open files in napari, with the Atoms panel",
            description="Open images in napari, with the Atoms panel beside them.",
            epilog=_OPEN_EXAMPLES,
        )
    )
    _talk(
        commands.add_parser(
            "samples",
            help="list the sample images for --sample",
            description="List the sample images: name, size, licence, what it shows.",
            epilog=_SAMPLES_EXAMPLES,
        )
    )
    _doctor(
        commands.add_parser(
            "doctor",
            help="check this installation and say what to do",
            description="Check Python, Qt, OpenGL, torch, memory and models.",
            epilog=_DOCTOR_EXAMPLES,
        )
    )
    for name, what in (("im2spec", "spectra from images"), ("spec2im", "images from spectra")):
        words = f"learn to predict {what}"
        imspec.add(commands.add_parser(name, help=words, description=f"{words}.", epilog=imspec.EXAMPLES))
    words = "classes and atoms of files, by a net of your own"
    segment.add(commands.add_parser("segment", help=words, description=words, epilog=segment.EXAMPLES))
    words = "rings and defects of files, as tables and a picture"
    rings.add(commands.add_parser("rings", help=words, description=f"{words}.", epilog=rings.EXAMPLES))
    words = "a structure of the atoms of a file, for a simulation code"
    structure.add_export(
        commands.add_parser("export", help=words, description=f"{words}.", epilog=structure.EXPORT_EXAMPLES)
    )
    words = "let the atoms of a structure come to rest, or move"
    structure.add_relax(
        commands.add_parser("relax", help=words, description=f"{words}.", epilog=structure.RELAX_EXAMPLES)
    )
    for part, what in (
        (train, "teach a finder from corrections"),
        (elit, "let an ensemble teach itself on files"),
        (replay, "do on other files what a recipe tells"),
        (latent, "what varies in the motifs of files, without labels"),
        (lattice, "strain, polarisation and vacancies of files"),
        (movie, "drift, tracks and states of the atoms of movies"),
        (components, "components of what lies around the atoms of files, and their maps"),
        (unmix, "component spectra and maps of spectrum images"),
        (local_order, "which lattice is where in files, by Fourier transforms of windows"),
    ):
        name = part.__name__.rpartition(".")[2]
        part.add(commands.add_parser(name, help=what, description=f"{what}.", epilog=part.EXAMPLES))
    return parser


def _find(parser: Parser) -> None:
    flag = parser.flag
    parser.add_argument("files", nargs="*", metavar="FILE", type=Path, help="microscope files, TIFF, NPY ...")
    flag("--out", metavar="DIR", type=Path, help="folder for the results; made when it is not there")
    flag("--sample", metavar="NAME", type=_sample, help=_SAMPLE_HELP)
    flag("--dataset", metavar="N", type=_dataset, help='which image of a file, from 0, or "all"')
    flag(
        "--pixel-size",
        metavar="NM",
        type=_pixel_size,
        help="size of a pixel in nm, or ROW,COL where they differ; in place of the file's",
    )
    flag("--threshold", metavar="T", type=float, help="leave out atoms with a lower score; 0.05 to 0.99")
    flag("--false-rate", metavar="R", type=float, help="threshold that keeps false atoms below this share")
    flag("--miss-rate", metavar="R", type=float, help="threshold that keeps missed columns below this share")
    flag("--spacing", metavar="PX", type=float, help="distance between neighbours; 0 = measured in the image")
    flag("--contrast", choices=CONTRASTS, help="atoms are brighter (HAADF) or darker (ABF) than around them")
    flag("--refine", choices=METHODS, help="how positions are refined on the raw pixels; default gaussian")
    flag("--model", metavar="NAME_OR_PATH", help="a bundled model or a .safetensors file")
    flag("--recipe", metavar="JSON", type=Path, help="do the steps of an earlier recipe.json again")
    flag("--also", metavar="FORMATS", type=_formats, default=(), help="write hspy, nsid or hspy,nsid as well")
    flag("--overwrite", action="store_true", help="replace results of another input in DIR")
    _talk(parser)


def _open(parser: Parser) -> None:
    parser.add_argument("files", nargs="*", metavar="FILE", type=Path, help="files to open")
    parser.flag("--sample", metavar="NAME", type=_sample, help=_SAMPLE_HELP)
    _talk(parser)


def _doctor(parser: Parser) -> None:
    parser.flag("--json", action="store_true", help="machine-readable")
    _talk(parser)


def _talk(parser: Parser) -> None:
    parser.flag("-q", "--quiet", action="store_true", help="say only what failed")
    parser.flag("-v", "--verbose", action="store_true", help="show where an error came from")
    parser.set_defaults(parser=parser)


def _check_find(parser: Parser, args: argparse.Namespace) -> None:
    if args.out is None:
        parser.error("--out DIR is missing: the folder for the results")
    if args.sample and args.files:
        parser.error("give files or --sample, not both")
    if not (args.files or args.sample or args.recipe):
        parser.error("nothing to do: give one or more files, or --sample graphene")


def _sample(text: str) -> str:
    from napari_atomai.files.published import SAMPLES as PUBLISHED

    known = [*SAMPLES, *(sample.name for sample in PUBLISHED)]
    if text not in known:
        hint = nearest(text, known) or " `napari-atomai samples` lists them."
        raise argparse.ArgumentTypeError(f"there is no sample {text!r}.{hint}")
    return text


def _dataset(text: str) -> int:
    if text == "all":
        return ALL_DATASETS
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f'{text!r} is neither a number from 0 nor "all"')
    return int(text)


def _formats(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(part.strip().lower() for part in text.split(",")))
    wrong = next((name for name in names if name not in ALSO), None)
    if wrong is not None:
        raise argparse.ArgumentTypeError(f"there is no format {wrong!r} (known: {', '.join(ALSO)})")
    return names


def _pixel_size(text: str) -> tuple[float, float]:
    try:
        sizes = [float(part) for part in text.split(",")]
    except ValueError:
        sizes = []
    if len(sizes) not in (1, 2) or not all(0 < size < math.inf for size in sizes):
        raise argparse.ArgumentTypeError(
            f"a pixel size of {text!r} is not possible: give a positive number of nm, or two as ROW,COL"
        )
    return sizes[0], sizes[-1]


def _version() -> str:
    try:
        return metadata.version("napari-atomai")
    except metadata.PackageNotFoundError:
        return "(not installed)"
