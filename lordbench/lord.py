"""LORD: latent optimization for class/content disentanglement (Gabbay & Hoshen, ICLR 2020)."""

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from lordbench.data import ImageSet
from lordbench.nn import ReconstructionLoss, TrunkConfig, divergence, draw, reconstruction_loss
from lordbench.training import Batch, Codes, Context, DataSpec, Loss, Method, MethodConfig, Phase, Update
from lordbench.training.batches import ShuffledBatches
from lordbench.training.optimizers import RowAdam, adam
from lordbench.utils import seeds

BETAS = (0.5, 0.999)
"""Adam's, in both of the authors' releases and both stages."""
INITIAL_RANGE = 0.05
"""Codes start uniform in (-0.05, 0.05), as in both of the authors' releases."""


class LordConfig(TrunkConfig):
    """Settings of LORD; the defaults are those of the authors' PyTorch release unless noted.

    Attributes:
        regularizer: of the content code. `noise`: Gaussian noise of fixed variance and an activation decay
            (the paper's); `kl`: a variance learned per image, under a KL term, as in a VAE; `none`.
        class_code: `latent`: one learned code per class (the paper's); `amortized`: a class encoder.
        content_code: `latent`: one learned code per image (the paper's); `amortized`: a content encoder.
        noise: standard deviation of the noise on content codes, in training only.
        decay: weight of the squared norm of the clean content code, averaged over the batch.
        kl_weight: weight of the KL term, in nats per image, with `regularizer=kl`.
        generator_rate: Adam's learning rate for the networks in stage 1; `latent_rate` for the latent codes.
        encoder_rate: Adam's learning rate for all networks in stage 2.
        final_rate: where every learning rate ends, on a cosine.
        code_weight: weight of the mean squared error between encoded and learned codes in stage 2.
        stage1_share: share of the budget that stage 1 gets; 0.5 as published (200 epochs each).
    """

    regularizer: Literal["noise", "kl", "none"] = "noise"
    class_code: Literal["latent", "amortized"] = "latent"
    content_code: Literal["latent", "amortized"] = "latent"
    noise: float = Field(1.0, ge=0)
    decay: float = Field(1e-4, ge=0)
    kl_weight: float = Field(1e-3, ge=0)
    generator_rate: float = Field(3e-4, gt=0)
    latent_rate: float = Field(3e-3, gt=0)
    encoder_rate: float = Field(1e-4, gt=0)
    final_rate: float = Field(1e-5, ge=0)
    code_weight: float = Field(10.0, ge=0)
    stage1_share: float = Field(0.5, gt=0, lt=1)

    def weights(self) -> tuple[str, ...]:
        """VGG16, for the perceptual loss, which is also the published one."""
        return () if self.reconstruction == "pyramid" else ("vgg16",)


def code_table(rows: int, size: int) -> nn.Embedding:
    """Return a table of free codes, float32 (rows, size), for RowAdam."""
    table = nn.Embedding(rows, size, sparse=True)
    nn.init.uniform_(table.weight, -INITIAL_RANGE, INITIAL_RANGE)
    return table


class ClassCodes(nn.Module):
    """Class codes, float32 (N, size): one learned code per class, or (ablation) an encoder's per image."""

    def __init__(self, config: LordConfig, spec: DataSpec, encoder: nn.Module) -> None:
        super().__init__()
        latent = config.class_code == "latent"
        self.table = code_table(spec.n_classes, config.class_size) if latent else None
        # In a list, so that its state is saved once, as the method's class encoder.
        self._encoder = [encoder]

    def forward(self, batch: Batch) -> Tensor:
        code: Tensor = self._encoder[0](batch.images) if self.table is None else self.table(batch.classes)
        return code


