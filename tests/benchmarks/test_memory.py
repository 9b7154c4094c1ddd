"""The count of memory: against a small net done by hand."""

import torch
from torch import nn

from benchmarks.memory import SavedBytes, count_memory, held_bytes, saved_bytes, tensors_of
from benchmarks.workload import Workload

CPU = torch.device("cpu")


def test_saved_bytes_of_a_small_net_by_hand():
    net = nn.Sequential(nn.Linear(10, 20, bias=False), nn.Tanh(), nn.Linear(20, 5, bias=False), nn.ReLU())
    inputs = torch.randn(3, 10)
    counter = SavedBytes(net.parameters())
    with counter.counted():
        loss = net(inputs).sum()
    # The inputs, the output of tanh (saved by tanh and by the layer behind it: one memory), that of ReLU.
    assert counter.now == counter.most == 4 * 3 * (10 + 20 + 5)
    loss.backward()
    del loss
    assert counter.now == 0 and counter.most == 4 * 3 * (10 + 20 + 5)


def test_what_is_let_go_does_not_add_up():
    net = nn.Sequential(nn.Linear(8, 8), nn.Tanh())
    counter = SavedBytes(net.parameters())
    with counter.counted():
        for _ in range(3):
            net(torch.randn(4, 8)).sum().backward()
    assert counter.most == 4 * 4 * (8 + 8)


def test_a_whole_step_holds_nothing_afterwards():
    work = Workload("resnet_gan", "smoke", CPU, 16)
    counter = SavedBytes(tensors_of(work.family.networks.values()))
    with counter.counted():
        work.family.train_step(*work.batch(0), 0)
    assert counter.now == 0 < counter.most


def test_what_a_run_holds_between_steps():
    work = Workload("dcgan", "smoke", CPU, 16)
    work.step(0)
    family = work.family
    held = {id(t): t for network in family.networks.values() for t in (*network.parameters(), *network.buffers())}
    gradients = [parameter.grad for network in family.networks.values() for parameter in network.parameters()]
    moments = [
        state[name]
        for optimizer in (family.optimizer_generator, family.optimizer_discriminator)
        for state in optimizer.state.values()
        for name in ("exp_avg", "exp_avg_sq")
    ]
    average = tensors_of([work.average.network])
    expected = sum(t.numel() * t.element_size() for t in [*held.values(), *gradients, *moments, *average])
    assert held_bytes(work) == expected


def test_the_costliest_step_counts():
    """R1 comes in one step of sixteen, and needs the most."""
    counted = count_memory("resnet_gan", "smoke", 32)
    work = Workload("resnet_gan", "smoke", CPU, 32, {"precision": "bf16"})
    assert counted["bytes_saved"] > 1.2 * saved_bytes(work, 1)
    assert counted["bytes"] == counted["bytes_saved"] + held_bytes(work)


def test_penalties_are_counted_in_fp32():
    """R3GAN's penalty runs in bf16 where there is bf16; a Turing card has to take fp32, and more memory."""
    work = Workload("r3gan", "smoke", CPU, 16, {"precision": "bf16"})
    in_bf16 = saved_bytes(work, 0)
    assert count_memory("r3gan", "smoke", 16)["bytes_saved"] > 1.2 * in_bf16
