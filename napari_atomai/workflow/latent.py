"""From an image to what varies in it: patches, latents, clusters, and paths of atoms through them."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Image
from napari_atomai.data.latent import Latent, Manifold
from napari_atomai.data.progress import Progress
from napari_atomai.data.recipe import Record
from napari_atomai.data.recipes_latent import GRID, CutPatches, LearnLatents
from napari_atomai.data.recipes_lattice import FollowAtoms
from napari_atomai.errors import BadAtoms, BadImage, BadModel
from napari_atomai.prepare.motifs import Motifs, cutting_motifs
from napari_atomai.stat.latent import Clusters, clustered
from napari_atomai.stat.movies.linking import Tracks
from napari_atomai.stat.zernike import embedded, rotation_invariants
from napari_atomai.workflow.checks import check_image
from napari_atomai.workflow.find import finding
from napari_atomai.workflow.latent_manifold import Decoder, Nearest, manifold_of, turned
from napari_atomai.workflow.latent_model import (
    asked_for,
    encoded,
    known_classes,
    model_for,
    training,
)
from napari_atomai.workflow.latent_notes import SYMMETRY, of_curves, of_symmetry, symmetry_of
from napari_atomai.workflow.movie import following
from napari_atomai.workflow.record import new_record

if TYPE_CHECKING:  # it brings torch
    from napari_atomai.models.latent import LatentModel

Floats = NDArray[np.float32]

_EXPLAINED = "explained"


@dataclass(frozen=True, eq=False)
class Cut:
    """Patches of an image, of which atoms (None on a grid without any), and how they came about."""

    motifs: Motifs
    image: Image
    recipe: CutPatches
    record: Record
    atoms: Atoms | None = None


@dataclass(frozen=True, eq=False)
class Latents:
    """What varies in the patches of an image.

    Parameters
    ----------
    cut : Cut
        The patches.
    latent : Latent
        Of each of them.
    clusters : Clusters or None
        Of latents.
    manifolds : tuple of Manifold
        One for each state of the discrete latent.
    decoder : Decoder
        Makes patches of latents; the model itself, where there is one.
    tracks : Tracks or None
        Of a movie: which patches show the same atom.
    record : Record
        With notes, and what was measured.
    history : mapping of str to list of float
        Of the training.
    """

    cut: Cut
    latent: Latent
    clusters: Clusters | None
    manifolds: tuple[Manifold, ...]
    decoder: Decoder
    tracks: Tracks | None
    record: Record
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.latent)

    @property
    def patches(self) -> Floats:
        """The patches (n, h, w)."""
        return self.cut.motifs.patches

    @property
    def atoms(self) -> Atoms:
        """What lies in the middles of the patches, with latents, clusters and tracks as features."""
        centres = self.cut.motifs.centres
        return replace(centres, features={**centres.features, **self.columns()})

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return what was found of each patch, by name."""
        found = self.latent.columns()
        if self.clusters is not None:
            found["cluster"] = self.clusters.labels
            found["cluster_probability"] = self.clusters.probability
        if self.tracks is not None:
            found["track"] = self.tracks.track
        return found

    def mean_patch(self, which: ArrayLike) -> Floats:
        """Return the mean of some patches, each turned back where its angle is known."""
        index = np.asarray(which)
        patches = self.patches[index]
        if self.latent.angle is None or not len(patches):
            return np.asarray(patches.mean(axis=0), np.float32)
        return np.asarray(turned(patches, -self.latent.angle[index]).mean(axis=0), np.float32)


