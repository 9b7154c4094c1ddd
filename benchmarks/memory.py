"""Memory of a training step, counted: what the step saves for its backward passes, and what the run always holds.

A hook sees every tensor that autograd saves. Added up as they come and go, one memory counted once however many tensors
share it, they give the most that is held at one moment. The count runs on a CPU with the profile's own batch, so it
needs that much memory and takes a few seconds.

Formats are a Turing card's: convolutions in a format of two bytes (bf16 here, fp16 there), penalties in fp32. Not
counted: what an operation needs while it runs (gradients on their way, work space) and the CUDA context. A card's
driver shows about 1 GB more than the count.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from benchmarks.workload import Workload
from src.device import Precision


class _Saved:
    """A saved tensor, and the leave-taking that tells the counter when the graph lets go of it."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


class SavedBytes:
    """Bytes that autograd holds for backward passes, now and at most.

    Args:
        ignored: tensors that are there anyway, such as parameters.
    """

    def __init__(self, ignored: Iterable[Tensor] = ()) -> None:
        self.now = 0
        self.most = 0
        self._ignored = {tensor.untyped_storage().data_ptr() for tensor in ignored}
        self._holders: dict[int, int] = {}

    @contextlib.contextmanager
    def counted(self) -> Iterator[SavedBytes]:
        """Within the block whatever is saved is counted."""
        with saved_tensors_hooks(self._pack, lambda saved: saved.tensor):
            yield self

    def _pack(self, tensor: Tensor) -> _Saved:
        saved = _Saved(tensor)
        storage = tensor.untyped_storage()
        place, size = storage.data_ptr(), storage.nbytes()
        if place not in self._ignored:
            holders = self._holders.get(place, 0)
            self._holders[place] = holders + 1
            if holders == 0:
                self.now += size
                self.most = max(self.most, self.now)
            weakref.finalize(saved, self._release, place, size)
        return saved

    def _release(self, place: int, size: int) -> None:
        self._holders[place] -= 1
        if self._holders[place] == 0:
            del self._holders[place]
            self.now -= size


class _TwoBytes(Precision):
    """A Turing card's formats on a CPU: two bytes for the networks, fp32 for the penalties."""

    def penalty_autocast(self) -> contextlib.AbstractContextManager:
        return contextlib.nullcontext()


def tensors_of(modules: Iterable[nn.Module]) -> list[Tensor]:
    """Parameters and buffers, each once."""
    found = {id(t): t for module in modules for t in (*module.parameters(), *module.buffers())}
    return list(found.values())


def total_bytes(tensors: Iterable[Tensor]) -> int:
    """Bytes of the tensors' elements."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def held_bytes(work: Workload) -> int:
    """What a run holds between steps: parameters, buffers, gradients, Adam's two moments, the moving average."""
    networks = tensors_of(work.family.networks.values())
    learned = [tensor for tensor in networks if tensor.requires_grad]
    return total_bytes(networks) + 3 * total_bytes(learned) + total_bytes(tensors_of([work.average.network]))


def saved_bytes(work: Workload, step: int) -> int:
    """The most that a step holds for backward passes."""
    counter = SavedBytes(tensors_of(work.family.networks.values()))
    reals, labels = work.batch(step)
    with counter.counted():
        work.family.train_step(reals, labels, step * work.config.batch_size)
    return counter.most


def count_memory(family: str, profile: str, size: int = 64) -> dict[str, object]:
    """Memory of a family's training step at its profile's batch size: bytes, those of the costliest step of a cycle."""
    work = Workload(family, profile, torch.device("cpu"), size)
    work.family.precision = _TwoBytes(torch.device("cpu"), "bf16")
    saved = max(saved_bytes(work, step) for step in work.step_kinds())
    held = held_bytes(work)
    return {
        "family": family,
        "profile": profile,
        "batch_size": work.config.batch_size,
        "bytes_saved": saved,
        "bytes_held": held,
        "bytes": saved + held,
    }
