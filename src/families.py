"""The families: ways to learn to draw. Adding one is a file in this folder and a line in `FAMILIES`."""

from src.errors import InputError
from src.family import DataSpecification, Family
from src.gan.cdcgan import ConditionalDCGAN
from src.gan.resnet_gan import ResNetGAN
from src.pyramid.family import PalettePyramidFamily
from src.zoo.acgan import ACGAN
from src.zoo.autoencoder import AutoencoderFamily
from src.zoo.dcgan import DCGAN
from src.zoo.diffusion import Diffusion
from src.zoo.r3gan import R3GAN
from src.zoo.vae import VAE
from src.zoo.vqvae import VQVAE
from src.zoo.wgan import WGAN

FAMILIES: dict[str, type[Family]] = {
    "resnet_gan": ResNetGAN,
    "r3gan": R3GAN,
    "cdcgan": ConditionalDCGAN,
    "dcgan": DCGAN,
    "wgan": WGAN,
    "acgan": ACGAN,
    "autoencoder": AutoencoderFamily,
    "vae": VAE,
    "vqvae": VQVAE,
    "diffusion": Diffusion,
    "palette_pyramid": PalettePyramidFamily,
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
