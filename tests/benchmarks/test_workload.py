"""What a step counts and how often: against sums done by hand."""

import pytest
import torch
from torch import nn

from benchmarks.operations import OperationCounter
from benchmarks.outside import time_shares
from benchmarks.peak import convolution_operations, convolution_peak
from benchmarks.workload import COUNTED_BATCH, Workload, cycle_length, mean_over_cycle
from src.config import load_config
from src.families import FAMILIES

CPU = torch.device("cpu")


def workload(family="resnet_gan", **overrides):
    return Workload(family, "smoke", CPU, 16, overrides)


def test_operations_of_a_convolution_forwards_and_backwards():
    convolution = nn.Conv2d(3, 5, 3, padding=1, bias=False)
    images = torch.randn(2, 3, 8, 8, requires_grad=True)
    forwards = 2 * (2 * 8 * 8 * 5) * (3 * 3 * 3)
    with OperationCounter() as counter:
        output = convolution(images)
    assert counter.total == forwards
    with OperationCounter() as counter:
        output.sum().backward()
    # One convolution for the gradient of the images, one for that of the weights.
    assert counter.total == 2 * forwards


def test_operations_of_a_gradient_penalty_are_counted():
    """Torch's own counter fails on it."""
    layer = nn.Linear(6, 1, bias=False)
    inputs = torch.randn(4, 6, requires_grad=True)
    with OperationCounter() as counter:
        (gradient,) = torch.autograd.grad(layer(inputs).square().sum(), inputs, create_graph=True)
        gradient.square().sum().backward()
    # Forward; its gradient for the inputs; that gradient's own two; the forward's again for the weights.
    product = 2 * 4 * 6
    assert counter.total >= 4 * product


def test_peak_counts_what_the_convolution_does():
    convolution = nn.Conv2d(8, 8, 3, padding=1, bias=False)
    with OperationCounter() as counter:
        convolution(torch.randn(2, 8, 4, 4))
    assert counter.total == convolution_operations(2, 8, 4)
    assert convolution_peak("fp32", CPU, [(2, 8, 4)], repeats=1) > 0


def test_a_cycle_is_as_long_as_the_lazy_terms_need():
    assert cycle_length(load_config("r3gan", "smoke", overrides={"penalty_interval": 4})) == 4
    assert cycle_length(load_config("wgan", "smoke", overrides={"critic_steps": 5})) == 5


def test_kinds_of_steps_and_their_numbers():
    assert workload(r1_interval=4).step_kinds() == {0: 1, 1: 3}
    assert workload(r1_gamma=0).step_kinds() == {0: 16}
    assert workload("wgan", critic_steps=3).step_kinds() == {0: 2, 2: 1}


def test_r1_counts_at_its_interval():
    """The mean over a cycle of four: a quarter of what R1 costs on top of a step without it."""
    work = workload(r1_interval=4)
    kinds = work.step_kinds()
    with_r1, without = work.operations(0), work.operations(1)
    assert with_r1 > without
    mean = mean_over_cycle({0: with_r1, 1: without}, kinds)
    assert mean == pytest.approx(without + (with_r1 - without) / 4)
    # The cycle step by step says the same.
    assert mean == pytest.approx(sum(work.operations(step) for step in range(4)) / 4)


def test_operations_are_proportional_to_the_batch():
    """Counted on a few portraits, they hold for the whole batch."""
    work = workload()
    reals, labels = work.batch(1)
    assert len(reals) > COUNTED_BATCH
    with OperationCounter() as counter:
        work.family.train_step(reals, labels, work.config.batch_size)
    assert work.operations(1) == pytest.approx(counter.total, rel=0.01)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_can_be_measured(family):
    work = workload(family)
    kinds = work.step_kinds()
    assert sum(kinds.values()) == cycle_length(work.config)
    assert all(work.operations(step) > 0 for step in kinds)
    shares = time_shares(work, kinds, repeats=1)
    assert sum(shares.values()) == pytest.approx(1) and all(0 < share < 1 for share in shares.values())


def test_the_stopwatch_leaves_torch_as_it_was():
    before = torch.autograd.backward, torch.autograd.grad
    work = workload()
    time_shares(work, work.step_kinds(), repeats=1)
    assert (torch.autograd.backward, torch.autograd.grad) == before
    assert not torch.nn.modules.module._global_forward_hooks
