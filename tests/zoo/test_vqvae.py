"""The VQ-VAE: its codebook, what its step teaches whom, and sampling from the prior."""

import copy
import math

import pytest
import torch
from torch.nn import functional

from src.config import load_config
from src.errors import InputError
from src.family import DataSpecification
from src.zoo.vqvae import VQVAE, VectorQuantiser, perplexity, straight_through
from tests.conftest import SPECIFICATION, with_optimizers


def planted(codebook, counts=None, **values):
    quantiser = VectorQuantiser(*codebook.shape, **values)
    counts = torch.full((len(codebook),), 100.0) if counts is None else counts
    quantiser.counts.copy_(counts)
    quantiser.sums.copy_(codebook * counts[:, None])
    return quantiser


def test_nearest_code_against_brute_force():
    codebook, vectors = torch.randn(7, 3), torch.randn(2, 4, 4, 3)
    codes = planted(codebook).nearest(vectors)
    assert codes.shape == (2, 4, 4)
    for place in torch.cartesian_prod(torch.arange(2), torch.arange(4), torch.arange(4)).tolist():
        distances = [sum((a - b) ** 2 for a, b in zip(vectors[tuple(place)], code, strict=True)) for code in codebook]
        assert codes[tuple(place)] == min(range(7), key=lambda k: distances[k])


def test_lookup_gives_the_codes_vectors():
    codebook = torch.randn(7, 3)
    codes = torch.tensor([[0, 6], [3, 3]])
    torch.testing.assert_close(planted(codebook).lookup(codes), codebook[codes])


def test_straight_through_has_the_quantised_value_and_the_identity_as_gradient():
    vectors, quantised, weight = torch.randn(5, 3, requires_grad=True), torch.randn(5, 3), torch.randn(5, 3)
    result = straight_through(vectors, quantised)
    torch.testing.assert_close(result, quantised)
    (weight * result).sum().backward()
    assert torch.equal(vectors.grad, weight)


def test_codes_follow_their_vectors_as_worked_out_by_hand():
    # Code 0 stands at 0, code 1 at 10, counts 2 and 4; decay 1/2. Vectors 1 and 3 go to code 0, 8 to code 1.
    quantiser = planted(torch.tensor([[0.0], [10.0]]), torch.tensor([2.0, 4.0]), decay=0.5)
    quantiser.learn(torch.tensor([[1.0], [3.0], [8.0]]))
    torch.testing.assert_close(quantiser.counts, torch.tensor([0.5 * 2 + 0.5 * 2, 0.5 * 4 + 0.5 * 1]))
    torch.testing.assert_close(quantiser.codebook, torch.tensor([[(0.5 * 4) / 2.0], [(0.5 * 40 + 0.5 * 8) / 2.5]]))


def test_a_dead_code_jumps_to_a_vector_that_is_served_badly_and_a_living_one_does_not():
    # Code 1 lies far from everything; all vectors but those at 5 are served exactly by code 0.
    quantiser = planted(torch.tensor([[0.0], [-1000.0]]), torch.tensor([8.0, 0.1]), dead_share=0.05)
    vectors = torch.zeros(10, 1)
    vectors[7:] = 5.0
    quantiser.learn(vectors)
    assert quantiser.codebook[1].item() == pytest.approx(5.0)
    assert quantiser.counts[1].item() == pytest.approx(2 * 0.05 * 10 / 2)
    assert quantiser.codebook[0].item() == pytest.approx(0.01 * 15 / (0.99 * 8 + 0.01 * 10))
    assert quantiser.nearest(torch.tensor([[4.9]])).item() == 1


def test_the_first_batch_alone_decides_where_the_codes_are():
    quantiser, vectors = VectorQuantiser(8, 2), torch.randn(200, 2) + 50
    quantiser.learn(vectors)
    assert (quantiser.codebook >= vectors.amin(dim=0) - 1e-2).all()
    assert (quantiser.codebook <= vectors.amax(dim=0) + 1e-2).all()
    assert len(quantiser.codebook.round(decimals=3).unique(dim=0)) > 4


def test_learning_finds_planted_clusters_and_no_code_stays_dead():
    centres = torch.tensor([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0], [9.0, 9.0], [20.0, 20.0]])
    quantiser = VectorQuantiser(16, 2, decay=0.9)
    for _ in range(300):
        # Nine in ten vectors are background.
        which = torch.where(torch.rand(400) < 0.9, 0, torch.randint(5, (400,)))
        quantiser.learn(centres[which] + 0.1 * torch.randn(400, 2))
    assert torch.cdist(centres, quantiser.codebook).min(dim=1).values.max() < 0.3
    assert quantiser.counts.min() > 0.04 * 400 / 16


