"""brightness: do codes change when an image gets darker?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from lordbench.evaluation import Experiment, Measurement, MeasurementKey, Trained, inference

DARKER = 0.8


class Brightness(Experiment):
    """How far both codes of held-out images move when every pixel has 0.8 of its value."""

    summary: ClassVar[str] = "how far codes move when images get darker"

    def run(self, trained: Trained) -> list[Measurement]:
        """Encode the held-out images as they are and darker, and measure the distance."""
        test, before = trained.split.test, trained.test_codes
        darker = np.rint(DARKER * test.images).astype(np.uint8)
        after = inference.encode(trained.method, darker, trained.device)
        moved = {
            "class code": (before.class_code - after.class_code).norm(dim=1),
            "content code": (before.content_code - after.content_code).norm(dim=1),
        }
        return [
            trained.scoring.mean(
                MeasurementKey("brightness", subject, "encoded"),
                "distance",
                distance.cpu().numpy(),
                test.classes,
                trained.seed,
                higher_is_better=None,
                policy=f"pixels times {DARKER}",
            )
            for subject, distance in moved.items()
        ]
