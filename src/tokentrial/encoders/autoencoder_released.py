"""The autoencoder as released for real text: the model rebuilds its own trainable table, then its codes are frozen."""

from dataclasses import replace

import torch
from torch import Tensor

from tokentrial.encoders.base import Context, Encoder, Parameters, gather
from tokentrial.errors import InputError
from tokentrial.seeds import stream


class AutoencoderReleased(Encoder):
    """Table V x D, Linear D -> d_c and ReLU, Linear d_c -> D; protocol A7 (document 002's public code).

    The target is the trainable table's output, which is not detached. So shrinking the table also lowers the error, and
    nothing keeps tokens apart. Training takes ``epochs`` on batches of the training text; then the codes are frozen.
    """

    def __init__(
        self, vocab_size: int, width: int, full_width: int, epochs: int = 1, batch_size: int = 16, rate: float = 1e-3
    ) -> None:
        super().__init__(vocab_size, width, full_width)
        self.epochs, self.batch_size, self.rate = epochs, batch_size, rate
        self.reconstruction_error: Tensor | None = None  # (S,), share of the table's mean square left, after stage one

    def initialise(self, context: Context) -> tuple[Parameters, Parameters]:
        if context.text is None:
            raise InputError(
                "config: encoder 'autoencoder_released' trains on batches of a text, which this study lacks"
            )
        text = context.text()  # (S, N, L)
        # seeds one after the other: a step over a batch of text fills the core, and a seed's bits depend on no other
        trained = [
            self._train(replace(context, replicates=(k,), counts=context.counts[i : i + 1]), text[i : i + 1])
            for i, k in enumerate(context.replicates)
        ]
        codes, errors = (torch.cat(values) for values in zip(*trained, strict=True))
        self.reconstruction_error = errors
        context.log(
            f"released autoencoder: share not rebuilt: {', '.join(f'{error:.4f}' for error in errors.tolist())}"
        )
        return {}, {"table": codes}

    def forward(self, parameters: Parameters, ids: Tensor) -> Tensor:
        return gather(parameters["table"], ids)

    def parameter_counts(self) -> dict[str, int]:
        full, width = self.full_width, self.width
        decoder = width * full + full
        return {"embedding": self.vocab_size * full, "encoder": full * width + width, "decoder": decoder}

    def _train(self, context: Context, text: Tensor) -> tuple[Tensor, Tensor]:
        """Returns codes (1, V, d_c) and the share of the table not rebuilt (1,), for one seed's text (1, N, L)."""
        parameters = self._initial(context)
        optimiser = torch.optim.Adam(parameters.values(), lr=self.rate, fused=True)
        for epoch in range(self.epochs):
            shuffled = stream(context.seed, "autoencoder_batches", context.replicates[0], epoch)
            order = torch.from_numpy(shuffled.permutation(text.shape[1])).to(text.device)
            for chosen in torch.split(order, self.batch_size):
                optimiser.zero_grad()
                torch.autograd.backward(self._loss(parameters, text[:, chosen]))
                optimiser.step()
        with torch.no_grad():
            table, codes = parameters["table"], self._encode(parameters, parameters["table"])
            error = (self._decode(parameters, codes) - table).square().mean(dim=(1, 2))
            return codes, error / table.square().mean(dim=(1, 2))

    def _initial(self, context: Context) -> Parameters:
        """Draws by torch's default laws: N(0, 1) for the table, U(+-1/sqrt(fan_in)) for weights and biases."""
        full, width = self.full_width, self.width
        parameters = {
            "table": context.normal("autoencoder_table", self.vocab_size, full),
            "encode": context.linear("autoencoder_encode", full, width),
            "encode_bias": context.uniform("autoencoder_encode_bias", 1, width) / full**0.5,
            "decode": context.linear("autoencoder_decode", width, full),
            "decode_bias": context.uniform("autoencoder_decode_bias", 1, full) / width**0.5,
        }
        return {name: value.requires_grad_() for name, value in parameters.items()}

    def _encode(self, parameters: Parameters, vectors: Tensor) -> Tensor:
        return torch.relu(vectors @ parameters["encode"] + parameters["encode_bias"])

    def _decode(self, parameters: Parameters, codes: Tensor) -> Tensor:
        return codes @ parameters["decode"] + parameters["decode_bias"]

    def _loss(self, parameters: Parameters, ids: Tensor) -> Tensor:
        """Returns the mean squared error of a batch (1, B, L)."""
        vectors = gather(parameters["table"], ids).flatten(1, 2)  # (1, B*L, D)
        rebuilt = self._decode(parameters, self._encode(parameters, vectors))
        return (rebuilt - vectors).square().mean()