def test_learning_is_a_function_of_the_seed():
    results = []
    for _ in range(2):
        torch.manual_seed(3)
        quantiser = VectorQuantiser(8, 2)
        quantiser.learn(torch.randn(50, 2))
        results.append(quantiser.codebook)
    assert torch.equal(*results)


def test_averages_of_sums_and_counts_are_codes_weighted_by_their_use():
    """What the training loop's moving average of buffers makes of a codebook, and of a revived code."""
    before = planted(torch.tensor([[2.0], [-50.0]]), torch.tensor([4.0, 0.01]))
    after = planted(torch.tensor([[4.0], [6.0]]), torch.tensor([4.0, 1.0]))
    before.sums.lerp_(after.sums, 0.25)
    before.counts.lerp_(after.counts, 0.25)
    assert before.codebook[0].item() == pytest.approx(2.5)
    assert before.codebook[1].item() == pytest.approx((0.75 * -0.5 + 0.25 * 6) / (0.75 * 0.01 + 0.25))
    assert before.codebook[1].item() > 4  # a quarter of the way, and the dead place counts next to nothing


def test_perplexity():
    assert perplexity(torch.tensor([3, 3, 3]), 5).item() == pytest.approx(1)
    assert perplexity(torch.arange(5), 8).item() == pytest.approx(5)
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert perplexity(torch.tensor([0, 0, 0, 1]), 2).item() == pytest.approx(math.exp(entropy))


def build(size=16, **values):
    config = load_config("vqvae", "smoke", overrides={"precision": "fp32", **values})
    return with_optimizers(VQVAE(config, DataSpecification(size, 4, SPECIFICATION, 0.3), torch.device("cpu")))


def labels_for(count):
    return torch.stack([torch.arange(count) % classes for classes in SPECIFICATION.sizes], dim=1)


def squares(count):
    """An opaque square each, left or right by the first label."""
    images = torch.full((count, 4, 16, 16), -1.0)
    for index, image in enumerate(images):
        column = 8 * (index % 2)
        image[:, 4:12, column : column + 8] = 1.0
        image[index % 3, 4:12, column : column + 8] = -0.5
    return images


def test_the_prior_goes_by_codes_of_which_a_share_is_random():
    family, seen = build(prior_noise=0.25), []
    family.model.prior.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    codes = torch.zeros(64, 16, dtype=torch.int64)
    family.prior_step(codes, labels_for(64))
    share = (seen[0] != codes).float().mean().item()
    assert share == pytest.approx(0.25 * 31 / 32, abs=0.05)
    build(prior_noise=0.0).prior_step(codes, labels_for(64))


def test_the_autoencoder_alone_sees_changed_portraits():
    family = build(augment="flip", augment_probability=0.8, prior_noise=0.0)
    reals, seen, written = squares(64), [], []
    expected = family.codes_of(reals)
    family.model.encoder.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    family.model.prior.register_forward_pre_hook(lambda module, inputs: written.append(inputs[0]))
    family.train_step(reals, labels_for(64), 0)
    of_prior, of_autoencoder = seen
    assert torch.equal(of_prior, reals)
    assert torch.equal(written[0], expected)
    as_it_is = (of_autoencoder == reals).flatten(1).all(dim=1)
    mirrored = (of_autoencoder == reals.flip(3)).flatten(1).all(dim=1)
    assert (as_it_is ^ mirrored).all()
    assert mirrored.float().mean().item() == pytest.approx(0.4, abs=0.2)


def test_training_ends_when_the_prior_s_validation_loss_rises():
    family = build(patience_kimg=0.1, window_kimg=0.016)
    seen = 0
    while not family.finished:
        with torch.no_grad():  # planted: the prior gets worse
            family.model.prior.to_logits.weight.mul_(1.5)
        family.validate(squares(16), labels_for(16), seen)
        seen += 16
        assert seen < 400
    again = build(patience_kimg=0.1, window_kimg=0.016)
    again.load_state_dict(family.state_dict())
    assert again.finished
    older = {name: state for name, state in family.state_dict().items() if name != "early_stopping"}
    build().load_state_dict(older)


@pytest.mark.parametrize(("size", "asked", "side"), [(16, 8, 4), (32, 8, 8), (64, 8, 8), (64, 16, 16)])
def test_codes_a_side(size, asked, side):
    family = build(size, code_side=asked)
    assert family.latent_dim == side * side
    assert family.model.encode(torch.randn(1, 4, size, size)).shape == (1, side, side, 8)


