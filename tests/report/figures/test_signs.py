"""A method looks the same in every figure, and no two differ by colour alone."""

from __future__ import annotations

from lordbench.config import registry
from lordbench.config.controls import NAME as CONTROL
from lordbench.report.figures.signs import COLOURS, METHODS, TERMS, method_signs, term_signs


def test_shipped_methods_have_a_sign_of_their_own() -> None:
    assert registry.available("methods").keys() - {CONTROL} <= METHODS.keys()
    assert len({marker for _, marker in METHODS.values()}) == len(METHODS)


def test_a_shipped_method_looks_the_same_whoever_stands_beside_it() -> None:
    alone = method_signs(["lord"])["lord"]
    crowd = method_signs([*map(str, range(40)), "drnet", "lord[noise=0]", "lord"])
    assert crowd["lord"] == alone == METHODS["lord"]
    assert crowd["drnet"] == METHODS["drnet"]


def test_a_method_of_a_user_keeps_its_colour_and_its_marker_if_that_is_free() -> None:
    alone = method_signs(["./mine.py"])["./mine.py"]
    assert method_signs(["lord", "./mine.py"])["./mine.py"].colour == alone.colour
    assert method_signs(["./mine.py", "./mine.py"])["./mine.py"] == alone


def test_the_order_of_names_does_not_matter() -> None:
    names = [*map(str, range(20)), "lord", "mlvae"]
    assert method_signs(names) == method_signs(names[::-1])
    assert list(method_signs(names)) == names


def test_a_variant_has_the_colour_of_its_method_and_another_marker() -> None:
    signs = method_signs(["lord", "lord[noise=0]", "lord on clusters[k=3]"])
    assert {sign.colour for sign in signs.values()} == {METHODS["lord"][0]}
    assert len({sign.shape for sign in signs.values()}) == 3


def test_no_two_methods_differ_by_colour_alone() -> None:
    signs = method_signs(map(str, range(70)))
    assert len(set(signs.values())) == 70
    few = method_signs(["lord", "drnet", *map(str, range(10))])
    assert len({sign.shape for sign in few.values()}) == 12


def test_a_term_has_one_look_and_no_method_has_its_colour() -> None:
    assert term_signs(["decay", "reconstruction"])["decay"] == TERMS["decay"]
    names = [*TERMS, *map(str, range(20))]
    signs = term_signs(names)
    assert len(set(signs.values())) == len(names)
    assert not {sign.colour for sign in signs.values()} & set(COLOURS)
