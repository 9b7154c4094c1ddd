"""The page's arithmetic in Node: random numbers, choices and palettes as NumPy and the package have them."""

import json
import subprocess

import numpy as np
import pytest
import torch

from src.pyramid.choosing import inverse_cdf
from src.pyramid.palette_writer import by_lightness
from src.web.write import PAGE
from tests.web.models import HERE, NODE, needs_node

pytestmark = needs_node

SEEDS = [0, 1, 7, 123_456, 2**32 - 1]
CLASSES = [2, 9, 5, 1, 8, 300]
UNIFORMS = torch.tensor([*torch.linspace(0, 1, 38).tolist(), 1e-12, 1 - 1e-12], dtype=torch.float64)


@pytest.fixture(scope="module")
def cases():
    random = np.random.RandomState(0)
    logits = random.standard_normal((40, 12)).astype(np.float32) * 3
    logits[:5] = logits[:5].round()  # equal ones among them
    logits[5:9, 4:] = -1e4
    palettes = random.randint(0, 256, (6, 8, 3))
    palettes[:, 3] = palettes[:, 5]  # a colour twice
    normals = [*random.standard_normal(300), 0.0, 5.5, -5.5, -6.9]
    return {
        "seeds": SEEDS,
        "classes": CLASSES,
        "logits": logits.tolist(),
        "uniforms": UNIFORMS.tolist(),
        "normals": normals,
        "palettes": palettes.tolist(),
    }


@pytest.fixture(scope="module")
def found(cases):
    command = [NODE, HERE / "compute_numbers.js", PAGE]
    done = subprocess.run(command, input=json.dumps(cases), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_random_numbers(cases, found):
    for seed, got in zip(SEEDS, found["random"], strict=True):
        state = np.random.RandomState(seed)
        assert got["integers"] == [state.randint(count) for count in CLASSES]
        np.testing.assert_allclose(got["normals"], state.standard_normal(len(cases["normals"])), rtol=1e-14)


def test_the_normal_distribution(cases, found):
    expected = torch.special.ndtr(torch.tensor(cases["normals"], dtype=torch.float64))
    np.testing.assert_allclose(found["ndtr"], expected, rtol=0, atol=2e-15)


def test_choices(cases, found):
    assert found["chosen"] == inverse_cdf(torch.tensor(cases["logits"]), UNIFORMS).tolist()


def test_palettes(cases, found):
    colours = torch.tensor(cases["palettes"])
    ordered, used = by_lightness(colours, torch.ones(colours.shape[:2], dtype=torch.bool))
    assert found["palettes"] == [each[which].tolist() for each, which in zip(ordered, used, strict=True)]
