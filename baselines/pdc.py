"""LORD with distance correlation as the penalty (Zhen, Meng, Chakraborty & Singh, ECCV 2022).

Published: codes are learned by latent optimization, and the squared distance correlation of a batch's two
codes is a term of the loss. It is zero only for independent codes, whatever their lengths, and takes the
place of the noise and the decay that LORD has for the content code.

Ours: the layers, the reconstruction loss and the second stage are LORD's; the weight; and the estimate is the
bias-corrected one (Székely & Rizzo 2014), which partial distance correlation is made of. The plain one of
sixteen independent Gaussian codes of 64 and 128 dimensions is 0.96. As in LORD, amortized codes are settings,
and so are LORD's regularizers beside the penalty.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field
from torch import Tensor

from lordbench.lord import ClassCodes, ContentCodes, Lord, LordConfig
from lordbench.nn import ReconstructionLoss, distance_correlation
from lordbench.training import Batch, Loss, MethodConfig
from lordbench.training.ranges import Range


class PdcConfig(LordConfig):
    """Settings of this method: those of LORD, without its regularizers, and its own.

    Attributes:
        dependence: weight of the squared distance correlation between the codes of a batch; ours.
    """

    regularizer: Literal["noise", "kl", "none"] = "none"
    dependence: Annotated[float, Range(1e-3, 10.0, log=True)] = Field(1.0, ge=0)


class Pdc(Lord):
    """Latent codes of class and content, kept independent by their distance correlation."""

    summary: ClassVar[str] = "latent class and content codes whose distance correlation is penalized"
    source: ClassVar[str] = (
        "Zhen et al., On the Versatile Uses of Partial Distance Correlation in Deep Learning, ECCV 2022"
    )
    built_on: ClassVar[tuple[str, ...]] = ("lordbench.lord",)
    Config: ClassVar[type[MethodConfig]] = PdcConfig
    config: PdcConfig

    def latent_loss(
        self, class_codes: ClassCodes, content_codes: ContentCodes, reconstruct: ReconstructionLoss
    ) -> Loss:
        """LORD's objective of stage 1, and the dependence between the clean codes of the batch."""
        objective = super().latent_loss(class_codes, content_codes, reconstruct)

        def loss(batch: Batch) -> dict[str, Tensor]:
            dependence = distance_correlation(content_codes(batch), class_codes(batch))
            return {**objective(batch), "distance correlation": self.config.dependence * dependence}

        return loss
