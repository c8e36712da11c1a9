"""The batched scripts against plain torch modules of one seed that go token by token: the same loss at every step.

Both run in float64: Adam divides by the gradient's size, so that in float32 a gradient that is rounding alone becomes a
step, and two orders of summation drift apart.
"""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from tokentrial.released.bespoke import convergence, initial, random_windows, scaling, text
from tokentrial.released.bespoke.models import PooledModel, losses, trained_names
from tokentrial.released.bespoke.training import Batch, train
from tokentrial.released.bespoke.transformer import Dropout, TransformerModel
from tokentrial.released.bespoke.weights import Weights

SEEDS = 3
SEED = 1  # the one that is followed


class SlowBespoke(nn.Module):
    """Vectors token by token: a table over the whole vocabulary and a map for each class, as the layers have them."""

    def __init__(self, widths, output, vocab_size, classes, bias=False, shared=False, rows=None):
        super().__init__()
        self.classes, self.widths, self.output, self.shared, self.rows = classes, widths, output, shared, rows or {}
        self.tables = nn.ModuleDict({name: nn.Embedding(vocab_size, width) for name, width in widths.items()})
        widest = max(widths.values())
        fan_in = {name: widest if shared else width for name, width in widths.items() if shared or width != output}
        self.maps = nn.ModuleDict({name: nn.Linear(width, output, bias=bias) for name, width in fan_in.items()})

    def forward(self, tokens):
        vectors = []
        for token in tokens.flatten().tolist():
            name = self.classes[token]
            row = self.rows[name](token) if name in self.rows else token
            vector = self.tables[name].weight[row]
            if self.shared:
                padded = functional.pad(vector, (0, max(self.widths.values()) - len(vector)))
                vector = self.maps["high"](padded)  # one for all
            elif name in self.maps:
                vector = self.maps[name](vector)
            vectors.append(vector)
        return torch.stack(vectors).view(*tokens.shape, self.output)


class SlowModel(nn.Module):
    def __init__(self, embedding, width, vocab_size, norm):
        super().__init__()
        self.embedding = embedding
        self.norm = nn.LayerNorm(width) if norm else nn.Identity()
        self.head = nn.Linear(width, vocab_size)

    def forward(self, tokens):
        return self.head(self.norm(self.embedding(tokens).mean(dim=1)))


def copy_weights(slow, layout, parameters):
    """The followed seed's weights into the slow module, rows by the tokens that read them."""
    own = {name: value[SEED].detach().clone() for name, value in parameters.items()}
    slots = layout.slots[SEED]
    with torch.no_grad():
        slow.head.weight.copy_(own["head.weight"].T)
        slow.head.bias.copy_(own["head.bias"])
        if isinstance(slow.embedding, nn.Embedding):
            slow.embedding.weight.copy_(own["table.table"])
            return
        for band, offset in zip(layout.bands, layout.offsets(), strict=True):
            table = slow.embedding.tables[band.name].weight
            for token in np.flatnonzero((slots >= offset) & (slots < offset + band.rows)):
                row = slow.embedding.rows.get(band.name, lambda token: token)(token)
                table[row] = own[f"{band.name}.table"][slots[token] - offset]
            if band.name in slow.embedding.maps:
                source = "shared" if layout.shared else band.name
                slow.embedding.maps[band.name].weight.copy_(own[f"{source}.weight"].T)
                if band.bias:
                    slow.embedding.maps[band.name].bias.copy_(own[f"{band.name}.bias"])


