"""Make the pictures of `docs/learn` from this project's own code and its default heroes.

    python -m tools.learn_pictures [NAME ...]

One function a picture, seconds to a minute of a CPU core each; without names all are made.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("agg")

import numpy as np
import torch
from matplotlib import pyplot
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from src.evaluation import controls
from src.gan.conditioning import ProjectionHead
from src.gan.diff_augment import KINDS
from src.gan.losses import Hinge, NonSaturating
from src.gan.moving_average import MovingAverage
from src.gan.penalties import squared_gradient
from src.gan.resnet import ResNetDiscriminator
from src.images import over_background
from src.painter import heroes as hero_records
from src.painter import paint as paint_hero
from src.palettes.head import PaletteHead
from src.pyramid.maps import index_portraits, majority_maps, map_sides, paint
from src.zoo.encoder_decoder import ConvolutionalDecoder, ConvolutionalEncoder
from src.zoo.noise_schedule import SCHEDULES, make_schedule
from src.zoo.vae import VariationalAutoencoder, divergence, reparameterise
from src.zoo.vqvae import VectorQuantiser, straight_through

OUT = Path(__file__).resolve().parents[1] / "docs" / "learn" / "images"
WIDTH, DOTS_PER_INCH = 6.0, 100
COLOURS = 112
MOST_COLOURS = 31


def heroes(count: int) -> np.ndarray:
    """Default heroes of as many silhouettes, uint8 [count, 64, 64, 4]."""
    records = itertools.islice(hero_records(2 * count), 0, 2 * count, 2)
    return np.stack([paint_hero(record) for record in records])


def as_tensor(images: np.ndarray) -> Tensor:
    """uint8 [N, H, W, 4] -> float [N, 4, H, W] in [-1, 1]."""
    return (torch.from_numpy(images).float() / 127.5 - 1).permute(0, 3, 1, 2).contiguous()


def small_heroes(count: int) -> Tensor:
    """The same at 32x32, float [count, 4, 32, 32] in [-1, 1]: quick to train on."""
    portraits = index_portraits(as_tensor(heroes(count)), MOST_COLOURS)
    return paint(majority_maps(portraits.entries, MOST_COLOURS, [8, 16, 32, 64])[2], portraits.colours, 32)


def grid(rows: Mapping[str, Tensor], titles: Sequence[str] = ()) -> Figure:
    """Portraits [N, 4, H, W] in [-1, 1], a row a name, over grey."""
    columns = max(len(row) for row in rows.values())
    figure, axes = pyplot.subplots(
        len(rows), columns, figsize=(WIDTH, WIDTH / (columns + 1) * len(rows) + 0.3), squeeze=False
    )
    for line, (name, row) in zip(axes, rows.items(), strict=True):
        pixels = ((row.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        for axis in line:
            axis.axis("off")
        for axis, image in zip(line, pixels, strict=False):
            axis.imshow(over_background(image), interpolation="nearest")
        line[0].text(-0.08, 0.5, name, transform=line[0].transAxes, ha="right", va="center", fontsize=9)
    for axis, title in zip(axes[0], titles, strict=False):
        axis.set_title(title, fontsize=8)
    figure.subplots_adjust(left=0.17, right=0.995, top=0.9 if titles else 0.99, bottom=0.01, wspace=0.04, hspace=0.04)
    return figure


def panels(count: int, height: float = 2.6) -> tuple[Figure, Sequence[pyplot.Axes]]:
    """Plots beside one another."""
    figure, axes = pyplot.subplots(1, count, figsize=(WIDTH, height), layout="constrained", squeeze=False)
    return figure, axes[0]


def batches(images: Tensor, size: int, steps: int) -> Iterator[Tensor]:
    """Random batches [size, C, H, W]."""
    for _ in range(steps):
        yield images[torch.randint(len(images), (size,))]


def no_labels(count: int) -> Tensor:
    return torch.zeros(count, 0, dtype=torch.int64)


def gan_losses() -> Figure:
    """What D and G minimise, as functions of a logit."""
    figure, axes = panels(2)
    logits = torch.linspace(-3, 3, 121)
    far = torch.tensor([1e4])  # the other half of D's loss is 0 there
    for name, loss in (("hinge", Hinge()), ("non_saturating", NonSaturating())):
        of_real = [loss.discriminator(logit[None], -far) for logit in logits]
        of_fake = [loss.generator(logit[None]) for logit in logits]
        axes[0].plot(logits, of_real, label=name)
        axes[1].plot(logits, of_fake, label=name)
    axes[0].set(title="D, on a real portrait", xlabel="its logit", ylabel="loss")
    axes[1].set(title="G, on a sample", xlabel="D's logit")
    axes[0].legend(fontsize=8)
    return figure


def projection() -> Figure:
    """One head, three labels: the logit over a plane of features."""
    angles = torch.tensor([0.5, 2.6, 4.7])
    centres = torch.stack([angles.cos(), angles.sin()], dim=1)
    head = ProjectionHead(2, [3], lambda layer: layer)
    optimizer = torch.optim.Adam(head.parameters(), 0.05)
    loss = Hinge()
    for _ in range(300):
        labels = torch.randint(3, (128, 1))
        reals = centres[labels[:, 0]] + 0.25 * torch.randn(128, 2)
        fakes = centres[torch.randint(3, (128,))] + 0.25 * torch.randn(128, 2)
        optimizer.zero_grad()
        loss.discriminator(head(reals, labels), head(fakes, labels)).backward()
        optimizer.step()
    figure, axes = panels(3, 2.2)
    side = torch.linspace(-2, 2, 80)
    plane = torch.stack(torch.meshgrid(side, side, indexing="xy"), dim=-1).flatten(0, 1)
    for label, axis in enumerate(axes):
        with torch.no_grad():
            logits = head(plane, torch.full((len(plane), 1), label)).view(80, 80)
        axis.imshow(logits, extent=(-2, 2, -2, 2), origin="lower", cmap="RdBu", vmin=-3, vmax=3)
        axis.scatter(*centres.T, c=["black" if other == label else "white" for other in range(3)], edgecolors="black")
        axis.set_title(f"label {label}", fontsize=9)
        axis.set_xticks([])
        axis.set_yticks([])
    return figure


def trained_discriminator(spectral_norm: bool, reals: Tensor, fakes: Tensor) -> ResNetDiscriminator:
    """A small D after 150 steps on two fixed sets."""
    torch.manual_seed(0)
    network = ResNetDiscriminator(32, 4, [], 8, spectral_norm)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3, (0.0, 0.9))
    loss = Hinge()
    for real, fake in zip(batches(reals, 16, 150), batches(fakes, 16, 150), strict=True):
        optimizer.zero_grad()
        loss.discriminator(network(real, no_labels(16)), network(fake, no_labels(16))).backward()
        optimizer.step()
    return network.eval()


def spectral_norm() -> Figure:
    """How steep D gets between two sets, with and without."""
    reals = small_heroes(128)
    fakes = functional.avg_pool2d(reals, 3, 1, 1)
    figure, (left, right) = panels(2)
    way = torch.linspace(-1, 2, 60)
    for name, on in (("with", True), ("without", False)):
        network = trained_discriminator(on, reals, fakes)
        norms = [
            torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)
            for layer in network.modules()
            if isinstance(layer, nn.Conv2d)
        ]
        left.plot(range(1, len(norms) + 1), norms, "o-", markersize=3, label=name)
        with torch.no_grad():
            logits = torch.stack([network(fakes.lerp(reals, at.item()), no_labels(len(reals))).mean() for at in way])
        right.plot(way, logits, label=name)
    left.set(title="largest singular value", xlabel="convolution", ylim=(0, None), xticks=range(2, 13, 2))
    right.set(title="mean logit from blurred (0) to real (1)", xlabel="share of the real portrait")
    left.legend(fontsize=8)
    for axis in (left, right):
        axis.title.set_fontsize(9)
    return figure


class Line(nn.Module):
    """D(x) = psi x, the Dirac-GAN's discriminator (Mescheder et al., 2018)."""

    def __init__(self) -> None:
        super().__init__()
        self.psi = nn.Parameter(torch.tensor(1.0))

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        return self.psi * images.flatten()


