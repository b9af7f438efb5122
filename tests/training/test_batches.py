"""Batches of groups: which images a method sees, how often, and with which others."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from lordbench.data.images import Int64Array
from lordbench.training.batches import GroupedBatches, another_class, divided
from lordbench.utils.errors import UserError

UNEVEN = np.repeat(np.arange(21), [479, *[16] * 20])
"""One class has more images than all others together."""
TWO = np.repeat([0, 1], 96)


def epoch(
    classes: Int64Array, per_class: int, batch_size: int = 16, couples: bool = False, n: int = 1
) -> Int64Array:
    """The batches of n epochs, int64 (steps, batch size)."""
    batches = GroupedBatches(classes, batch_size, per_class, seed=0, couples=couples)
    steps = len(classes) * per_class // batches.batch_size
    return np.stack([batches.index(step) for step in range(n * steps)])


class TestGroups:
    @pytest.mark.parametrize("couples", [False, True])
    @pytest.mark.parametrize("per_class", [2, 4])
    def test_neighbours_are_different_images_of_one_class(self, per_class: int, couples: bool) -> None:
        groups = epoch(UNEVEN, per_class, couples=couples).reshape(-1, per_class)
        assert (UNEVEN[groups] == UNEVEN[groups[:, :1]]).all()
        assert all(len(set(group)) == per_class for group in groups.tolist())

    @pytest.mark.parametrize("couples", [False, True])
    def test_classes_are_seen_in_proportion_to_their_images(self, couples: bool) -> None:
        share = (UNEVEN[epoch(UNEVEN, 2, couples=couples)] == 0).mean()
        assert share == pytest.approx(479 / len(UNEVEN), abs=0.01)

    def test_every_image_leads_one_group_in_an_epoch(self) -> None:
        first, second = epoch(TWO, 2, n=2).reshape(2, -1, 2)[:, :, 0]
        assert sorted(first) == sorted(second) == list(range(len(TWO)))
        assert not np.array_equal(first, second)

    def test_partners_are_drawn_evenly_from_the_rest_of_the_class(self) -> None:
        pairs = epoch(np.zeros(4, np.int64), 2, n=200).reshape(-1, 2)
        _, counts = np.unique(pairs, axis=0, return_counts=True)
        assert len(counts) == 4 * 3
        assert counts == pytest.approx(len(pairs) / 12, rel=0.35)

    def test_no_image_is_paired_with_itself(self) -> None:
        """Classes of one image are left out; those of two give the other."""
        classes = np.repeat(np.arange(5), [1, 2, 1, 6, 2])
        pairs = epoch(classes, 2, batch_size=4, n=20).reshape(-1, 2)
        assert (pairs[:, 0] != pairs[:, 1]).all()
        assert set(classes[pairs.reshape(-1)]) == {1, 3, 4}

    def test_a_small_class_repeats_all_its_images(self) -> None:
        classes = np.repeat([0, 1], [3, 12])
        groups = epoch(classes, 8, n=4).reshape(-1, 8)
        small = groups[classes[groups[:, 0]] == 0]
        assert len(small)
        assert all(sorted(np.bincount(group)) == [2, 3, 3] for group in small)

    def test_a_batch_depends_on_its_number_only(self) -> None:
        one, other = (GroupedBatches(UNEVEN, 16, 2, seed=3, couples=True) for _ in range(2))
        assert np.array_equal(one.index(40), other.index(40))
        assert all(not np.array_equal(one.index(a), one.index(b)) for a, b in pairwise(range(5)))

    def test_every_class_is_compared_with_every_other_equally_often(self) -> None:
        """Whatever the order of ids: those of similar classes are often neighbours."""
        classes = np.repeat(np.arange(24), 8)
        counts = np.zeros((24, 24))
        for batch in classes[epoch(classes, 2, couples=True, n=200)][:, ::2]:
            other, _ = another_class(torch.from_numpy(batch))
            np.add.at(counts, (batch, batch[other.numpy()]), 1)
        shares = counts / counts.sum(axis=1, keepdims=True)
        assert shares[~np.eye(24, dtype=bool)] == pytest.approx(1 / 23, rel=0.6)
        assert not shares.diagonal().any()

    def test_sets_smaller_than_a_batch_have_smaller_batches(self) -> None:
        assert GroupedBatches(np.repeat([0, 1], 3), 64, 2, 0).batch_size == 12
        assert GroupedBatches(np.repeat([0, 1], [2, 3]), 64, 2, 0, couples=True).batch_size == 8
        assert GroupedBatches(TWO, 18, 2, 0, couples=True).batch_size == 16
        assert GroupedBatches(TWO, 1, 4, 0, couples=True).batch_size == 8


class TestRefused:
    def test_classes_of_one_image_each(self) -> None:
        with pytest.raises(UserError, match="a class with two training images or more: none has"):
            GroupedBatches(np.arange(9), 8, 2, 0)

    def test_a_single_class_for_what_compares_classes(self) -> None:
        classes = np.repeat([0, 1, 2], [1, 8, 1])
        GroupedBatches(classes, 8, 2, 0)
        with pytest.raises(UserError, match="two classes with two training images or more: only one has"):
            GroupedBatches(classes, 8, 2, 0, couples=True)

    def test_groups_of_one_need_no_second_image(self) -> None:
        assert sorted(GroupedBatches(np.arange(9), 9, 1, 0).index(0)) == list(range(9))


class TestAnotherClass:
    def test_it_is_the_nearest_before(self) -> None:
        index, exists = another_class(torch.tensor([0, 0, 1, 2, 2]))
        assert index.tolist() == [4, 4, 1, 2, 2]
        assert exists.all()

    def test_there_may_be_none(self) -> None:
        assert not another_class(torch.zeros(3, dtype=torch.int64))[1].any()
        assert not another_class(torch.tensor([5]))[1].any()

    @pytest.mark.parametrize("classes", [TWO, UNEVEN])
    @pytest.mark.parametrize("parts", [1, 2, 4])
    def test_it_is_another_class_in_every_part_of_a_batch(self, classes: Int64Array, parts: int) -> None:
        """Each image keeps its partner, too. Where there is no other class, a batch has one class mostly."""
        alone = []
        for index in epoch(classes, 2, couples=True):
            for part in divided(index, 4, parts):
                pairs = torch.from_numpy(classes[part].reshape(-1, 2))
                assert torch.equal(pairs[:, 0], pairs[:, 1])
                other, exists = another_class(pairs[:, 0])
                assert (pairs[other, 0] != pairs[:, 0])[exists].all()
                assert exists.all() == (len(pairs[:, 0].unique()) > 1)
                alone.append(not _has_several(pairs))
        assert np.mean(alone) < {1: 0.05, 2: 0.2, 4: 0.35}[parts]

    def test_couples_are_of_two_classes_unless_one_fills_more_than_half(self) -> None:
        for index in epoch(UNEVEN, 2, couples=True):
            couples = UNEVEN[index].reshape(-1, 2, 2)[:, :, 0]
            same = int((couples[:, 0] == couples[:, 1]).sum())
            most = int(np.bincount(couples.reshape(-1)).max())
            assert same == max(0, most - len(couples))


def _has_several(pairs: Tensor) -> bool:
    return len(pairs.unique()) > 1
