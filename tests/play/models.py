"""Tiny models to play with: the networks as they begin, portraits of 16x16."""

import json

import numpy as np
import torch
from safetensors.torch import save_file

from src.config import load_config
from src.families import find_family
from src.family import DataSpecification
from src.sampling import LoadedModel, Sampled
from src.training.weights import FORMAT
from tests.conftest import SPECIFICATION


def tiny(name, **values):
    torch.manual_seed(0)
    family_class = find_family(name)
    config = load_config(name, "smoke", overrides={"precision": "fp32", **values})
    family = family_class(config, DataSpecification(16, 4, SPECIFICATION, 0.3), torch.device("cpu"))
    if name == "palette_pyramid":
        family.model.recolours_seen.fill_(1)
    return LoadedModel(name, family, family.sampler.eval(), SPECIFICATION, "0" * 64, "planted", None)


def heroes(count, colours=5, seed=0):
    """Portraits of five random colours with holes, and their labels."""
    random = np.random.RandomState(seed)
    palette = np.insert(random.randint(0, 256, (count, colours, 3)), 3, 255, axis=2)
    palette[:, 0] = 0
    entries = random.randint(0, colours, (count, 16, 16))
    portraits = np.stack([colours[each] for colours, each in zip(palette, entries, strict=True)]).astype(np.uint8)
    labels = {"gender": "feminine", "hero_class": "mage", "palette": "warm"}
    return Sampled(portraits, tuple(range(count)), (labels,) * count)


def write_tiny(name, path):
    """A weights file of such a model."""
    model = tiny(name)
    content = {
        "family": name,
        "profile": "smoke",
        "config": model.family.config.model_dump(),
        "label_mappings": SPECIFICATION.to_mapping(),
        "data_fingerprint": "planted",
        **{"size": 16, "channels": 4, "intra_class_distance": 0.3, "images_seen": 0},
    }
    metadata = {key: json.dumps(value) for key, value in content.items()}
    weights = {key: value.contiguous() for key, value in model.sampler.state_dict().items()}
    save_file(weights, path, {"format": FORMAT, **metadata})
    return path
