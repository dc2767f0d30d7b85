"""The lines of Python that do each kind of step again: what is imported, and what is called on what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from napari_atomai.data.recipe import FindAtoms, Recipe, Record, RefineAtoms
from napari_atomai.data.recipes_latent import CutPatches, LearnLatents
from napari_atomai.data.recipes_lattice import FollowAtoms, MeasureLattice
from napari_atomai.data.recipes_segment import SegmentImage
from napari_atomai.data.recipes_statistics import LocalOrder, LocalStatistics, Unmix
from napari_atomai.data.recipes_structure import BuildStructure, ExportStructure, FindRings, Relax
from napari_atomai.errors import BadOption

FOUND = (FindAtoms, SegmentImage)
"""Steps that give atoms."""


@dataclass(frozen=True)
class Again:
    """How a step is done again.

    Parameters
    ----------
    name : str
        Of the variable with its result.
    where : str
        Module of the function that is called.
    function : str
        Its name.
    call : str
        The call; ``{recipe}`` is where the recipe comes, other names are those of results before it.
    needs : str
        Variable that a step before must have made.
    """

    name: str
    where: str
    function: str
    call: str
    needs: str = ""


STEPS: dict[type[Recipe], Again] = {
    FindAtoms: Again("found", "workflow.find", "finding", "finish(finding(image, {recipe}, refine))"),
    SegmentImage: Again(
        "found", "workflow.segment", "segmenting", "finish(segmenting(image, {recipe}, refine))"
    ),
    RefineAtoms: Again("refine", "", "", "{recipe}"),
    FindRings: Again(
        "rings", "workflow.rings", "finding_rings", "finish(finding_rings(atoms, {recipe}))", "atoms"
    ),
    BuildStructure: Again(
        "structure", "workflow.structure", "structure_of", "structure_of(atoms, {recipe})", "atoms"
    ),
    Relax: Again(
        "relaxed", "aseutils.relax", "relaxing", "finish(relaxing(structure.atoms, {recipe}))", "structure"
    ),
    ExportStructure: Again(
        "written",
        "aseutils.export",
        "write_structure",
        "write_structure(structure.atoms, Path('structure'), {recipe}.format)",
        "structure",
    ),
    LocalStatistics: Again(
        "surroundings", "workflow.components", "surrounding", "finish(surrounding(image, {recipe}, atoms))"
    ),
    LocalOrder: Again(
        "order", "workflow.local_order", "mapping_order", "finish(mapping_order(image, {recipe}))"
    ),
    Unmix: Again(
        "spectra", "workflow.unmix", "unmixing_spectra", "finish(unmixing_spectra(image, {recipe}))"
    ),
    MeasureLattice: Again(
        "lattice",
        "workflow.lattice",
        "measuring_lattice",
        "finish(measuring_lattice(atoms, {recipe}, image))",
        "atoms",
    ),
    FollowAtoms: Again(
        "followed", "workflow.movie", "following", "finish(following(atoms, {recipe}, image))", "atoms"
    ),
    CutPatches: Again("cut", "workflow.latent", "cutting", "finish(cutting(image, {recipe}, atoms))"),
    LearnLatents: Again("latents", "workflow.latent", "learning", "finish(learning(cut, {recipe}))", "cut"),
}


def imports_of(record: Record) -> set[tuple[str, str]]:
    """Return module and name of all that the lines of a record need."""
    kinds = {type(step) for step in record.steps}
    needed = {(kind.__module__.removeprefix("napari_atomai."), kind.__name__) for kind in kinds}
    needed |= {(STEPS[kind].where, STEPS[kind].function) for kind in kinds if STEPS[kind].where}
    return needed


def lines_of(record: Record, edits: str) -> Iterator[str]:
    """Return the lines that do the steps of a record, in their order.

    Parameters
    ----------
    record : Record
        On the image that is called ``image``.
    edits : str
        Expression that makes the atoms of ``found.atoms``, as they were edited by hand.

    Raises
    ------
    BadOption
        If a step needs what no step before has made.
    """
    made = {"image", "refine"}
    refine = record.step(RefineAtoms)
    yield "atoms = None"
    yield f"refine = {called(refine) if refine is not None else None}"
    for step in record.steps:
        if isinstance(step, RefineAtoms):
            continue
        again = STEPS[type(step)]
        if again.needs and again.needs not in made:
            raise BadOption(
                f"{step.title!r} was done on {again.needs} of another file, not of a step before it.",
                why="A script could not say where they come from.",
                remedy="Do it in the window on atoms that were found there.",
            )
        yield f"{again.name} = {again.call.format(recipe=called(step))}"
        made.add(again.name)
        if isinstance(step, FOUND):
            yield f"atoms = {edits}"
            made.add("atoms")


def result_of(record: Record) -> str:
    """Return the name of what the last step gives: the atoms where nothing was done with them."""
    last = next((step for step in reversed(record.steps) if not isinstance(step, RefineAtoms)), None)
    return "atoms" if last is None or isinstance(last, FOUND) else STEPS[type(last)].name


def called(recipe: Recipe) -> str:
    """Return a recipe as the call that makes it, with what differs from the defaults."""
    usual = {
        name: field.get_default(call_default_factory=True)
        for name, field in type(recipe).model_fields.items()
    }
    changed = {name: value for name, value in recipe if value != usual[name]}
    return f"{type(recipe).__name__}({', '.join(f'{name}={value!r}' for name, value in changed.items())})"
