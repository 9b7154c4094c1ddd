"""Two processes over gloo: averaged gradients, one state, exact resume."""

from __future__ import annotations

import contextlib
import copy
import os
import socket
import subprocess
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from torch import distributed, multiprocessing

from src.errors import InputError
from src.families import FAMILIES
from src.training.checkpoint import load_checkpoint
from src.training.distributed import ALONE, Processes, joined_processes
from src.training.log import read_metrics
from src.training.run import train
from src.training.trainer import seed_step
from tests.conftest import write_data
from tests.same import assert_same
from tests.test_family_contract import make

ROOT = Path(__file__).resolve().parents[2]
BATCH = 16
SETTINGS = {"base_channels": 4, "log_kimg": 0.032, "precision": "fp32"}
RUNS = (("whole", 0.064), ("halves", 0.032), ("halves", 0.064))
"""Of two processes: the folder, and how long in kimg; the third goes on with the second."""


def whole_batch(family, step: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Reals [16, 4, 16, 16] in [-1, 1], as they lie in training, and labels [16, A]."""
    generator = torch.Generator().manual_seed(step)
    reals = torch.rand(BATCH, 4, 16, 16, generator=generator) * 2 - 1
    columns = [torch.randint(size, (BATCH,), generator=generator) for size in family.data.labels.sizes]
    labels = torch.stack(columns, dim=1) if columns else torch.zeros(BATCH, 0, dtype=torch.int64)
    return reals.contiguous(memory_format=torch.channels_last), labels


def step_once(family, processes: Processes, step: int) -> dict[str, torch.Tensor]:
    """What the trainer does with a batch; the scalars."""
    reals, labels = whole_batch(family, step)
    rows = processes.share(np.arange(BATCH))
    seed_step(0, step * BATCH, processes.rank)
    scalars = family.train_step(reals[rows], labels[rows], step * BATCH)
    processes.synchronise(family)
    return scalars


def built(name: str, processes: Processes):
    torch.manual_seed(0)
    family = make(name, batch_size=BATCH)
    processes.average_gradients(family)
    return family


def recorded_gradients(family) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Filled by the backward passes to come, by parameter: this process's own gradients, and what became of them."""
    own: dict[str, torch.Tensor] = {}
    averaged: dict[str, torch.Tensor] = {}

    def record(name: str, parameter: torch.Tensor) -> None:
        def add(gradient):
            own[name] = own.get(name, 0) + gradient

        def keep(parameter):
            averaged[name] = parameter.grad.clone()

        parameter.register_hook(add)
        parameter.register_post_accumulate_grad_hook(keep)

    for key, network in family.networks.items():
        for name, parameter in network.named_parameters():
            record(f"{key}.{name}", parameter)
    return own, averaged


def join(rank: int, port: int) -> contextlib.AbstractContextManager[Processes]:
    """One of two processes, as `torchrun` would have started it."""
    variables = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2}
    os.environ |= {name: str(value) for name, value in variables.items()} | {"TORCHELASTIC_RUN_ID": "planted"}
    return joined_processes()


def work(rank: int, ports: list[int], folder: Path) -> None:
    """One of two processes: two steps of every family, and the same again, interrupted after the first; then `RUNS`."""
    with join(rank, ports[0]) as processes:
        for name in FAMILIES:
            family = built(name, processes)
            step_once(family, processes, 0)
            halfway = copy.deepcopy(family.state_dict())
            own, averaged = recorded_gradients(family)
            step_once(family, processes, 1)
            resumed = built(name, processes)
            # All processes load the checkpoint that the first one wrote.
            states = [halfway]
            distributed.broadcast_object_list(states, src=0)
            resumed.load_state_dict(states[0])
            step_once(resumed, processes, 1)
            content = {"own": own, "averaged": averaged, "whole": family.state_dict(), "resumed": resumed.state_dict()}
            torch.save(content, folder / f"{name}_{rank}.pt")
    for port, (out, kimg) in zip(ports[1:], RUNS, strict=True):
        join(rank, port)  # which `train` does
        overrides = {**SETTINGS, "kimg": kimg}
        train(folder / "data", folder / out, None, "smoke", overrides, resume=True, log=lambda _: None)
    threads = sorted(path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm"))
    (folder / f"threads_{rank}.txt").write_text(" ".join(threads))


@pytest.fixture(scope="module")
def together(tmp_path_factory) -> Path:
    """A folder with what each of two processes has learned, family by family, and `RUNS`. The first is this one."""
    folder = tmp_path_factory.mktemp("together")
    write_data(folder / "data")
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(1 + len(RUNS))]
        for free in sockets:
            free.bind(("127.0.0.1", 0))
        ports = [free.getsockname()[1] for free in sockets]
    second = multiprocessing.get_context("spawn").Process(target=work, args=(1, ports, folder), daemon=True)
    with mock.patch.dict(os.environ, OMP_NUM_THREADS="1"):
        second.start()
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        work(0, ports, folder)
        torch.set_num_threads(threads)
    second.join()
    assert second.exitcode == 0
    return folder


