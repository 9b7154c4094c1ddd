"""`vqvae`: a portrait as a grid of codes from a codebook, and a prior that writes grids (van den Oord et al., 2017).

The autoencoder learns without labels what patches of portraits look like; the prior learns, label by label, which
codes follow which. Both learn in the same step: the prior chases codes that move less and less.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from src.device import in_float64
from src.errors import InputError
from src.family import DataSpecification, Family, Stateful, evaluation_mode
from src.gan.diff_augment import DiffAugment
from src.pyramid.choosing import only_the_likeliest
from src.schema import Count, Decay, NonNegative, Share, TrainingConfig
from src.zoo.code_prior import CodePrior
from src.zoo.early_stopping import EarlyStopping
from src.zoo.encoder_decoder import ConvolutionalDecoder, ConvolutionalEncoder

# A count so small that the first batch alone decides where the codes are: the mean of those that come, or a revival.
UNSEEN = 1e-6


class VectorQuantiser(nn.Module):
    """A codebook of K vectors; every vector is replaced by the nearest of them. It follows the encoder by running
    averages, not by gradients (van den Oord et al., 2017, appendix A.1); dead codes are revived as in Jukebox (Dhariwal
    et al., 2020).

    A code is the mean of the vectors it stood for, newer ones weighing more: a running sum divided by a running count.
    Averaging sums and counts over time, as the training loop does for the sampler, gives again such a
    mean, and a revived code takes the place of the dead one at once, whose count is next to nothing.

    Args:
        code_count: K.
        dim: length of a vector.
        decay: share that sums and counts keep at every step.
        dead_share: a code is dead where its count falls below this share of what it would be were all used alike.
    """

    def __init__(self, code_count: int, dim: int, decay: float = 0.99, dead_share: float = 0.05) -> None:
        super().__init__()
        self.code_count = code_count
        self.decay = decay
        self.dead_share = dead_share
        self.register_buffer("counts", torch.full((code_count,), UNSEEN))
        self.register_buffer("sums", UNSEEN * torch.randn(code_count, dim))

    @property
    def codebook(self) -> Tensor:
        """The codes' vectors, [K, D]."""
        return self.sums / self.counts[:, None]

    def nearest(self, vectors: Tensor) -> Tensor:
        """The nearest code of each vector: [..., D] -> int64 [...]."""
        return self._distances(vectors.flatten(0, -2)).argmin(dim=1).view(vectors.shape[:-1])

    def lookup(self, codes: Tensor) -> Tensor:
        """The vectors of codes: int64 [...] -> [..., D]."""
        return nn.functional.embedding(codes, self.codebook)

    @torch.no_grad()
    def learn(self, vectors: Tensor) -> None:
        """Move the codes towards a batch of vectors [..., D]; the dead ones jump to vectors that are served badly."""
        vectors = vectors.flatten(0, -2).float()
        distances, codes = self._distances(vectors).min(dim=1)
        chosen = nn.functional.one_hot(codes, self.code_count).to(vectors)
        self.counts.mul_(self.decay).add_((1 - self.decay) * chosen.sum(dim=0))
        self.sums.mul_(self.decay).add_((1 - self.decay) * (chosen.T @ vectors))
        self._revive(vectors, distances)

    def _revive(self, vectors: Tensor, distances: Tensor) -> None:
        least = self.dead_share * len(vectors) / self.code_count
        dead = self.counts < least
        # Far from their code means likely to be picked (the seeding of k-means++; Arthur & Vassilvitskii, 2007): most
        # of a portrait is background, which has its codes already. All codes draw, so that no step waits for a count.
        picked = vectors[torch.multinomial(distances.clamp(min=1e-6), self.code_count, replacement=True)]
        # Twice the least count: if nobody comes, the code is free again after some 70 steps.
        counts = torch.where(dead, 2 * least, self.counts)
        self.sums.copy_(torch.where(dead[:, None], 2 * least * picked, self.sums))
        self.counts.copy_(counts)

    def _distances(self, vectors: Tensor) -> Tensor:
        """Squared distances of vectors [M, D] to every code: [M, K], at least 0."""
        codebook = self.codebook
        products = vectors @ codebook.T
        lengths = vectors.square().sum(dim=1, keepdim=True) + codebook.square().sum(dim=1)
        return (lengths - 2 * products).clamp(min=0)


def straight_through(vectors: Tensor, quantised: Tensor) -> Tensor:
    """The quantised vectors forwards; backwards the gradient passes to the vectors as if nothing had happened."""
    return vectors + (quantised - vectors).detach()


