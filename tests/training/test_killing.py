"""A long suite (`python run.py tests -m slow`): training killed without warning fifty times ends in the same bits."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from src.training.checkpoint import load_checkpoint
from tests.training.test_loop import assert_same

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = ["batch_size=8", "base_channels=4", "latent_dim=12", "embedding_dim=4"]
INTERVALS = ["log_kimg=0.04", "sample_kimg=0.4", "checkpoint_kimg=0.04"]
KIMG = "4"
KILLS = 50


def start(data_folder, out):
    command = [
        sys.executable,
        "-m",
        "src",
        "train",
        "--data",
        str(data_folder),
        "--out",
        str(out),
        "--profile",
        "smoke",
    ]
    command += ["--kimg", KIMG, "--resume"]
    for setting in SETTINGS + INTERVALS:
        command += ["--set", setting]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_fifty_kills_leave_no_trace(data_folder, tmp_path):
    whole = start(data_folder, tmp_path / "whole")
    assert whole.wait() == 0, whole.stderr.read()
    moments = random.Random(0)
    latest = tmp_path / "killed" / "checkpoints" / "latest.pt"
    kills, reached = 0, 0
    while True:
        process = start(data_folder, tmp_path / "killed")
        if kills < KILLS:
            before = latest.stat().st_mtime_ns if latest.is_file() else 0
            # Wait for one new checkpoint, so that there is progress, and then for a random moment.
            while process.poll() is None and (latest.stat().st_mtime_ns if latest.is_file() else 0) == before:
                time.sleep(0.005)
            time.sleep(moments.random() * 0.15)
            if process.poll() is None:
                process.kill()
                process.wait()
                kills += 1
                content = load_checkpoint(latest)  # whole, whenever the kill came
                assert content["images_seen"] >= reached
                reached = content["images_seen"]
                continue
        assert process.wait() == 0, process.stderr.read()
        break
    assert kills == KILLS, f"the run ended after {kills} kills; give it more to do"
    assert_same(load_checkpoint(tmp_path / "whole" / "checkpoints" / "latest.pt"), load_checkpoint(latest))
