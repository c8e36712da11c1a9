"""Bodies of the language models: what they see, how many parameters they have, where they start."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tokentrial.errors import InputError
from tokentrial.models import language
from tokentrial.models.dropout import Masks
from tokentrial.models.language import POSITION_SCALE, Lstm, Transformer, build, initialise

TRANSFORMER: dict[str, Any] = {
    "kind": "transformer",
    "layers": 2,
    "heads": 4,
    "feedforward": 128,
    "dropout": 0.1,
    "causal": True,
    "positions": True,
    "norm_first": True,
}
LSTM: dict[str, Any] = {"kind": "lstm", "layers": 2, "dropout": 0.2}
RELEASED = TRANSFORMER | {"causal": False, "positions": False, "norm_first": False}


def body(options: dict[str, Any], width: int = 16, length: int = 12) -> Transformer | Lstm:
    made = build(options, width, length)
    initialise(made, 42, 0)
    return made.eval()


def vectors(length: int = 12, width: int = 16) -> Tensor:
    return torch.randn(3, length, width, generator=torch.Generator().manual_seed(1))


def parameters(module: nn.Module) -> int:
    return sum(value.numel() for value in module.parameters())


def moved(model: Transformer | Lstm, position: int) -> Tensor:
    """Largest change of the features at each position, (L,), when the input at one position changes."""
    changed = vectors()
    changed[:, position, 0] += 1  # one number alone: a layer norm takes away what all have in common
    return (model(changed)[0] - model(vectors())[0]).abs().amax((0, 2))


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("options", [TRANSFORMER, TRANSFORMER | {"positions": False}, LSTM])
def test_causal_bodies_do_not_see_what_follows(options: dict[str, Any], norm_first: bool) -> None:
    own = {"norm_first": norm_first} if options["kind"] == "transformer" else {}
    model = body(options | own | {"dropout": 0.0})
    for training in (True, False):  # torch has another path for evaluation
        model.train(training).requires_grad_(training)
        for position in (0, 5, 11):
            change = moved(model, position)
            assert change[:position].eq(0).all()
            assert change[position:].gt(1e-6).all()


def test_without_a_mask_the_next_token_is_visible() -> None:
    assert moved(body(RELEASED), 11)[:11].gt(1e-6).all()


def test_positions_tell_equal_tokens_apart() -> None:
    same = torch.ones(1, 12, 16, dtype=torch.float64)
    with_positions, without = (
        body(TRANSFORMER | {"positions": positions}).double()(same)[0] for positions in (True, False)
    )
    assert (without - without[:, :1]).abs().max() < 1e-14
    assert (with_positions - with_positions[:, :1]).abs().max() > 1e-3


def test_windows_may_be_shorter() -> None:
    model = body(TRANSFORMER)
    torch.testing.assert_close(model(vectors()[:, :7])[0], model(vectors())[0][:, :7])


@pytest.mark.parametrize("norm_first", [True, False])
def test_equals_the_formula(norm_first: bool) -> None:
    """Attention with an explicit mask, residuals and norms written out in float64."""
    model = body(TRANSFORMER | {"norm_first": norm_first}).double()
    x = vectors().double()
    state, length, width, heads = dict(model.state_dict()), 12, 16, 4

    def norm(value: Tensor, name: str) -> Tensor:
        centred = value - value.mean(-1, keepdim=True)
        scaled = centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
        return scaled * state[f"{name}.weight"] + state[f"{name}.bias"]

    def attention(value: Tensor, name: str) -> Tensor:
        mixed = value @ state[f"{name}.in_proj_weight"].T + state[f"{name}.in_proj_bias"]
        split = (part.view(3, length, heads, width // heads).transpose(1, 2) for part in mixed.split(width, -1))
        query, key, content = split
        scores = query @ key.transpose(2, 3) / math.sqrt(width // heads)
        scores = scores.masked_fill(torch.ones(length, length).triu(1).bool(), -math.inf)
        joined = (scores.softmax(-1) @ content).transpose(1, 2).reshape(3, length, width)
        return joined @ state[f"{name}.out_proj.weight"].T + state[f"{name}.out_proj.bias"]

    def forward(value: Tensor, name: str) -> Tensor:
        hidden = torch.relu(value @ state[f"{name}.linear1.weight"].T + state[f"{name}.linear1.bias"])
        return hidden @ state[f"{name}.linear2.weight"].T + state[f"{name}.linear2.bias"]

    expected = x + state["positions.weight"]
    for layer in ("encoder.layers.0", "encoder.layers.1"):
        if norm_first:
            expected = expected + attention(norm(expected, f"{layer}.norm1"), f"{layer}.self_attn")
            expected = expected + forward(norm(expected, f"{layer}.norm2"), layer)
        else:
            expected = norm(expected + attention(expected, f"{layer}.self_attn"), f"{layer}.norm1")
            expected = norm(expected + forward(expected, layer), f"{layer}.norm2")
    expected = norm(expected, "encoder.norm") if norm_first else expected
    torch.testing.assert_close(model(x)[0], expected, rtol=1e-10, atol=1e-10)


def test_released_model_has_the_published_size() -> None:
    model = build(RELEASED, 16, 34)
    assert isinstance(model, Transformer)
    assert parameters(model.encoder.layers[0]) == 5_392  # protocol A7
    assert parameters(model) == 2 * 5_392
    assert parameters(model) + 2 * 50_257 * 16 + 50_257 == 1_669_265


def test_lstm_has_the_size_of_the_word_language_model() -> None:
    size = parameters(build(LSTM, 200, 35))
    assert size + 33_278 * 200 + 33_278 == 7_332_078  # tied
    assert size + 2 * 33_278 * 200 + 33_278 == 13_987_678


def test_lstm_carries_its_state() -> None:
    """Two windows with the state handed over are one long window; without it they are not."""
    model = body(LSTM)
    whole, _ = model(vectors())
    first, state = model(vectors()[:, :5])
    second, _ = model(vectors()[:, 5:], model.detach(state))
    torch.testing.assert_close(torch.cat((first, second), 1), whole)
    assert (model(vectors()[:, 5:])[0] - whole[:, 5:]).abs().max() > 1e-3


def test_detach_cuts_the_graph() -> None:
    model = body(LSTM)
    _, state = model(vectors())
    kept = model.detach(state)
    assert state[0].requires_grad and not any(value.requires_grad for value in kept)
    assert model.detach(None) is None


@pytest.fixture
def drops(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """What each dropout of a forward pass gives, in their order."""
    seen: list[Tensor] = []
    plain = language.dropped

    def recorded(values: Tensor, masks: Masks | None) -> Tensor:
        seen.append(plain(values, masks))
        return seen[-1]

    monkeypatch.setattr(language, "dropped", recorded)
    return seen


def test_lstm_drops_before_between_and_after(drops: list[Tensor]) -> None:
    model = build({"kind": "lstm", "layers": 2, "dropout": 0.5}, 16, 12)
    torch.manual_seed(0)
    features, _ = model(vectors())
    assert len(drops) == 3 and drops[-1] is features
    assert all(0.4 < values.eq(0).float().mean() < 0.6 for values in drops)
    kept = drops[0] != 0
    assert torch.equal(drops[0][kept], 2 * vectors()[kept])


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("positions", [True, False])
def test_transformer_drops_where_torchs_layers_do(drops: list[Tensor], positions: bool, norm_first: bool) -> None:
    """In each layer the attention's weights, its result, the hidden units and theirs; before them the input, if the
    model has positions."""
    changes = {"dropout": 0.5, "positions": positions, "norm_first": norm_first}
    model = build(TRANSFORMER | changes, 16, 12)
    torch.manual_seed(0)
    model(vectors())
    layer = [(12, 12, 12), (36, 16), (36, 128), (36, 16)]  # 3 sequences of 12 tokens, 4 heads
    inputs = [(3, 12, 16)] if positions else []
    assert [tuple(values.shape) for values in drops] == inputs + layer + layer
    zero = torch.cat([values.eq(0).flatten() for values in drops if values.shape[-1] == 16])
    assert 0.45 < zero.float().mean() < 0.55


@pytest.mark.parametrize("options", [TRANSFORMER, LSTM])
def test_evaluation_and_a_rate_of_zero_drop_nothing(options: dict[str, Any]) -> None:
    model, without = body(options), body(options | {"dropout": 0.0}).train()
    state = torch.get_rng_state()
    expected = model(vectors())[0]
    torch.testing.assert_close(without(vectors())[0], expected)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(model.train()(vectors())[0], expected)


@pytest.mark.parametrize("options", [TRANSFORMER, LSTM])
def test_same_seed_same_start(options: dict[str, Any]) -> None:
    def start(seed: int, replicate: int) -> dict[str, Tensor]:
        torch.manual_seed(replicate + 100 * seed)  # which must not matter
        made = build(options, 16, 12)
        initialise(made, seed, replicate)
        return dict(made.state_dict())

    one, again, other_replicate, other_seed = start(42, 1), start(42, 1), start(42, 2), start(43, 1)
    for name, value in one.items():
        assert torch.equal(value, again[name])
        if value.std() > 0:
            assert not torch.equal(value, other_replicate[name])
            assert not torch.equal(value, other_seed[name])


def test_arms_start_from_equal_numbers() -> None:
    """A mask or no positions changes no other parameter's start; two layers of one body differ."""
    full, bare = dict(body(TRANSFORMER).state_dict()), dict(body(RELEASED).state_dict())
    assert all(torch.equal(value, full[name]) for name, value in bare.items())
    weights = [full[f"encoder.layers.{k}.linear1.weight"] for k in (0, 1)]
    assert not torch.equal(*weights)


