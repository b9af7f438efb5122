"""Build and train a method for its checks, as a run would, on a tiny set of images."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lordbench.data import ImageSet, SplitName, fingerprint
from lordbench.evaluation import inference
from lordbench.training import Budget, Context, DataSpec, Method, MethodConfig, Precision
from lordbench.training.loop import LOG_STEPS
from lordbench.training.method import placed
from lordbench.utils import seeds

CPU = torch.device("cpu")
BATCH = 32
SHORT = 2 * LOG_STEPS + 10
"""Steps of a short training: enough for a checkpoint in each half, not for learning."""
SPLITS: tuple[SplitName, ...] = ("samples", "classes")
COLOURS = {"colour": 3, "grey": 1}
"""Number of channels."""


def halves(size: int, channels: int = 3, n_classes: int = 8, n_contents: int = 12) -> ImageSet:
    """Two-coloured squares: the class is the pair of colours, the content the direction of the border.

    Images are uint8 (n_classes * n_contents, channels, size, size), class by class. Both labels determine
    many pixels. The colours cover unequal areas, so that no direction looks like another with exchanged
    colours.
    """
    colours = np.random.default_rng(7).integers(0, 256, size=(n_classes, 2, channels))
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    angles = 2 * np.pi * np.arange(n_contents) / n_contents
    sides = np.stack([np.cos(angle) * x + np.sin(angle) * y > size / 6 for angle in angles]).astype(int)
    images = np.moveaxis(colours[:, sides], -1, 2).reshape(-1, channels, size, size).astype(np.uint8)
    classes = np.repeat(np.arange(n_classes), n_contents)
    contents = np.tile(np.arange(n_contents), n_classes)
    names = tuple(f"colours{i}" for i in range(n_classes)), tuple(f"direction{i}" for i in range(n_contents))
    key = fingerprint(images, classes, contents, "halves-1")
    return ImageSet("halves", images, classes, contents, *names, key)


def without_contents(images: ImageSet) -> ImageSet:
    return replace(images, contents=None, content_names=None)


@dataclass
class Trial:
    """A method with small settings, and the sizes of its checks, as in `suite.Sizes`.

    Checks of training add `trained` methods: after a short training on `colour` and `grey` images, and after
    a `long` one, which should learn something.
    """

    kind: type[Method]
    config: MethodConfig
    size: int
    images: int
    trained: dict[str, Method] = field(default_factory=dict)

    def data(self, colour: str = "colour") -> ImageSet:
        """The tiny set, in `colour` or `grey`."""
        return halves(self.size, COLOURS[colour])

    def build(self, data: ImageSet, seed: int = 0, device: torch.device = CPU) -> Method:
        """Build the method for a set, untrained, in evaluation mode."""
        with seeds.initialising(seed, "init"):
            method = self.kind(self.config, DataSpec.of(data))
        return placed(method, device).eval()

    def train(
        self, data: ImageSet, images: int = SHORT * BATCH, device: torch.device = CPU, **services: Any
    ) -> tuple[Method, Context]:
        """Build and train the method with seed 0, in float32; the context gets `services` by name."""
        method = self.build(data, device=device)
        context = Context(device, Precision("float32", device.type), 0, Budget(images, BATCH), **services)
        method.fit(data, context)
        return method.eval(), context

    def subjects(self) -> Iterator[tuple[str, Method, Tensor]]:
        """Untrained and, if the training succeeded, trained methods, each with 5 images of 3 classes.

        Yields a title, the method, and the images, float32 [0, 1] (5, C, S, S).
        """
        for colour in COLOURS:
            data = self.data(colour)
            images = inference.to_float(data.images[np.array([0, 1, 2, 40, 95])], CPU)
            yield f"{colour} images, untrained", self.build(data), images
            if colour in self.trained:
                yield f"{colour} images, trained", self.trained[colour], images


def state_bytes(method: Method) -> dict[str, bytes]:
    """The bytes of every parameter and buffer, by name."""
    return {name: value.cpu().numpy().tobytes() for name, value in method.state_dict().items()}
