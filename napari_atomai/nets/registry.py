"""Nets by name: built from their options, and described by them, so that a saved net can be built again.

A net of one's own joins by decorating its class::

    @register("my net")
    class MyNet(torch.nn.Module):
        def __init__(self, channels: int = 1, classes: int = 1, width: int = 8) -> None: ...

Every net has ``channels`` and ``classes``, takes (n, channels, y, x) and gives (n, classes, y, x), before the
sigmoid (one class) or softmax. It may say ``multiple``, which the sizes must be a multiple of, and ``halo``,
how many pixels around a pixel can have a say in its result (None: the whole image).
"""

from __future__ import annotations

import functools
import importlib
import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import nn

from napari_atomai.errors import BadModel, BadOption, UnknownOption

_BUILT_IN = {
    "atomai_dilnet": "napari_atomai.nets.atomai",
    "atomai_reshednet": "napari_atomai.nets.atomai",
    "atomai_segresnet": "napari_atomai.nets.atomai",
    "atomai_unet": "napari_atomai.nets.atomai",
    "dilnet": "napari_atomai.nets.dilnet",
    "imspec": "napari_atomai.nets.imspec",
    "reshednet": "napari_atomai.nets.reshednet",
    "segresnet": "napari_atomai.nets.segresnet",
    "unet": "napari_atomai.nets.segmentation",
    "vae": "napari_atomai.nets.latent",
}
_NETS: dict[str, type[nn.Module]] = {}
_RECORD = "_registered_as"

Net = TypeVar("Net", bound=type[nn.Module])


def register(name: str) -> Callable[[Net], Net]:
    """Make a class of nets known by a name; its constructor's arguments are kept with every net.

    Parameters
    ----------
    name : str
        Case does not matter. Defining the same class again, as in a notebook, replaces it.

    Raises
    ------
    BadOption
        If the name belongs to another class, or the constructor's arguments have no names.
    """

    def decorate(cls: Net) -> Net:
        _check_new(name, cls)
        _record_arguments(cls, name.casefold())
        _NETS[name.casefold()] = cls
        return cls

    return decorate


def names() -> list[str]:
    """Return the names of all nets, those of the user included."""
    return sorted({*_BUILT_IN, *_NETS})


def build_net(name: str, options: Mapping[str, Any] | None = None, *, seed: int = 0) -> nn.Module:
    """Build a net.

    Parameters
    ----------
    name : str
        Of a registered class; case does not matter, so that the paper's "Unet" and "SegResNet" work.
    options : mapping, optional
        Arguments of its constructor.
    seed : int
        Of its random weights: the same seed gives the same bits. torch's global random state is left alone.

    Raises
    ------
    UnknownOption
        If there is no such net or option; the nearest that exists is named.
    BadOption
        If an option is missing or has a value that is not allowed.
    """
    cls = net_class(name)
    given = dict(options or {})
    signature = inspect.signature(cls)
    for option in given:
        if option not in signature.parameters:
            raise UnknownOption(f"option of the net {name!r} called", option, signature.parameters)
    missing = [p.name for p in signature.parameters.values() if p.default is p.empty and p.name not in given]
    if missing:
        raise BadOption(
            f"The net {name!r} needs {', '.join(map(repr, missing))}.",
            remedy=f"Give {'it' if len(missing) == 1 else 'them'} among the options.",
        )
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would reseed the GPUs too
        return cls(**given)


def describe_net(net: nn.Module) -> tuple[str, dict[str, Any]]:
    """Return a net's name and the options that build it again, as plain JSON values.

    Raises
    ------
    BadModel
        If its class is not registered.
    BadOption
        If it was built with a value that JSON cannot hold.
    """
    if _RECORD not in net.__dict__:
        kind = type(net).__name__
        raise BadModel(
            f"The net is a {kind}, which has no name here.",
            why="A saved net is built again from its name and options.",
            remedy=f"Put @napari_atomai.nets.registry.register({kind.lower()!r}) above its class.",
        )
    name, options = net.__dict__[_RECORD]
    return name, {option: _plain(name, option, value) for option, value in options.items()}


def net_class(name: str) -> type[nn.Module]:
    """Return the class of a name.

    Raises
    ------
    UnknownOption
        If there is none; the nearest name is given.
    """
    key = name.casefold() if isinstance(name, str) else repr(name)
    if key in _BUILT_IN and key not in _NETS:
        importlib.import_module(_BUILT_IN[key])
    if key not in _NETS:
        raise UnknownOption("net", str(name), names())
    return _NETS[key]


def size_multiple(net: nn.Module) -> int:
    """Return what rows and columns of a net's input must be a multiple of; 1 where it does not say."""
    return int(getattr(net, "multiple", 1))


def _check_new(name: str, cls: type[nn.Module]) -> None:
    if not (isinstance(cls, type) and issubclass(cls, nn.Module)):
        raise BadOption(
            f"{cls!r} is not a class of torch.nn.Module.",
            remedy="Put @register(...) above the class, not above a function or a net.",
        )
    key = name.casefold()
    owner = _BUILT_IN.get(key)
    other = _NETS.get(key)
    if (owner and owner != cls.__module__) or (other and _full_name(other) != _full_name(cls)):
        raise BadOption(
            f"The name {name!r} belongs to {_full_name(other) if other else owner}.",
            why="Saved nets of that name would be built from the wrong class.",
            remedy="Choose another name.",
        )
    for parameter in inspect.signature(cls).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise BadOption(
                f"The constructor of {cls.__name__} takes {parameter}.",
                why="A saved net is built again from arguments by name.",
                remedy="Give each of its arguments a name.",
            )


def _full_name(cls: type[nn.Module]) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _record_arguments(cls: type[nn.Module], name: str) -> None:
    """Wrap the constructor: a net that the user builds by hand knows its options too."""
    construct = cls.__init__
    signature = inspect.signature(construct)

    @functools.wraps(construct)
    def recording(self: nn.Module, *args: Any, **kwargs: Any) -> None:
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        construct(self, *args, **kwargs)
        if type(self) is cls:  # a subclass records its own
            self.__dict__[_RECORD] = (name, dict(list(bound.arguments.items())[1:]))

    cls.__init__ = recording  # type: ignore[method-assign]


def _plain(net: str, name: str, value: Any) -> Any:
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise BadOption(
            f"The net {net!r} was built with {name} = {value!r}, which JSON cannot hold.",
            why="A saved net is built again from its name and options.",
            remedy="Give numbers, words or lists of them, and make the rest inside the constructor.",
        ) from error
