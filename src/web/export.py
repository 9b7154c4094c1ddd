"""A graph as an ONNX file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from src.errors import InputError
from src.web.graphs import Graph

if TYPE_CHECKING:
    import onnx

FEWEST = 1024
"""Smaller weights stay as they are: what halving them saves is not worth a node."""


def to_onnx(graph: Graph) -> bytes:
    """The content of an ONNX file.

    Raises:
        InputError: where ONNX's packages are missing.
    """
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ModuleNotFoundError as error:
        raise InputError(f"{error.name} is not installed; run `pip install -r requirements-onnx.txt`") from None
    network, examples = graph.network.eval(), tuple(graph.inputs.values())
    growing = {name: {axis: torch.export.Dim.DYNAMIC} for name, axis in graph.growing.items()}
    with torch.no_grad():
        # Constants that the networks keep for later are made here: those made while tracing would be no tensors.
        network(*examples)
        program = torch.onnx.export(
            network,
            examples,
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            dynamic_shapes=tuple(growing.get(name) for name in graph.inputs),
            dynamo=True,
            verbose=False,
        )
    model = program.model_proto
    halve(model)
    return model.SerializeToString()


def halve(model: onnx.ModelProto) -> None:
    """Store weights in 16 bits that lose nothing by it, as those of `weights --fp16`; computing stays in 32."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for weight in model.graph.initializer:
        if weight.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(weight)
        with np.errstate(over="ignore"):
            halved = values.astype(np.float16)
        if values.size < FEWEST or not np.array_equal(halved, values):
            continue
        name = weight.name
        weight.CopyFrom(numpy_helper.from_array(halved, f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
