"""Sizes of the experiments."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]


class EvaluationConfig(BaseModel):
    """Sizes of the experiments, set by a preset; part of the cell's id.

    Attributes:
        pairs: image pairs of a content transfer.
        real_images: most real images that sets of outputs are compared with.
        grid: numbers of contents (columns) and classes (rows) in a transfer grid.
        shots: numbers of images that give a class code in one-shot, besides all there are.
        optimization: images seen per held-out image when one-shot finds codes by optimization.
        probed: most images that a probe is trained on, and most that it is tested on.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    pairs: int = Field(1000, ge=2)
    real_images: int = Field(10_000, ge=2)
    grid: tuple[Count, Count] = (10, 8)
    shots: tuple[Count, ...] = (1, 5)
    optimization: int = Field(200, ge=1)
    probed: int = Field(5000, ge=10)
