"""Batches of a text: what follows what, in which order, and what is left out."""

import numpy as np
import pytest
import torch

from tokentrial.errors import InputError
from tokentrial.training.text import Text, cut

CPU = torch.device("cpu")


def numbered(count: int, batch_size: int, length: int, order: str) -> Text:
    """The text 0, 1, 2, ..., so that a token says where it stands."""
    return cut(np.arange(count, dtype=np.int32), batch_size, length, order, CPU, "text")


@pytest.mark.parametrize("order", ["blocks", "streams"])
def test_every_target_is_the_token_after_its_input(order: str) -> None:
    text = numbered(1003, 4, 7, order)
    assert torch.equal(text.targets, text.inputs + 1)
    assert text.inputs.shape[1] == 7
    assert len(text.inputs.flatten().unique()) == text.inputs.numel()


def test_blocks_predict_every_token_but_the_first_and_a_rest_shorter_than_a_block() -> None:
    text = numbered(1003, 4, 7, "blocks")
    assert text.targets.flatten().tolist() == list(range(1, 1002))  # 143 blocks of 7
    assert text.steps == 143 // 4
    assert text.tokens == 35 * 4 * 7


def test_streams_go_on_from_window_to_window() -> None:
    text = numbered(1003, 4, 7, "streams")
    windows = text.inputs.view(-1, 4, 7)
    assert torch.equal(windows[1:, :, 0], windows[:-1, :, -1] + 1)
    assert windows[0, :, 0].tolist() == [0, 250, 500, 750]
    assert torch.equal(text.epoch_order(1, 0, 0), text.epoch_order(2, 5, 3))  # nothing to shuffle


def test_blocks_are_shuffled_by_seed_replicate_and_epoch_without_repeats() -> None:
    text = numbered(1003, 4, 7, "blocks")
    order = text.epoch_order(42, 0, 0)
    assert order.shape == (35, 4)
    assert len(order.flatten().unique()) == 140
    assert torch.equal(order, text.epoch_order(42, 0, 0))
    for other in (text.epoch_order(43, 0, 0), text.epoch_order(42, 1, 0), text.epoch_order(42, 0, 1)):
        assert not torch.equal(order, other)


def test_measuring_goes_through_all_rows_in_order() -> None:
    text = numbered(1003, 4, 7, "blocks")
    seen = torch.cat([targets.flatten() for _, targets in text.in_order()])
    assert seen.tolist() == list(range(1, 1002))


@pytest.mark.parametrize(("order", "needed"), [("blocks", 29), ("streams", 32)])
def test_a_text_shorter_than_one_batch_is_refused(order: str, needed: int) -> None:
    assert numbered(needed, 4, 7, order).steps == 1
    with pytest.raises(InputError, match=f"text: found {needed - 1} tokens to use, expected at least {needed}"):
        numbered(needed - 1, 4, 7, order)


def test_an_unknown_order_is_refused() -> None:
    with pytest.raises(InputError, match=r"training\.order: found 'random', expected one of blocks, streams"):
        numbered(100, 4, 7, "random")
