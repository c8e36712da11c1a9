"""The autoencoder that is trained to directions: stage one turns the rebuilt vectors towards the table's."""

from torch import Tensor
from torch.nn.functional import cosine_similarity

from tokentrial.encoders.autoencoder import Autoencoder
from tokentrial.encoders.base import Parameters


class AutoencoderDirection(Autoencoder):
    """As :class:`Autoencoder`, but stage one lowers one minus the cosine of a row and its reconstruction.

    Directions are those from the mean vector of the text, since the table is centred first. Lengths do not enter the
    loss, so a code need not keep them. variant: ``standard`` or ``deep``.
    """

    def __init__(
        self,
        vocab_size: int,
        width: int,
        full_width: int,
        variant: str = "standard",
        finetune: bool = False,
        reconstruction_steps: int = 1000,
        reconstruction_rate: float = 0.01,
    ) -> None:
        super().__init__(
            vocab_size,
            width,
            full_width,
            variant,
            finetune=finetune,
            reconstruction_steps=reconstruction_steps,
            reconstruction_rate=reconstruction_rate,
        )

    def _loss(self, maps: Parameters, inputs: Tensor, share: Tensor, noise: Tensor | None) -> Tensor:
        """Returns the weighted mean of one minus the cosine (S,)."""
        rebuilt = self._decode(maps, self._encode(maps, inputs)[0])
        return ((1 - cosine_similarity(rebuilt, inputs, dim=-1)) * share.squeeze(-1)).sum(1)
