"""Bodies of the language models: from the vectors of a text to the features of the output head.

``transformer`` is torch's TransformerEncoder. With a causal mask, learned positions and pre-norm, it is a GPT-2 block
stack (Radford et al. 2019, section 2.3); without all three, it is the released model (protocol A7). ``lstm`` is the
2x200 model of pytorch/examples word_language_model. The table in front and the head behind are not part of a body.

Dropout draws from torch's global generator (:mod:`tokentrial.models.dropout`). The caller seeds the generator
(``torch.manual_seed``) from a named stream before training, and keeps its state in a checkpoint.

Shapes: B sequences, L tokens, D width of the vectors, H output width.
"""

import math
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, relu
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear

from tokentrial.errors import InputError
from tokentrial.models.dropout import Masks
from tokentrial.seeds import stream

State = tuple[Tensor, Tensor] | None

# Standard deviation of initial positions (GPT-2's code): small compared with token vectors of any scale.
POSITION_SCALE = 0.02


class Transformer(nn.Module):
    """Transformer encoder layers with ReLU.

    norm_first: x + attention(norm x), x + feedforward(norm x), and a last norm; otherwise norm(x + attention x),
    norm(x + feedforward x). causal: position t sees only positions <= t; positions: a learned vector (length, D) is
    added at each position. ``encoder`` is torch's module, with its parameters and their names. The forward pass is
    written out here: on a CPU it takes half the time of torch's, which spends most of its time on dropout and copies.
    """

    mask: Tensor  # (length, length), added to the scores

    def __init__(
        self,
        width: int,
        layers: int,
        heads: int,
        feedforward: int,
        dropout: float,
        length: int,
        causal: bool = True,
        positions: bool = True,
        norm_first: bool = True,
    ) -> None:
        super().__init__()
        self.output_width, self.heads, self.feedforward, self.dropout = width, heads, feedforward, dropout
        self.norm_first = norm_first
        layer = nn.TransformerEncoderLayer(width, heads, feedforward, batch_first=True, norm_first=norm_first)
        last = nn.LayerNorm(width) if norm_first else None
        self.encoder = nn.TransformerEncoder(layer, layers, last, enable_nested_tensor=False)
        self.positions = nn.Embedding(length, width) if positions else None
        blocked = nn.Transformer.generate_square_subsequent_mask(length) if causal else torch.zeros(length, length)
        self.register_buffer("mask", blocked, persistent=False)

    def forward(self, vectors: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Returns (features (B, L, D), None) of vectors (B, L, D), L <= length; a transformer has no state."""
        batch, length, width = vectors.shape
        masks = self._masks(vectors) if self.training and self.dropout > 0 else None
        if self.positions is not None:  # the released model has no dropout here
            vectors = dropped(vectors + self.positions.weight[:length], masks)
        rows = vectors.reshape(-1, width)  # (B * L, D)
        for module in self.encoder.layers:
            rows = self._layer(cast(nn.TransformerEncoderLayer, module), rows, length, masks)
        if self.encoder.norm is not None:
            rows = self.encoder.norm(rows)
        return rows.view(batch, length, width), None

    def _masks(self, vectors: Tensor) -> Masks:
        """Returns dropout masks of one step: for the input and each layer's attention, hidden units and two results."""
        batch, length, width = vectors.shape
        layer = batch * self.heads * length**2 + batch * length * (self.feedforward + 2 * width)
        inputs = 0 if self.positions is None else vectors.numel()
        return Masks(self.dropout, inputs + len(self.encoder.layers) * layer, vectors.device)

    def _layer(self, layer: nn.TransformerEncoderLayer, rows: Tensor, length: int, masks: Masks | None) -> Tensor:
        if self.norm_first:
            rows = rows + dropped(self._attention(layer.self_attn, layer.norm1(rows), length, masks), masks)
            return rows + dropped(feed_forward(layer, layer.norm2(rows), masks), masks)
        rows = layer.norm1(rows + dropped(self._attention(layer.self_attn, rows, length, masks), masks))
        normed: Tensor = layer.norm2(rows + dropped(feed_forward(layer, rows, masks), masks))
        return normed

    def _attention(self, module: nn.MultiheadAttention, rows: Tensor, length: int, masks: Masks | None) -> Tensor:
        """Returns the attention of Vaswani et al. 2017, section 3.2, for rows (B * L, D)."""
        width, heads = self.output_width, self.heads
        parts = linear(rows, module.in_proj_weight, module.in_proj_bias).view(-1, length, 3, heads, width // heads)
        # one copy places the heads of all three side by side, (B * heads, L, D / heads)
        query, key, content = parts.permute(2, 0, 3, 1, 4).reshape(3, -1, length, width // heads).unbind(0)
        scores = torch.baddbmm(self.mask[:length, :length], query, key.mT, alpha=math.sqrt(heads / width))
        mixed = torch.bmm(dropped(scores.softmax(-1), masks), content)
        joined = mixed.view(-1, heads, length, width // heads).transpose(1, 2).reshape(-1, width)
        result: Tensor = module.out_proj(joined)
        return result

    def detach(self, state: State) -> State:
        """Returns None: the next window starts without a state."""
        return None


def feed_forward(layer: nn.TransformerEncoderLayer, rows: Tensor, masks: Masks | None) -> Tensor:
    result: Tensor = layer.linear2(dropped(relu(layer.linear1(rows)), masks))
    return result


def dropped(values: Tensor, masks: Masks | None) -> Tensor:
    return values if masks is None else masks.drop(values)


class Lstm(nn.Module):
    """LSTM with dropout on its input, between its layers and on its output (Zaremba et al. 2014, section 3.1)."""

    def __init__(self, width: int, layers: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.output_width, self.dropout = hidden, dropout
        self.lstm = nn.LSTM(width, hidden, layers, batch_first=True)

    def forward(self, vectors: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Returns (features (B, L, H), state after them) of vectors (B, L, D); state None starts from zeros."""
        if not self.training or self.dropout == 0:
            features, after = self.lstm(vectors, state)
            return features, after
        numbers = vectors[..., 0].numel() * (vectors.shape[-1] + self.lstm.num_layers * self.output_width)
        return self.layer_by_layer(vectors, state, Masks(self.dropout, numbers, vectors.device))

    def layer_by_layer(
        self, vectors: Tensor, state: State = None, masks: Masks | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Returns the result of ``self.lstm``, with dropout from torch's own generator.

        cuDNN draws dropout from a private state that a checkpoint cannot hold, so a resumed run would have other
        numbers.
        """
        if state is None:
            empty = vectors.new_zeros(self.lstm.num_layers, len(vectors), self.lstm.hidden_size)
            state = (empty, empty)
        vectors, ends = dropped(vectors, masks), []
        for layer, weights in enumerate(self.lstm.all_weights):
            start = tuple(part[layer : layer + 1] for part in state)
            # with biases, one layer, no dropout, training, one direction, batch first
            vectors, *end = torch._VF.lstm(vectors, start, [*weights], True, 1, 0.0, self.training, False, True)
            vectors = dropped(vectors, masks)
            ends.append(end)
        hidden, cells = (torch.cat(parts) for parts in zip(*ends, strict=True))
        return vectors, (hidden, cells)

    def detach(self, state: State) -> State:
        """Returns the same state without its graph: gradients stop at the window's start (truncated BPTT)."""
        return None if state is None else (state[0].detach(), state[1].detach())


Body = Transformer | Lstm
# Options of each kind and their types; options with a default may be left out.
OPTIONS: dict[str, dict[str, type]] = {
    "transformer": {
        "layers": int,
        "heads": int,
        "feedforward": int,
        "dropout": float,
        "causal": bool,
        "positions": bool,
        "norm_first": bool,
    },
    "lstm": {"layers": int, "dropout": float},
}
DEFAULTS = {"causal": True, "positions": True, "norm_first": True}


def build(body: Mapping[str, Any], width: int, length: int) -> Body:
    """Returns the body that the config describes, for vectors of this width and windows of this length.

    body: ``kind`` (``transformer`` or ``lstm``) and the kind's OPTIONS; an LSTM's layers are as wide as its input.
    Raises InputError for an unknown kind, for a missing, unknown or impossible option, and for a width that heads do
    not divide.
    """
    kind = body.get("kind")
    if kind not in OPTIONS:
        raise InputError(f"config: body.kind '{kind}' is unknown; expected one of {', '.join(OPTIONS)}")
    options = _checked(kind, {name: value for name, value in body.items() if name != "kind"})
    if kind == "lstm":
        return Lstm(width, hidden=width, **options)
    if width % options["heads"]:
        raise InputError(f"config: body.heads is {options['heads']}, which does not divide the width of {width}")
    return Transformer(width, length=length, **options)


def _checked(kind: str, options_set: dict[str, Any]) -> dict[str, Any]:
    """Returns the options with defaults filled in; raises InputError for an unusable option."""
    known = OPTIONS[kind]
    for name in options_set:
        if name not in known:
            raise InputError(f"config: body.{name} is no option of a {kind}; expected some of {', '.join(known)}")
    options = {name: value for name, value in DEFAULTS.items() if name in known} | options_set
    for name, wanted in known.items():
        if name not in options:
            raise InputError(f"config: body.{name} is missing; a {kind} needs {', '.join(_required(known))}")
        value = options[name]
        fits = {
            int: isinstance(value, int) and not isinstance(value, bool) and value >= 1,
            float: isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1,
            bool: isinstance(value, bool),
        }[wanted]
        if not fits:
            expected = {int: "an integer of 1 or more", float: "a share in [0, 1)", bool: "true or false"}[wanted]
            raise InputError(f"config: body.{name} is {value!r}; expected {expected}")
    return options


def _required(known: Mapping[str, type]) -> list[str]:
    """Returns the options that have no default."""
    return [name for name in known if name not in DEFAULTS]


@torch.no_grad()
def initialise(module: nn.Module, seed: int, replicate: int) -> None:
    """Redraws every parameter from the stream of its name, by torch's law for its layer.

    The stream is ``init/body/<name>/<replicate>``: bodies of equal shape start from equal numbers in every arm.
    """
    for prefix, owner in module.named_modules():
        for key, parameter in owner.named_parameters(prefix, recurse=False):
            rng = stream(seed, "init", "body", key, replicate)
            law, scale = _law(owner, key.rpartition(".")[2])
            if law == "constant":
                parameter.fill_(scale)
            else:
                shape = tuple(parameter.shape)
                draws = rng.uniform(-1, 1, shape) if law == "uniform" else rng.standard_normal(shape)
                parameter.copy_(torch.from_numpy(draws * scale))


def _law(owner: nn.Module, key: str) -> tuple[str, float]:
    """Returns (uniform, bound), (normal, standard deviation) or (constant, value), as in torch's reset_parameters."""
    if isinstance(owner, nn.MultiheadAttention):
        xavier = math.sqrt(6 / (owner.embed_dim + 3 * owner.embed_dim))  # Glorot and Bengio 2010, eq. 16
        return ("uniform", xavier) if key == "in_proj_weight" else ("constant", 0.0)
    if isinstance(owner, NonDynamicallyQuantizableLinear) and key == "bias":
        return "constant", 0.0  # the attention's output bias
    if isinstance(owner, nn.Linear):
        return "uniform", 1 / math.sqrt(owner.in_features)
    if isinstance(owner, nn.LSTM):
        return "uniform", 1 / math.sqrt(owner.hidden_size)
    if isinstance(owner, nn.LayerNorm):
        return "constant", 1.0 if key == "weight" else 0.0
    if isinstance(owner, nn.Embedding):
        return "normal", POSITION_SCALE
    raise TypeError(f"no initial law for {type(owner).__name__}.{key}")
