"""The command line: reads arguments and calls the package; no logic here. `python run.py COMMAND --help`, or
`python -m src COMMAND --help` in an environment that has the requirements."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if not __package__:  # run as a file, from any folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from src.console import any_terminal, one_line, print_line, report_error
from src.errors import InputError
from src.notebooks import name_list

if TYPE_CHECKING:
    from src.data.build import BuildReport
    from src.data.folder import PrepareReport
    from src.sampling import LoadedModel, Sampled

# What a command needs is imported when it runs: `--help` must not wait for torch.


def paint(arguments: argparse.Namespace) -> None:
    from src.painter import paint_set

    table = paint_set(arguments.out, arguments.count, arguments.seed, arguments.recolours, arguments.smooth)
    print(f"{arguments.count} heroes in {arguments.out}, their labels in {table}")


def prepare(arguments: argparse.Namespace) -> None:
    from src.data.clean import PrepareOptions
    from src.data.cutting import Tiles
    from src.data.folder import prepare_folder

    if arguments.tiles is None and (arguments.margin or arguments.spacing):
        raise InputError("--margin and --spacing are of tiles; give --tiles")
    tiles = None
    if arguments.tiles is not None:
        tiles = Tiles.parse(arguments.tiles, arguments.margin, arguments.spacing)
    options = PrepareOptions(**{option.name: getattr(arguments, option.name) for option in fields(PrepareOptions)})
    report = prepare_folder(arguments.images, arguments.data, arguments.size, tiles, options, arguments.group_by)
    print_report(report)


def build(arguments: argparse.Namespace) -> None:
    from src.config import parse_assignments
    from src.data.build import build_dataset
    from src.data.folder import labels_beside
    from src.data.origin import source_labels

    attributes = name_list(arguments.attributes)
    labels = arguments.labels or source_labels(arguments.data) or labels_beside(arguments.data)
    if labels and not arguments.labels:
        print(f"labels from {labels}")
    report = build_dataset(
        arguments.data,
        labels,
        attributes,
        arguments.val_fraction,
        arguments.seed,
        arguments.min_confidence,
        arguments.new_classes,
        [parse_assignments(combination.split(",")) for combination in arguments.hold_out],
        arguments.label_pattern,
        arguments.group_by,
    )
    print_report(report)


def print_report(report: PrepareReport | BuildReport) -> None:
    """Print its warnings, a line each, then what was done."""
    for warning in report.warnings:
        print(f"warning: {one_line(warning)}", file=sys.stderr)
    print(report)


def source(arguments: argparse.Namespace) -> None:
    from src.data.clean import PrepareOptions
    from src.data.sources import COLLECTIONS

    collection = COLLECTIONS[arguments.collection]
    options = PrepareOptions(colours=arguments.colours, density=arguments.density)
    if arguments.download is not None:
        collection.fetch(arguments.files, arguments.download, arguments.sha256)
    of_collection = {name: getattr(arguments, name) for name in collection.options}
    report = collection.prepare(arguments.files, arguments.data, options=options, **of_collection)
    print_report(report)


def train(arguments: argparse.Namespace) -> int:
    from src.config import parse_assignments
    from src.evaluation.quick_metrics import quick_metrics
    from src.training.run import train as run_training

    if arguments.epochs == 0:  # as a setting, 0 is "as long as kimg says"
        raise InputError("--epochs 0 is not a length; leave it out for the profile's")
    named = {name: getattr(arguments, name) for name in ("kimg", "epochs", "seed", "palette_snap", "mlflow")}
    overrides = parse_assignments([*arguments.set, *assignments(named)])
    result = run_training(
        arguments.data,
        arguments.out,
        arguments.family,
        arguments.profile,
        overrides,
        arguments.resume,
        print_line,
        quick_metrics,
        arguments.config,
        arguments.start,
        arguments.minutes,
    )
    return 130 if result.interrupted else 0


def sampled_heroes(arguments: argparse.Namespace) -> tuple[LoadedModel, Sampled, dict[str, object]]:
    """The model, its samples as the arguments of `add_sampling` ask for them, and what of it a manifest says."""
    from src.config import parse_assignments
    from src.palettes.files import read_palette
    from src.palettes.snap import requested_palette
    from src.sampling import FEW_COLOURS, check_own_colours, load_model, snapped_to_own_colours, vary
    from src.sampling import sample as sample_heroes
    from src.training.weights import OWN_WEIGHTS

    named = {name: getattr(arguments, name) for name in ("gender", "hero_class", "palette")}
    requested = parse_assignments([*arguments.label, *assignments(named)])
    if arguments.keep is not None and arguments.vary is None:
        raise InputError("--keep says how similar variations are; name their attribute with --vary")
    if arguments.snap is not None:
        check_own_colours(arguments.snap)  # this and the next before samples are made
    if arguments.palette_snap:
        requested_palette(arguments.palette_snap)
    model = load_model(arguments.checkpoint or OWN_WEIGHTS, arguments.guidance, arguments.keep)
    heroes = arguments.count, arguments.seed, requested, arguments.truncation
    options = {name: getattr(arguments, name) for name in ("guidance", "keep", "snap")}
    options["truncation"] = arguments.truncation if arguments.truncation != 1 else None
    if arguments.side is not None and arguments.like is None:
        raise InputError("--from says how much of a picture is kept; name the picture with --like")
    if arguments.like is not None:
        from src.play.like import like_picture

        if arguments.vary or arguments.palette_file or arguments.truncation != 1:
            raise InputError("--like has a hero and colours already; leave --vary, --palette-file and --truncation out")
        sampled = like_picture(model, arguments.like, arguments.side, requested, arguments.count, arguments.seed)
    elif arguments.palette_file is not None:
        if arguments.vary or arguments.palette_snap:
            raise InputError(
                "--palette-file samples heroes in its colours from the start, as they come; leave --vary and "
                "--palette-snap out"
            )
        colours = read_palette(arguments.palette_file)
        sampled = sample_heroes(model, *heroes, colours)
        if len(colours) < FEW_COLOURS:
            print(
                f"warning: {arguments.palette_file} has {len(colours)} colours, fewer than heroes are drawn with; "
                "--palette-snap with the same file keeps faces better",
                file=sys.stderr,
            )
        options["palette_file"] = arguments.palette_file.name
    else:
        sampled = vary(model, arguments.vary, *heroes) if arguments.vary else sample_heroes(model, *heroes)
    if arguments.snap is not None:
        sampled = snapped_to_own_colours(sampled, arguments.snap)
    return model, sampled, {name: value for name, value in options.items() if value is not None}


def sample(arguments: argparse.Namespace) -> None:
    from src.sampling import earlier_manifest, write_samples

    earlier = earlier_manifest(arguments.out)  # refused before samples are made
    model, sampled, options = sampled_heroes(arguments)
    grid = write_samples(sampled, arguments.out, model, arguments.palette_snap, options)
    print(f"{len(sampled.portraits)} portraits in {arguments.out}, together in {grid}")
    replaced = sum(entry != earlier.get(name, entry) for name, entry in earlier_manifest(arguments.out).items())
    if replaced:
        print(f"{replaced} of them replaced portraits of the same name that were sampled in another way")


def export(arguments: argparse.Namespace) -> None:
    from src.export.export import ANIMATIONS, NAME, check, write_animations
    from src.export.export import export as export_portraits
    from src.files import check_place

    formats = name_list(arguments.formats or ("gif" if arguments.training else "png,json-hash"))
    given = [each for each in arguments.sampling if getattr(arguments, each.dest) != each.default]
    if given and (arguments.images or arguments.training):
        raise InputError(f"{given[0].option_strings[-1]} is for samples; leave it out, or --images and --training")
    asked = [each for each in arguments.of_portraits if getattr(arguments, each.dest) != each.default]
    if asked and arguments.training:
        raise InputError(f"{asked[0].option_strings[-1]} is for portraits; leave it out, or --training")
    check(formats, arguments.scale, arguments.milliseconds)  # this and the next two before samples are made
    if any(each.dest == "scale" for each in asked) and not {"preview", *ANIMATIONS} & {*formats}:
        raise InputError("--scale enlarges preview, gif and apng; add one of them to --formats")
    check_place(arguments.out / f"{NAME}.png")
    if arguments.training:
        from src.export.animation import training_grids

        lines = write_animations(arguments.out, formats, training_grids(arguments.training), arguments.milliseconds)
    else:
        if arguments.images:
            from src.export.portraits import check_apart, label_warning, read_portraits

            check_apart(arguments.images, arguments.out, bool(arguments.palette_snap) and "png" in formats)
            portraits = read_portraits(arguments.images)
            if warning := label_warning(arguments.images, portraits):
                print(f"warning: {warning}", file=sys.stderr)
        else:
            from src.export.portraits import sampled_portraits

            portraits = sampled_portraits(*sampled_heroes(arguments))
        lines = export_portraits(
            portraits,
            arguments.out,
            formats,
            arguments.palette_snap,
            name_list(arguments.tags),
            arguments.columns,
            arguments.margin,
            arguments.spacing,
            arguments.scale,
            arguments.milliseconds,
        )
    print("\n".join(lines))


def gallery(arguments: argparse.Namespace) -> None:
    from src.export.gallery import write_gallery

    page = arguments.out or arguments.folder / "gallery.html"
    count = write_gallery(arguments.folder, page, arguments.data, arguments.checkpoint)
    print(f"{page}: {count} portraits; open it in a browser")


def weights(arguments: argparse.Namespace) -> None:
    from src.training.weights import write_weights

    write_weights(arguments.checkpoint, arguments.out, arguments.fp16)
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.1f} MB")


def web(arguments: argparse.Namespace) -> None:
    from src.training.weights import OWN_WEIGHTS
    from src.web.write import write_page

    size = write_page(arguments.checkpoint or OWN_WEIGHTS, arguments.out)
    print(f"a page in {arguments.out}, its networks {size / 1e6:.1f} MB; to see it:")
    print(f"npm install --prefix {arguments.out}")
    print(f"python -m http.server --directory {arguments.out}")


def compare(arguments: argparse.Namespace) -> None:
    from src.experiments.compare import compare as compare_families

    names = name_list(arguments.families)
    compare_families(
        arguments.data, arguments.out, names, arguments.profile, arguments.minutes, arguments.kimg, arguments.seed
    )
    print(f"the page: {arguments.out / 'compare.md'}, {arguments.out / 'compare.png'}")


def evaluate(arguments: argparse.Namespace) -> None:
    from src.evaluation.evaluate import evaluate as evaluator

    content = evaluator(
        arguments.data,
        arguments.out,
        arguments.checkpoint,
        arguments.images,
        arguments.count,
        arguments.seed,
        inception=arguments.inception,
        guidance=arguments.guidance,
    )
    print(f"flags: {', '.join(content['flags']) or 'none'}")
    print(f"metrics in {arguments.out}, the report in {arguments.out.with_suffix('.html')}")


def study(arguments: argparse.Namespace) -> None:
    from src.experiments.study import study as run_study

    rows = name_list(arguments.rows)
    run_study(
        arguments.data,
        arguments.out,
        rows,
        arguments.seeds,
        arguments.kimg,
        arguments.profile,
        arguments.count,
    )
    print(f"the page: {arguments.out / 'study.md'}, every metric: {arguments.out / 'study.csv'}")


def assignments(options: Mapping[str, object]) -> list[str]:
    """The options that were given, as `name=value`."""
    return [f"{name}={value}" for name, value in options.items() if value is not None]


def numbers(text: str) -> list[int]:
    """`0,1` -> [0, 1]."""
    return [int(part) for part in text.split(",") if part.strip()]


def number_or_word(text: str) -> int | str:
    """`2` -> 2, and any other text as it is."""
    return int(text) if text.isascii() and text.isdigit() else text


def filled(text: str) -> str:
    """The text, unless it is empty: as a path it would mean the folder one is in."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty; leave it out, or set the variable it comes from")
    return text