def r1() -> Figure:
    """The Dirac-GAN: one real at 0, one sample at theta, D a line; its way with and without R1."""
    figure, axes = panels(2, 2.8)
    loss, rate = NonSaturating(), 0.1
    real = torch.zeros(1, 1, 1, 1)
    for axis, gamma in zip(axes, (0.0, 1.0), strict=True):
        line, theta = Line(), torch.tensor(1.0, requires_grad=True)
        way = []
        for _ in range(500):
            way.append((theta.item(), line.psi.item()))
            fake = theta.view(1, 1, 1, 1)
            labels = no_labels(1)
            of_d = loss.discriminator(line(real, labels), line(fake.detach(), labels))
            of_d = of_d + gamma / 2 * squared_gradient(line, real, labels)
            (for_d,) = torch.autograd.grad(of_d, line.psi)
            (for_g,) = torch.autograd.grad(loss.generator(line(fake, labels)), theta)
            with torch.no_grad():
                line.psi -= rate * for_d
                theta -= rate * for_g
        axis.plot(*zip(*way, strict=True), linewidth=1)
        axis.plot(0, 0, "k+", markersize=12)
        axis.set(title=f"gamma {gamma:g}", xlabel="sample", ylabel="slope of D", xlim=(-2, 2), ylim=(-2, 2))
    return figure


