"""The families of generative models. Adding one is a file, a line in `FAMILIES` and a file in `configs/`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from src.errors import InputError

if TYPE_CHECKING:
    from src.family import Family

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
