"""The autoencoder baselines: stage one learns to rebuild a D-wide table from d_c numbers; stage two uses the codes."""

import torch
from torch import Tensor

from tokentrial.adam import Adam, linear_decay
from tokentrial.encoders.base import Context, Encoder, Parameters, gather
from tokentrial.encoders.tables import source_table, standardise, token_weights
from tokentrial.errors import InputError

VARIANTS = ("standard", "deep", "variational")


class Autoencoder(Encoder):
    """Stage one: V -> D -> d_c -> D by reconstruction. Stage two: the codes, frozen or fine-tuned, feed the task.

    variant: ``standard`` (one linear map each way, documents 000 and 001), ``deep`` (one hidden ReLU layer each way) or
    ``variational`` (Kingma and Welling 2014: Gaussian code, of which the mean is used; document 001, section 4.3).
    activation: ``none``, or ``relu`` on the code, as in the released code. table: ``task`` or ``random``.
    finetune: whether the codes continue to train with the task.
    """

    def __init__(
        self,
        vocab_size: int,
        width: int,
        full_width: int,
        variant: str = "standard",
        activation: str = "none",
        table: str = "task",
        finetune: bool = False,
        reconstruction_steps: int = 1000,
        reconstruction_rate: float = 0.01,
        kl_weight: float = 0.01,
    ) -> None:
        super().__init__(vocab_size, width, full_width)
        if variant not in VARIANTS:
            raise InputError(f"config: autoencoder variant '{variant}' is unknown; expected {', '.join(VARIANTS)}")
        if activation not in ("none", "relu"):
            raise InputError(f"config: autoencoder activation '{activation}' is unknown; expected 'none' or 'relu'")
        self.variant, self.activation, self.source, self.finetune = variant, activation, table, finetune
        self.steps, self.rate, self.kl_weight = reconstruction_steps, reconstruction_rate, kl_weight
        self.reconstruction_error: Tensor | None = None  # (S,), share of the table's variance left, after stage one

    @property
    def hidden(self) -> int:
        """Width of the deep variant's hidden layers, halfway between D and d_c."""
        return (self.full_width + self.width) // 2

    def initialise(self, context: Context) -> tuple[Parameters, Parameters]:
        table = source_table(context, self.source, self.vocab_size, self.full_width)
        weights = token_weights(context.counts)
        codes = self._train_reconstruction(context, table, weights)
        codes = standardise(codes, context)
        return ({"table": codes}, {}) if self.finetune else ({}, {"table": codes})

    def forward(self, parameters: Parameters, ids: Tensor) -> Tensor:
        return gather(parameters["table"], ids)

    def parameter_counts(self) -> dict[str, int]:
        full, width = self.full_width, self.width
        one_way = full * width if self.variant != "deep" else full * self.hidden + self.hidden * width
        encoder = one_way + (full * width if self.variant == "variational" else 0)
        return {"embedding": self.vocab_size * full, "encoder": encoder, "decoder": one_way}

    def trained_count(self) -> int:
        counts = self.parameter_counts()
        table = counts["embedding"] if self.source == "task" else 0
        return table + counts["encoder"] + counts["decoder"] + (self.vocab_size * self.width if self.finetune else 0)

    def _train_reconstruction(self, context: Context, table: Tensor, weights: Tensor) -> Tensor:
        """Returns codes (S, V, d_c) after stage one: full-batch Adam on weighted squared error, rate falling to zero.

        The table is first centred and scaled to unit variance, as a linear map with an offset could do itself.
        """
        share = weights.unsqueeze(-1)
        centred = table - (table * share).sum(1, keepdim=True)
        scale = (centred.square() * share).sum(dim=(1, 2), keepdim=True).div(self.full_width).sqrt().clamp_min(1e-12)
        inputs = (centred / scale).detach()  # (S, V, D)
        parameters = self._initial_maps(context)
        optimiser = Adam(list(parameters.values()))
        noise = None
        if self.variant == "variational":
            noise = context.normal("variational_noise", 64, self.vocab_size, self.width)
        for step in range(self.steps):
            draw = None if noise is None else noise[:, step % noise.shape[1]]
            loss = self._loss(parameters, inputs, share, draw)
            gradients = torch.autograd.grad(loss.sum(), list(parameters.values()))
            optimiser.step(gradients, self.rate * linear_decay(step, self.steps))
        with torch.no_grad():
            codes = self._encode(parameters, inputs)[0]
            rebuilt = self._decode(parameters, codes)
            self.reconstruction_error = ((rebuilt - inputs).square() * share).sum(dim=(1, 2)) / self.full_width
        error = ", ".join(f"{value:.4f}" for value in self.reconstruction_error.tolist())
        context.log(f"autoencoder {self.variant}: share of variance not rebuilt per seed: {error}")
        return codes

    def _initial_maps(self, context: Context) -> Parameters:
        full, width, hidden = self.full_width, self.width, self.hidden
        if self.variant == "deep":
            shapes = {"encode1": (full, hidden), "encode2": (hidden, width), "decode1": (width, hidden)}
            shapes["decode2"] = (hidden, full)
        else:
            shapes = {"encode": (full, width), "decode": (width, full)}
            if self.variant == "variational":
                shapes["log_variance"] = (full, width)
        maps = {name: context.linear(f"autoencoder_{name}", *shape) for name, shape in shapes.items()}
        return {name: value.requires_grad_() for name, value in maps.items()}

    def _encode(self, maps: Parameters, inputs: Tensor) -> tuple[Tensor, Tensor | None]:
        if self.variant == "deep":
            codes = torch.relu(inputs @ maps["encode1"]) @ maps["encode2"]
        else:
            codes = inputs @ maps["encode"]
        if self.activation == "relu":
            codes = torch.relu(codes)
        return codes, inputs @ maps["log_variance"] if self.variant == "variational" else None

    def _decode(self, maps: Parameters, codes: Tensor) -> Tensor:
        if self.variant == "deep":
            return torch.relu(codes @ maps["decode1"]) @ maps["decode2"]
        return codes @ maps["decode"]

    def _loss(self, maps: Parameters, inputs: Tensor, share: Tensor, noise: Tensor | None) -> Tensor:
        """Returns the weighted mean squared error (S,), plus the weighted KL term of the variational variant."""
        codes, log_variance = self._encode(maps, inputs)
        penalty = torch.zeros((), device=inputs.device)
        if log_variance is not None and noise is not None:
            # Kingma and Welling 2014, appendix B: KL of N(mu, sigma^2) from N(0, 1)
            divergence = 0.5 * (codes.square() + log_variance.exp() - 1 - log_variance).sum(-1, keepdim=True)
            penalty = self.kl_weight * (divergence * share).sum(dim=(1, 2)) / self.full_width
            codes = codes + noise * (0.5 * log_variance).exp()
        squared = (self._decode(maps, codes) - inputs).square()
        return (squared * share).sum(dim=(1, 2)) / self.full_width + penalty