def slow_losses(slow, inputs, targets):
    """torch's own Adam, one step per batch; inputs (steps, B, L)."""
    optimizer = torch.optim.Adam(slow.parameters(), lr=1e-3)
    found = []
    for tokens, target in zip(torch.from_numpy(inputs), torch.from_numpy(targets), strict=True):
        loss = functional.cross_entropy(slow(tokens).flatten(0, -2), target.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return np.array(found)


def batched_losses(model, parameters, inputs, targets):
    """The batched training loop on (S, steps, B, L); the followed seed's losses."""
    found = []
    batches = [
        Batch(model.encode(inputs[:, t]), torch.from_numpy(np.ascontiguousarray(targets[:, t])))
        for t in range(inputs.shape[1])
    ]

    def loss(weights, batch):
        return losses(model.logits(weights, batch.inputs.double()), batch.targets)

    parameters = {name: value.double() for name, value in parameters.items()}
    names = trained_names(model.layout, parameters)
    train(
        loss,
        parameters,
        names,
        batches,
        1e-3,
        lambda step, value, weights: found.append(value[SEED].item()),
        reads=model.reads,
    )
    return np.array(found)


def classes_of(corpus, kind, vocab_size):
    """Token -> class of the followed seed, in the words of the protocol, with sets."""
    ranked = [int(token) for token in text.ranked_types(corpus)]
    high, low = {
        "quick": (ranked[:20], ranked[-20:]),
        "scaling": (ranked[:30], ranked[-170:]),
        "convergence": (ranked[:20], ranked[-50:]),
        "initial": (ranked[:20], ranked[-80:]),
    }[kind]
    first, second = (("low", low), ("high", high)) if kind == "scaling" else (("high", high), ("low", low))
    return [first[0] if t in first[1] else second[0] if t in second[1] else "mid" for t in range(vocab_size)]


def compare(slow, model, parameters, inputs, targets):
    copy_weights(slow, model.layout, parameters)
    expected = slow_losses(slow.double(), inputs[SEED], targets[SEED])
    np.testing.assert_allclose(batched_losses(model, parameters, inputs, targets), expected, rtol=1e-6)
    assert np.ptp(expected) > 0.01  # something was trained


SCALING = {
    "condition": "x",
    "seed": 5,
    "seeds": SEEDS,
    "fresh": 1,
    "steps": [5],
    "long_seeds": 0,
    "attribution": [],
    "attribution_steps": 5,
    "fast_rate": 0.01,
}


@pytest.mark.parametrize("size", scaling.CORPORA)
@pytest.mark.parametrize("arm", ["standard", "bespoke"])
def test_scaling_equals_the_slow_script_at_every_released_step(size, arm):
    steps = scaling.CORPORA[size]
    cell = scaling.make_cell(SCALING, size, steps)
    design = scaling.arms(cell, SCALING, all_arms=False)[arm]
    model = PooledModel(design.layout, 200, norm=True)
    inputs, targets = [], []
    for corpus in torch.from_numpy(cell.corpora):
        drawn = [[corpus[64 * b + 8 * i : 64 * b + 8 * i + 64] for i in range(8)] for b in range(steps)]
        inputs.append([[window.tolist() for window in batch] for batch in drawn])
        targets.append([[int(torch.mode(window)[0]) for window in batch] for batch in drawn])
    inputs, targets = np.array(inputs), np.array(targets)
    ours = list(scaling.batches(cell, model, slice(0, SEEDS), steps))
    for t, batch in enumerate(ours):
        assert torch.equal(batch.inputs, model.encode(inputs[:, t]))
        assert batch.targets.tolist() == targets[:, t].tolist()
    if arm == "standard":
        embedding = nn.Embedding(200, 128)
    else:
        widths = {"high": 224, "mid": 128, "low": 32}
        embedding = SlowBespoke(widths, 128, 200, classes_of(cell.corpora[SEED], "scaling", 200))
    slow = SlowModel(embedding, 128, 200, norm=True)
    assert sum(value.numel() for value in slow.parameters()) == design.cost.total
    compare(slow, model, model.initial(Weights(5, "x", arm, range(SEEDS))), inputs, targets)


@pytest.mark.parametrize(("arm", "width"), [("projected", 128), ("projected_wide", 224)])
def test_projected_arms_are_a_table_and_a_map(arm, width):
    cell = scaling.make_cell(SCALING, 1_000, 5)
    design = scaling.arms(cell, SCALING, all_arms=True)[arm]
    model = PooledModel(design.layout, 200, norm=True)
    embedding = SlowBespoke({"table": width}, 128, 200, ["table"] * 200)
    embedding.maps = nn.ModuleDict({"table": nn.Linear(width, 128, bias=False)})
    slow = SlowModel(embedding, 128, 200, norm=True)
    assert sum(value.numel() for value in slow.parameters()) == design.cost.total
    rng = np.random.default_rng(0)
    inputs, targets = rng.integers(0, 200, (SEEDS, 10, 8, 64)), rng.integers(0, 3, (SEEDS, 10, 8))
    compare(slow, model, model.initial(Weights(5, "x", arm, range(SEEDS))), inputs, targets)


@pytest.mark.parametrize("control", ["permuted", "reversed"])
def test_bands_that_some_batches_do_not_read_stay_as_torch_leaves_them(control):
    """The wide vectors of rare types: torch's Adam passes over a parameter without a gradient."""
    cell = scaling.make_cell(SCALING, 20_000, 15)
    design = scaling.arms(cell, SCALING, all_arms=True)[control]
    model = PooledModel(design.layout, 200, norm=True)
    wide = np.flatnonzero(design.layout.slots[SEED] < 30)
    embedding = SlowBespoke({"high": 224, "low": 32}, 128, 200, ["high" if t in wide else "low" for t in range(200)])
    slow = SlowModel(embedding, 128, 200, norm=True)
    rng = np.random.default_rng(0)
    narrow = np.setdiff1d(np.arange(200), wide)
    inputs, targets = rng.choice(narrow, (SEEDS, 12, 8, 64)), rng.integers(0, 3, (SEEDS, 12, 8))
    inputs[:, [1, 2, 5, 9], 0, 0] = wide[0]
    with torch.no_grad():
        embedding.tables.add_module("mid", nn.Embedding(200, 128))  # read by no token
    compare(slow, model, model.initial(Weights(5, "x", "bespoke", range(SEEDS))), inputs, targets)


def read_by_all_or_none(layout, tokens):
    """Whether every batch of (S, steps, B, L) reads each band that is trained and not rare, or none does, by seed."""
    slots = layout.slots[np.arange(len(tokens))[:, None], tokens.reshape(len(tokens), -1)].reshape(tokens.shape)
    for band, offset in zip(layout.bands, layout.offsets(), strict=True):
        read = ((slots >= offset) & (slots < offset + band.rows)).any(axis=(2, 3))  # S, steps
        if not band.trained:
            assert not read.any()
        elif not band.rare:
            assert (read.all(axis=1) | ~read.any(axis=1)).all()


def test_no_batch_leaves_out_a_band_that_is_not_marked_rare():
    for size, steps in scaling.CORPORA.items():
        cell = scaling.make_cell(SCALING | {"seeds": 10}, size, steps)
        starts = 64 * np.arange(cell.batches)[:, None] + 8 * np.arange(8)
        tokens = np.stack([text.windows(corpus, starts, 64) for corpus in cell.corpora])
        for control in (None, scaling.layouts.permuted(5, "x"), scaling.layouts.reversed_ranks):
            read_by_all_or_none(scaling.bespoke_layout(cell, control), tokens)
    for name, script in random_windows.SCRIPTS.items():
        corpora = [text.draw_corpus(script.law, script.corpus, 5, name, k) for k in range(10)]
        layout, _ = script.bespoke(corpora, script.head)
        read_by_all_or_none(layout, random_windows.sample(script, 5, np.stack(corpora), "bespoke", range(10))[0])


def test_kept_maps_stay_and_all_else_moves():
    cell = scaling.make_cell(SCALING, 20_000, 15)
    model = PooledModel(scaling.arms(cell, SCALING, all_arms=True)["frozen"].layout, 200, norm=True)
    parameters = model.initial(Weights(5, "x", "bespoke", range(SEEDS)))
    before = {name: value.clone() for name, value in parameters.items()}
    tokens = np.random.default_rng(0).integers(0, 200, (SEEDS, 8, 64))
    batch = Batch(model.encode(tokens), torch.zeros(SEEDS, 8, dtype=torch.int64))
    names = trained_names(model.layout, parameters)
    train(lambda w, b: losses(model.logits(w, b.inputs), b.targets), parameters, names, [batch] * 2, 1e-3, print)
    still = {name for name in parameters if torch.equal(parameters[name], before[name])}
    assert still == {"high.weight", "low.weight", "mid.table"}


def slow_script(name, corpus):
    """The slow bespoke model of a random-window script."""
    ranked = [int(token) for token in text.ranked_types(corpus)]
    if name == "quick":
        classes = classes_of(corpus, "quick", 100)
        return SlowModel(SlowBespoke({"high": 80, "mid": 64, "low": 48}, 64, 100, classes, bias=True), 64, 100, False)
    if name == "optimized":
        classes, seen = ["low"] * 200, 0
        for token in ranked:
            classes[token] = "high" if seen / len(corpus) < 0.8 else "mid" if seen / len(corpus) < 0.95 else "low"
            seen += int((corpus == token).sum())
        return SlowModel(SlowBespoke({"high": 160, "mid": 128, "low": 51}, 128, 200, classes), 128, 200, False)
    classes = ["low"] * 200
    for rank, token in enumerate(ranked[:40]):
        classes[token] = "high" if rank < 20 else "mid"
    widths = {"high": 192, "mid": 96, "low": 16}
    embedding = SlowBespoke(widths, 128, 200, classes, shared=True, rows={"low": lambda token: token % 8})
    return SlowModel(embedding, 128, 200, False)


@pytest.mark.parametrize("name", random_windows.SCRIPTS)
@pytest.mark.parametrize("arm", ["standard", "bespoke"])
def test_random_window_scripts_equal_the_slow_ones(name, arm):
    script = random_windows.SCRIPTS[name]
    corpora = [text.draw_corpus(script.law, script.corpus, 5, name, k) for k in range(SEEDS)]
    layout, _ = script.standard(SEEDS) if arm == "standard" else script.bespoke(corpora, script.head)
    model = PooledModel(layout, script.vocab_size, norm=False)
    inputs, targets = random_windows.sample(script, 5, np.stack(corpora), arm, range(SEEDS))
    slow = slow_script(name, corpora[SEED])
    if arm == "standard":
        slow.embedding = nn.Embedding(script.vocab_size, script.width)
    used = slice(0, 12)
    compare(slow, model, model.initial(Weights(5, name, arm, range(SEEDS))), inputs[:, used], targets[:, used])


def test_first_token_inputs_end_with_id_0_and_hide_the_target():
    script = random_windows.SCRIPTS["ultra"]
    corpora = np.stack([np.arange(20_000)] * 2)  # token = position
    inputs, targets = random_windows.sample(script, 5, corpora, "standard", range(2))
    assert inputs.shape == (2, 60, 8, 64) and targets.shape == (2, 60, 8)
    np.testing.assert_array_equal(inputs[..., 0], targets + 1)
    assert (inputs[..., -1] == 0).all()
    assert targets.min() >= 0 and targets.max() < 20_000 - 64


def test_convergence_equals_the_slow_script():
    spec = {"seed": 5, "epochs": 1, "fresh": 4}
    corpora = np.stack(
        [text.draw_corpus(random_windows.zipf_probabilities(200, 1.4), 10_000, 5, "convergence", k) for k in range(3)]
    )
    chunk = convergence.Chunk(
        convergence.Report(), spec, "x", "bespoke", convergence.bespoke_layout(corpora), corpora, range(SEEDS)
    )
    drawn = list(chunk._batches())
    starts = chunk._starts(8_000, (1, 400), "batches")[:, 0]
    windows = np.stack([text.windows(*pair, 17) for pair in zip(corpora, starts, strict=True)])
    inputs = windows[:, :, :-1].reshape(SEEDS, 50, 8, 16)
    targets = windows[:, :, -1].reshape(SEEDS, 50, 8)
    for t, batch in enumerate(drawn):
        assert torch.equal(batch.inputs, chunk.model.encode(inputs[:, t]))
        assert batch.targets.tolist() == targets[:, t].tolist()
    classes = classes_of(corpora[SEED], "convergence", 200)
    embedding = SlowBespoke({"high": 128, "mid": 64, "low": 16}, 64, 200, classes, bias=True)
    slow = SlowModel(embedding, 64, 200, norm=False)
    assert sum(value.numel() for value in slow.parameters()) == convergence.COSTS["bespoke"].total == 63_944
    compare(slow, chunk.model, chunk.parameters, inputs, targets)


class Masked(nn.Module):
    """Stands in for a dropout module: multiplies by the masks given, in turn."""

    def __init__(self, masks):
        super().__init__()
        self.masks = masks

    def forward(self, values):
        return values * self.masks.pop(0).view(values.shape)


class SlowTransformer(nn.Module):
    def __init__(self, embedding, masks):
        super().__init__()
        self.embedding = embedding
        self.layer = nn.TransformerEncoderLayer(64, 4, 128, dropout=0.0, batch_first=True)
        self.layer.dropout1, self.layer.dropout, self.layer.dropout2 = map(Masked, masks)
        self.head = nn.Linear(64, 100)

    def forward(self, tokens):
        return self.head(self.layer(self.embedding(tokens)))


def copy_layer(slow, parameters):
    own = {name: value[SEED].detach().clone() for name, value in parameters.items()}
    layer = slow.layer
    with torch.no_grad():
        layer.self_attn.in_proj_weight.copy_(own["attention.weight"].T)
        layer.self_attn.in_proj_bias.copy_(own["attention.bias"])
        pairs = {"mix": layer.self_attn.out_proj, "expand": layer.linear1, "contract": layer.linear2}
        for name, module in pairs.items():
            module.weight.copy_(own[f"{name}.weight"].T)
            module.bias.copy_(own[f"{name}.bias"])


@pytest.mark.parametrize("arm", ["standard", "bespoke"])
def test_the_transformer_equals_torchs_layer_with_the_same_dropout_masks(arm):
    """Dropout behind attention, inside and behind the feed-forward: same masks; inside attention: the next test."""
    law = random_windows.zipf_probabilities(100, 1.2)
    corpora = np.stack([text.draw_corpus(law, 5_000, 5, "initial", k) for k in range(SEEDS)])
    layout = (
        initial.bespoke_layout(corpora)
        if arm == "bespoke"
        else initial.layouts.uniform(100, 64, 64, SEEDS, projected=False)
    )
    model = TransformerModel(layout, 100, 4, 128)
    parameters = model.initial(Weights(5, "initial", arm, range(SEEDS)))
    masks: list[list[torch.Tensor]] = [[], [], []]
    real, calls = Dropout(5, "test", range(SEEDS)), [0]

    def dropout(values):
        kind = calls[0] % 4
        calls[0] += 1
        if kind == 0:
            assert values.shape == (SEEDS, 8 * 4, 32, 32)
            return values
        mask = real(torch.ones_like(values))
        masks[kind - 1].append(mask[SEED].detach())
        return values * mask

    found = []
    train(
        lambda weights, batch: losses(
            model.logits(weights, batch.inputs, dropout).flatten(1, 2), batch.targets.flatten(1, 2)
        ),
        {name: value.clone() for name, value in parameters.items()},
        trained_names(layout, parameters),
        list(initial.batches(model, corpora)),
        1e-3,
        lambda step, value, weights: found.append(value[SEED].item()),
    )
    embedding = nn.Embedding(100, 64)
    if arm == "bespoke":
        classes = classes_of(corpora[SEED], "initial", 100)
        embedding = SlowBespoke({"high": 96, "mid": 64, "low": 32}, 64, 100, classes, bias=True)
    slow = SlowTransformer(embedding, masks)
    assert sum(value.numel() for value in slow.parameters()) == initial.COSTS[arm].total
    copy_weights(slow, layout, parameters)
    copy_layer(slow, parameters)
    tokens = torch.from_numpy(corpora[SEED])
    starts = [[32 * k + 4 * q for q in range(8)] for _ in range(3) for k in range(10)]
    inputs = np.array([[tokens[s : s + 32].tolist() for s in batch] for batch in starts])
    targets = np.array([[tokens[s + 1 : s + 33].tolist() for s in batch] for batch in starts])
    np.testing.assert_allclose(found, slow_losses(slow, inputs, targets), rtol=2e-5)


def test_dropout_keeps_nine_tenths_and_the_mean():
    made = Dropout(5, "test", range(2))(torch.ones(2, 100, 1000))
    assert made.unique().tolist() == pytest.approx([0.0, 1 / 0.9])
    kept = (made > 0).float().mean(dim=(1, 2))  # n = 100,000: a standard error of 0.00095
    assert ((kept - 0.9).abs() < 0.005).all()
    assert not torch.equal(made[0], made[1])
    alone = Dropout(5, "test", [1])(torch.ones(1, 100, 1000))
    assert torch.equal(alone[0], made[1])


def test_initial_weights_follow_torchs_laws():
    """Bounds and standard deviations of the layer's weights, 60 seeds here against 60 layers of torch's own."""
    weights = Weights(5, "x", "standard", range(60))
    made = TransformerModel(initial.layouts.uniform(100, 64, 64, 60, projected=False), 100, 4, 128).initial(weights)
    torch.manual_seed(0)
    layers = [nn.TransformerEncoderLayer(64, 4, 128) for _ in range(60)]
    names = {
        "attention.weight": "self_attn.in_proj_weight",
        "attention.bias": "self_attn.in_proj_bias",
        "mix.weight": "self_attn.out_proj.weight",
        "mix.bias": "self_attn.out_proj.bias",
        "expand.weight": "linear1.weight",
        "expand.bias": "linear1.bias",
        "contract.weight": "linear2.weight",
        "contract.bias": "linear2.bias",
    }
    for ours, theirs in names.items():
        expected = torch.stack([layer.state_dict()[theirs] for layer in layers])
        assert made[ours].std().item() == pytest.approx(expected.std().item(), rel=0.02), ours
        assert made[ours].abs().max().item() == pytest.approx(expected.abs().max().item(), rel=0.01), ours
    assert made["table.table"].std().item() == pytest.approx(1.0, rel=0.01)  # n = 384,000
