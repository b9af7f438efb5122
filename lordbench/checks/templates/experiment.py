"""An experiment to start from: do codes change when an image is mirrored?

The class code should stay, as a mirrored image shows the same class; the content code may change.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from lordbench.evaluation import inference
from lordbench.evaluation.experiment import Experiment, Trained
from lordbench.evaluation.measurement import Measurement, MeasurementKey


class Mine(Experiment):
    """One class a file; its name does not matter, the file's is the experiment's."""

    summary: ClassVar[str] = "how far codes move when an image is mirrored"

    def run(self, trained: Trained) -> list[Measurement]:
        """Try a trained method on the held-out images, and say what came out.

        `trained.method` is ready to use, `trained.split` has the images, `trained.sizes` says how much may be
        done. What needs labels that the images lack (`split.test.contents` may be None) is left out.
        """
        test = trained.split.test
        trained.log(f"mirroring {len(test)} images")
        # The methods' own codes of the held-out images are there already; `inference` makes further ones.
        before = trained.test_codes
        after = inference.encode(trained.method, np.ascontiguousarray(test.images[..., ::-1]), trained.device)
        found = []
        for subject, one, other in (
            ("class code", before.class_code, after.class_code),
            ("content code", before.content_code, after.content_code),
        ):
            distance = (one - other).norm(dim=1) / one.norm(dim=1).clamp(min=1e-6)
            # A mean over images, with its interval: images of a class go together in the bootstrap. Draw
            # anything random with `lordbench.utils.seeds.numpy_generator(trained.seed, "mine")`.
            measurement = trained.scoring.mean(
                MeasurementKey("mine", subject, "encoded"),
                "mirror distance",
                distance.cpu().numpy(),
                test.classes,
                trained.seed,
                higher_is_better=None,
                policy="distance of codes, relative to their length",
            )
            found.append(measurement)
        return found