def cutting(
    image: Image,
    recipe: CutPatches,
    atoms: Atoms | None = None,
    source: NDArray[Any] | None = None,
    record: Record | None = None,
) -> Generator[Progress, None, Cut]:
    """Cut patches of an image; its atoms are found first where they are needed and not given.

    Parameters
    ----------
    image : Image, shape (..., y, x)
        Of a movie, patches of all frames.
    recipe : CutPatches
        Around what, how large.
    atoms : Atoms, optional
        Given or corrected ones.
    source : array, shape of the image, optional
        What is cut in place of the image.
    record : Record, optional
        How the atoms came about.

    Raises
    ------
    BadAtoms, BadImage, BadOption, UnknownOption
        As `napari_atomai.prepare.motifs.cutting_motifs`.
    """
    check_image(image)
    record = record or new_record(image, (), notes=image.notes)
    finds = recipe.source == "probability" and source is None
    if finds or (atoms is None and (recipe.around != GRID or recipe.source == "classes")):
        found = yield from finding(image)
        atoms, record = (found.atoms, found.record) if atoms is None else (atoms, record)
        source = found.probability if finds else source
    motifs = yield from cutting_motifs(image, recipe, atoms, source)
    notes = (*record.notes, *motifs.notes)
    rows, columns = motifs.side
    measured = {**record.measured, "patch_rows_px": rows, "patch_columns_px": columns}
    update = {"steps": (*record.steps, recipe), "notes": notes, "measured": measured}
    return Cut(motifs, image, recipe, record.model_copy(update=update), atoms)


def learning(cut: Cut, recipe: LearnLatents | None = None) -> Generator[Progress, None, Latents]:
    """Find what varies in patches: train an autoencoder, or take moments; then clusters and tracks.

    Parameters
    ----------
    cut : Cut
        Patches.
    recipe : LearnLatents
        Model, invariances, clusters.

    Yields
    ------
    Progress
        With losses while it trains.

    Returns
    -------
    Latents

    Raises
    ------
    BadImage
        If there are too few patches, or nothing varies in them.
    """
    recipe = recipe or LearnLatents()
    if recipe.model == "zernike":
        return (yield from concluding(cut, recipe))
    patches, classes = cut.motifs.patches, known_classes(cut.motifs.centres, recipe)
    model = model_for(patches, recipe, classes)
    yield from training(model, patches, recipe, classes)
    return (yield from concluding(cut, recipe, model))


def concluding(
    cut: Cut, recipe: LearnLatents, model: LatentModel | None = None
) -> Generator[Progress, None, Latents]:
    """Find latents with a trained model, or moments without one; then clusters, manifold and tracks."""
    yield Progress(0, 3, "finding latents")
    patches = cut.motifs.patches
    record = cut.record.model_copy(update={"steps": (*cut.record.steps, recipe)})
    if model is None:
        latent, manifolds, decoder, record = _of_moments(patches, recipe, record)
        history: Mapping[str, Sequence[float]] = {}
    else:
        known, history = known_classes(cut.motifs.centres, recipe), dict(model.history)
        latent, decoder, states = encoded(model, patches, known)
        manifolds = tuple(
            manifold_of(decoder, latent.mean, latent.labels, state) for state in range(1, states + 1)
        )
        record = _with_model(record, model, patches, (latent, decoder))
    yield Progress(1, 3, "finding clusters")
    clusters = _clusters_of(latent, recipe)
    tracks, notes = yield from _followed(cut)
    measured, notes = dict(record.measured), (*of_curves(latent), *notes)
    if latent.angle is not None:
        symmetry = symmetry_of(turned(patches, -latent.angle).mean(axis=0))
        measured[SYMMETRY], notes = symmetry, (*of_symmetry(symmetry), *notes)
    record = record.model_copy(update={"notes": (*record.notes, *notes), "measured": measured})
    return Latents(cut, latent, clusters, manifolds, decoder, tracks, record, history)


