"""DCoDR: contrastive content codes (Kahana & Hoshen, ECCV 2022).

Names follow lordbench: *class* is what the paper calls the domain. Published: one content encoder, whose
codes have unit length; each is contrasted with the same image under one random augmentation (colour, blur,
grey or crop), against other images of its own class only, so that the class cannot tell them apart and need
not be encoded; jointly a generator from this code and a latent code per class, under LORD's loss; and the
variant without reconstruction.

Ours: the encoder is the one that all methods share, from scratch, not a pretrained ResNet-50; strengths of
the augmentations; rates, which are constant (published: a third of it after every 30 epochs); a class
encoder, which is fitted to the class codes as in LORD's second stage but while they are learned. Without
reconstruction there is still a generator, from which the codes do not learn.
"""

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from lordbench.lord import BETAS, INITIAL_RANGE
from lordbench.nn import EncoderDecoder, GroupTrainedConfig, ReconstructionLoss
from lordbench.training import Batch, Codes, DataSpec, MethodConfig, Update, adam
from lordbench.training.ranges import LATENT_RATE, RATE, Range

JITTER = 0.4
"""Brightness, contrast and saturation are multiplied by 1 - this to 1 + this."""
BLUR = 1 / 32
"""Largest deviation of the blur, as a share of the image's size."""
CROP = 0.25
"""Largest share of height and width that a crop cuts off."""
LUMA = (0.299, 0.587, 0.114)


class DcodrConfig(GroupTrainedConfig):
    """Settings of DCoDR.

    Attributes:
        per_class: images of a class in a batch, which are told apart. Published: 32 of 4 classes. Not
            searched, since the batch decides what is possible.
        temperature: of the contrast.
        reconstruction_weight: of the reconstruction loss.
        joint: whether content codes learn from the reconstruction too; false is the paper's variant without.
        learning_rate: Adam's, for all networks.
        latent_rate: Adam's, for the class codes.
    """

    per_class: int = Field(32, ge=2)
    temperature: Annotated[float, Range(0.05, 0.5, log=True)] = Field(0.2, gt=0)
    reconstruction_weight: Annotated[float, Range(0.1, 10.0, log=True)] = Field(0.3, ge=0)
    joint: bool = True
    learning_rate: Annotated[float, RATE] = Field(3e-4, gt=0)
    latent_rate: Annotated[float, LATENT_RATE] = Field(3e-3, gt=0)

    def weights(self) -> tuple[str, ...]:
        """VGG16, for the perceptual loss, which is also the published one."""
        return () if self.reconstruction == "pyramid" else ("vgg16",)


