"""Weights to pass on draw what the checkpoint draws, and say what they are."""

from __future__ import annotations

import errno
import io
import itertools
import json
import zipfile
from pathlib import Path

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
    folder = write_data(tmp_path_factory.mktemp("trained"))
    return train(folder, folder / "out", "vae", "smoke", SETTINGS, log=lambda line: None).checkpoint


@pytest.fixture(scope="module")
def weights(checkpoint):
    path = checkpoint.with_name("whole.safetensors")
    write_weights(checkpoint, path)
    return path


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


def test_the_same_checkpoint_gives_the_same_file(checkpoint, tmp_path):
    written = []
    for number in range(6):  # in an order of chance, all of them would agree once in thousands of times
        write_weights(checkpoint, tmp_path / f"{number}.safetensors")
        written.append((tmp_path / f"{number}.safetensors").read_bytes())
    assert len(set(written)) == 1
    assert (8 + int.from_bytes(written[0][:8], "little")) % 8 == 0


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
    with pytest.raises(InputError, match="a weights file already"):
        write_weights(tmp_path / "one.safetensors", tmp_path / "two.safetensors")
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


def changed(path, **metadata):
    """The same file with other entries in its description; None takes one out."""
    with safe_open(path, framework="pt") as file:
        described = {**file.metadata(), **metadata}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    save_file(tensors, path, {name: value for name, value in described.items() if value is not None})


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"config": None}, "config is missing"),
        ({"config": "{"}, "not JSON"),
        ({"config": "[" * 100_000}, "not JSON"),
        ({"config": "5"}, "config must be"),
        ({"label_mappings": '{"gender": 5}'}, "label_mappings"),
        ({"label_mappings": '{"gender": {"a": 0, "b": 1}}'}, "does not match its checksum"),
        ({"label_mappings": '{"gender": {"a": 0, "b": 1}}', "checksums": None}, "other networks than it says"),
        ({"size": "63", "checksums": None}, "make no network|other networks"),
        ({"config": '{"base_channels": 1000000000}', "checksums": None}, "make no network|make them smaller"),
    ],
)
def test_a_description_that_does_not_fit_is_refused_in_one_line(weights, tmp_path, metadata, message):
    path = tmp_path / "a.safetensors"
    path.write_bytes(weights.read_bytes())
    changed(path, **metadata)
    with pytest.raises(InputError, match=message) as caught:
        load_model(path)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_no_flipped_bit_of_weights_goes_unnoticed(weights, tmp_path):
    whole, path = weights.read_bytes(), tmp_path / "a.safetensors"
    start = 8 + int.from_bytes(whole[:8], "little")
    for place in np.linspace(start, len(whole) - 1, 12).astype(int):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(InputError, match=r"does not match its checksum|is damaged|not finite"):
            load_weights(path)


def test_weights_of_an_earlier_version_have_no_checksums(weights, tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(weights.read_bytes())
    changed(path, checksums=None, made_with="another tool")
    assert np.array_equal(sample(load_model(path), 2).portraits, sample(load_model(weights), 2).portraits)


def test_weights_that_cannot_be_written_are_one_line(checkpoint, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match=r"cannot be written .*No space left"):
        write_weights(checkpoint, tmp_path / "a.safetensors")
    assert not list(tmp_path.glob("*.safetensors"))


def zip_with(name: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, bytes(100))
    return packed.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.pt", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a Git LFS pointer"),
        ("a.safetensors", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a Git LFS pointer"),
        ("a.pt", b"\n<!DOCTYPE html><html></html>", "is a web page"),
        ("a.safetensors", b"<html>", "is a web page"),
        ("a.pt", b"\x89PNG\r\n\x1a\n", "is a picture"),
        ("a.safetensors", b"", "is empty"),
        ("a.pt", b'{"weights": []}\n', "is a text"),
        ("a.pt", b"\x1f\x8b\x08" + bytes(20), "is an archive"),
        ("a.pt", zip_with("weights/readme.npy"), "is an archive"),
        ("a.pt", zip_with("a/data.pkl")[:40], "is cut short"),
    ],
    ids=itertools.count(),  # an archive holds the time of its making, by which two test processes would differ
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
