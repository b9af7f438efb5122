"""Template of a method: an autoencoder whose class code is shared by the images of a class.

An encoder makes a class code and a content code of an image; a generator makes an image from both. In
training, the class code of an image is the mean over the images of its class in the batch, so it can hold
only what they have in common. Everything else must pass through the short content code.

Notation: N images, C channels (1 or 3), S x S pixels. Replace one part at a time, and run `lordbench check`
on this file after each.
"""

from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from lordbench.data import ImageSet
from lordbench.nn import Encoder, Generator
from lordbench.training import (
    Batch,
    Codes,
    Context,
    DataSpec,
    GroupedBatches,
    Method,
    MethodConfig,
    Phase,
    Range,
    Update,
    adam,
)
from lordbench.utils import seeds


class MineConfig(MethodConfig):
    """Settings. Each needs a default; `--methods "FILE.py[width=64]"` or `--set NAME.width=64` changes it.

    A preset sets the fields that it knows (class_size, content_size, width, slope, reconstruction,
    final_rate), so that they are equal for all methods in a comparison.

    `lordbench search` tries what lies in a setting's `Range`, here for two of them; one that should be tuned
    needs a range. Rates and weights have a logarithmic one.

    Attributes:
        class_size: length of the class code.
        content_size: length of the content code; a short one keeps the class out.
        width: channels of the widest layers.
        per_class: images of a class in a batch; they share a class code.
        learning_rate: initial learning rate of Adam.
        final_rate: final learning rate, reached by a cosine.
    """

    class_size: int = Field(64, ge=1)
    content_size: Annotated[int, Range(2, 128, log=True)] = Field(8, ge=1)
    width: int = Field(32, ge=8)
    per_class: int = Field(4, ge=2)
    learning_rate: Annotated[float, Range(1e-4, 1e-2, log=True)] = Field(2e-3, gt=0)
    final_rate: float = Field(1e-5, ge=0)


class Mine(Method):
    """One class per file. The file name is the name of the method; the class name does not matter."""

    summary: ClassVar[str] = "autoencoder with a class code shared by the images of a class"
    source: ClassVar[str] = "the paper"
    Config: ClassVar[type[MethodConfig]] = MineConfig

    def __init__(self, config: MineConfig, spec: DataSpec) -> None:
        """Build all networks here: lordbench seeds this, moves them to the device, saves and loads them.

        `spec` describes the training set: channels, size, n_classes, n_images.
        """
        super().__init__(config, spec)
        self.config = config
        self.encoder = Encoder(
            spec.channels, spec.size, config.class_size + config.content_size, config.width
        )
        self.generator = Generator(
            spec.channels, spec.size, config.class_size, config.content_size, config.width
        )

    def fit(self, train: ImageSet, context: Context) -> None:
        """Learn from `train`. `context.run` gives progress bars, checkpoints and resuming."""
        config = self.config

        def loss(batch: Batch) -> dict[str, Tensor]:
            # batch.images: float32 [0, 1], (N, C, S, S); batch.classes: int64 (N,). Neighbours share a class.
            # For random numbers: torch.randn(..., generator=batch.generator).
            codes = self.encode(batch.images)
            groups = codes.class_code.view(-1, config.per_class, config.class_size)
            shared = groups.mean(dim=1).repeat_interleave(config.per_class, dim=0)
            output = self.decode(Codes(shared, codes.content_code))
            # Named terms, with their weights applied. Their sum is minimised; the curve shows each.
            return {"reconstruction": F.l1_loss(output, batch.images)}

        # Batches with `per_class` images of each class; for plain batches, use ShuffledBatches.
        batches = GroupedBatches(
            train.classes, context.budget.batch_size, config.per_class, seeds.derive(context.seed, "batches")
        )
        networks = (self.encoder, self.generator)
        optimizer = adam([(network, config.learning_rate) for network in networks], (0.9, 0.999))
        # The budget counts images and is the same for every method. A second phase gets a share of it:
        # context.budget.steps(batches.batch_size, share=0.5). An adversary is a second Update.
        steps = context.budget.steps(batches.batch_size)
        phase = Phase("training", steps, batches, [Update([optimizer], loss)], config.final_rate)
        context.run(self, train, [phase])

    def encode(self, images: Tensor) -> Codes:
        """Codes of any images: float32 (N, class_size) and (N, content_size), without noise."""
        both = self.encoder(images)
        return Codes(both[:, : self.config.class_size], both[:, self.config.class_size :])

    def decode(self, codes: Codes) -> Tensor:
        """Images, float32 [0, 1] (N, C, S, S); the two codes may come from different images."""
        images: Tensor = self.generator(codes.class_code, codes.content_code)
        return images
