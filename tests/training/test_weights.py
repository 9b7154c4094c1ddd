"""Weights to pass on draw what the checkpoint draws, and say what they are."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from src.__main__ import main
from src.errors import InputError
from src.sampling import load_model, sample
from src.training.checkpoint import load_checkpoint
from src.training.run import train
from src.training.weights import load_weights, write_weights
from tests.conftest import write_data

SETTINGS = {"batch_size": 8, "kimg": 0.064, "precision": "fp32"}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    data = write_data(folder / "data")
    return train(data, folder / "out", "vae", "smoke", SETTINGS, log=lambda line: None).checkpoint


def test_the_same_portraits_from_a_smaller_file(checkpoint, tmp_path):
    path = tmp_path / "heroes.safetensors"
    assert main(["weights", "--checkpoint", str(checkpoint), "--out", str(path)]) == 0
    assert path.stat().st_size < checkpoint.stat().st_size / 2
    first, second = load_model(checkpoint), load_model(path)
    assert np.array_equal(sample(first, 9, 3).portraits, sample(second, 9, 3).portraits)
    assert np.array_equal(first.colours.colours, second.colours.colours)
    assert np.array_equal(first.colours.counts, second.colours.counts)
    assert first.labels == second.labels and first.checkpoint_hash != second.checkpoint_hash


def test_half_the_bits_draw_nearly_the_same(checkpoint, tmp_path):
    whole, half = tmp_path / "whole.safetensors", tmp_path / "half.safetensors"
    write_weights(checkpoint, whole)
    assert main(["weights", "--checkpoint", str(checkpoint), "--out", str(half), "--fp16"]) == 0
    assert half.stat().st_size < 0.7 * whole.stat().st_size
    assert all(weight.dtype != torch.float32 for weight in load_weights(half)["average"].values())
    first, second = (sample(load_model(path), 4).portraits.astype(int) for path in (whole, half))
    assert np.abs(first - second).mean() < 2


def test_the_average_is_what_is_drawn_with(checkpoint, tmp_path):
    """Not the weights of the last step, which lie in the checkpoint too."""
    write_weights(checkpoint, tmp_path / "heroes.safetensors")
    average, raw = (load_checkpoint(checkpoint)[key] for key in ("average", "state"))
    kept = load_weights(tmp_path / "heroes.safetensors")["average"]
    assert {f"module.{name}" for name in kept} == average.keys() - {"n_averaged"}
    assert all((kept[name] == average[f"module.{name}"]).all() for name in kept)
    name = max(kept, key=lambda name: kept[name].numel())
    assert (kept[name] != raw["autoencoder"][name]).any()


def test_the_file_says_what_it_is(checkpoint, tmp_path):
    path = tmp_path / "heroes.safetensors"
    write_weights(checkpoint, path)
    with safe_open(path, framework="np") as file:
        metadata = file.metadata()
    content = load_checkpoint(checkpoint)
    assert metadata["format"] == "hero_portraits_1" and json.loads(metadata["family"]) == "vae"
    assert json.loads(metadata["images_seen"]) == 64
    for name in ("config", "label_mappings", "data_fingerprint"):
        assert json.loads(metadata[name]) == content[name]


def test_what_is_no_weights_file_is_refused(checkpoint, tmp_path):
    with pytest.raises(InputError, match=r"must end in \.safetensors"):
        write_weights(checkpoint, tmp_path / "heroes.pt")
    with pytest.raises(InputError, match="no weights at"):
        load_weights(tmp_path / "missing.safetensors")
    damaged = tmp_path / "damaged.safetensors"
    write_weights(checkpoint, damaged)
    damaged.write_bytes(damaged.read_bytes()[:-100])
    with pytest.raises(InputError, match="cannot be read as weights"):
        load_weights(damaged)
    save_file({"a": load_checkpoint(checkpoint)["average"]["n_averaged"]}, tmp_path / "foreign.safetensors")
    with pytest.raises(InputError, match="holds no weights of this project"):
        load_weights(tmp_path / "foreign.safetensors")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.pt", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a Git LFS pointer"),
        ("a.safetensors", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a Git LFS pointer"),
        ("a.pt", b"\n<!DOCTYPE html><html></html>", "is a web page"),
        ("a.safetensors", b"<html>", "is a web page"),
    ],
)
def test_what_lies_in_the_place_of_weights_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        load_model(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_weights_under_the_wrong_ending_are_named(checkpoint, tmp_path):
    write_weights(checkpoint, tmp_path / "a.safetensors")
    for source, name, message in (
        (tmp_path / "a.safetensors", "b.pt", "is a safetensors file"),
        (checkpoint, "b.safetensors", "is a PyTorch file"),
    ):
        (tmp_path / name).write_bytes(source.read_bytes())
        with pytest.raises(InputError, match=message):
            load_model(tmp_path / name)
