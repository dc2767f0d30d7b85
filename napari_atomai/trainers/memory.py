"""How many images go through a net at once: what the gradient needs to remember, measured on one of them."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from napari_atomai.errors import TooLarge
from napari_atomai.trainers.devices import Place
from napari_atomai.trainers.options import TrainingOptions
from napari_atomai.trainers.task import Objective

_CPU_GB, _GPU_SHARE = 1.0, 0.4


def micro_batch(
    net: nn.Module, one: tuple[torch.Tensor, torch.Tensor], objective: Objective, options: TrainingOptions
) -> int:
    """Return how many images to send through the net at once.

    It follows from the net, the size of an image and the options alone, not from how full the memory happens
    to be: the same run gives the same weights on any machine.

    Parameters
    ----------
    net : torch.nn.Module
        Left as it is.
    one : pair of tensors
        A batch of a single image, and its target, on the net's device.
    objective : Objective
        Its loss is measured too.
    options : TrainingOptions
        `micro_batch` if it is given, else `memory_gb`.
    """
    if options.micro_batch:
        return min(options.micro_batch, options.batch_size)
    kept = bytes_kept(net, one, objective)
    return max(1, min(options.batch_size, int(_budget(options, one[0].device) / max(kept, 1))))


def bytes_kept(net: nn.Module, one: tuple[torch.Tensor, torch.Tensor], objective: Objective) -> int:
    """Return how many bytes a forward pass of one image keeps for the gradient, beside the weights.

    The net is left as it is: it runs in evaluation mode, so that no statistics change.
    """
    weights = {parameter.untyped_storage().data_ptr() for parameter in net.parameters()}
    seen: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    training = net.training
    net.eval()
    try:
        with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(keep, _same):
            loss = objective.loss(net(one[0]).float(), one[1])
    finally:
        net.train(training)
    del loss  # until here it holds all that was seen, so that no two share an address
    return sum(seen.values())


def _same(tensor: Any) -> Any:
    return tensor


def _budget(options: TrainingOptions, device: torch.device) -> float:
    if options.memory_gb:
        return options.memory_gb * 1e9
    if device.type == "cuda":
        # Of all its memory, not of what is free: the same card gives the same parts.
        return _GPU_SHARE * torch.cuda.get_device_properties(device).total_memory
    return _CPU_GB * 1e9


def out_of_memory(error: BaseException, micro: int, place: Place) -> TooLarge | None:
    """Return what to say if an error means that the memory is full, else None."""
    words = str(error).lower()
    full = isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        sign in words for sign in ("out of memory", "allocate memory", "not enough memory")
    )
    if not full:
        return None
    return TooLarge(
        f"The memory of {place.device} is full with {micro} images at once in the net.",
        remedy=f"Train with micro_batch={max(micro // 2, 1)} (the batch stays as large), smaller images, "
        "or a smaller net.",
    )
