"""The folder that `web` writes, and what it refuses. Networks are exported in tests/web/test_export.py."""

import json
import sys

import pytest

from src.__main__ import main
from src.errors import InputError
from src.sampling import load_model
from src.web import write
from src.web.export import to_onnx
from src.web.graphs import graphs
from src.web.write import PAGE, write_page
from tests.web.models import HERE, small_family, weights_file


@pytest.fixture
def quick(monkeypatch):
    """Networks that are a few bytes."""
    monkeypatch.setattr(write, "to_onnx", lambda graph: b"ONNX")


@pytest.mark.parametrize(
    ("family", "networks"),
    [
        ("palette_pyramid", ["palette", "entries", "coarse", "recolours", "finer_16"]),
        ("cdcgan", ["generator"]),
        ("wgan", ["generator"]),
    ],
)
def test_the_folder(family, networks, tmp_path, quick, capsys):
    weights, out = weights_file(tmp_path / "small.safetensors", family), tmp_path / "page"
    for _ in range(2):
        assert main(["web", "--checkpoint", str(weights), "--out", str(out)]) == 0
    about = json.loads((out / "model.json").read_text())
    assert sorted(about["graphs"]) == sorted(networks)
    assert {path.name for path in out.iterdir()} == {
        *(f"{name}.onnx" for name in networks),
        *(path.name for path in PAGE.iterdir()),
        "model.json",
    }
    model = load_model(weights)
    assert about["attributes"] == {name: list(classes) for name, classes in model.labels.attributes.items()}
    assert about["latent_dim"] == model.family.latent_dim
    assert f"npm install --prefix {out}" in capsys.readouterr().out


@pytest.mark.parametrize("names", [["index.html"], ["package.json"], ["model.json", "style.css"]])
def test_what_is_no_page_of_ours_stays(tmp_path, quick, capsys, names):
    for name in names:
        (tmp_path / name).write_text("{}")
    assert main(["web", "--out", str(tmp_path)]) == 2
    assert "choose another --out" in capsys.readouterr().err
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys(names, "{}")


def test_a_family_that_the_page_cannot_sample_from(tmp_path):
    weights = weights_file(tmp_path / "small.safetensors", "vae")
    with pytest.raises(InputError, match="adversarial families and with palette_pyramid"):
        write_page(weights, tmp_path / "page")
    assert not (tmp_path / "page").exists()


@pytest.mark.parametrize("package", ["onnx", "onnxscript"])
def test_a_missing_package_is_named(package, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", sys)
    monkeypatch.setitem(sys.modules, package, None)
    family = small_family("dcgan")
    with pytest.raises(InputError, match=rf"{package} is not installed.*requirements-onnx\.txt"):
        to_onnx(graphs(family, family.sampler)["generator"])


def test_tests_and_page_take_the_same_runtime():
    versions = {
        json.loads((folder / "package.json").read_text())["dependencies"]["onnxruntime-web"] for folder in (PAGE, HERE)
    }
    assert len(versions) == 1


def test_a_page_holds_the_networks_of_one_model(tmp_path, monkeypatch, quick):
    """Where writing is stopped the former page stays whole; of a former family no network stays, other files do."""
    first, second = (weights_file(tmp_path / f"{name}.safetensors", name) for name in ("palette_pyramid", "wgan"))
    page = tmp_path / "page"
    write_page(first, page)
    (page / "mine.onnx").write_bytes(b"mine")
    before = {path.name: path.read_bytes() for path in page.iterdir()}
    exported = iter([b"new", KeyboardInterrupt])

    def interrupted(graph):
        if (content := next(exported)) is KeyboardInterrupt:
            raise KeyboardInterrupt
        return content

    monkeypatch.setattr(write, "to_onnx", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_page(first, page)
    assert {path.name: path.read_bytes() for path in page.iterdir()} == before
    monkeypatch.setattr(write, "to_onnx", lambda graph: b"ONNX")
    write_page(second, page)
    assert {path.name for path in page.glob("*.onnx")} == {"generator.onnx", "mine.onnx"}
