"""How each kind of step is done again on an image, and how what comes of it is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Image
from napari_atomai.data.progress import Progress
from napari_atomai.data.recipe import FindAtoms, Recipe, Record, RefineAtoms
from napari_atomai.data.recipes_latent import CutPatches, LearnLatents
from napari_atomai.data.recipes_lattice import FollowAtoms, MeasureLattice
from napari_atomai.data.recipes_segment import SegmentImage
from napari_atomai.data.recipes_statistics import LocalOrder, LocalStatistics, Unmix
from napari_atomai.data.recipes_structure import BuildStructure, ExportStructure, FindRings, Relax
from napari_atomai.errors import BadAtoms, BadImage, BadOption
from napari_atomai.workflow.record import new_record

if TYPE_CHECKING:
    from napari_atomai.aseutils.cells import Structure
    from napari_atomai.workflow.find import Found
    from napari_atomai.workflow.latent import Cut


@dataclass(frozen=True, eq=False)
class State:
    """What there is on the way from step to step.

    Parameters
    ----------
    image : Image
        It is done on.
    refine : RefineAtoms, optional
        How positions are refined.
    found : Found, optional
        What was found last, by a finder or a segmentation.
    atoms : Atoms, optional
        Of `found`, with the edits by hand where they belong.
    steps : tuple of recipes
        Done so far.
    built : tuple of Structure and BuildStructure, optional
        The structure that was built last.
    cut : Cut, optional
        The patches that were cut last.
    """

    image: Image
    refine: RefineAtoms | None = None
    found: Found | None = None
    atoms: Atoms | None = None
    steps: tuple[Recipe, ...] = ()
    built: Structure | None = None
    cut: Cut | None = None

    def needed(self) -> Atoms:
        """Return the atoms.

        Raises
        ------
        BadAtoms
            If none were found by a step before.
        """
        if self.atoms is None or not len(self.atoms):
            raise BadAtoms("It needs atoms, and there are none.")
        return self.atoms

    def record(self, step: Any, notes: Sequence[str] = ()) -> Record:
        """Return how what comes of a step came about."""
        base = self.found.record if self.found is not None else new_record(self.image, ())
        return base.model_copy(update={"steps": (*self.steps, step), "notes": (*base.notes, *notes)})


@dataclass(frozen=True, eq=False)
class Done:
    """A step that was done again.

    Parameters
    ----------
    step : Recipe
        Which.
    state : State
        What there is after it.
    result : object
        What the engine gave.
    words : str
        What came out, in a few words; empty for steps that only prepare others.
    notes : tuple of str
        Sentences a person should see.
    write : callable
        Writes it into a folder.
    """

    step: Recipe
    state: State
    result: Any
    words: str = ""
    notes: tuple[str, ...] = ()
    write: Callable[[Path], Any] | None = None


FOLDERS: dict[type[Recipe], tuple[str, str]] = {
    FindRings: ("rings", "rings.json"),
    ExportStructure: ("structure", "structure.json"),
    Relax: ("relaxed", "relax.json"),
    LocalStatistics: ("components", "components.json"),
    LocalOrder: ("local_order", "local_order.json"),
    Unmix: ("unmixed", "unmixed.json"),
    MeasureLattice: ("lattice", "lattice.json"),
    FollowAtoms: ("movie", "movie.json"),
    LearnLatents: ("latent", "latent.json"),
}
"""Folder, inside that of the image, for what comes of a step, and the record in it."""

Doing = Generator[Progress, None, Done]


def doing(state: State, step: Recipe) -> Doing:
    """Do a step; yields Progress, and stops when the generator is closed.

    Raises
    ------
    AtomAIError
        If it cannot be done on this image, in words.
    """
    return _DOING[type(step)](state, step)


def check_sizes(step: Recipe, before: tuple[float, float] | None, image: Image) -> None:
    """Refuse sizes that were chosen in nm where an image has only pixels, and the other way round.

    Raises
    ------
    BadOption
        With the sizes.
    """
    sized = (LocalStatistics, LocalOrder, CutPatches)
    if not isinstance(step, sized) or (before is None) == (image.pixel_size is None):
        return
    sizes = [f"{name} {getattr(step, name):g}" for name in _SIZES if getattr(step, name, 0)]
    if sizes:
        there, here = ("pixels", "nm") if before is None else ("nm", "pixels")
        raise BadOption(
            f"Its sizes ({', '.join(sizes)}) are in {there}, and those of {image.name} would be in {here}.",
            remedy="Save the image with its pixel size, or without one, as the first had it.",
        )


_SIZES = ("window", "grid", "stride", "spacing")


def _find(state: State, step: Any) -> Doing:
    from napari_atomai.workflow.find import finding
    from napari_atomai.workflow.segment import segmenting

    found: Any
    if isinstance(step, SegmentImage):
        found = yield from segmenting(state.image, step, state.refine)
    else:
        found = yield from finding(state.image, step, state.refine)
    after = dataclasses.replace(state, found=found, atoms=found.atoms, steps=found.record.steps)
    return Done(step, after, found, f"{len(found.atoms)} atoms", tuple(found.notes))


def _rings(state: State, step: Any) -> Doing:
    from napari_atomai.workflow.ring_results import write_rings
    from napari_atomai.workflow.rings import finding_rings

    atoms, record = state.needed(), state.record(step)
    found = yield from finding_rings(atoms, step)
    words = (
        f"{sum(len(part.rings) for part in found)} rings, {sum(len(part.defects) for part in found)} defects"
    )
    return Done(
        step,
        _after(state, step),
        found,
        words,
        _of_parts(found),
        lambda folder: write_rings(found, atoms, record, folder, image=state.image),
    )


def _lattice(state: State, step: Any) -> Doing:
    from napari_atomai.workflow.lattice import measuring_lattice
    from napari_atomai.workflow.lattice_results import write_lattice

    atoms, record = state.needed(), state.record(step)
    found = yield from measuring_lattice(atoms, step, state.image)
    words = f"the lattice of {len(found)} frame{'' if len(found) == 1 else 's'}"
    return Done(
        step,
        _after(state, step),
        found,
        words,
        _of_parts(found),
        lambda folder: write_lattice(found, atoms, record, folder, image=state.image),
    )


def _follow(state: State, step: Any) -> Doing:
    from napari_atomai.workflow.movie import following
    from napari_atomai.workflow.movie_results import write_movie

    if state.image.n_frames < 2:
        raise BadImage("Atoms are followed from frame to frame, and this image is a single one.")
    atoms, record = state.needed(), state.record(step)
    found = yield from following(atoms, step, state.image)
    return Done(
        step,
        _after(state, step),
        found,
        f"atoms followed through {state.image.n_frames} frames",
        tuple(found.notes),
        lambda folder: write_movie(found, atoms, record, folder, image=state.image),
    )


def _components(state: State, step: Any) -> Doing:
    from napari_atomai.workflow.component_results import write_surroundings
    from napari_atomai.workflow.components import surrounding

    atoms = None if step.grid else state.needed()
    found = yield from surrounding(state.image, step, atoms)
    done = dataclasses.replace(found, record=_joined(state, step, found.record))
    words = f"{len(found.components.components)} components of {len(found.atoms)} windows"
    notes = tuple(found.record.notes)
    return Done(
        step, _after(state, step), done, words, notes, lambda folder: write_surroundings(done, folder)
    )


def _order(state: State, step: Any) -> Doing:
    from napari_atomai.workflow.component_results import write_order
    from napari_atomai.workflow.local_order import mapping_order

    found = yield from mapping_order(state.image, step)
    words = f"{len(found.order.components.components)} components of local order"
    notes = tuple(found.record.notes)
    return Done(step, _after(state, step), found, words, notes, lambda folder: write_order(found, folder))


def _unmix(state: State, step: Any) -> Doing:
    from napari_atomai.workflow.component_results import write_spectra
    from napari_atomai.workflow.unmix import unmixing_spectra

    found = yield from unmixing_spectra(state.image, step)
    words = f"{len(found.unmixed.spectra)} component spectra"
    notes = tuple(found.record.notes)
    return Done(step, _after(state, step), found, words, notes, lambda folder: write_spectra(found, folder))


def _cut(state: State, step: Any) -> Doing:
    from napari_atomai.workflow.latent import cutting

    if step.around != "grid" or step.source == "classes":
        state.needed()
    source = state.found.probability if step.source == "probability" and state.found is not None else None
    record = None if state.found is None else state.record(step).model_copy(update={"steps": state.steps})
    cut = yield from cutting(state.image, step, state.atoms, source, record)
    return Done(step, dataclasses.replace(_after(state, step), cut=cut), cut)


def _learn(state: State, step: Any) -> Doing:
    from napari_atomai.workflow.latent import learning
    from napari_atomai.workflow.latent_results import write_latents

    if state.cut is None:
        raise BadAtoms("It needs patches, and none were cut.")
    found = yield from learning(state.cut, step)
    notes, words = tuple(found.record.notes), f"latents of {len(found)} patches"
    return Done(step, _after(state, step), found, words, notes, lambda folder: write_latents(found, folder))


def _build(state: State, step: Any) -> Doing:
    from napari_atomai.workflow.structure import structure_of

    yield Progress(0, 0, "building the structure")
    rows, columns = state.image.frame_shape
    built = structure_of(state.needed(), step, plane=[[rows, 0], [0, columns]] if step.periodic else None)
    return Done(step, dataclasses.replace(_after(state, step), built=built), built, "", tuple(built.notes))


def _export(state: State, step: Any) -> Doing:
    from napari_atomai.aseutils.export import FORMATS, write_structure
    from napari_atomai.files.atomic import write_text

    yield Progress(0, 0, "writing the structure")
    built, record = _structure(state), state.record(step)

    def write(folder: Path) -> None:
        write_structure(built.atoms, folder / f"structure{FORMATS[step.format].ending}", step.format)
        write_text(record.to_json(), folder / FOLDERS[ExportStructure][1])

    words = f"{built.atoms.get_chemical_formula()} as {step.format}"
    return Done(step, _after(state, step), built, words, (), write)


def _relax(state: State, step: Any) -> Doing:
    from napari_atomai.aseutils.export import write_structure, write_trajectory
    from napari_atomai.aseutils.relax import relaxing
    from napari_atomai.files.atomic import write_text

    built = _structure(state)
    relaxed = yield from relaxing(built.atoms, step)
    record = state.record(step, relaxed.notes)

    def write(folder: Path) -> None:
        write_structure(relaxed.atoms, folder / "relaxed.xyz", "extxyz")
        write_trajectory(relaxed.start, relaxed.trajectory, folder / "trajectory.xyz")
        write_text(record.to_json(), folder / FOLDERS[Relax][1])

    words = f"{relaxed.energies[0]:.3f} -> {relaxed.energies[-1]:.3f} eV"
    return Done(step, _after(state, step), relaxed, words, tuple(relaxed.notes), write)


_DOING: dict[type[Recipe], Callable[[State, Any], Doing]] = {
    FindAtoms: _find,
    SegmentImage: _find,
    FindRings: _rings,
    BuildStructure: _build,
    Relax: _relax,
    ExportStructure: _export,
    LocalStatistics: _components,
    LocalOrder: _order,
    Unmix: _unmix,
    MeasureLattice: _lattice,
    FollowAtoms: _follow,
    CutPatches: _cut,
    LearnLatents: _learn,
}


def _after(state: State, step: Recipe) -> State:
    return dataclasses.replace(state, steps=(*state.steps, step))


def _structure(state: State) -> Structure:
    if state.built is None:
        raise BadAtoms("It needs a structure, and none was built.")
    return state.built


def _joined(state: State, step: Any, theirs: Record) -> Record:
    """Return the record of an analysis that was given the atoms of the steps before it."""
    return theirs.model_copy(update={"steps": (*state.steps, step)})


def _of_parts(parts: Sequence[Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(note for part in parts for note in part.notes))
