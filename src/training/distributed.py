"""Several processes that train as one: `torchrun --nproc-per-node 2 -m src train ...`, a process a card.

A batch is shared out: process r of W has portraits r, r + W, r + 2W ... Every process draws the random numbers of the
whole batch and keeps those of its own portraits, batch normalisation takes its statistics over all processes, and
gradients are averaged as soon as they are there. What a step learns is therefore what one process would learn from the
whole batch, whatever W is, up to the order of sums; so checkpoints fit any number of processes.

No family knows of it: the functions that look across a batch are replaced while a step runs. Not torch's
`DistributedDataParallel`, which takes one forward pass and one backward pass a step: here a step has several networks,
gradients of gradients, and one network frozen while the other learns.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, distributed, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from src.errors import InputError
from src.family import Family


@dataclass(frozen=True)
class Processes:
    """Those that train together.

    Args:
        rank: which of them this one is.
        count: how many there are, W.
    """

    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the one that writes and speaks."""
        return self.rank == 0

    def check(self, batch_size: int) -> None:
        """Refuse a batch that cannot be shared out.

        Raises:
            InputError: the processes' shares would not be alike, or have no whole quarters (families repeat them).
        """
        if self.count > 1 and batch_size % (4 * self.count):
            raise InputError(
                f"a batch of {batch_size} cannot be shared by {self.count} processes; "
                f"choose --set batch_size= a multiple of {4 * self.count}"
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
        """Context that the first process goes through before the others: what it leaves on the disk they find there."""
        if not self.leads:
            distributed.barrier()
        yield
        if self.leads and self.count > 1:
            distributed.barrier()

    def prepare(self, family: Family) -> None:
        """From now on backward passes leave the average of all processes' gradients."""
        if self.count == 1:
            return

        def average(parameter: Tensor) -> None:
            # Again after every backward pass into the same gradient: what has been averaged stays as it is.
            distributed.all_reduce(parameter.grad)
            parameter.grad /= self.count

        for parameter in _distinct(family, nn.Module.parameters):
            parameter.register_post_accumulate_grad_hook(average)

    @contextlib.contextmanager
    def step(self, family: Family) -> Iterator[None]:
        """Context for a training step; after it all processes are in the same state.

        What a family keeps beside parameters, such as a codebook's counts or the judgement when to stop, is the first
        process's, seen from its share of the batch.
        """
        if self.count == 1:
            yield
            return
        with _WholeBatch(self):
            yield
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
    distributed.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield Processes(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()


def _distinct(family: Family, tensors: Callable[[nn.Module], Iterator[Tensor]]) -> list[Tensor]:
    """Parameters or buffers of all networks and of the sampler, each once, in an order that all processes share."""
    networks = [*family.networks.values(), family.sampler]
    return list({id(tensor): tensor for network in networks for tensor in tensors(network)}.values())


class _WholeBatch(TorchFunctionMode):
    """Within it, random numbers and batch normalisation are the whole batch's."""

    def __init__(self, processes: Processes) -> None:
        super().__init__()
        self.rank, self.count = processes.rank, processes.count
        self.replaced = {
            torch.rand: self._sized(torch.rand),
            torch.randn: self._sized(torch.randn),
            torch.randint: self._randint,
            torch.randn_like: self._randn_like,
            functional.dropout: self._dropout,
            functional.batch_norm: self._batch_norm,
        }

    def __torch_function__(
        self,
        function: Callable[..., object],
        types: tuple[type, ...],
        arguments: tuple[object, ...] = (),
        named: dict[str, object] | None = None,
    ) -> object:
        return self.replaced.get(function, function)(*arguments, **(named or {}))

    def _sized(self, sample: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def sampled(*size: int, **named: object) -> Tensor:
            whole, dim = self._whole_size(size[0] if isinstance(size[0], tuple | list) else size)
            return self._own(sample(*whole, **named), dim)

        return sampled

    def _randint(self, *arguments: object, **named: object) -> Tensor:
        *bounds, size = arguments
        whole, dim = self._whole_size(size)
        return self._own(torch.randint(*bounds, whole, **named), dim)

    def _randn_like(self, tensor: Tensor) -> Tensor:
        return self._own(torch.randn_like(self._whole_like(tensor)), 0)

    def _dropout(self, features: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        if not training or p == 0:
            return features
        return features * self._own(functional.dropout(self._whole_like(features).fill_(1.0), p), 0)

    def _batch_norm(
        self,
        features: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        """As torch's, over the whole batch (synchronised batch normalisation; Peng et al., 2018)."""
        if not training:
            return functional.batch_norm(features, running_mean, running_var, weight, bias, False, momentum, eps)
        from torch.distributed.nn.functional import all_reduce  # passes gradients

        others = [dim for dim in range(features.dim()) if dim != 1]
        broad = [1 if dim != 1 else -1 for dim in range(features.dim())]
        number = self.count * features.numel() // features.shape[1]
        exact = features.float()
        mean = all_reduce(exact.sum(dim=others)) / number
        centred = exact - mean.reshape(broad)
        variance = all_reduce(centred.square().sum(dim=others)) / number
        if running_mean is not None:
            with torch.no_grad():
                running_mean.lerp_(mean.detach(), momentum)
                running_var.lerp_(variance.detach() * number / (number - 1), momentum)
        result = centred * torch.rsqrt(variance + eps).reshape(broad)
        if weight is not None:
            result = result * weight.reshape(broad) + bias.reshape(broad)
        return result.to(features.dtype)

    def _whole_size(self, size: tuple[int, ...]) -> tuple[list[int], int]:
        """The size for all processes together, and the batch's dimension: the first of more than three entries.

        Augmentations draw two or three numbers for every portrait at once; a share has at least four portraits.
        """
        dim = next(dim for dim, entries in enumerate(size) if entries > 3)
        return [entries * self.count if index == dim else entries for index, entries in enumerate(size)], dim

    def _whole_like(self, tensor: Tensor) -> Tensor:
        """Room for all processes' numbers, laid out as the share is: random numbers are drawn in memory's order."""
        whole = tensor.new_empty(self.count * tensor.shape[0], *tensor.shape[1:])
        channels_last = tensor.dim() == 4 and tensor.is_contiguous(memory_format=torch.channels_last)
        return whole.contiguous(memory_format=torch.channels_last) if channels_last else whole

    def _own(self, whole: Tensor, dim: int) -> Tensor:
        return whole[(slice(None),) * dim + (slice(self.rank, None, self.count),)]
