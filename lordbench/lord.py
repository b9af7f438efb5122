"""LORD: latent optimization for class/content disentanglement (Gabbay & Hoshen, ICLR 2020)."""

import copy
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from lordbench.data import ImageSet
from lordbench.nn import ReconstructionLoss, TrunkConfig, divergence, draw, reconstruction_loss
from lordbench.training import (
    Batch,
    Budget,
    Codes,
    Context,
    DataSpec,
    Loss,
    Method,
    MethodConfig,
    Phase,
    Update,
)
from lordbench.training.batches import ShuffledBatches
from lordbench.training.optimizers import RowAdam, adam
from lordbench.training.ranges import KL_WEIGHT, LATENT_RATE, RATE, Range
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
        generator_rate: Adam's learning rate for the networks in stage 1.
        latent_rate: Adam's learning rate for the latent codes.
        encoder_rate: Adam's learning rate for the encoders, in stage 2.
        encoder_momentum: first decay rate of Adam for the encoders, in stage 2; 0.5 as published. With 0.9
            encoders bear higher rates.
        tuning_rate: Adam's learning rate for the generator, in stage 2; as published, a third of stage 1's.
        final_rate: where every learning rate ends, on a cosine; each part of stage 2 has its own.
        code_weight: weight of the mean squared error between encoded and learned codes in stage 2.
        stage1_share: share of the budget that stage 1 gets; 0.5 as published (200 epochs each).
        warmup_share: share of stage 2 in which the encoders learn alone, so that the generator is not tuned
            to codes of encoders that have learned nothing yet; ours.
    """

    regularizer: Literal["noise", "kl", "none"] = "noise"
    class_code: Literal["latent", "amortized"] = "latent"
    content_code: Literal["latent", "amortized"] = "latent"
    noise: float = Field(1.0, ge=0)
    decay: Annotated[float, Range(1e-5, 1e-1, log=True)] = Field(1e-4, ge=0)
    kl_weight: Annotated[float, KL_WEIGHT] = Field(1e-3, ge=0)
    generator_rate: Annotated[float, RATE] = Field(3e-4, gt=0)
    latent_rate: Annotated[float, LATENT_RATE] = Field(3e-3, gt=0)
    encoder_rate: Annotated[float, RATE] = Field(1e-4, gt=0)
    encoder_momentum: float = Field(0.5, ge=0, lt=1)
    tuning_rate: Annotated[float, RATE] = Field(1e-4, gt=0)
    final_rate: float = Field(1e-5, ge=0)
    code_weight: float = Field(10.0, ge=0)
    stage1_share: float = Field(0.5, gt=0, lt=1)
    warmup_share: float = Field(0.2, gt=0, lt=1)

    @property
    def encoder_betas(self) -> tuple[float, float]:
        """Adam's decay rates for the encoders in stage 2."""
        return self.encoder_momentum, BETAS[1]

    def penalty(self, content: Tensor) -> Tensor:
        """Activation decay, a scalar, of clean content codes, float32 (N, content size)."""
        return self.decay * content.square().sum(dim=1).mean()

    def without_effect(self) -> frozenset[str]:
        unused = {"noise": ["kl_weight"], "kl": ["decay"], "none": ["decay", "kl_weight"]}
        return frozenset(unused[self.regularizer])

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
        return self.regularize(self(batch), batch)

    def regularize(self, mean: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The same from clean codes, float32 (N, content size)."""
        config = self.config
        if config.regularizer == "none":
            return mean, {}
        if self.log_variance is None:
            # Fixed variance: a code stands out from the noise only if it grows, which the decay penalizes.
            noise = torch.randn(mean.shape, generator=batch.generator, device=mean.device)
            return mean + config.noise * noise, {"decay": config.penalty(mean)}
        log_variance = self.log_variance(batch.images if self.table is None else batch.index)
        kl = config.kl_weight * divergence(mean, log_variance).mean()
        return draw(mean, log_variance, batch.generator), {"kl": kl}


class Lord(Method):
    """LORD with both stages, and the variants that its paper compares it with.

    Attributes:
        generator: of stage 1, which learned codes are decoded with.
        tuned_generator: a copy of it, made after the encoders have warmed up and trained together with them,
            which encoded codes are decoded with.
    """

    summary: ClassVar[str] = "shared latent class codes, noise-regularized content codes, then encoders"
    source: ClassVar[str] = "Gabbay & Hoshen, Demystifying Inter-Class Disentanglement, ICLR 2020"
    Config: ClassVar[type[MethodConfig]] = LordConfig
    config: LordConfig
    train_classes: Tensor

    def __init__(self, config: LordConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.config = config
        self.generator = config.generator(spec)
        self.tuned_generator = copy.deepcopy(self.generator)
        self.class_encoder = config.encoder(spec, config.class_size)
        self.content_encoder = config.encoder(spec, config.content_size)
        self.class_codes = ClassCodes(config, spec, self.class_encoder)
        self.content_codes = ContentCodes(config, spec, self.content_encoder)
        self.register_buffer("train_classes", torch.zeros(spec.n_images, dtype=torch.int64))

    def fit(self, train: ImageSet, context: Context) -> None:
        """Run both stages, in the shares of the budget that the settings give them."""
        self.train_classes.copy_(torch.from_numpy(train.classes))
        reconstruct = reconstruction_loss(self.config.reconstruction, None, context.device)
        first, alone, together = self.steps(context.budget)
        phases = [self.latent_optimization(context, reconstruct, first)]
        if alone:
            phases.append(self.warm_up(context, alone))
        phases.append(self.amortization(context, reconstruct, together))
        context.run(self, train, phases)

    def steps(self, budget: Budget) -> tuple[int, int, int]:
        """Steps of stage 1, of the encoders alone (0 where no code is latent), and of the rest of stage 2."""
        size, config = min(budget.batch_size, self.spec.n_images), self.config
        first, alone = budget.steps(size, config.stage1_share), 0
        if code_tables(self.class_codes, self.content_codes):
            alone = budget.steps(size, (1 - config.stage1_share) * config.warmup_share)
        return first, alone, max(1, budget.steps(size) - first - alone)

    def latent_optimization(self, context: Context, reconstruct: ReconstructionLoss, steps: int) -> Phase:
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
        name, update = "latent optimization", Update(optimizers, loss)
        return Phase(name, steps, self.batches(context, name), [update], config.final_rate)

    def latent_loss(
        self, class_codes: ClassCodes, content_codes: ContentCodes, reconstruct: ReconstructionLoss
    ) -> Loss:
        """Objective of stage 1: reconstruction(G(class code, content code + noise), image) + regularizer."""

        def loss(batch: Batch) -> dict[str, Tensor]:
            content, terms = content_codes.regularized(batch)
            output = self.generator(class_codes(batch), content)
            return {"reconstruction": reconstruct(output, batch.images), **terms}

        return loss

    def warm_up(self, context: Context, steps: int) -> Phase:
        """Begin stage 2 with the encoders alone, which learn the codes."""
        config, name = self.config, "encoders alone"
        # An encoder that stage 1 has trained gets no gradient here, and so does not move.
        optimizer = adam([(network, config.encoder_rate) for network in self.encoders], config.encoder_betas)
        update = Update([optimizer], lambda batch: self.code_terms(self.encode(batch.images), batch))
        return Phase(name, steps, self.batches(context, name), [update], config.final_rate)

    def amortization(self, context: Context, reconstruct: ReconstructionLoss, steps: int) -> Phase:
        """Train encoders and a copy of the generator together (paper, section 3.3)."""
        config, name = self.config, "amortization"
        rates: list[tuple[nn.Module, float]] = [(network, config.encoder_rate) for network in self.encoders]
        if self.content_codes.table is None and self.content_codes.log_variance is not None:
            rates.append((self.content_codes.log_variance, config.encoder_rate))
        tuned = adam([(self.tuned_generator, config.tuning_rate)], BETAS)
        update = Update(
            [adam(rates, config.encoder_betas), tuned],
            lambda batch: self.amortization_terms(batch, reconstruct)[0],
        )
        batches = self.batches(context, name)
        return Phase(name, steps, batches, [update], config.final_rate, self.copy_generator)

    def amortization_terms(
        self, batch: Batch, reconstruct: ReconstructionLoss
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Loss terms of encoders and generator together, and the reconstructed images.

        A content code that stage 1 has amortized has no target that bounds it, so it stays regularized.
        """
        codes = self.encode(batch.images)
        terms = self.code_terms(codes, batch)
        if self.content_codes.table is None:
            content, regularization = self.content_codes.regularize(codes.content_code, batch)
            codes, terms = Codes(codes.class_code, content), terms | regularization
        output = self.decode(codes)
        return {"reconstruction": reconstruct(output, batch.images), **terms}, output

    def code_terms(self, codes: Codes, batch: Batch) -> dict[str, Tensor]:
        """Loss terms between encoded and learned codes, which are fixed targets, without noise.

        A code that stage 1 has amortized has no target; its encoder continues with the reconstruction alone.
        """
        pairs = (
            ("class code", codes.class_code, self.class_codes),
            ("content code", codes.content_code, self.content_codes),
        )
        return {
            name: self.config.code_weight * F.mse_loss(code, learned(batch).detach())
            for name, code, learned in pairs
            if learned.table is not None
        }

    def copy_generator(self) -> None:
        """Begin to tune the generator: stage 1's stays as it is."""
        self.tuned_generator.load_state_dict(self.generator.state_dict())

    def batches(self, context: Context, name: str, n_images: int | None = None) -> ShuffledBatches:
        """Batches of a phase, of all training images or of `n_images` others."""
        seed = seeds.derive(context.seed, name, "batches")
        return ShuffledBatches(n_images or self.spec.n_images, context.budget.batch_size, seed)

    @property
    def encoders(self) -> tuple[nn.Module, nn.Module]:
        return self.class_encoder, self.content_encoder

    def encode(self, images: Tensor) -> Codes:
        return Codes(self.class_encoder(images), self.content_encoder(images))

    def decode(self, codes: Codes) -> Tensor:
        images: Tensor = self.tuned_generator(codes.class_code, codes.content_code)
        return images

    def decode_learned(self, codes: Codes) -> Tensor:
        """Images by stage 1's own generator, with which the codes were learned."""
        images: Tensor = self.generator(codes.class_code, codes.content_code)
        return images

    def optimize_codes(self, images: ImageSet, context: Context) -> Codes | None:
        """Codes of unseen images by stage 1, with its generator fixed; None where a code is amortized."""
        config, spec = self.config, DataSpec.of(images)
        if self.class_codes.table is None or self.content_codes.table is None:
            return None
        name = "test-time optimization"
        with seeds.initialising(context.seed, name):
            class_codes = ClassCodes(config, spec, self.class_encoder)
            content_codes = ContentCodes(config, spec, self.content_encoder)
        codes = nn.ModuleList([class_codes, content_codes]).to(context.device)
        reconstruct = reconstruction_loss(config.reconstruction, None, context.device)
        optimizer = RowAdam(code_tables(class_codes, content_codes), config.latent_rate, BETAS)
        update = Update([optimizer], self.latent_loss(class_codes, content_codes, reconstruct))
        batches = self.batches(context, name, spec.n_images)
        steps = context.budget.steps(batches.batch_size)
        phase = Phase(name, steps, batches, [update], config.final_rate)
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