class Dcodr(EncoderDecoder):
    """Content codes that tell images of a class apart, and a generator that adds a latent class code."""

    summary: ClassVar[str] = "content codes contrasted within a class, latent class codes, a generator"
    source: ClassVar[str] = "Kahana & Hoshen, A Contrastive Objective for Disentangled Representations, 2022"
    built_on: ClassVar[tuple[str, ...]] = ("lordbench.lord",)
    Config: ClassVar[type[MethodConfig]] = DcodrConfig
    betas = BETAS
    published_loss = None
    config: DcodrConfig

    def __init__(self, config: DcodrConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.class_codes = nn.Embedding(spec.n_classes, config.class_size)
        nn.init.uniform_(self.class_codes.weight, -INITIAL_RANGE, INITIAL_RANGE)

    @property
    def group_size(self) -> int:
        return self.config.per_class

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        return self.content_encoder, self.generator

    def updates(self, reconstruct: ReconstructionLoss) -> list[Update]:
        """Content encoder, generator and class codes; then the class encoder."""
        config = self.config
        rates = [(network, config.learning_rate) for network in self.networks]
        optimizer = adam([*rates, (self.class_codes, config.latent_rate)], self.betas)
        return [
            Update([optimizer], lambda batch: self.loss(batch, reconstruct)),
            self.update([self.class_encoder], config.learning_rate, self.class_loss),
        ]

    def loss(self, batch: Batch, reconstruct: ReconstructionLoss) -> dict[str, Tensor]:
        """Contrast within classes, and the reconstruction from content code and latent class code."""
        config = self.config
        contents = self.encode_content(batch.images)
        positives = self.encode_content(augmented(batch.images, batch.generator))
        # A class smaller than its group repeats images: no image is its own negative.
        negatives = (batch.classes[:, None] == batch.classes) & (batch.index[:, None] != batch.index)
        output = self.decode(
            Codes(self.class_codes(batch.classes), contents if config.joint else contents.detach())
        )
        return {
            "contrast": info_nce(contents, positives, negatives, config.temperature),
            "reconstruction": config.reconstruction_weight * reconstruct(output, batch.images),
        }

    def class_loss(self, batch: Batch) -> dict[str, Tensor]:
        """Squared error between encoded and latent class codes, which are fixed targets."""
        targets = self.class_codes(batch.classes).detach()
        return {"class code": F.mse_loss(self.class_encoder(batch.images), targets)}

    def encode(self, images: Tensor) -> Codes:
        """Codes by the two encoders; content codes have unit length."""
        return Codes(self.class_encoder(images), self.encode_content(images))

    def encode_content(self, images: Tensor) -> Tensor:
        """Content codes, float32 (N, content size), of unit length."""
        return F.normalize(self.content_encoder(images))


def info_nce(codes: Tensor, positives: Tensor, negatives: Tensor, temperature: float) -> Tensor:
    """Cross-entropy of finding each code's positive among its negatives by cosine similarity: scalar.

    Args:
        codes: float32 (N, D), of unit length, like `positives`.
        positives: the code of each image's other view.
        negatives: which of the N codes are negatives of which, bool (N, N), a row for each code.
        temperature: divides the similarities.
    """
    attraction = (codes * positives).sum(dim=1, keepdim=True)
    repulsion = (codes @ codes.T).masked_fill(~negatives, -torch.inf)
    logits = torch.cat([attraction, repulsion], dim=1).float() / temperature
    return (logits.logsumexp(dim=1) - logits[:, 0]).mean()


def augmented(images: Tensor, generator: torch.Generator) -> Tensor:
    """Each image, float [0, 1] (N, C, S, S), under one of the four augmentations, drawn for each."""
    n, channels, size, _ = images.shape

    def uniform(low: float, high: float) -> Tensor:
        values = torch.rand(n, generator=generator, device=images.device)
        return (low + (high - low) * values)[:, None, None, None]

    luma = images.new_tensor(LUMA)[:, None, None] if channels == 3 else 1
    grey = (images * luma).sum(dim=1, keepdim=True).expand_as(images)
    factors = [uniform(1 - JITTER, 1 + JITTER) for _ in range(3)]
    colour = factors[0] * grey.lerp(images, factors[1])
    mean = colour.mean(dim=(1, 2, 3), keepdim=True)
    colour = mean.lerp(colour, factors[2]).clamp(0, 1)
    # A blur along an axis is a product with a matrix, whose rows are Gaussians that sum to one.
    places = torch.arange(size, device=images.device)
    widths = BLUR * size * uniform(0.1, 1)
    gaussians = (-0.5 * ((places[:, None] - places) / widths).square()).softmax(dim=-1)
    blurred = (gaussians @ images @ gaussians.mT).to(images.dtype)
    scale = uniform(1 - CROP, 1).flatten()
    shifts = [(1 - scale) * uniform(-1, 1).flatten() for _ in range(2)]
    zero = torch.zeros_like(scale)
    windows = torch.stack([scale, zero, shifts[0], zero, scale, shifts[1]], dim=1).view(n, 2, 3)
    grid = F.affine_grid(windows, list(images.shape), align_corners=False)
    cropped = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    views = torch.stack([colour, blurred, grey, cropped])
    which = torch.randint(len(views), (n,), generator=generator, device=images.device)
    return views[which, torch.arange(n, device=images.device)]
