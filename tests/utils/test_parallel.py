"""Several threads: warnings are hidden while any thread is inside, results come in order."""

from __future__ import annotations

import threading
import warnings

import pytest
import torch

from lordbench.utils.parallel import SuppressWarnings, in_threads


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
