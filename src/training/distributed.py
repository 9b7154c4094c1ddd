"""Data-parallel training: `torchrun --nproc-per-node 2 -m src train ...`, one process a card.

Of each batch, process r of W has the portraits r, r + W, r + 2W ... and random numbers of its own. Gradients are
averaged over the processes, so that all take the same steps; buffers (the statistics of batch normalisation, a
codebook) are the first process's. The same number of processes gives the same bits; another number may resume the run,
with other random numbers.

Not torch's `DistributedDataParallel`, which takes one forward and one backward pass a step: here a step has several
networks, gradients of gradients, and one network frozen while the other learns.
"""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, distributed, nn

from src.errors import InputError
from src.family import Family


@dataclass(frozen=True)
class Processes:
    """Rank and world size of a data-parallel run.

    Args:
        rank: of this process.
        count: of all processes, W.
    """

    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the one that writes and logs."""
        return self.rank == 0

    def check(self, batch_size: int) -> None:
        """Refuse a batch that cannot be shared out.

        Raises:
            InputError: the shares would differ in size, or be odd.
        """
        if self.count > 1 and batch_size % (2 * self.count):
            raise InputError(
                f"a batch of {batch_size} cannot be shared by {self.count} processes; "
                f"choose --set batch_size= a multiple of {2 * self.count}"
            )

    def share(self, indices: np.ndarray) -> np.ndarray:
        """This process's part of a batch's indices."""
        return indices[self.rank :: self.count]

    def any(self, flag: bool) -> bool:
        """Whether it is true for any of them; all get the same answer."""
        if self.count == 1:
            return flag
        flags = torch.tensor(float(flag))
        distributed.all_reduce(flags, distributed.ReduceOp.MAX)
        return bool(flags)

    @contextlib.contextmanager
    def first_alone(self) -> Iterator[None]:
        """Context that the first process goes through before the others: they find the files that it leaves."""
        if not self.leads:
            distributed.barrier()
        yield
        if self.leads and self.count > 1:
            distributed.barrier()

    def average_gradients(self, family: Family) -> None:
        """From now on every backward pass leaves the mean of the processes' gradients.

        In the backward pass and not before the optimizer's step: gradient clipping and the scaler of fp16 come in
        between, and must see the same gradients in every process.
        """
        if self.count == 1:
            return

        def average(parameter: Tensor) -> None:
            # A second backward pass adds to a mean that is the same in every process, so the mean of the sums is right.
            distributed.all_reduce(parameter.grad)
            parameter.grad /= self.count

        learning = (each for each in _distinct(family, nn.Module.parameters) if each.requires_grad)
        for parameter in learning:
            parameter.register_post_accumulate_grad_hook(average)

    def synchronise(self, family: Family) -> None:
        """Take over from the first process what does not follow from gradients: buffers, and state that a family keeps
        beside networks and optimizers (such as the decision when to stop)."""
        if self.count == 1:
            return
        for buffer in _distinct(family, nn.Module.buffers):
            distributed.broadcast(buffer, src=0)
        for part in family.parts.values():
            if not isinstance(part, nn.Module | torch.optim.Optimizer | torch.amp.GradScaler):
                state = [part.state_dict()]
                distributed.broadcast_object_list(state, src=0)
                part.load_state_dict(state[0])


ALONE = Processes()


@contextlib.contextmanager
def joined_processes() -> Iterator[Processes]:
    """Context in which this process is one of those that `torchrun` started; without `torchrun` it is alone."""
    if not distributed.is_torchelastic_launched() or int(os.environ["WORLD_SIZE"]) == 1:
        yield ALONE
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    # This module keeps the group that it finds at its import as default arguments. Imported later, by the first
    # optimizer's step, it would keep ours alive behind `destroy_process_group`, with threads that abort a process
    # now and then while Python shuts down.
    importlib.import_module("torch.distributed.nn")

    distributed.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield Processes(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()


def _distinct(family: Family, tensors: Callable[[nn.Module], Iterator[Tensor]]) -> list[Tensor]:
    """Parameters or buffers of all networks and of the sampler, each once, in the same order in every process."""
    networks = [*family.networks.values(), family.sampler]
    return list({id(tensor): tensor for network in networks for tensor in tensors(network)}.values())
