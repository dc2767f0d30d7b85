"""``napari-atomai im2spec`` and ``spec2im``: learn structure and spectrum from files, and predict."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from napari_atomai.cli.bar import Bar
from napari_atomai.errors import BadOption, CannotRead

EXAMPLES = """examples:
  napari-atomai im2spec haadf.dm4 si.dm4 --out results
  napari-atomai im2spec haadf.hspy si.hspy --out results --window 40 --models 5 --turned
  napari-atomai im2spec haadf.hspy si.hspy --out results --predict other.dm4
  napari-atomai im2spec haadf.dm4 line.dm3 --out results --line 120 40 120 460
  napari-atomai spec2im haadf.hspy si.hspy --out results

DIR gets:
  model.safetensors     the trained model, with its window and energies
  predicted.hspy        what it predicts at every place, and the map of its error
  scores.json           R2 on the blocks held out, with the baselines
  recipe.json           the options; give it to --recipe to do the same again
  NAME_predicted.hspy   with --predict: spectra for another image
"""

# Words, not the recipe's own: pydantic would slow down every --help.
_OPTIONS = {
    "window": (float, "side of the patch around each spectrum in nm; 0 = the one that tells most"),
    "patch": (int, "pixels along the side of a patch; 0 = 16 to 32"),
    "low": (float, "lowest energy that is used"),
    "high": (float, "highest energy that is used"),
    "rebin": (int, "channels that are added up to one"),
    "latent_dim": (int, "how many numbers everything has to go through"),
    "filters": (int, "channels of the first convolutions"),
    "training_cycles": (int, "times that all pairs are gone through; 0 = enough"),
    "models": (int, "nets of the ensemble; several give error bars"),
    "held_out": (float, "share of the area held out, in blocks"),
    "seed": (int, "of blocks, weights and order"),
}


def add(parser: Any) -> None:
    """Add the arguments of both commands to a `napari_atomai.cli.parser.Parser`."""
    parser.add_argument("image", metavar="IMAGE", type=Path, help="the structure: a microscope file")
    parser.add_argument(
        "spectra", metavar="SPECTRA", type=Path, help="the spectrum image; may be the same file"
    )
    parser.flag(
        "--out", metavar="DIR", type=Path, required=True, help="folder for the results; made if needed"
    )
    for name, (kind, words) in _OPTIONS.items():
        parser.flag("--" + name.replace("_", "-"), dest=name, metavar="N", type=kind, help=words)
    parser.flag(
        "--line",
        nargs=4,
        type=float,
        metavar="PIXEL",
        help="SPECTRA is a line scan: row and column of its first and its last spectrum in IMAGE",
    )
    parser.flag("--same-field", action="store_true", help="take both for pictures of the same field")
    parser.flag(
        "--turned",
        nargs="?",
        const="yes",
        choices=("auto", "yes", "no"),
        help="learn from turned and mirrored patches too (im2spec); auto, the default: where it does no harm",
    )
    parser.flag(
        "--mask",
        metavar="FILE",
        type=Path,
        help="picture of the spectrum image's size; only where it is not 0",
    )
    parser.flag("--recipe", metavar="JSON", type=Path, help="options of an earlier run")
    parser.flag("--predict", metavar="FILE", type=Path, help="predict spectra for this image too (im2spec)")
    parser.flag("--overwrite", action="store_true", help="replace results that are in DIR")
    parser.flag("-q", "--quiet", action="store_true", help="say only what failed")
    parser.flag("-v", "--verbose", action="store_true", help="show where an error came from")
    parser.set_defaults(parser=parser)


def run(args: argparse.Namespace) -> int:
    """Train on two files and write what came of it; returns 0."""
    from napari_atomai.files.atomic import write_text
    from napari_atomai.files.reading import read
    from napari_atomai.files.writing import write_hspy
    from napari_atomai.workflow.imspec import maps_of, predict_spectra

    recipe = _recipe(args)
    if args.predict and recipe.direction != "im2spec":
        raise BadOption("--predict is for im2spec.", remedy="Leave it out.")
    _check_out(args)
    image = picture_of(read(args.image), args.image)
    other = picture_of(read(args.predict), args.predict) if args.predict else None
    result = _shown(_training(args, image, recipe), args)
    args.out.mkdir(parents=True, exist_ok=True)
    result.model.save_model(args.out / "model.safetensors")
    write_hspy(maps_of(result), args.out / "predicted.hspy", overwrite=args.overwrite)
    told = {"R2": dict(result.comparison.scores), "sentence": result.comparison.sentence()}
    told |= {
        "learned from": len(result.train),
        "held out": len(result.test),
        "notes": list(result.pairs.notes),
    }
    write_text(json.dumps(told, indent=2) + "\n", args.out / "scores.json")
    write_text(recipe.model_dump_json(indent=2) + "\n", args.out / "recipe.json")
    if other is not None:
        path = args.out / f"{args.predict.stem}_predicted.hspy"
        write_hspy([predict_spectra(result.model, other)], path, overwrite=args.overwrite)
    if not args.quiet:
        for note in result.pairs.notes:
            sys.stderr.write(f"  note: {note}\n")
        sys.stdout.write(f"{result.comparison.sentence()}\nWritten to {args.out}.\n")
    return 0


def _training(args: argparse.Namespace, image: Any, recipe: Any) -> Any:
    from napari_atomai.data.image import Image
    from napari_atomai.files.reading import read_all
    from napari_atomai.workflow.imspec import training_imspec, training_on_line

    if args.line and args.mask:
        raise BadOption("--mask is for a spectrum image, not for a line.", remedy="Leave it out.")
    datasets = read_all(args.spectra)
    if args.line:
        ends = args.line[:2], args.line[2:]
        return training_on_line(image, line_scan_of(datasets, args.spectra), ends, recipe)
    spectra = spectra_of([each for each in datasets if isinstance(each, Image)], args.spectra)
    mask = None if args.mask is None else _mask(args.mask, spectra.shape[-2:])
    return training_imspec(image, spectra, recipe, mask=mask)


def picture_of(images: list[Any], path: Path) -> Any:
    """Return the picture of a file that is looked at first; one that holds spectra alone is refused."""
    from napari_atomai.data.image import first_picture

    pictures = [image for image in images if not image.is_spectral]
    if not pictures:
        raise CannotRead(f"{path.name} holds no picture.", remedy="Give the file of the image first.")
    return first_picture(pictures)


def spectra_of(images: list[Any], path: Path) -> Any:
    """Return the first spectrum image of a file."""
    found = next((image for image in images if image.is_spectral), None)
    if found is None:
        raise CannotRead(
            f"{path.name} holds no spectrum image.",
            remedy="Give the file of the spectra second, and of a line scan its two ends with --line.",
        )
    return found


def line_scan_of(datasets: list[Any], path: Path) -> Any:
    """Return the first line scan of a file."""
    from napari_atomai.data.spectrum import Spectrum

    for each in datasets:
        if isinstance(each, Spectrum) and each.values.ndim == 2:
            return each
    raise CannotRead(f"{path.name} holds no line scan.", remedy="Leave --line out for a spectrum image.")


def _recipe(args: argparse.Namespace) -> Any:
    from napari_atomai.data.recipes_spectra import TrainImSpec

    known: dict[str, Any] = {}
    if args.recipe:
        try:
            known = dict(json.loads(args.recipe.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise CannotRead(
                f"{args.recipe} is no recipe: {error}.", remedy="Give a recipe.json of im2spec."
            ) from error
    line = {name: getattr(args, name) for name in _OPTIONS if getattr(args, name) is not None}
    if args.same_field:
        line["alignment"] = "same field"
    if args.turned:
        line["turned"] = args.turned
    return TrainImSpec.of({**known, **line, "direction": args.command})


def _mask(path: Path, shape: tuple[int, ...]) -> Any:
    import numpy as np

    from napari_atomai.files.reading import read

    found = np.asarray(picture_of(read(path), path).pixels)
    if found.shape != shape:
        raise BadOption(
            f"The mask {path.name} has shape {found.shape}, the spectrum image {shape}.",
            remedy="Give a picture with a pixel for each spectrum.",
        )
    return np.isfinite(found) & (found != 0)


def _check_out(args: argparse.Namespace) -> None:
    if (args.out / "scores.json").exists() and not args.overwrite:
        raise BadOption(
            f"{args.out} holds results already.", remedy="Choose another --out, or give --overwrite."
        )


def _shown(work: Any, args: argparse.Namespace) -> Any:
    bar = Bar(args.image.name, sys.stderr, quiet=args.quiet)
    try:
        while True:
            bar.show(next(work))
    except StopIteration as end:
        return end.value
    finally:
        bar.clear()
