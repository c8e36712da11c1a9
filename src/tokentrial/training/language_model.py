"""A language model over an interchangeable encoder: ids -> vectors -> (lift) -> body -> next-token scores.

Shapes: B sequences, L input tokens, V vocabulary, d the encoder's output width, W the body's input width, H the
body's output width. A model has one seed: the encoder's leading seed axis has length one here.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tokentrial.encoders.base import Context, Encoder, Parameters, make
from tokentrial.errors import InputError
from tokentrial.models import language
from tokentrial.models.language import Body, State
from tokentrial.models.linear_cross_entropy import PRECISIONS, linear_cross_entropy, linear_scores
from tokentrial.training.text import Text


@dataclass(frozen=True)
class Output:
    """The output layer: scores = features @ lift @ weight^T + bias; weight (V, H or d), lift (H, d) or None."""

    weight: Tensor
    bias: Tensor | None
    lift: Tensor | None


class LanguageModel(nn.Module):
    """Next-token scores over ``encoder``.

    If the encoder's vectors are not as wide as the body's input, a bias-free linear ``lift`` maps them to that width
    (with a narrow learned table, this is the factorised embedding of ALBERT, Lan et al. 2020, section 3.1). tied: the
    output layer uses the input vectors of all tokens (Press and Wolf 2017), through the same lift, so that no V x W
    table is made from a V x d table.
    """

    def __init__(self, encoder: Encoder, body: Body, body_width: int, tied: bool, bias: bool, precision: str):
        super().__init__()
        self.encoder, self.body, self.tied, self.precision = encoder, body, tied, precision
        self.vocab_size, width = encoder.vocab_size, body.output_width
        if tied and width != body_width:
            raise InputError(
                f"config: tied: the body turns {body_width} numbers into {width}, expected as many for a tied output"
            )
        if precision not in PRECISIONS:
            raise InputError(f"config: precision: found '{precision}', expected one of {', '.join(PRECISIONS)}")
        needs_lift = encoder.output_width != body_width
        self.lift = nn.Parameter(torch.empty(body_width, encoder.output_width)) if needs_lift else None
        self.weight = None if tied else nn.Parameter(torch.empty(self.vocab_size, width))
        self.bias = nn.Parameter(torch.empty(self.vocab_size)) if bias else None
        self.trainable, self.frozen = nn.ParameterDict(), nn.ParameterDict()

    def initialise(self, context: Context) -> None:
        """Draws one seed's weights, each from its own named stream; a two-stage encoder trains its first stage here."""
        trainable, frozen = self.encoder.initialise(context)
        self.set_encoding(trainable, frozen)
        language.initialise(self.body, context.seed, context.replicates[0])
        width = self.body.output_width
        with torch.no_grad():
            if self.lift is not None:
                # keeps the scale of the vectors, so that bodies over wide and narrow tables start at the same scale
                d = self.lift.shape[1]
                self.lift.copy_(context.uniform("lift", *self.lift.shape)[0] * math.sqrt(3 / d))
            if self.weight is not None:  # torch.nn.Linear's law
                self.weight.copy_(context.uniform("output_weight", *self.weight.shape)[0] / math.sqrt(width))
            if self.bias is not None:
                self.bias.copy_(context.uniform("output_bias", self.vocab_size)[0] / math.sqrt(width))
        self.to(context.device)

    def set_encoding(self, trainable: Parameters, frozen: Parameters) -> None:
        """Sets the encoder's parameters, (1, ...) each."""
        self.trainable = nn.ParameterDict({name: nn.Parameter(value.detach()) for name, value in trainable.items()})
        self.frozen = nn.ParameterDict(
            {name: nn.Parameter(value.detach(), requires_grad=False) for name, value in frozen.items()}
        )

    def vectors(self, ids: Tensor) -> Tensor:
        """Returns the encoder's vectors (B, L, d) of ids (B, L)."""
        parameters: Parameters = {**self.trainable, **self.frozen}
        return self.encoder.forward(parameters, ids.unsqueeze(0)).squeeze(0)

    def forward(self, ids: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Returns features (B, L, H) of ids (B, L), and the state after them."""
        with torch.autocast(ids.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            vectors = self.vectors(ids)
            if self.lift is not None:
                vectors = vectors @ self.lift.mT
            features, state = self.body(vectors, state)
        return features.float(), state

    def output(self) -> Output:
        """Returns the output layer's tensors, which are made once per step."""
        if self.weight is not None:
            return Output(self.weight, self.bias, None)
        every_token = torch.arange(self.vocab_size, device=next(self.body.parameters()).device)
        return Output(self.vectors(every_token.unsqueeze(0)).squeeze(0), self.bias, self.lift)

    def loss(self, ids: Tensor, targets: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Returns the mean cross-entropy in nats of targets (B, L) given ids (B, L), and the state after them."""
        features, state = self(ids, state)
        output = self.output()
        flat = features.flatten(0, 1)
        flat = flat if output.lift is None else flat @ output.lift
        value = linear_cross_entropy(flat, output.weight, targets.flatten(), output.bias, precision=self.precision)
        return value, state


def build(spec: Mapping[str, Any], vocab_size: int) -> LanguageModel:
    """Returns the untrained model of an arm; raises InputError for options that do not fit."""
    encoder = build_encoder(spec, vocab_size)
    body = language.build(spec["body"], spec["body_width"], spec["training"]["length"])
    return LanguageModel(encoder, body, spec["body_width"], spec["tied"], spec["bias"], spec["precision"])


def build_encoder(spec: Mapping[str, Any], vocab_size: int) -> Encoder:
    """Returns the untrained encoder of an arm; raises InputError for options that it lacks."""
    options = dict(spec["encoder"])
    name = options.pop("encoder")
    return make(f"config: arms: {spec['arm']}", name, vocab_size, spec["width"], spec["full_width"], options)


@torch.no_grad()
def evaluate(model: LanguageModel, text: Text) -> tuple[float, float]:
    """Returns mean (cross-entropy in nats, accuracy) over all rows of a text, without dropout; streams keep state."""
    model.eval()
    output = model.output()
    loss = torch.zeros((), dtype=torch.float64, device=text.inputs.device)
    hits = torch.zeros((), dtype=torch.float64, device=text.inputs.device)
    state: State = None
    for inputs, targets in text.in_order():
        features, state = model(inputs, state)
        state = state if text.order == "streams" else None
        flat = features.flatten(0, 1)
        flat = flat if output.lift is None else flat @ output.lift
        losses, hit = linear_scores(flat, output.weight, targets.flatten(), output.bias)
        loss += losses.double().sum()
        hits += hit.double().sum()
    model.train()
    return float(loss) / text.targets.numel(), float(hits) / text.targets.numel()


def parameter_counts(model: LanguageModel) -> dict[str, int | None]:
    """Returns parameters by role, parameters trained at any stage, and bits to deploy (see results.ARMS)."""
    roles = model.encoder.parameter_counts()
    lift = 0 if model.lift is None else model.lift.numel()
    weight = 0 if model.weight is None else model.weight.numel()
    head = weight + (0 if model.bias is None else model.bias.numel())
    body = sum(value.numel() for value in model.body.parameters())
    return {
        "parameters_embedding": roles.get("embedding", 0),
        "parameters_encoder": roles.get("encoder", 0) + lift,
        "parameters_decoder": roles.get("decoder", 0),
        "parameters_body": body,
        "parameters_head": head,
        "params_trained": model.encoder.trained_count() + lift + body + head,
        "bits_deployed": model.encoder.bits_deployed() + 32 * (lift + head),
    }
