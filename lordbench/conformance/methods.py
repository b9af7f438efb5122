"""The checks of a method."""

from __future__ import annotations

from lordbench.conformance import coding, hardware, keeping, learning, training
from lordbench.conformance.check import Check
from lordbench.conformance.trial import Trial

METHOD_CHECKS: tuple[Check[Trial], ...] = (
    Check("describes itself", training.declares),
    Check("builds", training.builds, needs=("describes itself",)),
    Check("trains", training.fits, needs=("builds",)),
    Check("codes", coding.codes, needs=("builds",)),
    Check("images", coding.images, needs=("codes",)),
    Check("class of several", coding.class_of_several, needs=("codes",)),
    Check("same codes again", coding.same_twice, needs=("codes",)),
    Check("alone or in a batch", coding.alone_or_not, needs=("same codes again",)),
    Check("same training again", training.same_training, needs=("trains",)),
    Check("resumes", training.resumes, needs=("same training again",)),
    Check("state", keeping.state, needs=("same codes again",)),
    Check("learned codes", keeping.learned_codes, needs=("trains", "codes")),
    Check("optimized codes", keeping.optimized_codes, needs=("trains", "codes")),
    Check("learns", learning.learns, needs=("trains", "codes", "images")),
    Check("transfers", learning.transfers, needs=("learns",)),
    Check("GPU", hardware.gpu, needs=("trains", "codes")),
)
"""In the order in which they are made."""