class OneLineParser(argparse.ArgumentParser):
    """A parser whose complaints are one line, like every other of this command line; all take `--debug`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # Texts and paths are refused where they are empty; an argument that may be empty says `type=str`.
        self.register("type", None, filled)
        self.register("type", Path, lambda text: Path(filled(text)))
        # No default: a command's would replace what was given before the command.
        self.add_argument(
            "--debug", action="store_true", default=argparse.SUPPRESS, help="show the whole traceback of an error"
        )

    def error(self, message: str) -> NoReturn:
        self.exit(2, one_line(f"error: {message}; see `{self.prog} --help`") + "\n")


def add_sampling(command: argparse.ArgumentParser) -> None:
    """The arguments that say which heroes are sampled; `sampling` is the list of them."""
    group = command.add_argument_group("which heroes are sampled")
    add = group.add_argument
    sampling = [
        add("--checkpoint", type=Path, help="of a run, or a weights file; the project's own unless given"),
        add("-n", dest="count", type=int, default=16, help="how many (default 16)"),
        add("--seed", type=int, default=0, help="the first portrait's seed; the next ones count up"),
        add("--truncation", type=float, default=1.0, help="1: as varied as learned; less: less varied, fewer failures"),
        add("--guidance", type=float, metavar="W", help="1: labels as learned; more: followed more closely"),
        add("--vary", metavar="ATTRIBUTE", help="every hero once for each class of it, one row a hero"),
        add("--keep", type=float, metavar="K", help="of --vary; 0: change most, more: change less"),
        add("--like", type=Path, metavar="FILE", help="heroes like a picture, in its colours"),
        add(
            "--from",
            dest="side",
            type=int,
            metavar="SIDE",
            help="of --like: what it is at this side is kept (default 16 of 64)",
        ),
        add("--gender", metavar="CLASS", help="one of the model's; an unknown one lists them"),
        add("--hero-class", metavar="CLASS", help="likewise"),
        add("--palette", metavar="CLASS", help="likewise"),
        add("--palette-file", type=Path, metavar="FILE", help="sample in the colours of a palette file"),
        add("--label", action="append", default=[], metavar="ATTRIBUTE=CLASS", help="any other attribute of the data"),
        add("--snap", type=int, metavar="K", help="snap each hero to K colours of its own, without specks"),
    ]
    command.set_defaults(sampling=sampling)


def make_parser() -> argparse.ArgumentParser:
    """All commands and their arguments."""
    parser = OneLineParser(prog="python run.py", description=__doc__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    commands.type = str  # of all that follows; each command looks at its own

    def add_command(run: Callable[[argparse.Namespace], int | None], help_text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(run.__name__, help=help_text)
        command.set_defaults(run=run)
        return command

    command = add_command(paint, "paint the default heroes: PNGs and labels.csv")
    command.add_argument("--out", type=Path, required=True, help="folder for the PNGs and labels.csv")
    command.add_argument("-n", dest="count", type=int, default=7600, help="how many portraits (default 7600)")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument(
        "--recolours", type=int, default=2, metavar="K", help="portraits of one silhouette (default 2)"
    )
    command.add_argument("--smooth", action="store_true", help="blended, antialiased pictures of 256x256 pixels")

    command = add_command(prepare, "raw images -> 64x64 portraits, duplicates, groups (notebook 01)")
    command.add_argument("--images", type=Path, required=True, help="folder of raw images, searched deeply")
    command.add_argument("--data", type=Path, required=True, help="data folder to write")
    command.add_argument("--size", type=int, default=64, help="side of the portraits in pixels (default 64)")
    command.add_argument("--tiles", metavar="N|WxH", help="cut every image into tiles: 32, or 24x32")
    command.add_argument("--margin", type=int, default=0, help="pixels around all tiles of a sheet (default 0)")
    command.add_argument("--spacing", type=int, default=0, help="pixels between tiles (default 0)")
    command.add_argument("--frames", default="first", help="of GIF, APNG and WebP: first (default) or all")
    command.add_argument("--enlarge", type=number_or_word, metavar="K|each", help="the most to enlarge a portrait")
    command.add_argument(
        "--group-by", metavar="HERO", help="what shows one hero: folder, a pattern ('{hero}_*'), or silhouette alone"
    )
    command.add_argument("--remove-noise", action="store_true", help="collapse JPEG noise of art in its own size, too")
    command.add_argument("--remove-key", action="store_true", help="make pure magenta and green transparent everywhere")
    command.add_argument("--reduce", metavar="METHOD", help="reduce art that is too large: mode (commonest) or nearest")
    command.add_argument("--colours", type=int, metavar="N", help="keep at most N colours a portrait")
    command.add_argument("--keep-background", action="store_true", help="leave flat opaque backgrounds")
    command.add_argument("--remove-orphans", action="store_true", help="replace single pixels unlike all around them")
    command.add_argument("--remove-fringe", action="store_true", help="undo anti-aliasing against a removed background")
    command.add_argument("--density", metavar="LEAST:MOST", help="share of visible pixels, such as 0.15:0.6")
    command.add_argument("--kind", default="pixel", help="pixel (default) or smooth: paintings, photographs")
    command.add_argument(
        "--smooth", dest="kind", action="store_const", const="smooth", help="the same as --kind smooth"
    )
    command.add_argument("--fit", default="crop", help="smooth art: crop (default) to the middle, or pad")
    command.add_argument(
        "--resample", default="lanczos", metavar="METHOD", help="smooth art: lanczos, bicubic, bilinear or box"
    )

    command = add_command(source, "a known collection -> 64x64 portraits with its own labels and groups")
    collections = command.add_subparsers(title="collections", metavar="COLLECTION", dest="collection", required=True)
    for name, help_text in (
        ("tinyhero", "TinyHero: four folders of views; the label is the view, the group is the hero"),
        ("kenney", "a packed sheet of tiles without labels, such as Kenney's 1-Bit Pack"),
        ("lpc", "layers of the Universal LPC Spritesheet, composed into heroes by a recipe"),
    ):
        command = collections.add_parser(name, help=help_text)
        command.add_argument("--from", dest="files", type=Path, required=True, help="the collection: folder, or sheet")
        command.add_argument("--data", type=Path, required=True, help="data folder to write")
        command.add_argument("--size", type=int, default=64, help="side of the portraits in pixels (default 64)")
        command.add_argument("--colours", type=int, metavar="N", help="keep at most N colours a portrait; 1: white")
        command.add_argument("--density", metavar="LEAST:MOST", help="share of visible pixels, such as 0.15:0.6")
        command.add_argument(
            "--download", nargs="?", const="", type=str, metavar="URL", help="fetch it to --from first"
        )
        command.add_argument("--sha256", metavar="HEX", help="checksum that the download must have")
        if name == "kenney":
            command.add_argument("--tile", type=int, default=16, help="side of a tile in pixels (default 16)")
            command.add_argument("--spacing", type=int, default=0, help="pixels between tiles (default 0)")
        if name == "lpc":
            command.add_argument("--recipe", type=Path, help="JSON; the default one unless given")
            command.add_argument("--views", metavar="A,B", help="back,left,front,right unless given")
            command.add_argument("--heroes", type=int, default=24, help="the most heroes a kind (default 24)")
            command.add_argument("--recolours", type=int, default=18, help="the most colourings a hero (default 18)")
            command.add_argument("--seed", type=int, default=0)

    command = add_command(build, "labels, palettes, split, packed file (notebook 02)")
    command.add_argument("--data", type=Path, required=True, help="data folder that `prepare` wrote")
    command.add_argument(
        "--labels",
        type=Path,
        help="CSV of given labels, keyed by filename or group_id, or a dataset.json; else labels.csv of the images",
    )
    command.add_argument(
        "--label-pattern", metavar="NAMES", help="labels from file names: '{hero_class}/*', '{gender}_{hero_class}_*'"
    )
    command.add_argument("--group-by", metavar="COLUMN", help="column of --labels that names the hero; never split")
    command.add_argument("--attributes", type=str, default="gender,hero_class,palette", help="names joined by commas")
    command.add_argument(
        "--val-fraction", type=float, default=0.2, help="share of portraits for validation (default 0.2)"
    )
    command.add_argument("--seed", type=int, default=0)
    command.add_argument(
        "--min-confidence", type=float, default=0.8, help="suggestions less sure label no portrait (default 0.8)"
    )
    command.add_argument("--new-classes", action="store_true", help="classes that an earlier build lacked are meant")
    command.add_argument(
        "--hold-out", action="append", default=[], metavar="A=X,B=Y", help="never train on this combination of labels"
    )

    command = add_command(train, "train a family on the packed file (notebook 03)")
    command.add_argument("--data", type=Path, required=True, help="data folder that `build` wrote")
    command.add_argument("--out", type=Path, required=True, help="artifacts folder: samples, checkpoints, metrics.csv")
    command.add_argument("--family", help="resnet_gan (default); any name in docs/families.md")
    command.add_argument("--profile", help="smoke, cpu or rtx2070; by the hardware unless given")
    length = command.add_mutually_exclusive_group()
    length.add_argument("--kimg", type=float, metavar="K", help="how long, in thousands of images seen")
    length.add_argument("--epochs", type=float, metavar="E", help="how long, in passes over the training portraits")
    length.add_argument("--minutes", type=float, metavar="M", help="how long by the clock; then it saves and ends")
    command.add_argument("--seed", type=int)
    begin = command.add_mutually_exclusive_group()
    begin.add_argument("--resume", action="store_true", help="go on from the latest checkpoint where there is one")
    begin.add_argument(
        "--from", dest="start", type=Path, metavar="FILE", help="begin with the weights of a checkpoint or weights file"
    )
    command.add_argument("--palette-snap", metavar="N|FILE", help="grids also show samples snapped to a palette")
    command.add_argument(
        "--mlflow", nargs="?", const="hero_portraits", metavar="EXPERIMENT", help="report to MLflow too, if installed"
    )
    command.add_argument(
        "--config", type=Path, metavar="FILE", help="YAML of settings, or the config.json of a run to repeat"
    )
    command.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="change a setting")

    command = add_command(compare, "train several families with one budget and put them on one page")
    command.add_argument("--data", type=Path, required=True, help="data folder that `build` wrote")
    command.add_argument("--out", type=Path, required=True, help="folder of the comparison; given again, it goes on")
    command.add_argument("--families", type=str, metavar="A,B", help="names joined by commas; all unless given")
    command.add_argument("--profile", help="smoke, cpu or rtx2070; by the hardware unless given")
    budget = command.add_mutually_exclusive_group()
    budget.add_argument("--minutes", type=float, metavar="M", help="of training, a family; unless given, its profile's")
    budget.add_argument("--kimg", type=float, metavar="K", help="length of training a family instead")
    command.add_argument("--seed", type=int, default=0)

    command = add_command(study, "every technique on and off, and less data, with several seeds")
    command.add_argument("--data", type=Path, required=True, help="data folder that `build` wrote")
    command.add_argument("--out", type=Path, required=True, help="folder of the study; given again, it goes on")
    command.add_argument("--rows", type=str, metavar="A,B", help="names joined by commas; all unless given")
    command.add_argument("--seeds", type=numbers, default=[0, 1], metavar="K,L", help="default 0,1")
    command.add_argument("--kimg", type=float, help="length of every run; unless given, the profile's")
    command.add_argument("--profile", help="smoke, cpu or rtx2070; by the hardware unless given")
    command.add_argument("--count", type=int, help="the most samples to evaluate a run with (default 1000)")

    command = add_command(sample, "sample heroes: one PNG each, grid.png, manifest.json")
    command.add_argument("--out", type=Path, required=True)
    add_sampling(command)
    command.add_argument(
        "--palette-snap",
        type=str,
        default="",
        metavar="N|FILE",
        help="snap to N colours of the training set or a palette file",
    )

    command = add_command(export, "heroes as what game engines and drawing programs load")
    command.add_argument("--out", type=Path, required=True)
    source_of = command.add_mutually_exclusive_group()
    source_of.add_argument("--images", type=Path, metavar="DIR", help="a folder of `sample` or any portraits")
    source_of.add_argument("--training", type=Path, metavar="DIR", help="a run's folder: its grids as gif or apng")
    command.add_argument(
        "--formats",
        metavar="A,B",
        help="some of png, json-hash, json-array, godot, tiled, preview, gpl, hex, pal, gif, apng "
        "(default png,json-hash; of --training gif)",
    )
    command.add_argument("--milliseconds", type=int, default=200, help="that a frame is shown (default 200)")
    of_portraits = [
        command.add_argument("--tags", metavar="A,B", help="attributes to sort and tag by; all unless given"),
        command.add_argument("--columns", type=int, help="portraits in a row of the sheet; a square unless given"),
        command.add_argument("--margin", type=int, default=0, help="pixels around the sheet's portraits (default 0)"),
        command.add_argument("--spacing", type=int, default=0, help="pixels between them (default 0)"),
        command.add_argument("--scale", type=int, default=4, help="enlargement of preview, gif and apng (default 4)"),
        command.add_argument(
            "--palette-snap",
            type=str,
            default="",
            metavar="N|FILE",
            help="snap to N colours of these portraits or a palette file",
        ),
    ]
    command.set_defaults(of_portraits=of_portraits)
    add_sampling(command)

    command = add_command(gallery, "a folder of portraits as one HTML page, to choose from")
    command.add_argument("folder", type=Path, metavar="FOLDER", help="that `sample` wrote, or any portraits")
    command.add_argument("--out", type=Path, metavar="FILE.html", help="gallery.html in the folder unless given")
    command.add_argument("--data", type=Path, help="data folder: show the nearest training portraits too")
    command.add_argument("--checkpoint", type=Path, help="that the portraits are of, for the page's commands")

    command = add_command(weights, "a checkpoint's sampler as one safetensors file, to pass on")
    command.add_argument("--checkpoint", type=Path, required=True)
    command.add_argument("--out", type=Path, required=True, metavar="FILE.safetensors")
    command.add_argument("--fp16", action="store_true", help="numbers of 16 bits: half the size")

    command = add_command(web, "a static web page that samples heroes in the browser")
    command.add_argument("--checkpoint", type=Path, help="of a run, or a weights file; the project's own unless given")
    command.add_argument("--out", type=Path, required=True, help="folder of the page")

    command = add_command(evaluate, "evaluate a checkpoint or a folder of images: JSON and an HTML report")
    evaluated = command.add_mutually_exclusive_group(required=True)
    evaluated.add_argument("--checkpoint", type=Path, help="take the samples from this file")
    evaluated.add_argument("--images", type=Path, help="folder of samples by anyone, with their manifest or labels.csv")
    command.add_argument("--data", type=Path, required=True, help="data folder that `build` wrote")
    command.add_argument("--out", type=Path, required=True, metavar="FILE.json", help="FILE.html comes beside it")
    command.add_argument("-n", "--count", type=int, default=2000, help="the most samples (default 2000)")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--guidance", type=float, metavar="W", help="of the checkpoint's samples; see `sample`")
    command.add_argument(
        "--inception", type=Path, metavar="FILE", help="torch-fidelity's weights: the literature's FID"
    )
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 1 diverged or a fault, 2 bad arguments or input, 130 Ctrl-C."""
    with any_terminal():
        parser = make_parser()
        parsed, unknown = parser.parse_known_args(arguments)
        if unknown:
            parser.prog += f" {parsed.run.__name__}"  # the help of the command lists what it takes
            parser.error(f"unrecognized arguments: {' '.join(unknown)}")
        try:
            return parsed.run(parsed) or 0
        # One place says what an error looks like, of whatever kind.
        except (Exception, KeyboardInterrupt) as error:
            return report_error(error, parsed.run.__name__, "debug" in parsed)


if __name__ == "__main__":
    sys.exit(main())
