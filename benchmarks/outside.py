"""Where a step's time goes: in the networks, or in everything around them."""

from __future__ import annotations

import contextlib
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping

import torch
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from benchmarks.clock import seconds, synchronise
from benchmarks.workload import Workload, mean_over_cycle


class Stopwatch:
    """Seconds by name, of spans that may lie within one another: the outermost one counts."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seconds: dict[str, float] = defaultdict(float)
        self._depth = 0
        self._start = 0.0

    def start(self) -> None:
        """Enter a span."""
        self._depth += 1
        if self._depth == 1:
            synchronise(self.device)
            self._start = time.perf_counter()

    def stop(self, name: str) -> None:
        """Leave it."""
        self._depth -= 1
        if self._depth == 0:
            synchronise(self.device)
            self.seconds[name] += time.perf_counter() - self._start


@contextlib.contextmanager
def watched(device: torch.device) -> Iterator[Stopwatch]:
    """Within the block a stopwatch counts `forward` (calls of modules), `backward` (calls into autograd) and
    `optimizer` (steps)."""
    watch = Stopwatch(device)

    def timed(function: Callable) -> Callable:
        def call(*arguments: object, **options: object) -> object:
            watch.start()
            try:
                return function(*arguments, **options)
            finally:
                watch.stop("backward")

        return call

    backward, grad = torch.autograd.backward, torch.autograd.grad
    hooks = [
        register_module_forward_pre_hook(lambda module, inputs: watch.start()),
        register_module_forward_hook(lambda module, inputs, output: watch.stop("forward"), always_call=True),
        register_optimizer_step_pre_hook(lambda optimizer, inputs, options: watch.start()),
        register_optimizer_step_post_hook(lambda optimizer, inputs, options: watch.stop("optimizer")),
    ]
    torch.autograd.backward, torch.autograd.grad = timed(backward), timed(grad)
    try:
        yield watch
    finally:
        torch.autograd.backward, torch.autograd.grad = backward, grad
        for hook in hooks:
            hook.remove()


def time_shares(work: Workload, kinds: Mapping[int, int], repeats: int = 3) -> dict[str, float]:
    """Shares of a step's time, averaged over a cycle and repeats of it; they add up to 1.

    `networks` is forward and backward passes, `optimizer` the optimizers' steps, `rest` the batch, augmentation,
    losses, the moving average and Python. Backward passes are timed whole, with the way back through losses and
    augmentation in them, so what lies outside the networks is `optimizer` and `rest` and a little more.
    """
    parts: dict[str, Counter[int]] = defaultdict(Counter)
    for step in list(kinds) * repeats:
        with watched(work.device) as watch:
            total = seconds(lambda step=step: work.step(step), work.device)
        spent = watch.seconds
        parts["networks"][step] += spent["forward"] + spent["backward"]
        parts["optimizer"][step] += spent["optimizer"]
        parts["rest"][step] += total - sum(spent.values())
    means = {name: mean_over_cycle(values, kinds) for name, values in parts.items()}
    return {name: value / sum(means.values()) for name, value in means.items()}
