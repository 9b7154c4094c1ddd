"""What file names say: labels and heroes by a pattern such as `{hero_class}/{hero}_*`, and heroes by a guess."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from pathlib import PurePosixPath
from statistics import median

import numpy as np

from src.errors import InputError

SILHOUETTE, FOLDER = "silhouette", "folder"

# Frames of one hero share this share of their colours, and so much more than pictures of two heroes do. (Walking frames
# measure 0.9, two heroes by one hand 0.1 to 0.5.)
LEAST_SHARED_COLOURS = 0.6
LEAST_MORE_SHARED = 0.25
HINT_SHARED_COLOURS = 0.5
LOOKED_AT = 200
"""Pairs compared."""
LEAST_HEROES, MOST_CLASSES = 3, 50
# Of the files, where folders are classes: stray ones may lie beside.
LEAST_IN_FOLDERS = 0.9

NO_CLASSES = "split"
USUAL_CLASSES = {
    "gender": {"feminine", "masculine", "female", "male", "woman", "man", "women", "men", "girl", "boy", "f", "m"},
    NO_CLASSES: {"train", "training", "val", "valid", "validation", "test", "testing"},
}
"""Folder names that tell what they are."""

_PART = re.compile(r"\{(\w+)\}|(\*)|([^{}*]+)")
_TOKEN = re.compile(r"[^\W\d_]+|\d+")
_NO_LETTERS = re.compile(r"[\W\d_]+")


def read_pattern(pattern: str) -> re.Pattern[str]:
    """A pattern of file names without their endings, as a regular expression with a group for each attribute.

    `{name}` stands for the attribute's class (no slash in it, as short as fits), `*` for anything.

    Raises:
        InputError: no attribute in it, one twice, or a stray brace.
    """
    parts = list(_PART.finditer(pattern))
    names = [part[1] for part in parts if part[1]]
    if "".join(part[0] for part in parts) != pattern or not names or len(set(names)) < len(names):
        raise InputError(
            f"{pattern!r} is no pattern of file names; write one such as '{{hero_class}}/*' or '{{hero}}_*', "
            "each attribute once"
        )
    if any(not name.isidentifier() for name in names):
        raise InputError(f"{pattern!r} names an attribute that is no word; begin it with a letter")
    return re.compile("".join(f"(?P<{p[1]}>[^/]+?)" if p[1] else ".*" if p[2] else re.escape(p[3]) for p in parts))


def match_names(pattern: str, filenames: Sequence[str]) -> dict[str, dict[str, str]]:
    """File name -> attribute -> class, of the names that match a pattern (see `read_pattern`).

    Raises:
        InputError: a bad pattern, or one that no name matches.
    """
    expression = read_pattern(pattern.replace("\\", "/"))  # as Windows writes it
    found = {name: expression.fullmatch(stem(name)) for name in filenames}
    matched = {name: match.groupdict() for name, match in found.items() if match}
    if not matched:
        example = f", such as {filenames[0]!r}" if filenames else ""
        raise InputError(f"no file name matches {pattern!r}; names are relative to the images folder{example}")
    return matched


def class_folders(filenames: Sequence[str]) -> list[dict[str, int]]:
    """The levels of folders, from the top, that look like classes: name -> number of files.

    Nearly every file lies so deep. There are at most 50 names, most with 2 files or more, and they are different words,
    whatever numbers stand beside them. Below the first level with several, most names stand in several of the folders
    above: classes do, heroes do not.
    """
    levels: list[dict[str, int]] = []
    for depth in range(1, max((name.count("/") for name in filenames), default=0) + 1):
        deep = [tuple(name.split("/")[:depth]) for name in filenames if name.count("/") >= depth]
        counts = Counter(folders[-1] for folders in deep)
        places = Counter(folders[-1] for folders in set(deep))
        words = {_NO_LETTERS.sub("", folder).casefold() for folder in counts}
        if (
            len(deep) < LEAST_IN_FOLDERS * len(filenames)
            or len(counts) > MOST_CLASSES
            or median(counts.values()) < 2
            or (len(counts) > 1 and len(words - {""}) < len(counts))
            or (any(len(level) > 1 for level in levels) and median(places.values()) < 2)
        ):
            break
        levels.append(dict(sorted(counts.items())))
    return levels


def folder_pattern(
    filenames: Sequence[str], attributes: Sequence[str], known: Mapping[str, Collection[str]]
) -> tuple[str, dict[str, dict[str, int]]]:
    """A pattern by which folders that look like classes label files.

    Folders called after genders are those of `gender`, and `train/`, `val/` are no classes; any others are those of the
    next attribute.

    Args:
        filenames: relative, with forward slashes.
        attributes: those that folders may give.
        known: attribute -> classes that it has already: the folders of it have them, too.

    Returns:
        The pattern, and what it gives: attribute -> class -> number of files; empty where no folders look so.
    """
    parts: list[str] = []
    found: dict[str, dict[str, int]] = {}
    for level in class_folders(filenames):
        words = {folder.casefold() for folder in level}
        usual = [name for name, names in USUAL_CLASSES.items() if words <= names]
        fitting = [
            name
            for name in attributes
            if level.keys() >= set(known.get(name, ())) and (name not in USUAL_CLASSES or len(attributes) == 1)
        ]
        name = next((name for name in usual or fitting if name not in found), None)
        if len(level) == 1:
            parts.append(re.sub("[{}]", "*", *level))
        elif name:
            found[name] = level
            parts.append(f"{{{name}}}")
        else:
            break
    while parts and "{" not in parts[-1]:
        parts.pop()
    found.pop(NO_CLASSES, None)
    return ("/".join([*parts, "*"]), found) if found else ("", {})


def heroes_by_name(filenames: Sequence[str], group_by: str) -> dict[str, str]:
    """File name -> the hero it shows, of the names that say so.

    Args:
        filenames: relative, with forward slashes.
        group_by: `folder`: the folder a file lies in; else a pattern (see `read_pattern`), whose values are the hero.

    Raises:
        InputError: a bad pattern, or one that no name matches.
    """
    if group_by == FOLDER:
        return {name: str(PurePosixPath(name).parent) for name in filenames if "/" in name}
    return {name: "/".join(values.values()) for name, values in match_names(group_by, filenames).items()}


def guess_heroes(filenames: Sequence[str], colours_of: Callable[[str], np.ndarray]) -> tuple[dict[str, str], str]:
    """Frames and views of one hero, where names and colours both say so.

    Names are compared part by part: `hero01/walk_0` and `hero01/walk_1` may be one hero, and so may `front/17` and
    `back/17`. Of the ways to read them, the one counts that joins the most and whose heroes keep their colours.

    Args:
        filenames: relative, with forward slashes.
        colours_of: the colours of a portrait, a sorted array; a few hundred are asked for.

    Returns:
        File name -> hero, empty where nothing is sure; and in words what makes a hero, also where that is a guess.
    """
    hint, cached = "", lru_cache(maxsize=None)(colours_of)
    for heroes, words in _readings(filenames):
        within, between = _shared_colours(joined(heroes), cached)
        if within >= LEAST_SHARED_COLOURS and within - between >= LEAST_MORE_SHARED:
            return heroes, words
        if within >= HINT_SHARED_COLOURS and within - between >= LEAST_MORE_SHARED / 2:
            hint = hint or words
    return {}, hint


def _readings(filenames: Sequence[str]) -> list[tuple[dict[str, str], str]]:
    """Ways in which names may name heroes, those that join the most first."""
    parts = {name: _parts(name) for name in filenames}
    deepest = max((len(part) for part in parts.values()), default=0)
    depths = [name.count("/") for name in filenames]
    ways: list[tuple[dict[str, str], str]] = []
    for folders in range(1, max(depths, default=0) + 1):
        words = "folder they lie in" if folders == 1 else f"first {folders} folders"
        ways.append(({name: "/".join(name.split("/")[:folders]) for name in filenames}, words))
    for end in range(2, min(deepest, 12)):
        ways.append(({name: "\n".join(part[:end]) for name, part in parts.items()}, "beginning of the name"))
    if min(depths, default=0) > 0:
        ways.append(({name: stem(name).partition("/")[2] for name in filenames}, "name without its folder"))
    usable = []
    for heroes, words in ways:
        count, several = len(set(heroes.values())), len(heroes)
        if count >= LEAST_HEROES and several >= 1.5 * count:
            usable.append((count, heroes, words))
    return [(heroes, words) for _, heroes, words in sorted(usable, key=lambda way: way[0])]


def _parts(filename: str) -> list[str]:
    """The folder, then the words and numbers of the name."""
    folder, _, name = stem(filename).rpartition("/")
    return [folder, *_TOKEN.findall(name)]


def stem(filename: str) -> str:
    """The name without its suffix."""
    return str(PurePosixPath(filename).with_suffix(""))


def _shared_colours(groups: Sequence[Sequence[str]], colours_of: Callable[[str], np.ndarray]) -> tuple[float, float]:
    """The mean share of colours that two pictures have in common, within groups and between them."""
    if len(groups) < 2:
        return 0.0, 0.0
    generator = np.random.default_rng(0)
    shares = ([], [])
    for _ in range(LOOKED_AT // 2):
        one, other = generator.choice(len(groups), 2, replace=False)
        first, second = generator.choice(len(groups[one]), 2, replace=False)
        names = groups[one][first], groups[one][second], groups[other][generator.integers(len(groups[other]))]
        own, *others = map(colours_of, names)
        for share, colours in zip(shares, others, strict=True):
            common = len(np.intersect1d(own, colours, assume_unique=True))
            share.append(common / max(1, len(own) + len(colours) - common))
    return float(np.mean(shares[0])), float(np.mean(shares[1]))


def joined(keys: Mapping[str, str]) -> list[list[str]]:
    """The names of each key, of those with several."""
    members = defaultdict(list)
    for name, key in keys.items():
        members[key].append(name)
    return [names for names in members.values() if len(names) > 1]
