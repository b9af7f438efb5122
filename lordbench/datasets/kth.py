"""kth: people of the KTH actions data set, as folders of frames."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from lordbench import files
from lordbench.dataset import Dataset, DatasetConfig, Track, untracked
from lordbench.errors import MissingDataError
from lordbench.images import ImageSet, fingerprint, number_labels, require_classes
from lordbench.reading import VERSION, is_image, read_images

SITE = "https://www.csc.kth.se/cvap/actions/"


class KthConfig(DatasetConfig):
    """Settings of kth.

    Attributes:
        action: what the people do.
        condition: d1 outdoors, d2 outdoors with changes of scale, d3 outdoors in other clothes, d4 indoors.
    """

    action: Literal["walking", "jogging", "running", "boxing", "handwaving", "handclapping"] = "handwaving"
    condition: Literal["d1", "d2", "d3", "d4"] = "d4"


class Kth(Dataset):
    """Class = person (25); the pose over time, which is the content, is not labelled. Grey.

    Frames lie as in LORD's release, `<action>/<person>/<condition>/*.png` (or jpg), under
    `$LORDBENCH_HOME/data/kth`. A person without frames of the chosen condition is left out.
    """

    summary: ClassVar[str] = "KTH actions, folders of frames; class = person (25), content not labelled"
    Config = KthConfig
    config: KthConfig

    def missing(self) -> str:
        """Say what to put where, if there are no frames."""
        if self._frames():
            return ""
        return (
            f"kth: there are no frames at {self._folder()}/<person>/{self.config.condition}/\n"
            f"Put the frames of the {self.config.action!r} videos there as PNG or JPEG, one folder for each"
            f" person, e.g. person01/{self.config.condition}/001.png. The videos come from {SITE}"
        )

    def load(self, size: int, track: Track[int] = untracked) -> ImageSet:
        """Load the frames, (N, 1, size, size), in the order of person and file name.

        Raises:
            MissingDataError: there are no frames; says what to put where.
            UserError: there is only one person, or a file cannot be read; names it.
        """
        if lack := self.missing():
            raise MissingDataError(lack)
        frames = self._frames()
        classes, people = number_labels([path.parent.parent.name for path in frames])
        require_classes("kth", people)
        images = read_images(frames, size, track, grey=True)
        mark = fingerprint(images, classes, None, f"kth-{VERSION}")
        return ImageSet("kth", images, classes, None, people, None, mark)

    def _folder(self) -> Path:
        return files.home() / "data" / "kth" / self.config.action

    def _frames(self) -> list[Path]:
        return sorted(p for p in self._folder().glob(f"[!.]*/{self.config.condition}/*") if is_image(p))
