"""Two processes over gloo learn what one process learns from the whole batch."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import distributed, multiprocessing

from src.errors import InputError
from src.families import FAMILIES
from src.training.checkpoint import load_checkpoint
from src.training.distributed import ALONE, Processes
from src.training.log import read_metrics
from src.training.run import train
from tests.test_family_contract import make

ROOT = Path(__file__).resolve().parents[2]
BATCH = 16
STEPS = 2
# Its codebook moves by running averages of what the first process sees, no gradients: from then on codes may differ.
FIRST_STEP_ALONE = ("vqvae",)


def whole_batch(family, step: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Reals [16, 4, 16, 16] in [-1, 1], as they lie in training, and labels [16, A]."""
    generator = torch.Generator().manual_seed(step)
    reals = torch.rand(BATCH, 4, 16, 16, generator=generator) * 2 - 1
    columns = [torch.randint(size, (BATCH,), generator=generator) for size in family.data.labels.sizes]
    labels = torch.stack(columns, dim=1) if columns else torch.zeros(BATCH, 0, dtype=torch.int64)
    return reals.contiguous(memory_format=torch.channels_last), labels


def learn(name: str, processes: Processes) -> tuple[dict[str, list[torch.Tensor]], dict[str, object]]:
    """Gradients of every network after each of a few steps, and the state at the end."""
    torch.manual_seed(0)
    family = make(name, batch_size=BATCH)
    processes.prepare(family)
    gradients: dict[str, list[torch.Tensor]] = {}
    for step in range(STEPS):
        reals, labels = whole_batch(family, step)
        rows = slice(processes.rank, None, processes.count)
        torch.manual_seed(100 + step)
        with processes.step(family):
            family.train_step(reals[rows], labels[rows], step * BATCH)
        for key, network in family.networks.items():
            gradients[f"{key} after step {step}"] = [
                parameter.grad.clone() for parameter in network.parameters() if parameter.grad is not None
            ]
    return gradients, family.state_dict()


def work(rank: int, port: int, folder: str) -> None:
    torch.set_num_threads(1)
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    distributed.init_process_group("gloo", rank=rank, world_size=2)
    for name in FAMILIES:
        torch.save(learn(name, Processes(rank, 2)), Path(folder) / f"{name}_{rank}.pt")
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def together(tmp_path_factory) -> Path:
    """A folder with what each of two processes has learned, family by family."""
    folder = tmp_path_factory.mktemp("together")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    multiprocessing.spawn(work, (port, str(folder)), nprocs=2)
    return folder


@pytest.mark.parametrize("name", FAMILIES)
def test_two_processes_have_the_gradients_of_the_whole_batch(name, together):
    expected, _ = learn(name, ALONE)
    for rank in range(2):
        gradients, _ = torch.load(together / f"{name}_{rank}.pt")
        assert gradients.keys() == expected.keys()
        for key, tensors in expected.items():
            if name in FIRST_STEP_ALONE and not key.endswith("step 0"):
                continue
            # A generator that has not had its turn yet has none.
            scale = max((float(tensor.abs().max()) for tensor in tensors), default=0.0)
            for ours, theirs in zip(gradients[key], tensors, strict=True):
                torch.testing.assert_close(ours, theirs, rtol=2e-3, atol=2e-4 * scale, msg=lambda m, k=key: f"{k}: {m}")


@pytest.mark.parametrize("name", FAMILIES)
def test_two_processes_stay_in_the_same_state(name, together):
    (_, first), (_, second) = (torch.load(together / f"{name}_{rank}.pt") for rank in range(2))
    compare_states(first, second)


def compare_states(first: object, second: object, where: str = "") -> None:
    if isinstance(first, torch.Tensor):
        torch.testing.assert_close(first, second, rtol=0, atol=0, msg=lambda m: f"{where}: {m}")
    elif isinstance(first, dict):
        assert first.keys() == second.keys()
        for key in first:
            compare_states(first[key], second[key], f"{where}/{key}")
    else:
        assert first == second, where


def torchrun(processes: int, data: Path, out: Path, *options: str) -> str:
    """Train in so many processes; what was printed."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command += ["-m", "src", "train", "--data", str(data), "--out", str(out), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_run_goes_on_with_another_number_of_processes(data_folder, tmp_path):
    settings = {"base_channels": 4, "log_kimg": 0.032, "precision": "fp32"}
    options = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    printed = torchrun(2, data_folder, tmp_path / "two", "--profile", "smoke", *options, "--kimg", "0.064")
    assert "on 2 processes" in printed and printed.count("0.06 / 0.064 kimg") == 1
    # The one process is this one.
    train(data_folder, tmp_path / "two", None, None, {"kimg": 0.128}, resume=True, log=lambda line: None)
    train(data_folder, tmp_path / "one", None, "smoke", {**settings, "kimg": 0.128}, log=lambda line: None)
    two, one = (load_checkpoint(tmp_path / name / "checkpoints" / "latest.pt") for name in ("two", "one"))
    assert two["images_seen"] == one["images_seen"] == 128
    assert two["config"] == one["config"]
    for name, weight in one["average"].items():
        torch.testing.assert_close(two["average"][name], weight, rtol=0.02, atol=2e-3)
    assert [row["kimg"] for row in read_metrics(tmp_path / "two" / "metrics.csv")] == [0.032, 0.064, 0.096, 0.128]


def test_a_batch_that_cannot_be_shared_is_refused():
    Processes(0, 2).check(16)
    ALONE.check(2)
    with pytest.raises(InputError, match=r"a batch of 20 cannot be shared by 2 processes; .* a multiple of 8"):
        Processes(1, 2).check(20)
