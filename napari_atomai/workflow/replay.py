"""Do again, on other files, what was done to images: from a recipe.json or a saved session."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Image, first_picture
from napari_atomai.data.progress import Progress
from napari_atomai.data.recipe import Recipe, Record, RefineAtoms, Step
from napari_atomai.data.recipes_statistics import Unmix
from napari_atomai.errors import AtomAIError, BadOption, CannotRead
from napari_atomai.files.reading import read
from napari_atomai.files.work import SUFFIX, read_work
from napari_atomai.workflow.find import Found
from napari_atomai.workflow.folders import check_owner
from napari_atomai.workflow.hand_edits import edited
from napari_atomai.workflow.record import check_input, describe_input
from napari_atomai.workflow.replay_steps import FOLDERS, Done, State, check_sizes, doing
from napari_atomai.workflow.saved import dataset_of, images_of, read_images
from napari_atomai.workflow.saved_models import model_now, taught_model, unpacked, with_model_at
from napari_atomai.workflow.script import Part
from napari_atomai.workflow.script_steps import FOUND
from napari_atomai.workflow.unmix import spectrum_images


@dataclass(frozen=True, eq=False)
class Replayed:
    """What came out of doing it again.

    Parameters
    ----------
    found : Found or None
        What was found; None where no step finds atoms.
    atoms : Atoms or None
        With the edits by hand, where the pixels are the same.
    notes : tuple of str
        Sentences on what is not as it was, and on what was left out and why.
    done : tuple of Done
        Every other step that was done, in their order.
    """

    found: Found | None
    atoms: Atoms | None
    notes: tuple[str, ...]
    done: tuple[Done, ...] = ()


def parts_in(path: Path, models: Path | None = None) -> dict[str, Part]:
    """Return how the atoms of each image came about, by its name.

    Parameters
    ----------
    path : Path
        A recipe.json, or a session (.atomai), whose models may lie beside it.
    models : Path, optional
        Folder for the models inside a session whose own files are gone; without one they are not taken out.

    Raises
    ------
    CannotRead
        If the file is missing or cannot be read.
    BadOption
        If it is none, comes from a newer version, or nothing was done in it.
    """
    kept: Mapping[str, bytes] = {}
    if path.suffix == SUFFIX:
        work = read_work(path)
        kept, images = work.models, images_of(work, path.name)
        parts = {image.name: part for image in images if (part := image.part()) is not None}
    else:
        record = _record_in(path)
        parts = {Path(record.input.path).name or "pixels without a file": Part(record)}
    if not parts:
        raise BadOption(
            f"{path.name} has no image that anything was done with.",
            remedy="Find atoms first, and save again.",
        )

    def here(record: Record) -> Record:
        return _with_model(record, path.parent, kept, models)

    return {
        name: replace(part, record=here(part.record), more=tuple(map(here, part.more)))
        for name, part in parts.items()
    }


def own_image(path: Path, name: str, part: Part) -> Image:
    """Return the image that a part of a recipe or session was made on.

    Raises
    ------
    CannotRead
        If its file is gone.
    BadOption
        If the recipe was made on pixels without a file.
    """
    if path.suffix == SUFFIX:
        saved = next(image for image in read_images(path) if image.name == name)
        return saved.opened(path.parent)
    entry = part.record.input
    if not entry.path:
        raise BadOption("The recipe was made on pixels without a file.", remedy="Give --on FILE.")
    return dataset_of(Path(entry.path), entry.dataset)


def chosen(parts: Mapping[str, Part], image: Image, name: str = "") -> Part:
    """Return the part that is to be done on an image: the one made on these pixels, else the named one.

    Raises
    ------
    BadOption
        If several could be meant that do not ask for the same.
    """
    if name and name not in parts:
        raise BadOption(f"There is no image {name!r}.", remedy=f"There are: {', '.join(parts)}.")
    if name:
        return parts[name]
    here = describe_input(image)
    for part in parts.values():
        there = part.record.input
        if (there.sha256, there.dataset) == (here.sha256, here.dataset):
            return part
    first, *others = parts.values()
    if any(_steps(other) != _steps(first) for other in others):
        raise BadOption(
            f"The session has {len(parts)} images that were treated differently, and "
            f"{image.name} is none of them.",
            remedy=f"Say like which it is to be done: --image with one of {', '.join(parts)}.",
        )
    return first


def picture_for(parts: Mapping[str, Part], path: Path) -> Image:
    """Return the image of a file that the parts are about.

    It is the one of the same dataset, else the first spectrum image where spectra were unmixed and nothing
    else was done, else the first picture.
    """
    images = read(path)
    records = [record for part in parts.values() for record in part.records]
    wanted = {record.input.dataset for record in records}
    numbered = [image for image in images if image.source is not None and image.source.dataset in wanted]
    if all(isinstance(step, Unmix) for record in records for step in record.steps):
        return spectrum_images(numbered if any(one.is_spectral for one in numbered) else images)[0]
    return first_picture(numbered or images)


def replaying(part: Part, image: Image) -> Generator[Progress, None, Replayed]:
    """Do the steps on an image; on the same pixels also the edits by hand, and the calibration.

    A step that cannot be done on this image is left out, and so are those that go on from it; the notes
    say which and why. Steps that several records share are done once.

    Raises
    ------
    AtomAIError
        If the atoms cannot be found, or nothing at all can be done.
    """
    notes = list(check_input(part.record, image))
    same, before = not notes, part.record.input
    if same and before.calibration is not None:
        image = image.calibrated(before.pixel_size_nm, how=before.calibration)
    if not same:
        notes += _left_to_hands(part)
    walk = _Walk(part, image, same, notes)
    for record in part.records:
        yield from walk.along(record)
    first = walk.first
    if first is None and not walk.done:
        raise BadOption(f"Nothing of it can be done on {image.name}. {' '.join(notes)}")
    found, atoms = (None, None) if first is None else (first.found, first.atoms)
    return Replayed(found, atoms, tuple(notes), tuple(walk.done))


class _Walk:
    """Goes through records on one image; what several of them share is done once."""

    def __init__(self, part: Part, image: Image, same: bool, notes: list[str]) -> None:
        self.part, self.image, self.same, self.notes = part, image, same, notes
        self.first: State | None = None  # with the atoms that were found first
        self.done: list[Done] = []
        self._reached: dict[str, State] = {}

    def along(self, record: Record) -> Generator[Progress, None, None]:
        """Do the steps of a record; one that cannot be done ends it with a note, atoms with their error."""
        refine = record.step(RefineAtoms)
        assert refine is None or isinstance(refine, RefineAtoms)
        state = replace(self.first or State(self.image), refine=refine, built=None, cut=None)
        way = f"{refine}"
        for step in (each for each in record.steps if not isinstance(each, RefineAtoms)):
            way += f"\n{step.title} {step}"
            if way not in self._reached:
                try:
                    self._reached[way] = yield from self._one(state, step, record)
                except AtomAIError as error:
                    if isinstance(step, FOUND):
                        raise
                    self.notes.append(f"{step.title} was left out, with what goes on from it: {error}")
                    return
            state = self._reached[way]

    def _one(self, state: State, step: Recipe, record: Record) -> Generator[Progress, None, State]:
        check_sizes(step, record.input.pixel_size_nm, self.image)
        one = yield from doing(state, step)
        if not isinstance(step, FOUND):
            self.done.append(one)
            return one.state
        state = _edited(one.state, self.part, self.same)
        self.first = self.first or state
        self.notes += _other_model(record, state)
        return state


def folders_of(
    part: Part, image: Image, folder: Path, *, overwrite: bool = False
) -> Callable[[Recipe], Path]:
    """Return what gives each step, asked in their order, the folder for what comes of it.

    A kind of step that was done several times gets numbered folders.

    Raises
    ------
    SaveFailed
        If a folder holds results of another input, and they may not be replaced.
    """
    new = describe_input(image)
    kinds = {type(step) for record in part.records for step in record.steps if type(step) in FOLDERS}
    for name, told in (FOLDERS[kind] for kind in kinds if not overwrite):
        check_owner(folder / name, told, new)
    counts: Counter[str] = Counter()

    def place(step: Recipe) -> Path:
        name = FOLDERS[type(step)][0]
        counts[name] += 1
        there = folder / (name if counts[name] == 1 else f"{name}_{counts[name]}")
        there.mkdir(parents=True, exist_ok=True)
        return there

    return place


def _edited(state: State, part: Part, same: bool) -> State:
    if not (part.edits and same and state.atoms is not None):
        return state
    return replace(state, atoms=edited(state.atoms, part.edits))


def _left_to_hands(part: Part) -> list[str]:
    notes = []
    if part.edits:
        notes.append("What was set, moved or taken away by hand is not done again: these are other pixels.")
    if part.by_hand:
        notes.append(f"Drawn by hand, and not taken over to other pixels: {', '.join(part.by_hand)}.")
    return notes


def _other_model(record: Record, state: State) -> list[str]:
    now = None if state.found is None else state.found.record.model
    if record.model is None or now is None or record.model.sha256 in ("", now.sha256):
        return []
    return [f"The model {now.name!r} is not the one of the recipe (another sha256)."]


def _steps(part: Part) -> list[tuple[Step, ...]]:
    return [record.steps for record in part.records]


def _record_in(path: Path) -> Record:
    try:
        return Record.from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CannotRead(
            f"{path} cannot be read: {error}.", remedy=f"Give a recipe.json, or a session (*{SUFFIX})."
        ) from error


def _with_model(record: Record, folder: Path, kept: Mapping[str, bytes], models: Path | None) -> Record:
    """Return the record with its model where it is now: a taught one may have been moved along."""
    asked = taught_model(record)
    if asked is None or record.model is None:
        return record
    place = model_now(record, folder)
    if place is None and models is not None:
        place = unpacked(kept, record, models)
    place = place or (asked if asked.is_file() else None)
    if place is None:
        raise CannotRead(
            f"The model {record.model.name!r} was in {asked}, which is not there any more.",
            remedy="The session holds it: open the session in napari, and it is among your models."
            if record.model.sha256 in kept
            else f"Put the file into {folder}, under any name.",
        )
    return with_model_at(record, place)
