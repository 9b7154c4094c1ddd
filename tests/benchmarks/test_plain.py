"""The straightforward implementation does the same maths as the project's."""

import torch

from benchmarks.plain import FREE_PIXELS, PlainGAN, compare_with_plain
from benchmarks.workload import Workload

CPU = torch.device("cpu")


def both(**overrides):
    values = {
        "precision": "fp32",
        "spectral_norm": False,
        "augment": "",
        "instance_noise": 0.0,
        **FREE_PIXELS,
        **overrides,
    }
    work = Workload("resnet_gan", "smoke", CPU, 16, values)
    plain = PlainGAN(work.config, work.data, CPU)
    plain.generator.load_state_dict(work.family.generator.state_dict())
    plain.discriminator.load_state_dict(work.family.discriminator.state_dict())
    return work, plain


def one_step(trainer, batch):
    torch.manual_seed(3)
    return trainer.train_step(*batch, images_seen=0)


def gradients(network):
    return torch.cat([parameter.grad.flatten() for parameter in network.parameters()])


def test_losses_and_gradients_are_the_same():
    work, plain = both(r1_gamma=0.0)
    batch = work.batch(0)
    ours, theirs = one_step(work.family, batch), one_step(plain, batch)
    for name, loss in theirs.items():
        torch.testing.assert_close(loss, ours[name], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        gradients(plain.generator), gradients(work.family.generator), rtol=1e-3, atol=1e-5, msg=lambda text: text
    )


def test_r1_is_the_same():
    """With an interval of one both take R1 on every step; its weight shows in what G then sees of D."""
    work, plain = both(r1_gamma=50.0, r1_interval=1, learning_rate_discriminator=1e-2)
    batch = work.batch(0)
    ours, theirs = one_step(work.family, batch), one_step(plain, batch)
    torch.testing.assert_close(theirs["loss_generator"], ours["loss_generator"], rtol=1e-3, atol=1e-4)
    without, _ = both(r1_gamma=0.0, learning_rate_discriminator=1e-2)
    assert (one_step(without.family, batch)["loss_generator"] - ours["loss_generator"]).abs() > 1e-2


def test_weights_fit_with_spectral_normalisation_too():
    both(spectral_norm=True)


def test_the_comparison_gives_a_ratio_for_each_pair():
    result = compare_with_plain("smoke", CPU, runs=2, size=16)
    assert 0 < result["ratio_least"] <= result["ratio"] <= result["ratio_most"]
