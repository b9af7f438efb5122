"""Controls: methods whose truth is known, by which the instruments are tried."""

from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from lordbench.data import ImageSet, Int64Array, Split, UInt8Array, join
from lordbench.data.images import image_hash
from lordbench.data.pairs import class_means, find_images
from lordbench.evaluation.collapse import mean_image
from lordbench.evaluation.degraded import blurred, noisy
from lordbench.evaluation.inference import to_float
from lordbench.training import Codes, Context, Control, DataSpec, MethodConfig
from lordbench.utils import seeds

SIZE = 32
"""Dimensions of the code of a label, and of the part of a content code that may carry the class."""
SPREAD_NOISE = 0.3
"""Deviation of the noise on content codes with the form `spread`, whose other deviations are 1."""
NOISE = 0.045
"""Deviation of the noise on outputs: an L1 of 0.036, as methods have on toycars."""
CONTENT_OUTPUTS = ("truth", "blurred", "noisy", "wrong-view")


class ControlConfig(MethodConfig):
    """Settings of control.

    Attributes:
        output: what is decoded. `truth`: the image with the class of one image and the content of another;
            `blurred`, `noisy`: the same, with blur or noise; `wrong-view`: the right class with another
            content; `class-mean`: the mean training image of the class; `copy-a`, `copy-b`: the image that
            gives the content, or the class; `constant`: the mean training image, whatever the input.
        leak: share of the images whose content code carries the class. The best possible reader has this
            normalized accuracy: it predicts the class of these images, and is at chance on the others.
        form: how it is carried. `linear`: a vector of the class beside the code of the content; `curved`: the
            same with a random sign, so that no linear reader predicts it; `spread`: as `curved`, the whole
            rotated at random, with noise on all dimensions.
        blur: deviation of the blur in pixels, for images of 32 pixels.
    """

    output: Literal[
        "truth", "blurred", "noisy", "wrong-view", "class-mean", "copy-a", "copy-b", "constant"
    ] = "truth"
    leak: float = Field(0.0, ge=0, le=1)
    form: Literal["linear", "curved", "spread"] = "linear"
    blur: float = Field(1.0, gt=0, le=100)

    def needs_contents(self) -> bool:
        return self.output in CONTENT_OUTPUTS or self.leak > 0


