"""The controls: methods whose truth is known, by which instruments are tried. `controls` names them all."""

from collections.abc import Iterable

NAME, ALL = "control", "controls"
OUTPUTS = ("blurred", "noisy", "wrong-view", "class-mean", "copy-a", "copy-b", "constant")
"""What controls show in place of the true image; the oracle, `control` itself, shows that."""
LEAKS = (0.1, 0.25, 0.5, 1.0)
"""Shares of the images whose content code carries the class."""
FORMS = ("linear", "curved", "spread")
"""How it is carried; the first is the default."""
CONTROLS = (
    NAME,
    *(f"{NAME}[output={output}]" for output in OUTPUTS),
    *(f"{NAME}[leak={leak:g}]" for leak in LEAKS),
    *(f"{NAME}[form={form},leak={leak:g}]" for form in FORMS[1:] for leak in LEAKS),
)


def expanded(methods: Iterable[str]) -> list[str]:
    """Replace `controls` among selectors of methods by all of them."""
    return [name for method in methods for name in (CONTROLS if method == ALL else (method,))]
