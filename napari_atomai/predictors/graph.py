"""Nets as ONNX graphs: the U-Net built from its card and weights, any net exported by torch.

The safetensors file stays the only source: no second file that could differ, nothing in it that is run,
and no torch needed to find atoms. Batch normalisation is folded into the kernels.
"""

from __future__ import annotations

import copy
import io
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnx.shape_inference
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from napari_atomai.errors import BadModel

Tensors = Mapping[str, NDArray[Any]]

_OPSET = 18
_IR_VERSION = 9
_EPSILON = 1e-5


def unet_graph(tensors: Tensors, filters: Sequence[int], layers: int, bottleneck: Sequence[int]) -> bytes:
    """Return the ONNX model of a `napari_atomai.nets.segmentation.UNet`, ending in probabilities.

    Parameters
    ----------
    tensors : mapping of str to array
        The net's state, by torch's names.
    filters, layers, bottleneck
        The net's options.

    Raises
    ------
    BadModel
        If a tensor is missing or has another shape than the options ask for.
    """
    try:
        return _unet(_Builder(tensors), list(filters), layers, list(bottleneck))
    except KeyError as error:
        raise BadModel(
            f"The model has no tensor {error.args[0]!r}.",
            why="The card's options and the weights belong to different nets.",
            remedy="Choose a model file that napari-atomai wrote.",
        ) from error


def exported(net: Any, classes: int, channels: int, side: int) -> bytes:
    """Return the ONNX model of a torch net, from "image" to probabilities; any number, rows and columns.

    Parameters
    ----------
    net : torch.nn.Module
        Left as it is; a copy is exported.
    classes : int
        Of its result.
    channels, side : int
        Of the image it is traced with: a size the net takes.
    """
    import torch  # only who has a torch net comes here

    whole = torch.nn.Sequential(copy.deepcopy(net).to("cpu", torch.float32), _final(classes)).eval()
    content = io.BytesIO()
    sizes = {0: "n", 2: "y", 3: "x"}
    with warnings.catch_warnings():
        # The exporter that traces is the one that is fast and needs no further package; torch calls it old.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            whole,
            (torch.zeros(1, channels, side, side),),
            content,  # type: ignore[arg-type] # a file in memory, which the annotation leaves out
            dynamo=False,
            opset_version=_OPSET,
            input_names=["image"],
            output_names=["probabilities"],
            dynamic_axes={"image": sizes, "probabilities": sizes},
        )
    model = onnx.load_model_from_string(content.getvalue())
    _part_joins(model)
    result: bytes = model.SerializeToString()
    return result


def _final(classes: int) -> Any:
    """Return the module that makes probabilities."""
    import torch

    class Share(torch.nn.Module):
        """A softmax in single steps: ONNX Runtime's own, across channels, takes as long as a level."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            powers = (x - x.amax(1, keepdim=True)).exp()
            return powers / powers.sum(1, keepdim=True)

    return torch.nn.Sigmoid() if classes == 1 else Share()


def _part_joins(model: onnx.ModelProto) -> None:
    """Let each input of a concatenation have a convolution of its own, whose results are added.

    It is the same sum. But what is joined at the finest level need not be held a second time, which takes a
    third less memory.
    """
    graph = model.graph
    kernels = {one.name: one for one in graph.initializer}
    sizes = _channel_counts(model)
    made = {output: node for node in graph.node for output in node.output}
    uses = Counter(name for node in graph.node for name in node.input)
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        join = made.get(node.input[0]) if node.op_type == "Conv" else None
        if join is None or uses[node.input[0]] > 1 or not _can_part(node, join, kernels, sizes):
            nodes.append(node)
            continue
        nodes.remove(join)
        kernel = numpy_helper.to_array(kernels[node.input[1]])
        nodes.extend(_parted(node, join, kernel, [sizes[name] for name in join.input], graph))
    del graph.node[:]
    graph.node.extend(nodes)


def _can_part(
    node: onnx.NodeProto, join: onnx.NodeProto, kernels: Mapping[str, Any], sizes: Mapping[str, int]
) -> bool:
    plain = all(one.i == 1 for one in node.attribute if one.name == "group")
    across = join.op_type == "Concat" and all(one.i == 1 for one in join.attribute if one.name == "axis")
    return plain and across and node.input[1] in kernels and all(name in sizes for name in join.input)


def _parted(
    node: onnx.NodeProto, join: onnx.NodeProto, kernel: NDArray[Any], counts: list[int], graph: Any
) -> Iterator[onnx.NodeProto]:
    """Give the convolutions of a concatenation's inputs, and the sums of their results."""
    attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    parts = np.split(kernel, np.cumsum(counts)[:-1], axis=1)
    total = ""
    # Last input first: it was made just now, while the first one is held from the way down anyway.
    for number, (name, part) in reversed(list(enumerate(zip(join.input, parts, strict=True)))):
        weight, out = f"{node.output[0]}.kernel{number}", f"{node.output[0]}.part{number}"
        graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(part), weight))
        bias = list(node.input[2:]) if number == 0 else []
        yield helper.make_node("Conv", [name, weight, *bias], [out], **attributes)
        if total:
            result = node.output[0] if number == 0 else f"{node.output[0]}.sum{number}"
            yield helper.make_node("Add", [total, out], [result])
            out = result
        total = out


