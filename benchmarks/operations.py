"""Counting floating-point operations, in double backward passes too."""

from __future__ import annotations

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry


class OperationCounter(TorchDispatchMode):
    """Within the block, `total` adds up the operations of convolutions, matrix products and attention by torch's own
    formulas; a multiplication with its addition counts as two. Elementwise work is not counted.

    Torch's `FlopCounterMode` has the formulas but also keeps account of modules, which fails on a gradient penalty.
    """

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(
        self, function: torch._ops.OpOverload, types: object, args: tuple = (), kwargs: dict | None = None
    ) -> object:
        kwargs = kwargs or {}
        output = function(*args, **kwargs)
        formula = flop_registry.get(function.overloadpacket)
        if formula is not None:
            self.total += formula(*args, **kwargs, out_val=output)
        return output
