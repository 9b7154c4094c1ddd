"""How hard a labelled set is to read: a linear classifier on raw pixels against a small convolutional network.

    python -m src.painter.difficulty --images DIR
    python -m src.painter.difficulty --heroes 2400

A set gives its labels away where the line does as well as the network: some pixel tells. Both learn `gender` and
`hero_class` from four heroes in five and are asked about the rest; heroes of one silhouette stay on one side.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from src.console import report_error
from src.errors import check_range
from src.images import read_rgba
from src.painter.contact_sheet import one_of_each
from src.painter.paint import paint
from src.painter.spec import GENDERS, HERO_CLASSES
from src.progress import track
from src.tables import read_table

ATTRIBUTES = ("gender", "hero_class")
RECOLOURS = 6
"""The most portraits of one silhouette: more of them cost time and teach little."""
BATCH = 64


class LabelledSet:
    """Portraits with labels and silhouettes; at most `RECOLOURS` of a silhouette are kept.

    Args:
        portraits: a picture, RGBA uint8 `[64, 64, 4]`, and its labels in the order of `ATTRIBUTES`, for each portrait.
    """

    def __init__(self, portraits: Iterable[tuple[np.ndarray, Sequence[str]]]) -> None:
        pictures, labels, silhouettes = [], [], []
        seen: dict[bytes, int] = {}
        count: Counter[int] = Counter()
        for picture, of_picture in portraits:
            silhouette = seen.setdefault((picture[..., 3] > 0).tobytes(), len(seen))
            count[silhouette] += 1
            if count[silhouette] <= RECOLOURS:
                pictures.append(picture)
                labels.append(of_picture)
                silhouettes.append(silhouette)
        self.names = [sorted(set(of_attribute)) for of_attribute in zip(*labels, strict=True)]
        self.labels = torch.tensor(
            [[names.index(name) for names, name in zip(self.names, row, strict=True)] for row in labels]
        )
        self.silhouettes = np.array(silhouettes)
        pixels = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255
        self.pixels = torch.cat([pixels[:, :3] * pixels[:, 3:], pixels[:, 3:]], dim=1) - 0.25

    def split(self, seed: int) -> tuple[Tensor, Tensor]:
        """Indices to learn from and to ask about, no silhouette in both."""
        groups = np.random.default_rng(seed).permutation(self.silhouettes.max() + 1)
        asked = np.isin(self.silhouettes, groups[: len(groups) // 5])
        return torch.from_numpy(np.flatnonzero(~asked)), torch.from_numpy(np.flatnonzero(asked))


def from_folder(folder: Path) -> Iterator[tuple[np.ndarray, list[str]]]:
    """Portraits of a folder as `paint_set` writes it: images and `labels.csv`."""
    for row in read_table(folder / "labels.csv", ("filename", *ATTRIBUTES)).to_dict("records"):
        yield read_rgba(folder / row["filename"]), [row[name] for name in ATTRIBUTES]


def painted(count: int) -> Iterator[tuple[np.ndarray, list[str]]]:
    """Heroes painted for the purpose, no two of one silhouette, as many of each class and gender."""
    specs = one_of_each(each=-(-count // (len(GENDERS) * len(HERO_CLASSES))), seed=0)
    for spec in track(specs, "painting", len(specs)):
        yield paint(spec), [getattr(spec, name) for name in ATTRIBUTES]


def linear(outputs: int) -> nn.Module:
    """Logistic regression on the flattened pixels."""
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(outputs))


class Convolutional(nn.Module):
    """About 100,000 parameters; at the end, each filter's mean and its strongest answer, wherever it was."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after, kernel in ((4, 24, 5), (24, 40, 3), (40, 64, 3), (64, 104, 3)):
            layers += [nn.Conv2d(before, after, kernel, 2, kernel // 2, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(2 * 104, outputs))

    def forward(self, pixels: Tensor) -> Tensor:
        """`[N, 4, 64, 64]` to scores `[N, outputs]`."""
        features = self.features(pixels)
        return self.head(torch.cat([features.mean((2, 3)), features.amax((2, 3))], dim=1))


def moved(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """A batch, half of it mirrored, all of it shifted by up to two pixels."""
    count = len(pixels)
    mirrored = torch.rand(count, generator=generator) < 0.5
    pixels = torch.where(mirrored[:, None, None, None], pixels.flip(-1), pixels)
    right, down = torch.randint(-2, 3, (2,), generator=generator).tolist()
    return pixels.roll((down, right), dims=(2, 3))


def accuracy(data: LabelledSet, kind: str, seed: int, epochs: int, augment: bool) -> list[float]:
    """Train one classifier for all attributes together; the share it gets right of the heroes it has not seen."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    learn, ask = data.split(seed)
    sizes = [len(names) for names in data.names]
    model = (linear if kind == "linear" else Convolutional)(sum(sizes))
    model(data.pixels[:2])
    rate, decay = (3e-4, 0.3) if kind == "linear" else (4e-3, 0.05)
    optimizer = torch.optim.AdamW(model.parameters(), rate, weight_decay=decay)
    batches = max(1, len(learn) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, epochs * batches)
    model.train()
    for _ in range(epochs):
        order = learn[torch.randperm(len(learn), generator=generator)]
        for batch in order.tensor_split(batches):
            pixels = moved(data.pixels[batch], generator) if augment else data.pixels[batch]
            scores = model(pixels).split(sizes, dim=1)
            loss = sum(functional.cross_entropy(score, data.labels[batch, index]) for index, score in enumerate(scores))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    model.eval()
    with torch.no_grad():
        scores = torch.cat([model(data.pixels[part]) for part in ask.split(256)]).split(sizes, dim=1)
    return [(score.argmax(1) == data.labels[ask, index]).float().mean().item() for index, score in enumerate(scores)]


def compare(data: LabelledSet, seeds: int, epochs: int) -> str:
    """The table: attribute by classifier, mean accuracy and spread over splits; chance is the commonest class."""
    kinds = {
        "linear": ("linear", False),
        "linear, moved": ("linear", True),
        "convolutional": ("convolutional", True),
    }
    lines = [f"{'':22}" + "".join(f"{name:>18}" for name in ATTRIBUTES)]
    chance = [torch.bincount(data.labels[:, index]).max().item() / len(data.labels) for index in range(len(ATTRIBUTES))]
    lines.append(f"{'chance':22}" + "".join(f"{share:18.1%}" for share in chance))
    for title, (kind, augment) in kinds.items():
        found = np.array([accuracy(data, kind, seed, epochs, augment) for seed in track(range(seeds), title, seeds)])
        cells = [f"{mean:.1%} +- {spread:.1%}" for mean, spread in zip(found.mean(0), found.std(0), strict=True)]
        lines.append(f"{title:22}" + "".join(f"{cell:>18}" for cell in cells))
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Read the arguments, print the table; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--images", type=Path, help="a folder with labels.csv, as `paint` writes it")
    source.add_argument("--heroes", type=int, help="paint so many heroes instead, each of a silhouette of its own")
    parser.add_argument("--seeds", type=int, default=3, help="how many splits (default: 3)")
    parser.add_argument("--epochs", type=int, default=16, help="passes over the portraits (default: 16)")
    parsed = parser.parse_args(arguments)
    try:
        check_range("--seeds", parsed.seeds, 1, 1000)
        check_range("--epochs", parsed.epochs, 1, 1000)
        if parsed.heroes is not None:
            check_range("--heroes", parsed.heroes, 1, 100_000)
        data = LabelledSet(from_folder(parsed.images) if parsed.images else painted(parsed.heroes))
        print(f"{len(data.pixels)} portraits of {data.silhouettes.max() + 1} silhouettes")
        print(compare(data, parsed.seeds, parsed.epochs))
    except (Exception, KeyboardInterrupt) as error:
        return report_error(error, "difficulty")
    return 0


if __name__ == "__main__":
    sys.exit(main())