def _channel_counts(model: onnx.ModelProto) -> dict[str, int]:
    """Return the channels of all maps whose number is known."""
    values = [*onnx.shape_inference.infer_shapes(model).graph.value_info, *model.graph.input]
    shapes = {one.name: one.type.tensor_type.shape.dim for one in values}
    return {name: dims[1].dim_value for name, dims in shapes.items() if len(dims) == 4 and dims[1].dim_value}


def _unet(build: _Builder, filters: list[int], layers: int, bottleneck: list[int]) -> bytes:
    plain = [1] * layers
    x = build.convolution("image", "stem", "stem_norm", filters[0], stride=2, pads=2)
    kept = []
    for level, count in enumerate(filters[:-1]):
        x = build.block(x, f"down.{level}", count, plain)
        kept.append(x)
        x = build.node("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2])
    x = build.block(x, "bottom", filters[-1], bottleneck)
    for level, count in enumerate(filters[-2::-1]):
        x = build.plain(x, f"squeeze.{level}", count)
        x = build.enlarge(x)
        x = build.node("Concat", [kept.pop(), x], axis=1)
        x = build.block(x, f"up.{level}", count, plain)
    head = build.tensors["head.weight"]
    x = build.plain(x, "head", len(head))
    x = build.node("DepthToSpace", [x], blocksize=2, mode="CRD")
    x = build.node("Sigmoid", [x]) if len(head) == 4 else build.node("Softmax", [x], axis=1)
    return build.finish(x)


class _Builder:
    """Collects nodes and their weights."""

    def __init__(self, tensors: Tensors) -> None:
        self.tensors = tensors
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def node(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        name = f"{kind}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def constant(self, array: NDArray[Any]) -> str:
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def convolution(
        self, x: str, conv: str, norm: str, count: int, *, stride: int = 1, pads: int = 1, dilation: int = 1
    ) -> str:
        kernel, bias = folded(self.tensors, conv, norm)
        self._check(conv, kernel, count)
        size = list(kernel.shape[2:])
        inputs = [x, self.constant(kernel), self.constant(bias)]
        y = self.node(
            "Conv", inputs, kernel_shape=size, strides=[stride] * 2, pads=[pads] * 4, dilations=[dilation] * 2
        )
        return self.node("Relu", [y])

    def block(self, x: str, name: str, count: int, dilations: list[int]) -> str:
        for i, dilation in enumerate(dilations):
            conv, norm = f"{name}.{3 * i}", f"{name}.{3 * i + 1}"
            x = self.convolution(x, conv, norm, count, pads=dilation, dilation=dilation)
        return x

    def plain(self, x: str, name: str, count: int) -> str:
        kernel = self.tensors[f"{name}.weight"]
        self._check(name, kernel, count)
        inputs = [x, self.constant(kernel), self.constant(self.tensors[f"{name}.bias"])]
        return self.node("Conv", inputs, kernel_shape=[1, 1])

    def enlarge(self, x: str) -> str:
        scales = self.constant(np.array([1, 1, 2, 2], np.float32))
        return self.node(
            "Resize", [x, "", scales], mode="linear", coordinate_transformation_mode="half_pixel"
        )

    def finish(self, output: str) -> bytes:
        shape = ["n", "c", "y", "x"]
        channels = int(self.tensors["stem.weight"].shape[1])
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", channels, "y", "x"])
        result = helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)
        graph = helper.make_graph(self.nodes, "unet", [image], [result], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)])
        model.ir_version = _IR_VERSION
        content: bytes = model.SerializeToString()
        return content

    def _check(self, name: str, kernel: NDArray[Any], count: int) -> None:
        if kernel.ndim != 4 or len(kernel) != count:
            raise BadModel(
                f"The kernel of {name!r} has shape {kernel.shape}; its card asks for {count} outputs.",
                why="The card's options and the weights belong to different nets.",
                remedy="Choose a model file that napari-atomai wrote.",
            )


def folded(tensors: Tensors, conv: str, norm: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return kernel and bias of a convolution with the batch normalisation behind it folded in."""
    scale = tensors[f"{norm}.weight"] / np.sqrt(tensors[f"{norm}.running_var"] + _EPSILON)
    kernel = tensors[f"{conv}.weight"] * scale[:, None, None, None]
    bias = tensors[f"{norm}.bias"] - tensors[f"{norm}.running_mean"] * scale
    return kernel.astype(np.float32), bias.astype(np.float32)