class ControlMethod(Control):
    """Looks its codes and outputs up among the images that it is evaluated on.

    A code of a label is a random vector of unit deviation. Images that do not carry the class have noise of
    the same deviation in its place.
    """

    summary: ClassVar[str] = "known truths, to try the instruments: an oracle, copies, blur, a known leakage"
    source: ClassVar[str] = "lordbench"
    built_on: ClassVar[tuple[str, ...]] = (
        "lordbench.data.pairs", "lordbench.evaluation.collapse", "lordbench.evaluation.degraded",
    )  # fmt: skip
    Config = ControlConfig

    def __init__(self, config: ControlConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.config = config

    def fit(self, train: ImageSet, context: Context) -> None:
        """Learn nothing: see `reveal`."""

    def reveal(self, split: Split) -> None:
        """Make a table of the codes and outputs of all images of a split."""
        # Held-out classes have ids of their own.
        shared = split.name == "samples"
        pool = join(split.train, split.test) if shared else split.test
        self.pool, self.images, self.classes = pool, pool.images, pool.classes
        self.contents = pool.contents if pool.contents is not None else np.zeros(len(pool), dtype=np.int64)
        self.index = {image_hash(image): i for i, image in reversed(list(enumerate(pool.images)))}
        train = split.train if shared else pool
        self.mean = mean_image(train.images)
        self.class_means = class_means(train, np.arange(pool.n_classes))
        n_contents = int(self.contents.max()) + 1
        self.of_class, self.of_content = _vectors("class", pool.n_classes), _vectors("content", n_contents)
        self.of_image = _vectors("image", len(pool))
        self.content_codes = self._content_codes()
        class_codes = {"copy-b": self.of_image, "constant": np.zeros_like(self.of_image)}
        self.class_codes = class_codes.get(self.config.output, self.of_class[self.classes])

    def _content_codes(self) -> np.ndarray:
        """Codes of the contents of all images, float32 (N, 2 * SIZE), with the leak in the second half."""
        if self.config.output == "constant":
            return np.zeros((len(self.images), 2 * SIZE), np.float32)
        of_label = self.of_image if self.config.output == "copy-a" else self.of_content[self.contents]
        generator = seeds.numpy_generator(0, "control", "leak")
        noise, carried = generator.standard_normal(of_label.shape), self.of_class[self.classes]
        carries, signs = (
            generator.random(len(carried)) < self.config.leak,
            generator.choice([-1.0, 1.0], len(carried)),
        )
        if self.config.form != "linear":
            carried = carried * signs[:, None]
        codes = np.concatenate([of_label, np.where(carries[:, None], carried, noise)], axis=1)
        if self.config.form == "spread":
            rotation = np.linalg.qr(generator.standard_normal((2 * SIZE, 2 * SIZE)))[0]
            codes = codes @ rotation + SPREAD_NOISE * generator.standard_normal(codes.shape)
        return codes.astype(np.float32)

    def encode(self, images: Tensor) -> Codes:
        pixels = (images * 255).round().to(torch.uint8).cpu().numpy()
        index = np.array([self.index[image_hash(image)] for image in pixels], dtype=np.int64)
        codes = (
            torch.from_numpy(codes[index]).to(images.device)
            for codes in (self.class_codes, self.content_codes)
        )
        return Codes(*codes)

    def decode(self, codes: Codes) -> Tensor:
        class_code, content_code = (
            code.float().cpu().numpy() for code in (codes.class_code, codes.content_code)
        )
        images = self._images(class_code, content_code)
        if self.config.output == "blurred":
            images = blurred(images, self.config.blur)
        if self.config.output == "noisy":
            # The noise of an image does not depend on the batch that it is in.
            draws = [seeds.numpy_generator(0, "control", image_hash(image).hex()) for image in images]
            noised = [noisy(image, NOISE, draw) for image, draw in zip(images, draws, strict=True)]
            images = np.stack(noised)
        return to_float(images, codes.class_code.device)

    def _images(self, class_code: np.ndarray, content_code: np.ndarray) -> UInt8Array:
        """What is decoded, uint8 (N, C, S, S), before it is degraded."""
        output = self.config.output
        if output == "constant":
            return np.repeat(self.mean[None], len(class_code), axis=0)
        if output == "copy-a":
            return self.images[_nearest(content_code, self.content_codes)]
        if output == "copy-b":
            return self.images[_nearest(class_code, self.of_image)]
        classes = _nearest(class_code, self.of_class)
        if output == "class-mean":
            return self.class_means[classes]
        contents = self.contents[_nearest(content_code, self.content_codes)]
        if output == "wrong-view":
            contents = (contents + len(self.of_content) // 2) % len(self.of_content)
        index = find_images(self.pool, classes, contents)
        # What no image shows, as in unpaired domains: another content of the class, not always the same one.
        for i in np.flatnonzero(index < 0):
            members = np.flatnonzero(self.classes == classes[i])
            index[i] = members[contents[i] % len(members)]
        return self.images[index]


def _vectors(name: str, n: int) -> np.ndarray:
    """Codes of n labels, float32 (n, SIZE)."""
    return seeds.numpy_generator(0, "control", name).standard_normal((n, SIZE)).astype(np.float32)


def _nearest(codes: np.ndarray, table: np.ndarray) -> Int64Array:
    """The nearest row of a table, int64 (N,), to codes, (N, D)."""
    squares = (table * table).sum(axis=1) - 2 * codes @ table.T
    nearest: Int64Array = squares.argmin(axis=1)
    return nearest
