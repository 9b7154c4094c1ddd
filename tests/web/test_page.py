"""The page itself: its JavaScript gives Python's portraits, in Node and in Chromium."""

import base64
import functools
import http.server
import io
import json
import shutil
import subprocess
import threading

import numpy as np
import pytest
import torch
from PIL import Image

from src.sampling import load_model, sample, vary
from src.training.weights import OWN_WEIGHTS
from src.web.write import write_page
from tests.web.models import CHROMIUM, HERE, NODE, needs_chromium, needs_modules, needs_node, needs_onnx, weights_file

# Writing the networks takes half a minute.
pytestmark = [pytest.mark.slow, needs_onnx, needs_node, needs_modules]

ALIKE = 0.99
"""Share of pixels: where two entries are equally likely to the last digits, either may be chosen, and others follow."""


@pytest.fixture(scope="module", params=["small palette_pyramid", "small resnet_gan", "small wgan", "the project's own"])
def page(request, tmp_path_factory):
    """A model and the folder of its page."""
    folder = tmp_path_factory.mktemp("web")
    small, _, name = request.param.partition(" ")
    weights = weights_file(folder / "small.safetensors", name) if small == "small" else OWN_WEIGHTS
    write_page(weights, folder / "page")
    return load_model(weights), folder / "page"


def node(*arguments):
    done = subprocess.run([NODE, *map(str, arguments)], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def written_by_page(folder, cases):
    file = folder.parent / "cases.json"
    file.write_text(json.dumps(cases))
    return node(HERE / "write_portraits.js", folder, file)


def test_same_seed_same_hero(page):
    model, folder = page
    requested = {name: classes[-1] for name, classes in list(model.labels.attributes.items())[1:2]}
    cases = [{"seed": 3, "requested": {}}, {"seed": 4, "requested": requested}]
    for case, found in zip(cases, written_by_page(folder, cases), strict=True):
        expected = sample(model, 1, case["seed"], case["requested"])
        assert found["labels"] == expected.labels[0]
        pixels = np.reshape(found["rgba"], expected.portraits[0].shape)
        assert (pixels == expected.portraits[0]).all(axis=-1).mean() >= ALIKE


def test_same_uniform_numbers_same_palette_and_maps(page):
    model, folder = page
    if model.family_name != "palette_pyramid":
        pytest.skip("a generator has no maps")
    labels, uniforms = [0] * len(model.labels.names), torch.rand(1, model.family.latent_dim, dtype=torch.float64)
    (found,) = written_by_page(folder, [{"labels": labels, "uniforms": uniforms[0].tolist()}])
    condition, null = (model.family.conditioned(each[None]) for each in (torch.tensor(labels), model.family.null_label))
    expected = model.sampler.write(condition, null, uniforms, model.family.options)
    assert found["palette"] == expected.colours[expected.used].tolist()
    for pixels, choices in zip(found["maps"], expected.maps, strict=True):
        assert np.mean(pixels == choices.classes.flatten().numpy()) >= ALIKE


def test_recolours_are_those_of_vary(page):
    model, folder = page
    if model.family_name != "palette_pyramid":
        pytest.skip("a generator does not recolour")
    expected = vary(model, "palette", 1, 3)
    found = written_by_page(folder, [{"seed": 3, "requested": {}, "recolours": True}])
    assert len(found) == len(expected.labels) > 1
    for portrait, labels in zip(expected.portraits, expected.labels, strict=True):
        (same,) = [each for each in found if each["labels"] == labels]
        assert (np.reshape(same["rgba"], portrait.shape) == portrait).all(axis=-1).mean() >= ALIKE


@needs_chromium
@pytest.mark.parametrize(("width", "height"), [(1200, 900), (360, 740)])
def test_in_chromium(page, width, height, tmp_path):
    """Labels and a seed are chosen, the hero is downloaded, another one follows and is recoloured; nothing is wider
    than the screen."""
    model, folder = page
    (folder / "ort").mkdir(exist_ok=True)
    for name in ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"):
        shutil.copy(HERE / "node_modules" / "onnxruntime-web" / "dist" / name, folder / "ort")
    handler = functools.partial(QuietHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        seen = node(HERE / "open_page.js", address, CHROMIUM, tmp_path / "page.png", width, height)
        server.shutdown()
    assert seen["complaints"] == []
    assert seen["status"].startswith("Sampled in")
    assert seen["overflow"] <= 0
    recolours = len(model.labels.attributes["palette"]) - 1 if model.family_name == "palette_pyramid" else 0
    assert seen["earlier"] == 3 + recolours
    expected = sample(model, 1, 7, {name: classes[0] for name, classes in model.labels.attributes.items()})
    assert seen["caption"] == ", ".join([*expected.labels[0].values(), "seed 7"])
    downloaded = np.asarray(Image.open(io.BytesIO(base64.b64decode(seen["png"]))))
    assert (downloaded == expected.portraits[0]).all(axis=-1).mean() >= ALIKE


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass
