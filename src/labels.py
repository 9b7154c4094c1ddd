"""What a label is: which attributes there are, which classes each has, and their indices.

Attributes and classes are data (`label_mappings.json`), not code. No torch here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from src.errors import InputError
from src.tables import check_content, read_json


@dataclass(frozen=True)
class LabelSpecification:
    """The attributes of a data set and the classes of each, in index order.

    Args:
        attributes: attribute name -> class names; a class's index is its place in the (sorted) names.
            Empty for a data set without labels.
    """

    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def from_values(cls, values: Mapping[str, Iterable[str]]) -> LabelSpecification:
        """Collect the classes that occur: attribute -> one class name a portrait, repeats allowed."""
        return cls({attribute: tuple(sorted(set(names))) for attribute, names in values.items()})

    @classmethod
    def from_mapping(cls, mapping: object, source: object = "the label mapping") -> LabelSpecification:
        """The specification that `label_mappings.json` holds: attribute -> class name -> index.

        Args:
            mapping: as read from anywhere.
            source: what it was read from, for the messages.

        Raises:
            InputError: no such mapping, an attribute without classes, or indices that are not 0, 1, 2, ... in the
                order of the sorted names.
        """
        content = check_content(mapping, dict[str, dict[str, int]], source, "run `build` (notebook 02) again")
        attributes = {}
        for attribute, indices in content.items():
            names = tuple(sorted(indices))
            if not names or [indices[name] for name in names] != list(range(len(names))):
                raise InputError(
                    f"{source}: the class indices of {attribute!r} must follow the sorted names; run `build` again"
                )
            attributes[attribute] = names
        return cls(attributes)

    def to_mapping(self) -> dict[str, dict[str, int]]:
        """Attribute -> class name -> index, the content of `label_mappings.json`."""
        return {
            attribute: {name: index for index, name in enumerate(names)} for attribute, names in self.attributes.items()
        }

    @property
    def names(self) -> tuple[str, ...]:
        """The attributes' names, in the order of the columns of a label array `[N, A]`."""
        return tuple(self.attributes)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of classes of each attribute."""
        return tuple(len(names) for names in self.attributes.values())

    def column(self, attribute: str) -> int:
        """The column of one attribute in a label array [N, A].

        Raises:
            InputError: an attribute that this data set does not have; the message lists those it has.
        """
        if attribute not in self.attributes:
            raise InputError(f"unknown attribute {attribute!r}; this data set has: {', '.join(self.names) or 'none'}")
        return self.names.index(attribute)

    def index(self, attribute: str, class_name: str) -> int:
        """The index of one class.

        Raises:
            InputError: an attribute or a class that this data set does not have; the message lists those it has.
        """
        names = tuple(self.attributes.values())[self.column(attribute)]
        if class_name not in names:
            raise InputError(f"unknown {attribute} {class_name!r}; choose one of: {', '.join(names)}")
        return names.index(class_name)

    def encode(self, row: Mapping[str, str]) -> list[int]:
        """Class names of one portrait -> indices, one an attribute."""
        return [self.index(attribute, row[attribute]) for attribute in self.names]

    def decode(self, indices: Sequence[int]) -> dict[str, str]:
        """Indices, one an attribute -> class names."""
        return {
            attribute: names[int(index)]
            for (attribute, names), index in zip(self.attributes.items(), indices, strict=True)
        }

    def restricted_to(self, names: Sequence[str]) -> LabelSpecification:
        """The same specification with only the attributes named, in this specification's order.

        Raises:
            InputError: a name that is no attribute of this data set.
        """
        for name in names:
            self.column(name)
        return LabelSpecification({name: self.attributes[name] for name in self.names if name in names})


def read_label_mappings(path: Path) -> LabelSpecification:
    """Read `label_mappings.json`.

    Raises:
        InputError: no such file, or not such a file.
    """
    mapping = read_json(path, dict[str, dict[str, int]], "run `build` (notebook 02) again")
    return LabelSpecification.from_mapping(mapping, path)
