"""The command ``napari-atomai find``: each input to a folder of its own; one failure stops no other."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from napari_atomai.cli.bar import Bar
from napari_atomai.cli.parser import ALL_DATASETS
from napari_atomai.data.image import Image
from napari_atomai.data.recipe import FindAtoms, InputRecord, Recipe, Record, RefineAtoms
from napari_atomai.errors import AtomAIError, BadOption, CannotRead
from napari_atomai.workflow import find as engine
from napari_atomai.workflow.record import check_input, describe_input
from napari_atomai.workflow.results import check_folder, write_results

_FIND_OPTIONS = ("model", "threshold", "spacing", "contrast")
_ENERGIES = ("eV", "keV", "meV")


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
    text: str
    fine: bool


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
        sys.stderr.write(f"napari-atomai: {name}: {in_words(error)}\n")
        return Outcome(name, in_words(error), fine=False)

    def summary(self, outcomes: Sequence[Outcome], seconds: float) -> None:
        """Tell what became of all inputs."""
        if self.quiet or not outcomes:
            return
        for outcome in outcomes:
            sys.stdout.write(f"{'ok' if outcome.fine else 'FAILED':7} {outcome.name}: {outcome.text}\n")
        if len(outcomes) > 1:
            fine = sum(outcome.fine for outcome in outcomes)
            sys.stdout.write(f"{fine} of {len(outcomes)} done in {seconds:.0f} s\n")


def run(args: argparse.Namespace) -> int:
    """Find the atoms of every input; 0 when all went well, 1 when one did not."""
    speaker = Speaker(quiet=args.quiet, verbose=args.verbose)
    plan = make_plan(args)
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
    CannotRead
        If the recipe file cannot be read.
    """
    recipe = _read_recipe(args.recipe) if args.recipe else None
    find = (recipe and recipe.step(FindAtoms)) or FindAtoms.of({})
    refine = (recipe and recipe.step(RefineAtoms)) or RefineAtoms.of({})
    line = {name: getattr(args, name) for name in _FIND_OPTIONS if getattr(args, name) is not None}
    new_find = FindAtoms.of({**find.model_dump(), **line})
    new_refine = RefineAtoms.of(
        {**refine.model_dump(), **({} if args.refine is None else {"method": args.refine})}
    )
    changed = [] if recipe is None else _changes(find, new_find) + _changes(refine, new_refine)
    return Plan(new_find, new_refine, recipe, tuple(changed))


def folder_names(paths: Sequence[Path]) -> list[str]:
    """Give each path a folder name: its stem, with suffix, parent or number where stems collide.

    Letter case does not tell names apart, since it does not on Windows and macOS.
    """
    suffixes = [path.suffix.lstrip(".") for path in paths]
    forms = [
        [path.stem for path in paths],
        [f"{path.stem}_{suffix}" for path, suffix in zip(paths, suffixes, strict=True)],
        [f"{path.parent.name}_{path.stem}_{suffix}" for path, suffix in zip(paths, suffixes, strict=True)],
    ]
    chosen: list[str] = []
    for index in range(len(paths)):
        name = next((form[index] for form in forms if _only(form, index)), forms[-1][index])
        taken = {other.casefold() for other in chosen}
        numbered = (name if number == 1 else f"{name}_{number}" for number in itertools.count(1))
        chosen.append(next(each for each in numbered if each.casefold() not in taken))
    return chosen


def in_words(error: Exception) -> str:
    """Return an error as a sentence; those nobody foresaw say that they are our mistake."""
    if isinstance(error, AtomAIError):
        return str(error)
    reason = str(error) or "no reason given"
    return f"unexpected {type(error).__name__}: {reason} Run again with -v and report it, please."


def _only(names: Sequence[str], index: int) -> bool:
    return sum(name.casefold() == names[index].casefold() for name in names) == 1


def _read_recipe(path: Path) -> Record:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CannotRead(
            f"The recipe {path} cannot be read: {error}.",
            remedy="Give a recipe.json that napari-atomai wrote.",
        ) from error
    return Record.from_json(text)


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
        yield args.sample, partial(_sample, args.sample, args.out)
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
    if not args.overwrite:  # before the work, not after it
        check_folder(job.folder, describe_input(image))
    found = _watched(job.name, image, plan, speaker)
    said = [*job.notes, *notes, *image.notes, *found.notes, *_other_model(plan.recipe, found)]
    for note in dict.fromkeys(said):
        speaker.note(note)
    write_results(found, image, job.folder, overwrite=args.overwrite)
    atoms = found.atoms
    kinds = ", ".join(f"{kind} {count}" for kind, count in atoms.counts().items())
    return Outcome(job.name, f"{len(atoms)} atoms ({kinds}) -> {job.folder}", fine=True)


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


def _calibrated(image: Image, pixel_size: float | None, recipe: Record | None) -> tuple[Image, list[str]]:
    """Apply the pixel size of the line; else, on the same input, the one that the recipe recorded."""
    notes = [] if recipe is None else list(check_input(recipe, image))
    if pixel_size is not None:
        return image.calibrated(pixel_size), notes
    recorded = None if recipe is None or notes else recipe.input.pixel_size_nm
    if recorded is None or recorded == image.pixel_size:
        return image, notes
    return image.calibrated(recorded), [*notes, f"pixel size {recorded[0]:g} nm as in the recipe"]


def _other_model(recipe: Record | None, found: engine.Found) -> list[str]:
    before = None if recipe is None else recipe.model
    now = found.record.model
    if before is None or now is None or before.sha256 == now.sha256:
        return []
    return [
        f"The recipe was recorded with model {before.name} (sha256 {before.sha256[:12]}...), this is "
        f"{now.name} (sha256 {now.sha256[:12]}...): the numbers will not be the same."
    ]


def _sample(name: str, out: Path) -> list[Job]:
    from napari_atomai.simulate.samples import sample

    return [Job(name, sample(name).image, out / name)]


def _images(path: Path, dataset: int | None, folder: Path) -> list[Job]:
    """Read a file; the image that is taken when none is named has the plain folder name."""
    from napari_atomai.files.reading import read

    images = read(path)
    # Spectrum images lie beside the picture in many files: atoms are looked for in the picture.
    pictures = [i for i, image in enumerate(images) if not any(a.unit in _ENERGIES for a in image.axes)]
    usual = pictures[0] if pictures else 0
    if dataset is not None and dataset >= len(images):
        raise BadOption(
            f"There is no dataset {dataset} in {path.name}: it holds {len(images)} image(s).",
            remedy=f"Give --dataset 0 to {len(images) - 1}, or all.",
        )
    notes: tuple[str, ...] = ()
    if dataset is None and len(images) > 1:
        notes = (f"this is image {usual} of {len(images)} in the file; --dataset takes another, or all",)
    chosen = range(len(images)) if dataset == ALL_DATASETS else [usual if dataset is None else dataset]
    return [
        Job(path.name, images[i], folder, notes)
        if i == usual
        else Job(f"{path.name} [{i}]", images[i], folder.with_name(f"{folder.name}_dataset{i}"))
        for i in chosen
    ]
