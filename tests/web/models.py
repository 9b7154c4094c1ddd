"""Small models as weights files, and the tools that some tests of the page need."""

import importlib.util
import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from src.config import load_config
from src.families import find_family
from src.family import DataSpecification
from src.labels import LabelSpecification
from src.training.weights import FORMAT
from tests.conftest import SPECIFICATION
from tests.pyramid.test_networks import shaken

HERE = Path(__file__).parent
NODE, CHROMIUM = shutil.which("node"), shutil.which("chromium")
MISSING = [name for name in ("onnx", "onnxscript", "onnxruntime") if importlib.util.find_spec(name) is None]

needs_onnx = pytest.mark.skipif(bool(MISSING), reason="pip install -r requirements-onnx.txt")
needs_node = pytest.mark.skipif(NODE is None, reason="needs Node.js, as `node`")
needs_modules = pytest.mark.skipif(not (HERE / "node_modules").is_dir(), reason="npm install --prefix tests/web")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium, as `chromium`")


def small_family(name, labels=SPECIFICATION):
    """A family of portraits of 16x16 whose weights are nowhere zero."""
    sampling = {"palette_top_p": 0.7} if name == "palette_pyramid" else {}
    config = load_config(name, "smoke", overrides={"precision": "fp32", **sampling})
    labels = labels if find_family(name).conditional else LabelSpecification({})
    family = find_family(name)(config, DataSpecification(16, 4, labels, 0.3), torch.device("cpu"))
    shaken(family.sampler)
    if name == "palette_pyramid":
        family.sampler.recolours_seen.fill_(1)
    return family


def weights_file(path, name):
    """A small family as a weights file."""
    family = small_family(name)
    about = {
        "family": name,
        "profile": "smoke",
        "config": family.config.model_dump(),
        "label_mappings": family.data.labels.to_mapping(),
        "data_fingerprint": "planted",
        "size": 16,
        "channels": 4,
        "intra_class_distance": 0.3,
        "images_seen": 1000,
    }
    metadata = {key: json.dumps(value) for key, value in about.items()}
    tensors = {key: weight.contiguous() for key, weight in family.sampler.state_dict().items()}
    save_file(tensors, path, {"format": FORMAT, **metadata})
    return path
