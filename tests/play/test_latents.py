"""The latent of a picture, and ways between latents."""

import pytest
import torch

from src.data.packed import to_signed
from src.errors import InputError
from src.play.latents import between, crossed, distance, latent_of_picture, latent_of_seed, near, shown
from tests.play.models import heroes, tiny


@pytest.fixture(scope="module")
def model():
    return tiny("resnet_gan", base_channels=4, latent_dim=12)


def test_the_latent_that_is_found_is_nearer_than_any_start(model, monkeypatch):
    monkeypatch.setattr("src.play.latents.STARTS", 16)
    monkeypatch.setattr("src.play.latents.STEPS", 30)
    hidden = latent_of_seed(model, 1000)
    labels = model.labels.decode(hidden.labels.tolist())
    portrait = shown(model, [hidden], {}).portraits[0]
    found = latent_of_picture(model, portrait, labels)
    assert torch.equal(found.labels, hidden.labels)
    both = [found, *(latent_of_seed(model, seed, labels) for seed in range(16))]
    numbers, indices = (torch.stack([getattr(each, name) for each in both]) for name in ("numbers", "labels"))
    away = distance(model.family.sample(model.sampler, numbers, indices), to_signed(torch.from_numpy(portrait)[None]))
    assert away[0] < 0.99 * away[1:].min()  # the starts; without optimisation it is the best of them


def test_distances_are_of_pixels_and_of_blocks():
    target = torch.zeros(1, 4, 16, 16)
    checked = target.clone()
    checked[..., ::2, ::2] = checked[..., 1::2, 1::2] = 1
    checked[..., ::2, 1::2] = checked[..., 1::2, ::2] = -1
    torch.testing.assert_close(distance(torch.cat([target, target + 1, checked]), target), torch.tensor([0, 1, 0.25]))


def test_ways_keep_their_ends_and_near_ones_are_near(model):
    first, second = latent_of_seed(model, 1), latent_of_seed(model, 2)
    way = between(first, second, 5)
    torch.testing.assert_close(way[0].numbers, first.numbers)
    torch.testing.assert_close(way[-1].numbers, second.numbers)
    assert [bool((each.labels == first.labels).all()) for each in way][:3] == [True] * 3
    torch.testing.assert_close(between(first, first, 3)[1].numbers, first.numbers)
    close, far = (near(model, first, 1, 0, share)[0].numbers - first.numbers for share in (0.1, 0.9))
    assert close.norm() < 0.3 * far.norm()
    mixed = crossed(model, first, second)
    assert (mixed.numbers[:6] == first.numbers[:6]).all() and (mixed.numbers[6:] == second.numbers[6:]).all()


def test_other_families_say_what_would_do(model):
    with pytest.raises(InputError, match="use weights of a GAN"):
        latent_of_picture(tiny("palette_pyramid"), heroes(1).portraits[0])
    with pytest.raises(InputError, match="use weights of resnet_gan"):
        other = tiny("r3gan")
        crossed(other, *(latent_of_seed(other, seed) for seed in (0, 1)))