def test_the_autoencoder_s_gradients_are_those_of_reconstruction_and_commitment():
    family = build(commitment_weight=0.4)
    reals, model = squares(16), family.model
    vectors = model.encode(reals)
    quantised = model.quantiser.lookup(model.quantiser.nearest(vectors)).detach()
    rebuilt = model.decode(vectors + (quantised - vectors).detach())
    loss = functional.mse_loss(rebuilt, reals) + 0.4 * functional.mse_loss(vectors, quantised)
    parameters = [*model.encoder.parameters(), *model.decoder.parameters()]
    expected = torch.autograd.grad(loss, parameters)
    codebook = model.quantiser.codebook.clone()
    family.train_step(reals, labels_for(16), 0)
    for parameter, gradient in zip(parameters, expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-6)
    assert not torch.equal(codebook, model.quantiser.codebook)


def test_the_prior_teaches_the_autoencoder_nothing():
    """With and without it, encoder, codebook and decoder learn the same bits."""
    families = [build(prior=True, prior_dropout=0.0), build(prior=False)]
    shared = {k: v for k, v in families[0].model.state_dict().items() if not k.startswith("prior.")}
    families[1].model.load_state_dict(shared)
    for family in families:
        for step in range(3):
            torch.manual_seed(step)
            family.train_step(squares(16), labels_for(16), 16 * step)
    for name, value in families[1].model.state_dict().items():
        assert torch.equal(value, families[0].model.state_dict()[name]), name


@pytest.fixture(scope="module")
def trained():
    torch.manual_seed(0)
    # Twelve portraits are to be memorised.
    quick = {"learning_rate": 3e-3, "learning_rate_prior": 1e-2, "prior_dropout": 0.1, "prior_noise": 0.0}
    family = build(base_channels=16, **quick)
    for step in range(250):
        torch.manual_seed(step)
        family.train_step(squares(12), labels_for(12), 12 * step)
    family.sampler.eval()
    return family


def test_it_reconstructs_what_it_has_learnt(trained):
    rebuilt = trained.reconstruct(trained.sampler, squares(6), labels_for(6))
    assert functional.mse_loss(rebuilt, squares(6)) < 0.05


def test_samples_of_the_prior_have_their_labels_and_beat_random_codes(trained):
    """The labels of 24 squares say all of a portrait; a draw comes close to the portrait of its labels."""
    labels, latents = labels_for(24), torch.randn(24, trained.latent_dim)
    sampled = trained.sample(trained.sampler, latents, labels)
    random = trained.sample_random_codes(trained.sampler, latents)
    assert functional.mse_loss(sampled, squares(24)) < 0.5 * functional.mse_loss(random, squares(24))


def test_random_codes_use_the_whole_codebook_alike():
    family = build()
    seen = []
    family.model.decode_codes = lambda codes: seen.append(codes)
    family.sample_random_codes(family.model, torch.randn(500, family.latent_dim))
    shares = torch.bincount(seen[0].flatten(), minlength=32) / seen[0].numel()
    assert (shares - 1 / 32).abs().max() < 0.008  # four standard deviations


def test_a_draw_does_not_depend_on_its_batch(trained):
    labels, latents = labels_for(8), torch.randn(8, trained.latent_dim)
    together = trained.sample(trained.sampler, latents, labels)
    alone = torch.cat([trained.sample(trained.sampler, latents[i : i + 1], labels[i : i + 1]) for i in range(8)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


def test_without_its_prior_it_says_that_it_cannot_draw():
    family = build(prior=False)
    scalars = family.train_step(squares(16), labels_for(16), 0)
    assert "loss_prior" not in scalars and set(family.networks) == {"encoder", "decoder"}
    assert "cannot sample" in family.cannot_sample and "prior=true" in family.cannot_sample
    with pytest.raises(InputError, match="prior=true"):
        family.sample(family.sampler, torch.randn(1, family.latent_dim), labels_for(1))
    assert family.reconstruct(family.sampler, squares(2), labels_for(2)).shape == (2, 4, 16, 16)
    assert build().cannot_sample == ""


def test_state_without_a_prior_resumes():
    family, other = build(prior=False), build(prior=False)
    family.train_step(squares(16), labels_for(16), 0)
    other.load_state_dict(copy.deepcopy(family.state_dict()))
    for each in (family, other):
        torch.manual_seed(1)
        each.train_step(squares(16), labels_for(16), 16)
    for name, value in family.model.state_dict().items():
        assert torch.equal(value, other.model.state_dict()[name]), name
