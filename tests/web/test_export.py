"""ONNX files give what PyTorch gives."""

import numpy as np
import pytest
import torch

from src.web.export import halve, to_onnx
from src.web.graphs import Graph, graphs
from tests.web.models import needs_onnx, small_family

pytestmark = needs_onnx

# Tracing a network takes seconds.
SLOW = [
    *(("palette_pyramid", name) for name in ("palette", "recolours", "entries", "coarse", "finer_16")),
    *((family, "generator") for family in ("r3gan", "cdcgan", "dcgan", "wgan", "acgan")),
]
CASES = [("resnet_gan", "generator"), *(pytest.param(*case, marks=pytest.mark.slow) for case in SLOW)]


def session(content):
    import onnxruntime

    return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])


def other_values(graph):
    """Inputs that differ from the examples in their values, and in length where that may be."""
    longer = {name: 1 for name in graph.growing}
    for name, example in graph.inputs.items():
        shape = list(example.shape)
        if name in longer:
            shape[graph.growing[name]] += longer[name]
        if example.dtype == torch.float32:
            yield name, torch.randn(shape)
        elif name == "new":
            yield name, torch.arange(4, 4 + shape[0], dtype=torch.int32)
        else:
            yield name, torch.randint(2, shape).to(example.dtype)


@pytest.mark.parametrize(("family", "name"), CASES)
def test_onnxruntime_gives_the_same(family, name):
    family = small_family(family)
    graph = graphs(family, family.sampler)[name]
    running = session(to_onnx(graph))
    for _ in range(3):
        values = dict(other_values(graph))
        with torch.no_grad():
            expected = graph.network(*values.values())
        found = running.run(list(graph.outputs), {name: value.numpy() for name, value in values.items()})
        for each, output in zip(expected if isinstance(expected, tuple) else (expected,), found, strict=True):
            np.testing.assert_allclose(output, each.numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_weights_of_16_bits_take_half_the_space_and_others_stay():
    import onnx

    network = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Linear(64, 64))
    network[0].half().float()
    graph, values = Graph(network, {"values": torch.randn(1, 64)}, ("found",)), torch.randn(1, 64)
    model = onnx.load_from_string(to_onnx(graph))
    types = sorted(weight.data_type for weight in model.graph.initializer if np.prod(weight.dims) == 64 * 64)
    assert types == [onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16]
    (found,) = session(model.SerializeToString()).run(None, {"values": values.numpy()})
    np.testing.assert_allclose(found, network(values).detach().numpy(), rtol=1e-5, atol=1e-5)
    once = model.SerializeToString()
    halve(model)
    assert model.SerializeToString() == once
