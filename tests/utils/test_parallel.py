"""Several threads: warnings are hidden while any thread is inside, results come in order."""

from __future__ import annotations

import threading
import warnings

import pytest
import torch

from lordbench.utils.parallel import ALLOWED, SuppressWarnings, in_threads


class TestSuppressWarnings:
    def test_unwanted_warnings_are_hidden_while_any_thread_is_inside(self) -> None:
        silence, left = SuppressWarnings(("few", UserWarning)), threading.Event()

        def stay() -> None:
            with silence:
                entered.set()
                assert left.wait(10)
                warnings.warn("few codes", UserWarning, stacklevel=1)

        entered = threading.Event()
        with warnings.catch_warnings(record=True) as shown:
            warnings.simplefilter("always")
            with silence:
                other = threading.Thread(target=stay)
                other.start()
                assert entered.wait(10)
            left.set()
            other.join()
            assert not shown
            warnings.warn("few codes", UserWarning, stacklevel=1)
            assert len(shown) == 1

    def test_other_warnings_are_shown(self) -> None:
        with pytest.warns(UserWarning, match="many"), SuppressWarnings(("few", UserWarning)):
            warnings.warn("many codes", UserWarning, stacklevel=1)


def test_results_come_in_order_from_one_thread_each() -> None:
    before = torch.get_num_threads()
    assert in_threads(lambda n: (n, torch.get_num_threads()), range(5)) == [(n, 1) for n in range(5)]
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("threads", [1, 3])
def test_as_many_threads_are_used_as_are_allowed_at_the_time(threads: int) -> None:
    together = threading.Barrier(threads)

    def meet(_: int) -> str:
        together.wait(10)
        return threading.current_thread().name

    before = ALLOWED.set(lambda: threads)
    try:
        assert len(set(in_threads(meet, range(threads)))) == threads
        assert len(set(in_threads(lambda _: threading.current_thread().name, range(50)))) <= threads
    finally:
        ALLOWED.reset(before)
