"""Recolouring: other colours, the same drawing."""

import pytest
import torch

from src.families.recolouring import SCALES, SHIFT, recoloured


@pytest.fixture
def portraits():
    """Of five colours that no change can drive out of [-1, 1], some pixels transparent."""
    generator = torch.Generator().manual_seed(0)
    colours = torch.rand(64, 5, 3, generator=generator) - 0.5
    drawings = torch.randint(5, (64, 8 * 8), generator=generator)
    opaque = torch.rand(64, 1, 8, 8, generator=generator) < 0.7
    pixels = colours.gather(1, drawings[:, :, None].expand(-1, -1, 3)).transpose(1, 2).unflatten(2, (8, 8))
    return torch.cat([torch.where(opaque, pixels, -1.0), torch.where(opaque, 1.0, -1.0)], dim=1)


def changed(portraits, seed):
    torch.manual_seed(seed)
    return recoloured(portraits)


def test_half_of_the_portraits_have_other_colours_and_the_same_drawing(portraits):
    others = changed(portraits, 1)
    assert torch.equal(others[:, 3], portraits[:, 3])
    assert torch.equal(others[:, :3] * (portraits[:, 3:] < 0), portraits[:, :3] * (portraits[:, 3:] < 0))
    kept = [torch.equal(one, other) for one, other in zip(portraits, others, strict=True)]
    # 32 of 64 by chance, with a deviation of 4.
    assert 16 <= sum(kept) <= 48
    for one, other in zip(portraits.flatten(2), others.flatten(2), strict=True):
        pairs = torch.cat([one, other]).T.unique(dim=0)
        assert len(pairs) == len(one.T.unique(dim=0)) == len(other.T.unique(dim=0))


def test_channels_are_exchanged_scaled_and_shifted_within_bounds(portraits):
    others = changed(portraits, 2)
    orders = set()
    for one, other in zip(portraits, others, strict=True):
        opaque = one[3] > 0
        if torch.equal(one, other):
            continue
        # Every new channel is a line over one of the old ones.
        order = []
        for channel in other[:3, opaque]:
            fits = []
            for old in one[:3, opaque]:
                design = torch.stack([old, torch.ones_like(old)], dim=1).double()
                line = torch.linalg.lstsq(design, channel.double()[:, None]).solution
                fits.append(((design @ line).squeeze(1) - channel).abs().max().item())
                if fits[-1] < 1e-5:
                    assert SCALES[0] - 1e-3 <= line[0].item() <= SCALES[1] + 1e-3
                    assert abs(line[1].item()) <= SHIFT + 1e-3
            assert sum(fit < 1e-5 for fit in fits) == 1
            order.append(min(range(3), key=fits.__getitem__))
        assert sorted(order) == [0, 1, 2]
        orders.add(tuple(order))
    # Six orders, some thirty portraits.
    assert len(orders) >= 4


def test_the_change_is_a_matter_of_the_seed_alone(portraits):
    assert torch.equal(changed(portraits, 3), changed(portraits, 3))
    assert not torch.equal(changed(portraits, 3), changed(portraits, 4))