@pytest.mark.parametrize(("options", "width"), [(TRANSFORMER, 64), (LSTM, 64)])
def test_starts_by_torchs_laws(options: dict[str, Any], width: int) -> None:
    """Mean, spread and reach of every parameter agree with what torch's own constructor draws."""
    torch.manual_seed(0)
    theirs, ours = build(options, width, 64), build(options, width, 64)
    initialise(ours, 42, 0)
    for (name, mine), reference in zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True):
        if name == "positions.weight":
            assert float(mine.std()) == pytest.approx(POSITION_SCALE, rel=0.05)
            continue
        if reference.std() == 0:
            assert torch.equal(mine, reference), name
            continue
        tolerance = 5 / math.sqrt(mine.numel())  # five standard errors of a mean
        assert float(mine.std()) == pytest.approx(float(reference.std()), rel=tolerance), name
        assert abs(float(mine.mean())) < tolerance * float(reference.std()), name
        assert float(mine.abs().max()) == pytest.approx(float(reference.abs().max()), rel=0.2), name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "rnn"}, "body.kind 'rnn' is unknown; expected one of transformer, lstm"),
        ({"heads": 3}, "body.heads is 3, which does not divide the width of 16"),
        ({"masked": True}, "body.masked is no option of a transformer"),
        ({"layers": 0}, "body.layers is 0; expected an integer of 1 or more"),
        ({"dropout": 1.0}, r"body.dropout is 1.0; expected a share in \[0, 1\)"),
        ({"causal": 1}, "body.causal is 1; expected true or false"),
    ],
)
def test_what_cannot_be_built_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build(TRANSFORMER | change, 16, 12)


def test_a_missing_option_is_named() -> None:
    with pytest.raises(InputError, match=r"body.layers is missing; a lstm needs layers, dropout"):
        build({"kind": "lstm", "dropout": 0.2}, 16, 12)


def test_defaults_are_the_fair_model() -> None:
    short = {name: TRANSFORMER[name] for name in ("kind", "layers", "heads", "feedforward", "dropout")}
    assert torch.equal(body(short)(vectors())[0], body(TRANSFORMER)(vectors())[0])
