"""The command ``napari-atomai find``: each input to a folder of its own; one failure stops no other."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from napari_atomai.cli.bar import Bar
from napari_atomai.cli.parser import ALL_DATASETS
from napari_atomai.cli.places import check_place, folder_names
from napari_atomai.data.image import Image
from napari_atomai.data.recipe import FindAtoms, InputRecord, Recipe, Record, RefineAtoms
from napari_atomai.errors import AtomAIError, BadOption, CannotRead
from napari_atomai.models.storage import load_weights
from napari_atomai.workflow import find as engine
from napari_atomai.workflow.record import check_input, describe_input
from napari_atomai.workflow.results import check_folder, write_results

_FIND_OPTIONS = ("model", "threshold", "false_rate", "miss_rate", "spacing", "contrast")
_AIMS = {"threshold", "false_rate", "miss_rate"}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done with every input."""

    find: FindAtoms
    refine: RefineAtoms
    recipe: Record | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one input."""

    name: str
    fine: bool
    text: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """One image, and where its results go."""

    name: str
    image: Image
    folder: Path
    notes: tuple[str, ...] = ()


class Speaker:
    """Writes sentences to stderr, the summary to stdout."""

    def __init__(self, *, quiet: bool, verbose: bool) -> None:
        self.quiet = quiet
        self.verbose = verbose

    def note(self, sentence: str) -> None:
        """Tell something that a person should know."""
        if not self.quiet:
            sys.stderr.write(f"  note: {sentence}\n")

    def failed(self, name: str, error: Exception) -> Outcome:
        """Tell what went wrong; where it came from only when asked."""
        if self.verbose:
            traceback.print_exception(error)
        words = in_words(error)
        # Most sentences name their file themselves.
        sys.stderr.write(f"napari-atomai: {words if name in words else f'{name}: {words}'}\n")
        return Outcome(name, fine=False)

    def summary(self, outcomes: Sequence[Outcome], seconds: float) -> None:
        """Tell what was made, and how many inputs failed; why they did has been told by `failed`."""
        if self.quiet:
            return
        made = [outcome for outcome in outcomes if outcome.fine]
        for outcome in made:
            sys.stdout.write(f"{outcome.name}: {outcome.text}\n")
        if len(outcomes) > 1:
            failed = ", ".join(outcome.name for outcome in outcomes if not outcome.fine)
            end = f"; failed: {failed}" if failed else ""
            sys.stdout.write(f"{len(made)} of {len(outcomes)} done in {seconds:.0f} s{end}\n")


def run(args: argparse.Namespace) -> int:
    """Find the atoms of every input; 0 when all went well, 1 when one did not."""
    speaker = Speaker(quiet=args.quiet, verbose=args.verbose)
    plan = make_plan(args)
    check_place(args.out)
    for note in plan.notes:
        speaker.note(note)
    outcomes: list[Outcome] = []
    began = time.monotonic()
    try:
        for name, read in _inputs(args, plan):
            outcomes += _one_input(name, read, plan, args, speaker)
    finally:  # what was done is told after Ctrl-C, too
        speaker.summary(outcomes, time.monotonic() - began)
    return 0 if all(outcome.fine for outcome in outcomes) else 1


def make_plan(args: argparse.Namespace) -> Plan:
    """Put the steps of the recipe and the options of the line together; the line wins.

    Raises
    ------
    BadOption
        If a value is not allowed, or the recipe is not one.
    UnknownOption
        If there is no such model.
    CannotRead, BadModel
        If the file of the recipe or of the model cannot be read.
    """
    recipe = _read_recipe(args.recipe) if args.recipe else None
    find = (recipe and recipe.step(FindAtoms)) or FindAtoms.of({})
    refine = (recipe and recipe.step(RefineAtoms)) or RefineAtoms.of({})
    line = {name: getattr(args, name) for name in _FIND_OPTIONS if getattr(args, name) is not None}
    if line.keys() & _AIMS:  # one given here takes the place of any other in the recipe
        line = {"false_rate": 0.0, "miss_rate": 0.0} | line
    new_find = FindAtoms.of({**find.model_dump(), **line})
    new_refine = RefineAtoms.of(
        {**refine.model_dump(), **({} if args.refine is None else {"method": args.refine})}
    )
    load_weights(new_find.model)  # kept for the work; a model that is not there is said at once
    changed = [] if recipe is None else _changes(find, new_find) + _changes(refine, new_refine)
    return Plan(new_find, new_refine, recipe, tuple(changed))


def in_words(error: Exception) -> str:
    """Return an error as a sentence; those nobody foresaw say that they are our mistake."""
    if isinstance(error, AtomAIError):
        return str(error)
    reason = str(error) or "no reason given"
    return f"unexpected {type(error).__name__}: {reason} Run again with -v and report it, please."


def _read_recipe(path: Path) -> Record:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CannotRead(
            f"The recipe {path} cannot be read: {error}.",
            remedy="Give a recipe.json that napari-atomai wrote.",
        ) from error
    try:
        return Record.from_json(text)
    except BadOption as error:  # which does not know the file's name
        raise BadOption(f"{path}: {error.what}", why=error.why, remedy=error.remedy) from error


def _changes(old: Recipe, new: Recipe) -> list[str]:
    before, after = old.model_dump(), new.model_dump()
    return [
        f"{name} is {after[name]!r} as on the command line, not {before[name]!r} as in the recipe"
        for name in before
        if before[name] != after[name]
    ]


def _inputs(args: argparse.Namespace, plan: Plan) -> Iterator[tuple[str, Callable[[], list[Job]]]]:
    """Every input by name, and what reads it; nothing is read before it is its turn."""
    if args.sample:
        yield args.sample, partial(_sample, args.sample, args.dataset, args.out)
        return
    files, dataset = args.files, args.dataset
    if plan.recipe is not None:
        files = files or [_recorded_file(plan.recipe.input)]
        dataset = plan.recipe.input.dataset if dataset is None else dataset
    once = list({path.resolve(): path for path in files}.values())
    for path, name in zip(once, folder_names(once), strict=True):
        yield path.name, partial(_images, path, dataset, args.out / name)


def _recorded_file(recorded: InputRecord) -> Path:
    if not recorded.path:
        raise CannotRead(
            "The recipe was recorded on pixels without a file.",
            remedy="Name the file to use, or --sample, on the command line.",
        )
    return Path(recorded.path)


def _one_input(
    name: str, read: Callable[[], list[Job]], plan: Plan, args: argparse.Namespace, speaker: Speaker
) -> list[Outcome]:
    try:
        jobs = read()
    except Exception as error:  # noqa: BLE001 - the other inputs must not suffer from this one
        return [speaker.failed(name, error)]
    return [_one_job(job, plan, args, speaker) for job in jobs]


def _one_job(job: Job, plan: Plan, args: argparse.Namespace, speaker: Speaker) -> Outcome:
    try:
        return _done(job, plan, args, speaker)
    except Exception as error:  # noqa: BLE001 - the other images must not suffer from this one
        return speaker.failed(job.name, error)


def _done(job: Job, plan: Plan, args: argparse.Namespace, speaker: Speaker) -> Outcome:
    image, notes = _calibrated(job.image, args.pixel_size, plan.recipe)
    check_place(job.folder)
    if not args.overwrite:  # before the work, not after it
        check_folder(job.folder, describe_input(image))
    found = _watched(job.name, image, plan, speaker)
    said = [*job.notes, *notes, *image.notes, *found.notes, *_other_model(plan.recipe, found)]
    for note in dict.fromkeys(said):
        speaker.note(note)
    write_results(found, image, job.folder, overwrite=args.overwrite, formats=args.also)
    atoms = found.atoms
    kinds = ", ".join(f"{kind} {count}" for kind, count in atoms.counts().items())
    return Outcome(job.name, fine=True, text=f"{len(atoms)} atoms ({kinds}) -> {job.folder}")


def _watched(name: str, image: Image, plan: Plan, speaker: Speaker) -> engine.Found:
    bar = Bar(name, sys.stderr, quiet=speaker.quiet)
    # Closed on every way out: a stop must not wait for the garbage collector.
    with (
        contextlib.closing(engine.finding(image, plan.find, plan.refine)) as work,
        contextlib.ExitStack() as end,
    ):
        end.callback(bar.clear)
        while True:
            try:
                bar.show(next(work))
            except StopIteration as done:
                found: engine.Found = done.value
                return found


def _calibrated(
    image: Image, pixel_size: tuple[float, float] | None, recipe: Record | None
) -> tuple[Image, list[str]]:
    """Apply the pixel size of the line; else, on the same input, the one that the recipe recorded."""
    notes = [] if recipe is None else list(check_input(recipe, image))
    if pixel_size is not None:
        return image.calibrated(pixel_size), notes
    if recipe is None or notes:
        return image, notes
    recorded, how = recipe.input.pixel_size_nm, recipe.input.calibration
    same = recorded == image.pixel_size
    if how is None and (same or recorded is None):
        return image, notes
    said = [] if same else [f"{_size_in_words(recorded)} as in the recipe"]
    return image.calibrated(recorded, how=how), [*notes, *said]


def _size_in_words(size: tuple[float, float] | None) -> str:
    if size is None:
        return "no pixel size"
    return f"pixel size {' x '.join(f'{each:g}' for each in dict.fromkeys(size))} nm"


def _other_model(recipe: Record | None, found: engine.Found) -> list[str]:
    before = None if recipe is None else recipe.model
    now = found.record.model
    if before is None or now is None or before.sha256 == now.sha256:
        return []
    return [
        f"The recipe was recorded with model {before.name} (sha256 {before.sha256[:12]}...), this is "
        f"{now.name} (sha256 {now.sha256[:12]}...): the numbers will not be the same."
    ]


def _sample(name: str, dataset: int | None, out: Path) -> list[Job]:
    from napari_atomai.simulate.samples import SAMPLES, sample

    if name in SAMPLES:
        return [Job(name, sample(name).image, out / name)]
    from napari_atomai.files import registry

    return _images(registry.fetch(name), dataset, out / name)


def _images(path: Path, dataset: int | None, folder: Path) -> list[Job]:
    """Read a file; the image that is taken when none is named has the plain folder name."""
    from napari_atomai.files.reading import read

    images = read(path)
    # Counted with the spectra between them, as recipes record it.
    numbered = {image.source.dataset: image for image in images if image.source is not None}
    usual = next(i for i, image in numbered.items() if image is engine.first_picture(images))
    if dataset not in (None, ALL_DATASETS, *numbered):
        raise BadOption(
            f"{path.name} holds {len(images)} image(s): there is no dataset {dataset}.",
            remedy=f"Give --dataset {', '.join(str(i) for i in numbered)}, or all.",
        )
    notes: tuple[str, ...] = ()
    if dataset is None and len(images) > 1:
        notes = (
            f"the file holds {len(images)} images, this is dataset {usual}; --dataset takes another, or all",
        )
    chosen = list(numbered) if dataset == ALL_DATASETS else [usual if dataset is None else dataset]
    return [
        Job(path.name, numbered[i], folder, notes)
        if i == usual
        else Job(f"{path.name} [{i}]", numbered[i], folder.with_name(f"{folder.name}_dataset{i}"))
        for i in chosen
    ]
