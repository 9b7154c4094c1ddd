"""Step by step, with the cache passed from hand to hand, the graphs say what the networks say in one go."""

import pytest
import torch

from src.errors import InputError
from src.labels import LabelSpecification
from src.pyramid.palette_writer import END, Source
from src.web.graphs import CoarseStep, PaletteStep, graphs, no_past
from tests.web.models import small_family

COLOURS = 7


@pytest.fixture(scope="module")
def pyramid():
    return small_family("palette_pyramid").sampler


def numbers(*shape, below):
    return torch.randint(below, shape, dtype=torch.int32)


@torch.no_grad()
def test_colour_after_colour_has_the_likelihood_of_the_palette(pyramid):
    labels, colours = torch.zeros(1, 6, dtype=torch.int32), numbers(1, COLOURS, 3, below=256)
    writer, used = pyramid.palette_writer, torch.arange(COLOURS)[None] < 5
    step, past, nats = PaletteStep(writer), no_past(writer.layers), 0
    for place in range(6):
        *logits, past = step(labels, colours, torch.tensor([place]), past)
        chosen = colours[0, place] if place < 5 else [END]
        nats -= sum(each.log_softmax(0)[value] for each, value in zip(logits, chosen, strict=False))
    torch.testing.assert_close(nats, writer.nats(colours.long(), used, labels.long())[0], rtol=1e-4, atol=1e-3)


@torch.no_grad()
def test_colour_after_colour_has_the_likelihood_of_the_recolouring(pyramid):
    labels, colours = torch.zeros(1, 6, dtype=torch.int32), numbers(1, COLOURS, 3, below=256)
    recolourer, used = pyramid.recolourer, torch.arange(COLOURS)[None] < 5
    source = numbers(1, COLOURS, 3, below=256), used, torch.rand(1, COLOURS, 3)
    step, past, nats = PaletteStep(recolourer), no_past(recolourer.layers), 0
    for place in range(5):
        *logits, past = step(labels, colours, torch.tensor([place]), past, *source)
        # There is no end among the reds.
        nats -= sum(each[:END].log_softmax(0)[value] for each, value in zip(logits, colours[0, place], strict=True))
    expected = recolourer.nats(colours.long(), used, labels.long(), Source(source[0].long(), *source[1:]))
    torch.testing.assert_close(nats, expected[0], rtol=1e-4, atol=1e-3)


@torch.no_grad()
def test_pixel_after_pixel_gives_what_the_whole_pass_gives(pyramid):
    coarse, count = pyramid.coarse, COLOURS + 1
    entries, embedded = torch.randn(1, count, 16), torch.randn(1, 16)
    used, pixels = torch.arange(COLOURS)[None] < 5, numbers(1, coarse.side**2, below=6)
    whole = coarse(entries, used, embedded, pixels.long())[0]
    step, past, new = CoarseStep(coarse), no_past(coarse.layers), torch.arange(coarse.prefix + 1)
    for place in range(coarse.side**2):
        logits, past = step(embedded, entries, used, pixels, new, past)
        torch.testing.assert_close(logits, whole[place], rtol=1e-4, atol=1e-4)
        new = torch.tensor([coarse.prefix + place + 1])


@pytest.mark.parametrize("name", ["resnet_gan", "palette_pyramid"])
@torch.no_grad()
def test_every_graph_runs_without_attributes(name):
    family = small_family(name, LabelSpecification({}))
    for graph in graphs(family, family.sampler).values():
        found = graph.network(*graph.inputs.values())
        assert len(graph.outputs) == (len(found) if isinstance(found, tuple) else 1)


@pytest.mark.parametrize("name", ["vae", "diffusion"])
def test_other_families_are_refused(name):
    family = small_family(name)
    with pytest.raises(InputError, match="adversarial"):
        graphs(family, family.sampler)