@pytest.mark.parametrize("name", FAMILIES)
def test_gradients_are_the_mean_states_are_the_same_and_so_they_are_when_resumed(name, together):
    first, second = (torch.load(together / f"{name}_{rank}.pt") for rank in range(2))
    assert first["own"] and first["own"].keys() == second["own"].keys() == first["averaged"].keys()
    assert any(not torch.equal(first["own"][key], second["own"][key]) for key in first["own"])
    for key, averaged in first["averaged"].items():
        mean = (first["own"][key] + second["own"][key]) / 2
        torch.testing.assert_close(averaged, mean, rtol=1e-4, atol=1e-6, msg=lambda m, k=key: f"{k}: {m}")
        assert torch.equal(averaged, second["averaged"][key]), key
    assert_same(first["whole"], second["whole"])
    for content in (first, second):
        assert_same(content["whole"], content["resumed"])


@pytest.mark.skipif(sys.platform != "linux", reason="threads are listed under /proc")
def test_no_thread_of_the_group_outlives_it(together):
    for rank in range(2):
        threads = (together / f"threads_{rank}.txt").read_text()
        assert threads and "gloo" not in threads


def test_every_process_has_random_numbers_of_its_own():
    def numbers(*arguments: int) -> list[float]:
        seed_step(*arguments)
        return torch.rand(2).tolist()

    assert numbers(0, 32, 0) == numbers(0, 32)
    streams = [numbers(seed, seen, rank) for seed in (0, 1) for seen in (32, 64) for rank in (0, 1)]
    assert len({tuple(stream) for stream in streams}) == len(streams)


def test_a_run_of_two_processes_resumes_with_two_to_the_same_bits_and_with_one(together):
    whole, halves = (load_checkpoint(together / name / "checkpoints" / "latest.pt") for name in ("whole", "halves"))
    assert whole["images_seen"] == 64
    assert_same(whole, halves)
    # The one process is this one.
    result = train(together / "data", together / "halves", None, None, {"kimg": 0.096}, resume=True, log=lambda _: None)
    assert result.images_seen == 96
    assert [row["kimg"] for row in read_metrics(together / "halves" / "metrics.csv")] == [0.032, 0.064, 0.096]


@pytest.mark.slow
def test_torchrun_starts_such_processes(together):
    options = [part for name, value in {**SETTINGS, "kimg": 0.064}.items() for part in ("--set", f"{name}={value}")]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "src"]
    command += ["train", "--data", together / "data", "--out", together / "out", "--profile", "smoke", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    assert "on 2 processes" in done.stdout and done.stdout.count("0.06 / 0.064 kimg") == 1
    whole, started = (load_checkpoint(together / name / "checkpoints" / "latest.pt") for name in ("whole", "out"))
    assert_same(whole, started)


def test_a_batch_that_cannot_be_shared_is_refused():
    Processes(0, 2).check(16)
    ALONE.check(2)
    with pytest.raises(InputError, match=r"a batch of 22 cannot be shared by 2 processes; .* a multiple of 4"):
        Processes(1, 2).check(22)