class Picture(nn.Module):
    """A network whose weights are a picture."""

    def __init__(self, pixels: Tensor) -> None:
        super().__init__()
        self.pixels = nn.Parameter(pixels)


def ema() -> Figure:
    """Weights that swing around a hero, and their average."""
    hero = as_tensor(heroes(3))[2]
    network = Picture(hero + 0.8 * torch.randn_like(hero))
    average = MovingAverage(network, half_life_kimg=10.0, rampup=0.05)
    shown, now, averaged = (8, 32, 128, 512, 2048), [], []
    for step in range(1, shown[-1] + 1):
        with torch.no_grad():
            network.pixels.copy_(hero + 0.8 * torch.randn_like(hero))
        average.update(network, step * 32, 32)
        if step in shown:
            now.append(network.pixels.detach().clone())
            averaged.append(average.network.pixels.detach().clone())
    return grid({"weights": torch.stack(now), "average": torch.stack(averaged)}, [f"step {step}" for step in shown])


def diff_augment() -> Figure:
    """Each kind on the same heroes."""
    portraits = as_tensor(heroes(7))
    everyone = torch.ones(len(portraits), dtype=torch.bool)
    return grid({"portraits": portraits, **{name: kind(portraits, everyone) for name, kind in KINDS.items()}})


def palette_head() -> Figure:
    """A head learns one hero: what its softmax mixes, and the exact choice, step by step."""
    hero, features, condition = small_heroes(2)[1:], nn.Parameter(torch.randn(1, 16, 16, 16)), torch.ones(1, 4)
    head = PaletteHead(16, 4, 12)
    optimizer = torch.optim.Adam([features, *head.parameters()], 1e-2)
    shown = (0, 20, 60, 150, 500)
    mixed, exact = [], []
    for step in range(shown[-1] + 1):
        if step in shown:
            with torch.no_grad():
                head.hardness.zero_()
                mixed.append(head.train()(features, condition))
                exact.append(head.eval()(features, condition))
        head.train().hardness.fill_(min(1.0, step / 150))
        loss = (head(features, condition) - hero).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    rows = {"mixed": torch.cat([*mixed, hero]), "exact": torch.cat([*exact, hero])}
    return grid(rows, [*(f"step {step}" for step in shown), "hero"])


