"""The pictures of a decomposition that the Components panel draws: components, places, groups. No Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_atomai.plugin.panels.components_layout import PICTURES
from napari_atomai.plugin.panels.components_plot import SIGNED, Picture
from napari_atomai.plugin.points import colours_of

if TYPE_CHECKING:
    from napari_atomai.workflow.components import Surroundings


def group_pictures(found: Surroundings) -> list[Picture]:
    """Return the mean window of each group, in a frame of its colour."""
    sizes = np.bincount(found.groups)
    colours = colours_of(len(sizes))
    return [
        Picture(f"{group + 1}: {size:,}", found.group_picture(group), frame=colours[group])
        for group, size in enumerate(sizes.tolist())
    ]


def pictures_of(found: Surroundings, order: Any, view: str, first: Surroundings) -> list[Picture]:
    """Return the pictures of a result; beside another one their titles tell how alike they are."""
    told = None if found is first else partners_of(first, found)[1]
    here = found.atoms.frames == found.atoms.frames[0]
    made = []
    for position, k in enumerate(order):
        if k < 0:
            made.append(Picture("no partner"))
            continue
        title = f"{k + 1}: {found.components.explained[k]:.1%}"
        if told is not None:
            title = f"{k + 1}: r = {told[position]:.2f}"
        if view == PICTURES:
            signed = found.components.method in SIGNED
            made.append(Picture(title, found.components.components[k], signed=signed))
        else:
            where, loading = found.atoms.positions[here], found.components.loadings[here, k]
            made.append(Picture(title, where=where, loadings=loading))
    return made


def partners_of(one: Surroundings, other: Surroundings) -> tuple[Any, Any]:
    """Find the partners of components among those of another result, at the atoms that both have."""
    from napari_atomai.stat.component_match import match_components, shared_rows

    first, second = shared_rows(*(np.column_stack([x.atoms.frames, x.atoms.positions]) for x in (one, other)))
    if len(first) < 2:
        return np.full(len(one.components.components), -1), np.full(len(one.components.components), np.nan)
    return match_components(one.components.loadings[first], other.components.loadings[second])
