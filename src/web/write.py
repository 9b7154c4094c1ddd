"""Write the page: its own files, the model's networks as ONNX files, and `model.json`, which describes them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from src.errors import InputError
from src.files import replacing_all
from src.progress import track
from src.pyramid.augmentation_labels import no_change
from src.pyramid.family import PalettePyramidFamily
from src.pyramid.turns import ORDER, together
from src.sampling import LoadedModel, load_model
from src.tables import json_text
from src.web.export import to_onnx
from src.web.graphs import Graph, graphs

PAGE = Path(__file__).parent / "page"
ABOUT = "model.json"


def write_page(checkpoint: Path, out: Path) -> int:
    """Write a folder that a web server can show as it is, once `npm install` has run in it.

    Args:
        checkpoint: of an adversarial family or of the palette pyramid; or a weights file.
        out: the folder.

    Returns:
        How many bytes the model's files have.

    Raises:
        InputError: a checkpoint that cannot be read, another family, files of another page in the folder, or
            ONNX's packages missing.
    """
    pages = [file for file in PAGE.iterdir() if file.is_file()]
    taken = [name for name in (ABOUT, *(file.name for file in pages)) if (out / name).exists()]
    if taken and not earlier_networks(out):
        raise InputError(f"{out / taken[0]} is of another page, and would be overwritten; choose another --out")
    model = load_model(checkpoint)
    networks = graphs(model.family, model.sampler)
    contents = {f"{name}.onnx": to_onnx(networks[name]) for name in track(networks, "networks")}
    sizes = {name: len(contents[f"{name}.onnx"]) for name in networks}
    contents[ABOUT] = json_text(describe(model, networks, sizes)).encode()
    left_over = [name for name in earlier_networks(out) if name not in contents]
    # All at once: networks of two models would go together unseen.
    with replacing_all(out, list(contents), "web") as temporaries:
        for temporary, content in zip(temporaries, contents.values(), strict=True):
            temporary.write_bytes(content)
    for name in left_over:
        (out / name).unlink(missing_ok=True)
    for file in pages:
        shutil.copyfile(file, out / file.name)
    return sum(sizes.values())


def earlier_networks(page: Path) -> list[str]:
    """The networks' files of the model that a page's folder holds; none where its `model.json` cannot be read."""
    try:
        graphs = json.loads((page / ABOUT).read_text(encoding="utf-8"))["graphs"]
        return [f"{Path(name).name}.onnx" for name in graphs]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def describe(model: LoadedModel, networks: Mapping[str, Graph], sizes: Mapping[str, int]) -> dict[str, object]:
    """What the page must know of a model beside its networks: attributes, inputs, and how to choose.

    Args:
        model: from `load_model`.
        networks: its graphs.
        sizes: the bytes of each one's file.
    """
    about = {
        "family": model.family_name,
        "checkpoint": model.checkpoint_hash,
        "attributes": {name: list(classes) for name, classes in model.labels.attributes.items()},
        "latent_dim": model.family.latent_dim,
        "graphs": {name: {"bytes": sizes[name], "inputs": _inputs(graph)} for name, graph in networks.items()},
    }
    if isinstance(model.family, PalettePyramidFamily):
        about["pyramid"] = _pyramid(model.family)
    return about


def _inputs(graph: Graph) -> dict[str, dict[str, object]]:
    """Input -> type and shape, in which 0 stands for any length."""
    return {
        name: {
            "type": str(example.dtype).removeprefix("torch."),
            "shape": [0 if graph.growing.get(name) == axis else side for axis, side in enumerate(example.shape)],
        }
        for name, example in graph.inputs.items()
    }


def _pyramid(family: PalettePyramidFamily) -> dict[str, object]:
    options, sides = family.options, family.model.sides
    return {
        "colours": family.model.colours,
        "sides": sides,
        "size": family.data.size,
        "null_labels": family.null_label.tolist(),
        "no_change": no_change(1, family.data.size, family.device)[0].tolist(),
        "guidance": options.guidance,
        "guided": [options.guidance != 1 and side <= options.guided_side for side in sides],
        "temperature": list(options.temperature),
        "palette_top_p": options.palette_top_p,
        "top_p": list(options.top_p),
        "order": [list(row) for row in ORDER],
        "passes": [together(passes) for passes in options.passes[: len(sides) - 1]],
    }
