"""What sampling imports, and the timing of commands."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from benchmarks.start import ROOT, command_seconds, write_packed
from src.data.packed import load_portraits
from src.sampling import load_model, sample
from src.training.run import train
from tests.play.models import write_tiny


def imported_by(code):
    """Top-level modules, and torch's compiler, that a fresh interpreter holds after the code."""
    code += "\nimport sys; print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_drawing_imports_neither_the_compiler_nor_plots(tmp_path):
    checkpoint, out = str(write_tiny("resnet_gan", tmp_path / "heroes.safetensors")), str(tmp_path / "drawn")
    modules = imported_by(
        "from src.__main__ import main\n"
        f"assert main(['sample', '--checkpoint', {checkpoint!r}, '--out', {out!r}, '-n', '1']) == 0"
    )
    assert "torch" in modules
    assert not modules & {"torch._dynamo", "torch._inductor", "matplotlib", "sklearn", "scipy", "torchvision"}


def test_a_failed_command_is_no_measurement():
    with pytest.raises(RuntimeError, match="error: "):
        command_seconds(["sample"], 1)


def test_made_up_data_is_what_train_reads(tmp_path):
    write_packed(tmp_path, count=8, size=16)
    portraits = load_portraits(tmp_path)
    assert portraits.images.shape == (8, 16, 16, 4) and portraits.labels.shape == (8, 3)
    assert portraits.specification.names == ("gender", "hero_class", "palette")


def test_the_number_of_threads_changes_no_portrait(tmp_path, monkeypatch):
    """Every batch is drawn by one thread, whatever torch is set to, and the setting is put back."""
    write_packed(tmp_path, count=16, size=16)
    settings = {"base_channels": 4, "latent_dim": 12, "kimg": 0.001}
    result = train(tmp_path, tmp_path / "out", "resnet_gan", "smoke", settings, log=lambda line: None)
    model = load_model(result.checkpoint)
    seen = []
    original = type(model.family).sample

    def watched(self, *arguments):
        seen.append(torch.get_num_threads())
        return original(self, *arguments)

    monkeypatch.setattr(type(model.family), "sample", watched)
    before = torch.get_num_threads()
    sampled = {}
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            sampled[threads] = sample(model, 17).portraits
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert seen == [1] * 6
    assert np.array_equal(sampled[1], sampled[2])