def palette_maps() -> Figure:
    """Heroes as maps of palette entries, coarse to fine."""
    portraits = index_portraits(as_tensor(heroes(4)), MOST_COLOURS)
    sides = map_sides(64)
    maps = majority_maps(portraits.entries, MOST_COLOURS, sides)
    rows = {}
    for index in (1, 3):
        colours = portraits.colours[index : index + 1]
        large = [
            paint(level[index : index + 1], colours, side)
            .repeat_interleave(64 // side, 2)
            .repeat_interleave(64 // side, 3)
            for level, side in zip(maps, sides, strict=True)
        ]
        swatch = torch.arange(1, 33).clamp(max=MOST_COLOURS).view(1, 8, 4).repeat_interleave(8, 1)
        swatch = swatch.repeat_interleave(16, 2) * portraits.used[index, swatch.repeat_interleave(16, 2) - 1]
        rows[f"hero {len(rows) + 1}"] = torch.cat([paint(swatch, colours, 64), *large])
    return grid(rows, ["palette", *(f"map {side}" for side in sides)])


def vae() -> Figure:
    """Portraits, what comes back, and samples, after 600 steps."""
    reals = small_heroes(256)
    model = VariationalAutoencoder(32, 4, [], 32, 16, 8)
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    for batch in batches(reals, 32, 600):
        labels = no_labels(len(batch))
        mean, log_variance = model.encoder(batch, labels)
        rebuilt = model.decoder(reparameterise(mean, log_variance), labels).tanh()
        loss = (rebuilt - batch).square().sum(dim=(1, 2, 3)).mean() + 0.1 * divergence(mean, log_variance).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    shown, labels = reals[:7], no_labels(7)
    with torch.no_grad():
        rebuilt = model.decoder(model.encoder(shown, labels)[0], labels).tanh()
        samples = model.decoder(torch.randn(7, 32), labels).tanh()
    return grid({"portraits": shown, "rebuilt": rebuilt, "samples": samples})


def vqvae() -> Figure:
    """Portraits, their codes, what comes back, and what random codes give."""
    reals = small_heroes(256)
    encoder, decoder = ConvolutionalEncoder(32, 4, 8, 16), ConvolutionalDecoder(32, 4, 8, 16)
    into, out = nn.Conv2d(encoder.channels, 16, 1), nn.Conv2d(16, decoder.channels, 3, padding=1)
    quantiser = VectorQuantiser(64, 16)
    parameters = itertools.chain(*(part.parameters() for part in (encoder, decoder, into, out)))
    optimizer = torch.optim.Adam(parameters, 2e-3)

    def decode(vectors: Tensor) -> Tensor:
        return decoder(out(vectors.permute(0, 3, 1, 2))).tanh()

    for batch in batches(reals, 16, 300):
        vectors = into(encoder(batch)).permute(0, 2, 3, 1)
        quantised = quantiser.lookup(quantiser.nearest(vectors))
        rebuilt = decode(straight_through(vectors, quantised))
        loss = functional.mse_loss(rebuilt, batch) + 0.25 * functional.mse_loss(vectors, quantised)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        quantiser.learn(vectors.detach())
    for part in (encoder, decoder):
        part.eval()
    with torch.no_grad():
        codes = quantiser.nearest(into(encoder(reals[:7])).permute(0, 2, 3, 1))
        rebuilt = decode(quantiser.lookup(codes))
        random = decode(quantiser.lookup(torch.randint(64, codes.shape)))
    # A code a colour; alpha is full.
    shades = torch.cat([torch.rand(64, 3) * 2 - 1, torch.ones(64, 1)], dim=1)
    return grid(
        {
            "portraits": reals[:7],
            "codes": shades[codes].permute(0, 3, 1, 2),
            "rebuilt": rebuilt,
            "random\ncodes": random,
        }
    )


def diffusion() -> Figure:
    """One hero on the way into noise, under both schedules."""
    hero = as_tensor(heroes(3))[2:]
    noise = torch.randn_like(hero)
    steps = [0, 200, 400, 600, 800, 999]
    rows = {}
    for name in SCHEDULES:
        schedule = make_schedule(name, 1000)
        rows[name] = torch.cat([schedule.q_sample(hero, torch.tensor([step]), noise) for step in steps])
    return grid(rows, [f"step {step}" for step in steps])


def two_sample_test() -> Figure:
    """Heroes, and the same with the faults that the test has to recognise."""
    portraits = heroes(7)
    faulty = {
        "grained": controls.grained(portraits, 0),
        "blurred": controls.blurred(portraits),
        "shuffled": controls.shuffled(portraits, 0),
    }
    return grid({name: as_tensor(images) for name, images in {"portraits": portraits, **faulty}.items()})


PICTURES: dict[str, Callable[[], Figure]] = {
    "gan_losses": gan_losses,
    "projection": projection,
    "spectral_norm": spectral_norm,
    "r1": r1,
    "ema": ema,
    "diff_augment": diff_augment,
    "palette_head": palette_head,
    "palette_maps": palette_maps,
    "vae": vae,
    "vqvae": vqvae,
    "diffusion": diffusion,
    "two_sample_test": two_sample_test,
}


def main(names: Sequence[str]) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    for name in names or PICTURES:
        torch.manual_seed(0)
        figure = PICTURES[name]()
        path = OUT / f"{name}.png"
        figure.savefig(path, dpi=DOTS_PER_INCH)
        pyplot.close(figure)
        # Skin and grey stay as they are among the many colours of noise.
        few = {"colors": COLOURS, "method": Image.Quantize.MAXCOVERAGE, "kmeans": 4, "dither": Image.Dither.NONE}
        Image.open(path).convert("RGB").quantize(**few).save(path, optimize=True)
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
