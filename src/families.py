"""The families of generative models. Adding one is a file, a line in `FAMILIES` and a file in `configs/`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from src.errors import InputError
from src.limits import checked_networks

if TYPE_CHECKING:
    import torch

    from src.family import DataSpecification, Family
    from src.schema import TrainingConfig

# Where each one is; imported when it is asked for.
FAMILIES = {
    "resnet_gan": "src.gan.resnet_gan.ResNetGAN",
    "r3gan": "src.zoo.r3gan.R3GAN",
    "cdcgan": "src.gan.cdcgan.ConditionalDCGAN",
    "dcgan": "src.zoo.dcgan.DCGAN",
    "wgan": "src.zoo.wgan.WGAN",
    "acgan": "src.zoo.acgan.ACGAN",
    "autoencoder": "src.zoo.autoencoder.AutoencoderFamily",
    "vae": "src.zoo.vae.VAE",
    "vqvae": "src.zoo.vqvae.VQVAE",
    "diffusion": "src.zoo.diffusion.Diffusion",
    "palette_pyramid": "src.pyramid.family.PalettePyramidFamily",
}

DEFAULT_FAMILY = "resnet_gan"


def find_family(name: str) -> type[Family]:
    """The family of that name.

    Raises:
        InputError: an unknown name.
    """
    if name not in FAMILIES:
        raise InputError(f"unknown family {name!r}; choose one of: {', '.join(FAMILIES)}")
    module, _, class_name = FAMILIES[name].rpartition(".")
    return getattr(importlib.import_module(module), class_name)


def build_family(
    name: str, config: TrainingConfig, data: DataSpecification, device: torch.device, copies: int = 1
) -> Family:
    """The family of that name with its networks, untrained.

    Args:
        name: of `FAMILIES`.
        config, data, device: as for `Family`.
        copies: how often what is built will be in memory: gradients, moments, averages.

    Raises:
        InputError: settings and data make no network, or one that does not fit into the memory.
    """
    family = find_family(name)
    try:
        with checked_networks(copies):
            return family(config, data, device)
    except InputError:
        raise
    except (ValueError, ArithmeticError, RuntimeError) as error:
        if type(error).__name__ == "OutOfMemoryError":
            raise InputError(
                "the card's memory cannot hold the networks; make them smaller, or free the card"
            ) from None
        raise InputError(f"these settings and data make no network: {str(error).splitlines()[0][:200]}") from None