class ContentCodes(nn.Module):
    """Clean content codes, float32 (N, size): one learned code per image, or (ablation) an encoder's."""

    def __init__(self, config: LordConfig, spec: DataSpec, encoder: nn.Module) -> None:
        super().__init__()
        self.config, size = config, config.content_size
        self._encoder = [encoder]
        self.table = code_table(spec.n_images, size) if config.content_code == "latent" else None
        self.log_variance: nn.Module | None = None
        if config.regularizer == "kl":
            self.log_variance = code_table(spec.n_images, size) if self.table else config.encoder(spec, size)

    def forward(self, batch: Batch) -> Tensor:
        code: Tensor = self._encoder[0](batch.images) if self.table is None else self.table(batch.index)
        return code

    def regularized(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Codes to generate from, float32 (N, content size), and the loss terms that go with them."""
        mean, config = self(batch), self.config
        if config.regularizer == "none":
            return mean, {}
        if self.log_variance is None:
            # Fixed variance: a code stands out from the noise only if it grows, which the decay penalizes.
            noise = torch.randn(mean.shape, generator=batch.generator, device=mean.device)
            return mean + config.noise * noise, {"decay": config.decay * mean.square().sum(dim=1).mean()}
        log_variance = self.log_variance(batch.images if self.table is None else batch.index)
        kl = config.kl_weight * divergence(mean, log_variance).mean()
        return draw(mean, log_variance, batch.generator), {"kl": kl}


class Lord(Method):
    """LORD with both stages, and the variants that its paper compares it with."""

    summary: ClassVar[str] = "shared latent class codes, noise-regularized content codes, then encoders"
    source: ClassVar[str] = "Gabbay & Hoshen, Demystifying Inter-Class Disentanglement, ICLR 2020"
    Config: ClassVar[type[MethodConfig]] = LordConfig
    config: LordConfig
    train_classes: Tensor

    def __init__(self, config: LordConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.config = config
        self.generator = config.generator(spec)
        self.class_encoder = config.encoder(spec, config.class_size)
        self.content_encoder = config.encoder(spec, config.content_size)
        self.class_codes = ClassCodes(config, spec, self.class_encoder)
        self.content_codes = ContentCodes(config, spec, self.content_encoder)
        self.register_buffer("train_classes", torch.zeros(spec.n_images, dtype=torch.int64))

    def fit(self, train: ImageSet, context: Context) -> None:
        """Run both stages, in the shares of the budget that the settings give them."""
        self.train_classes.copy_(torch.from_numpy(train.classes))
        reconstruct = reconstruction_loss(self.config.reconstruction, None, context.device)
        phases = [self.latent_optimization(context, reconstruct), self.amortization(context, reconstruct)]
        context.run(self, train, phases)

    def latent_optimization(self, context: Context, reconstruct: ReconstructionLoss) -> Phase:
        """Stage 1: codes and generator are learned together (paper, section 3.2)."""
        config = self.config
        networks: list[nn.Module] = [self.generator]
        if self.class_codes.table is None:
            networks.append(self.class_encoder)
        if self.content_codes.table is None:
            networks += [self.content_encoder, self.content_codes]
        optimizer = adam([(network, config.generator_rate) for network in networks], BETAS)
        optimizers: list[torch.optim.Optimizer] = [optimizer]
        if tables := code_tables(self.class_codes, self.content_codes):
            optimizers.append(RowAdam(tables, config.latent_rate, BETAS))
        loss = self.latent_loss(self.class_codes, self.content_codes, reconstruct)
        return self.phase(context, "latent optimization", config.stage1_share, [Update(optimizers, loss)])

    def latent_loss(
        self, class_codes: ClassCodes, content_codes: ContentCodes, reconstruct: ReconstructionLoss
    ) -> Loss:
        """Objective of stage 1: reconstruction(G(class code, content code + noise), image) + regularizer."""

        def loss(batch: Batch) -> dict[str, Tensor]:
            content, terms = content_codes.regularized(batch)
            output = self.generator(class_codes(batch), content)
            return {"reconstruction": reconstruct(output, batch.images), **terms}

        return loss

    def amortization(self, context: Context, reconstruct: ReconstructionLoss) -> Phase:
        """Stage 2: encoders learn the codes while the generator continues training (paper, section 3.3)."""
        networks = (self.class_encoder, self.content_encoder, self.generator)
        optimizer = adam([(network, self.config.encoder_rate) for network in networks], BETAS)
        update = Update([optimizer], lambda batch: self.amortization_terms(batch, reconstruct)[0])
        return self.phase(context, "amortization", 1 - self.config.stage1_share, [update])

    def amortization_terms(
        self, batch: Batch, reconstruct: ReconstructionLoss
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Loss terms of stage 2, and the reconstructed images.

        The learned codes, without noise, are fixed targets. A code that stage 1 has amortized already has no
        target; its encoder continues with the reconstruction alone.
        """
        codes = self.encode(batch.images)
        output = self.decode(codes)
        terms = {"reconstruction": reconstruct(output, batch.images)}
        for name, code, learned in (
            ("class code", codes.class_code, self.class_codes),
            ("content code", codes.content_code, self.content_codes),
        ):
            if learned.table is not None:
                terms[name] = self.config.code_weight * F.mse_loss(code, learned(batch).detach())
        return terms, output

    def phase(
        self,
        context: Context,
        name: str,
        share: float,
        updates: Sequence[Update],
        n_images: int | None = None,
    ) -> Phase:
        """Return a phase over all training images, or over `n_images` others."""
        seed = seeds.derive(context.seed, name, "batches")
        batches = ShuffledBatches(n_images or self.spec.n_images, context.budget.batch_size, seed)
        steps = context.budget.steps(batches.batch_size, share)
        return Phase(name, steps, batches, updates, self.config.final_rate)

    def encode(self, images: Tensor) -> Codes:
        return Codes(self.class_encoder(images), self.content_encoder(images))

    def decode(self, codes: Codes) -> Tensor:
        images: Tensor = self.generator(codes.class_code, codes.content_code)
        return images

    def optimize_codes(self, images: ImageSet, context: Context) -> Codes | None:
        """Codes of unseen images by stage 1 with the generator fixed; None where a code is amortized."""
        config, spec = self.config, DataSpec.of(images)
        if self.class_codes.table is None or self.content_codes.table is None:
            return None
        with seeds.initialising(context.seed, "test-time optimization"):
            class_codes = ClassCodes(config, spec, self.class_encoder)
            content_codes = ContentCodes(config, spec, self.content_encoder)
        codes = nn.ModuleList([class_codes, content_codes]).to(context.device)
        reconstruct = reconstruction_loss(config.reconstruction, None, context.device)
        optimizer = RowAdam(code_tables(class_codes, content_codes), config.latent_rate, BETAS)
        update = Update([optimizer], self.latent_loss(class_codes, content_codes, reconstruct))
        phase = self.phase(context, "test-time optimization", 1.0, [update], spec.n_images)
        trained = [parameter for parameter in self.parameters() if parameter.requires_grad]
        self.requires_grad_(False)
        try:
            context.run(codes, images, [phase])
        finally:
            for parameter in trained:
                parameter.requires_grad_(True)
        return clean_codes(class_codes, content_codes, torch.from_numpy(images.classes).to(context.device))

    def train_codes(self) -> Codes | None:
        """The latent codes of stage 1, without noise; None for variants that amortize either."""
        return clean_codes(self.class_codes, self.content_codes, self.train_classes)


def code_tables(class_codes: ClassCodes, content_codes: ContentCodes) -> list[nn.Embedding]:
    """The tables of free codes, those of classes first."""
    both = (class_codes, content_codes)
    return [module for codes in both for module in codes.modules() if isinstance(module, nn.Embedding)]


def clean_codes(class_codes: ClassCodes, content_codes: ContentCodes, classes: Tensor) -> Codes | None:
    """Learned codes, without noise, of images with these classes, int64 (N,); None where one is amortized."""
    if class_codes.table is None or content_codes.table is None:
        return None
    return Codes(class_codes.table.weight.detach()[classes], content_codes.table.weight.detach().clone())
