"""The released autoencoder of protocol A7 against torch's own layers and optimiser on the same batches."""

import pytest
import torch
from torch import nn

from tokentrial.encoders.autoencoder_released import AutoencoderReleased
from tokentrial.encoders.base import Context
from tokentrial.errors import InputError
from tokentrial.seeds import stream

V, D, WIDTH, ROWS, LENGTH = 30, 12, 5, 40, 6


def text(replicates: tuple[int, ...]) -> torch.Tensor:
    """Rows (S, N, L) in which some tokens never occur."""
    drawn = [torch.from_numpy(stream(7, "text", k).integers(0, V - 4, (ROWS, LENGTH))) for k in replicates]
    return torch.stack(drawn)


def context(replicates: tuple[int, ...]) -> Context:
    def never() -> torch.Tensor:
        raise AssertionError("the released autoencoder has its own table")

    counts = torch.ones(len(replicates), V)
    return Context(42, replicates, counts, never, 0.1, lambda message: None, lambda: text(replicates))


def by_torch(replicate: int, epochs: int) -> torch.Tensor:
    """The same first stage in float64 with nn.Embedding, nn.Linear, mse_loss and torch.optim.Adam."""
    one = context((replicate,))
    torch.manual_seed(0)
    table = nn.Embedding(V, D).double()
    encode, decode = nn.Linear(D, WIDTH).double(), nn.Linear(WIDTH, D).double()
    with torch.no_grad():
        table.weight.copy_(one.normal("autoencoder_table", V, D)[0])
        encode.weight.copy_(one.linear("autoencoder_encode", D, WIDTH)[0].T)
        encode.bias.copy_(one.uniform("autoencoder_encode_bias", 1, WIDTH)[0, 0] / D**0.5)
        decode.weight.copy_(one.linear("autoencoder_decode", WIDTH, D)[0].T)
        decode.bias.copy_(one.uniform("autoencoder_decode_bias", 1, D)[0, 0] / WIDTH**0.5)
    optimiser = torch.optim.Adam([*table.parameters(), *encode.parameters(), *decode.parameters()], lr=1e-3)
    rows = text((replicate,))[0]
    for epoch in range(epochs):
        order = torch.from_numpy(stream(42, "autoencoder_batches", replicate, epoch).permutation(ROWS))
        for batch in order.split(16):
            vectors = table(rows[batch])
            optimiser.zero_grad()
            nn.functional.mse_loss(decode(torch.relu(encode(vectors))), vectors).backward()
            optimiser.step()
    codes: torch.Tensor = torch.relu(encode(table.weight)).detach()
    return codes


@pytest.mark.parametrize("epochs", [1, 5])
def test_codes_are_those_of_torch_layers_and_adam(epochs: int) -> None:
    encoder = AutoencoderReleased(V, WIDTH, D, epochs=epochs)
    trainable, frozen = encoder.initialise(context((0, 1)))
    assert trainable == {}
    for k in (0, 1):
        torch.testing.assert_close(frozen["table"][k].double(), by_torch(k, epochs), rtol=1e-4, atol=1e-5)


def test_a_seed_alone_gives_the_same_bits_as_beside_others() -> None:
    together = AutoencoderReleased(V, WIDTH, D).initialise(context((0, 3)))[1]["table"]
    alone = AutoencoderReleased(V, WIDTH, D).initialise(context((3,)))[1]["table"]
    assert torch.equal(together[1], alone[0])
    assert not torch.equal(together[0], together[1])


def test_the_undetached_target_lets_the_error_fall_by_shrinking_the_table() -> None:
    """A token that occurs is pulled towards its reconstruction; one that never occurs keeps its row."""
    encoder = AutoencoderReleased(V, WIDTH, D, epochs=200)
    kept: dict[str, torch.Tensor] = {}
    original = encoder._encode
    encoder._encode = lambda parameters, vectors: (  # type: ignore[method-assign]
        kept.update(parameters) or original(parameters, vectors)
    )
    encoder.initialise(context((0,)))
    table, start = kept["table"][0].detach(), context((0,)).normal("autoencoder_table", V, D)[0]
    torch.testing.assert_close(table[V - 4 :], start[V - 4 :])
    assert table[: V - 4].square().mean() < 0.8 * start[: V - 4].square().mean()


def test_parameters_are_protocol_a7s() -> None:
    """V = 50,257, D = 128, d = 16: table, Linear 128 -> 16 and Linear 16 -> 128, both with bias."""
    encoder = AutoencoderReleased(50257, 16, 128)
    assert encoder.parameter_counts() == {"embedding": 6_432_896, "encoder": 2_064, "decoder": 2_176}
    assert encoder.trained_count() == 6_437_136
    assert encoder.bits_deployed() == 32 * 50257 * 16


def test_it_needs_a_text() -> None:
    without = Context(42, (0,), torch.ones(1, V), lambda: torch.zeros(1, V, D), 0.1, lambda message: None)
    with pytest.raises(InputError, match="autoencoder_released"):
        AutoencoderReleased(V, WIDTH, D).initialise(without)