def applying(
    image: Image,
    recipes: tuple[CutPatches, LearnLatents],
    model: LatentModel,
    given: tuple[Atoms | None, NDArray[Any] | None, Record | None] = (None, None, None),
) -> Generator[Progress, None, Latents]:
    """Find latents with a model that was trained before, on patches of as many pixels as it takes.

    Parameters
    ----------
    image : Image, shape (..., y, x)
        Of a movie, patches of all frames.
    recipes : CutPatches and LearnLatents
        What is asked for; pixels, latents and invariances are those of the model.
    model : LatentModel
        Of square patches.
    given : Atoms, array and Record, each optional
        As `cutting` takes them.

    Raises
    ------
    BadModel
        If the model takes no square patches, or is told other classes than there are.
    BadAtoms, BadImage, BadOption
        As `cutting`.
    """
    cut, learn = recipes
    if len(model.in_dim) != 2 or model.in_dim[0] != model.in_dim[1]:
        raise BadModel(
            f"The model takes data of shape {model.in_dim}.",
            why="Patches of an image are squares.",
            remedy="Open a model of square patches, or give it data of your own in Python.",
        )
    patches = yield from cutting(image, cut.model_copy(update={"pixels": model.in_dim[0]}), *given)
    found = yield from concluding(patches, asked_for(model, learn), model)
    trained = model.card().created
    note = f"The autoencoder was trained before ({trained or 'when is not known'}), and not on these patches."
    return replace(found, record=found.record.model_copy(update={"notes": (*found.record.notes, note)}))


def clustered_anew(found: Latents, recipe: LearnLatents) -> Latents:
    """Return a result with the clusters that a recipe asks for; the latents stay."""
    steps = [
        step.model_copy(update={"clusters": recipe.clusters, "number": recipe.number})
        if isinstance(step, LearnLatents)
        else step
        for step in found.record.steps
    ]
    record = found.record.model_copy(update={"steps": tuple(steps)})
    return replace(found, clusters=_clusters_of(found.latent, recipe), record=record)


def _clusters_of(latent: Latent, recipe: LearnLatents) -> Clusters | None:
    if recipe.clusters == "none":
        return None
    return clustered(latent.mean, recipe.clusters, recipe.number, seed=recipe.seed)


def _of_moments(
    patches: Floats, recipe: LearnLatents, record: Record
) -> tuple[Latent, tuple[Manifold, ...], Decoder, Record]:
    degree = min(recipe.degree, patches.shape[1])
    notes = record.notes
    if degree < recipe.degree:
        notes += (
            f"Zernike moments up to degree {degree} were taken, not {recipe.degree}: patches of "
            f"{patches.shape[1]} x {patches.shape[2]} pixels hold no finer ones. With more pixels along a "
            "side there are more.",
        )
    if recipe.conditional:
        notes += ("Zernike moments are told no classes: conditional was left out.",)
    found = embedded(rotation_invariants(patches, degree), recipe.latent_dim)
    points = found.points.astype(np.float32)
    latent = Latent(mean=points, sd=np.full_like(points, np.nan))
    decoder = Nearest(points, patches)
    measured = {**record.measured, _EXPLAINED: float(found.explained.sum())}
    return (
        latent,
        (manifold_of(decoder, points, latent.labels, 1),),
        decoder,
        record.model_copy(update={"measured": measured, "notes": notes}),
    )


def _with_model(record: Record, model: LatentModel, patches: Floats, found: tuple[Latent, Decoder]) -> Record:
    latent, decoder = found
    some = np.linspace(0, len(patches) - 1, min(len(patches), 2000)).astype(int)
    left = patches[some] - decoder.decode(latent[some])
    measured = {
        **record.measured,
        _EXPLAINED: float(1 - left.var() / patches[some].var()),
        "noise": model.noise,
    }
    return record.model_copy(update={"measured": measured, "notes": (*record.notes, *model.warnings)})


def _followed(cut: Cut) -> Generator[Progress, None, tuple[Tracks | None, tuple[str, ...]]]:
    centres = cut.motifs.centres
    if cut.recipe.around == GRID or len(np.unique(centres.frames)) < 2:
        return None, ()
    try:
        # Only who is who is wanted: states would be those of brightness.
        found = yield from following(replace(centres, features={}), FollowAtoms(), cut.image)
    except (BadAtoms, BadImage) as error:
        return None, (f"The atoms could not be followed from frame to frame: {error}",)
    return found.tracks, ()
