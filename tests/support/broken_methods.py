"""Methods with one fault each, made from the method of the example package."""

from __future__ import annotations

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
EXAMPLE = CHECKOUT / "examples" / "lordbench-example"
GOOD = (EXAMPLE / "src" / "lordbench_example" / "linear.py").read_text()


def replaced(*pairs: tuple[str, str]) -> str:
    """The good method with parts replaced; each part must occur in it."""
    source = GOOD
    for old, new in pairs:
        assert old in source
        source = source.replace(old, new)
    return source


CODES = "return Codes(class_code, "
FIRST_LINE = "pixels = flattened(train.images)\n"
TAKEN = "self._take(self.class_basis, means - pixels.mean(axis=0))"
IMAGES = "return pixels.clamp(0, 1).unflatten(1, (self.spec.channels, self.spec.size, self.spec.size))"
IMPORT_ERROR = replaced(("import numpy as np\n", "import numpy as np\nimport nothing_like_this\n"))
WRONG_SHAPE = replaced((IMAGES, IMAGES + "[..., 1:]"))
OUT_OF_RANGE = replaced((".clamp(0, 1)", ".mul(3)"))
RANDOM_CODES = replaced((CODES, "return Codes(class_code + 0.1 * torch.randn(class_code.shape), "))
NEVER_LEARNS = replaced((FIRST_LINE, "return\n        " + FIRST_LINE))

RANDOM_TRAINING = replaced((TAKEN, TAKEN + "\n        self.mean.add_(0.01 * torch.rand(1))"))
ONE_CLASS_CODE_ONLY = replaced((CODES, "return Codes(class_code[:1], "))
DEPENDS_ON_BATCH = replaced((CODES, "return Codes(class_code - class_code.mean(dim=0), "))
COLOUR_ONLY = replaced((FIRST_LINE, FIRST_LINE + "        assert train.channels == 3, 'no grey images'\n"))
NOT_IN_STATE = replaced(
    (TAKEN, TAKEN + "\n        self.shift = 0.25"),
    (CODES, "return Codes(class_code + getattr(self, 'shift', 0.0), "),
)
BECOMES_NAN = replaced((TAKEN, TAKEN + "\n        self.mean.fill_(float('nan'))"))
DOUBLE = replaced((CODES, "return Codes(class_code.double(), "))
IGNORES_CLASS = replaced(
    ("codes.class_code @ self.class_basis + ", "0 * codes.class_code @ self.class_basis + "),
    ("pixels - means[train.classes]", "pixels - pixels.mean(axis=0)"),
    ("(pixels - class_code @ self.class_basis)", "pixels"),
)
UNUSED_SETTINGS = replaced(("    Config: ClassVar[type[MethodConfig]] = LinearConfig\n", ""))
NO_SUMMARY = replaced(('"principal components of class means and of what is left, in closed form"', '""'))


def _with_range(low: int) -> str:
    """The good method with a range from `low` to 64 for its content size, 16 by default and 1 or more."""
    declared = f"content_size: Annotated[int, Range({low}, 64)] = Field(16"
    return replaced(
        ("import ClassVar", "import Annotated, ClassVar"),
        ("Method, MethodConfig\n", "Method, MethodConfig, Range\n"),
        ("content_size: int = Field(16", declared),
    )


RANGE, DEFAULT_OUTSIDE, RANGE_REFUSED = _with_range(4), _with_range(20), _with_range(0)
RANGE_EMPTY = _with_range(64)
