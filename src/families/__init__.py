"""The families: ways to learn to draw. Adding one is a file in this folder and a line in `FAMILIES`."""

from src.errors import InputError
from src.families.cdcgan import ConditionalDCGAN
from src.families.interface import DataSpecification, Family
from src.families.resnet_gan import ResNetGAN

FAMILIES: dict[str, type[Family]] = {
    "resnet_gan": ResNetGAN,
    "cdcgan": ConditionalDCGAN,
}

DEFAULT_FAMILY = "resnet_gan"

__all__ = ["DEFAULT_FAMILY", "FAMILIES", "DataSpecification", "Family", "find_family"]


def find_family(name: str) -> type[Family]:
    """The family of that name.

    Raises:
        InputError: an unknown name.
    """
    if name not in FAMILIES:
        raise InputError(f"unknown family {name!r}; choose one of: {', '.join(FAMILIES)}")
    return FAMILIES[name]