def perplexity(codes: Tensor, code_count: int) -> Tensor:
    """How many codes are in use, the exponential of the entropy of their frequencies: 1 to `code_count`."""
    # Not `bincount`, which has the card wait: it looks for the largest number first.
    counts = torch.zeros(code_count, device=codes.device)
    shares = counts.scatter_add(0, codes.flatten(), torch.ones(codes.numel(), device=codes.device)) / codes.numel()
    return torch.special.entr(shares).sum().exp()


class VQVAEConfig(TrainingConfig):
    """Autoencoder, codebook and prior."""

    code_side: Count
    code_count: Count
    code_dim: Count
    base_channels: Count
    learning_rate: NonNegative
    commitment_weight: NonNegative
    augment: str
    augment_probability: Share
    codebook_decay: Decay
    dead_share: Annotated[float, Field(gt=0, le=1)]
    prior: bool
    prior_width: Count
    prior_layers: Count
    prior_heads: Count
    prior_dropout: Share
    prior_noise: Share
    prior_weight_decay: NonNegative
    learning_rate_prior: NonNegative
    patience_kimg: NonNegative
    window_kimg: NonNegative


class VectorQuantisedAutoencoder(nn.Module):
    """Encoder, codebook, decoder and, where there is one, the prior: all that sampling needs."""

    def __init__(self, config: VQVAEConfig, data: DataSpecification) -> None:
        super().__init__()
        self.side = min(config.code_side, data.size // 4)
        shape = (data.size, data.channels, self.side, config.base_channels)
        features, portraits = ConvolutionalEncoder(*shape), ConvolutionalDecoder(*shape)
        self.encoder = nn.Sequential(features, nn.Conv2d(features.channels, config.code_dim, 1))
        self.quantiser = VectorQuantiser(config.code_count, config.code_dim, config.codebook_decay, config.dead_share)
        self.decoder = nn.Sequential(nn.Conv2d(config.code_dim, portraits.channels, 3, padding=1), portraits, nn.Tanh())
        self.prior: CodePrior | None = None
        if config.prior:
            self.prior = CodePrior(
                config.code_count,
                self.side**2,
                data.labels.sizes,
                config.prior_width,
                config.prior_layers,
                config.prior_heads,
                config.prior_dropout,
            )

    def encode(self, images: Tensor) -> Tensor:
        """Portraits [N, C, size, size] in [-1, 1] -> vectors [N, side, side, D], to be quantised."""
        return self.encoder(images).permute(0, 2, 3, 1)

    def decode(self, vectors: Tensor) -> Tensor:
        """Vectors [N, side, side, D] -> portraits [N, C, size, size] in [-1, 1]."""
        return self.decoder(vectors.permute(0, 3, 1, 2))

    def decode_codes(self, codes: Tensor) -> Tensor:
        """Codes int64 [N, L], row by row -> portraits [N, C, size, size] in [-1, 1]."""
        return self.decode(self.quantiser.lookup(codes).unflatten(1, (self.side, self.side)))


class VQVAE(Family):
    """The autoencoder with its codebook, the prior, and an optimizer for each."""

    config_class = VQVAEConfig

    def __init__(self, config: VQVAEConfig, data: DataSpecification, device: torch.device) -> None:
        super().__init__(config, data, device)
        self.model = VectorQuantisedAutoencoder(config, data).to(device, memory_format=torch.channels_last)
        self.augment = DiffAugment(config.augment, config.augment_probability)
        self.early_stopping = EarlyStopping(config.patience_kimg, config.window_kimg)

    def build_optimizers(self) -> None:
        config, model = self.config, self.model
        self.optimizer = torch.optim.Adam(
            [*model.encoder.parameters(), *model.decoder.parameters()], config.learning_rate, fused=True
        )
        if model.prior is not None:
            self.optimizer_prior = torch.optim.AdamW(
                model.prior.parameters(),
                config.learning_rate_prior,
                betas=(0.9, 0.95),
                weight_decay=config.prior_weight_decay,
                fused=True,
            )

    @property
    def sampler(self) -> nn.Module:
        return self.model

    @property
    def latent_dim(self) -> int:
        """One number a code."""
        return self.model.side**2

    @property
    def networks(self) -> dict[str, nn.Module]:
        networks = {"encoder": self.model.encoder, "decoder": self.model.decoder}
        if self.model.prior is not None:
            networks["prior"] = self.model.prior
        return networks

    @property
    def cannot_sample(self) -> str:
        if self.model.prior is not None:
            return ""
        return "this vqvae was trained without its prior and cannot sample, only reconstruct; train one with prior=true"

    @property
    def finished(self) -> bool:
        return self.early_stopping.finished

    def train_step(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        # Of portraits as they are: the prior is to write no changed ones.
        codes = self.codes_of(reals)
        scalars = self.autoencoder_step(self.augment(reals))
        if self.model.prior is not None:
            scalars["loss_prior"] = self.prior_step(codes, labels)
        self.precision.scaler.update()
        return scalars

    def autoencoder_step(self, reals: Tensor) -> dict[str, Tensor]:
        """Encoder and decoder learn by gradients, the codebook follows by running averages.

        Returns:
            Scalars.
        """
        model, quantiser = self.model, self.model.quantiser
        with self.precision.autocast():
            vectors = model.encode(reals)
        vectors = vectors.float()
        codes = quantiser.nearest(vectors)
        quantised = quantiser.lookup(codes)
        with self.precision.autocast():
            rebuilt = model.decode(straight_through(vectors, quantised))
        loss_reconstruction = functional.mse_loss(rebuilt.float(), reals)
        loss_commitment = functional.mse_loss(vectors, quantised)
        self.minimise(loss_reconstruction + self.config.commitment_weight * loss_commitment, self.optimizer)
        quantiser.learn(vectors.detach())
        return {
            "loss_reconstruction": loss_reconstruction,
            "loss_commitment": loss_commitment,
            "perplexity": perplexity(codes, quantiser.code_count),
        }

    @torch.no_grad()
    def codes_of(self, reals: Tensor) -> Tensor:
        """Portraits [N, C, size, size] in [-1, 1] -> their codes, row by row, int64 [N, L]."""
        with self.precision.autocast():
            vectors = self.model.encode(reals)
        return self.model.quantiser.nearest(vectors.float()).flatten(1)

    def prior_step(self, codes: Tensor, labels: Tensor) -> Tensor:
        """The prior learns to predict every code from those before it, [N, L]; the loss is in nats a code.

        A share of the codes before are replaced by random ones: what it is to go by is never twice the same, so it
        memorises less, and a bad code of its own misleads it less (scheduled sampling's aim; Bengio et al., 2015).
        """
        random = torch.randint_like(codes, self.config.code_count)
        seen = torch.where(torch.rand(codes.shape, device=codes.device) < self.config.prior_noise, random, codes)
        with self.precision.autocast():
            logits = self.model.prior(seen, labels)
        loss = functional.cross_entropy(logits.float().flatten(0, 1), codes.flatten())
        self.minimise(loss, self.optimizer_prior)
        return loss

    def truncated(self, latents: Tensor, truncation: float) -> Tensor:
        """Only the likeliest codes, which have the share `truncation` together."""
        return only_the_likeliest(latents, truncation)

    @torch.no_grad()
    def sample(self, sampler: nn.Module, latents: Tensor, labels: Tensor) -> Tensor:
        """Codes from the prior, decoded. A latent becomes a uniform number through the normal distribution's CDF."""
        if self.cannot_sample:
            raise InputError(self.cannot_sample)
        codes = sampler.prior.sample(torch.special.ndtr(in_float64(latents)), labels)
        return sampler.decode_codes(codes)

    @torch.no_grad()
    def sample_random_codes(self, sampler: nn.Module, latents: Tensor) -> Tensor:
        """What the decoder makes of codes of which each is as likely as any other: what a prior is good for."""
        shares = torch.special.ndtr(in_float64(latents))
        codes = (shares * self.config.code_count).long().clamp(max=self.config.code_count - 1)
        return sampler.decode_codes(codes.to(latents.device))

    @torch.no_grad()
    def reconstruct(self, sampler: nn.Module, reals: Tensor, labels: Tensor) -> Tensor:
        return sampler.decode_codes(sampler.quantiser.nearest(sampler.encode(reals)).flatten(1))

    @torch.no_grad()
    def validate(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        """The losses on validation portraits; a prior whose loss rises here overfits, and training ends in time."""
        model = self.model
        codes = self.codes_of(reals)
        with self.precision.autocast():
            rebuilt = model.decode_codes(codes)
        scalars = {"loss_reconstruction_validation": functional.mse_loss(rebuilt.float(), reals)}
        if model.prior is not None:
            with evaluation_mode(model.prior), self.precision.autocast():
                logits = model.prior(codes, labels)
            loss = functional.cross_entropy(logits.float().flatten(0, 1), codes.flatten())
            scalars["loss_prior_validation"] = loss
            self.early_stopping.update(loss, images_seen)
        return scalars

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        # Runs of earlier versions did not stop by themselves.
        super().load_state_dict({"early_stopping": self.early_stopping.state_dict(), **state})

    @property
    def parts(self) -> dict[str, Stateful]:
        parts = {"model": self.model, "optimizer": self.optimizer, "scaler": self.precision.scaler}
        parts["early_stopping"] = self.early_stopping
        if self.model.prior is not None:
            parts["optimizer_prior"] = self.optimizer_prior
        return parts
