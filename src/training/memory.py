"""Activation offloading, for when a card's memory runs out: the same training with activations in the CPU's memory.

Gradient accumulation over micro-batches does not give the full batch's gradients where batch
normalisation is: its statistics would be a micro-batch's. Activation checkpointing needs care with everything that a
forward pass changes (running statistics, the vectors of spectral normalisation). Moving what autograd saves to the
CPU and back gives the same bits for any network, penalties with second derivatives included; it costs the time of the
transfers.
"""

from __future__ import annotations

import contextlib
import gc

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

LEAST_BYTES = 1 << 16
"""Smaller tensors stay: a transfer would cost more than it frees."""


def saved_on_host() -> contextlib.AbstractContextManager:
    """Within the block autograd keeps what it saves for backward passes in the computer's memory, not the card's.

    Unlike torch's `save_on_cpu` it leaves parameters where they are, which stay on the card anyway, and keeps the
    memory format: convolutions get back the channels-last activations that they saved.
    """
    return saved_tensors_hooks(_to_host, _from_host)


def _to_host(tensor: Tensor) -> Tensor | tuple[torch.device, Tensor]:
    is_parameter = tensor.is_leaf and tensor.requires_grad
    if is_parameter or tensor.numel() * tensor.element_size() < LEAST_BYTES:
        return tensor
    # Page-locked memory: the card reads and writes it at the bus's full speed.
    host = torch.empty_like(tensor, device="cpu", pin_memory=tensor.is_cuda)
    return tensor.device, host.copy_(tensor)


def _from_host(saved: Tensor | tuple[torch.device, Tensor]) -> Tensor:
    if isinstance(saved, Tensor):
        return saved
    device, host = saved
    return host.to(device)


def release_memory() -> None:
    """Give back the card's memory that nothing refers to any more."""
    gc.collect()
    torch.cuda.empty_cache()
