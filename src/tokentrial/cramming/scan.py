"""Mamba's selective scan on a CPU with an explicit gradient, which replaces the scan that transformers uses.

transformers uses mambapy's scan, which is parallel over positions: it pads a text to a power of two and passes over all
states for each doubling. A single thread gains nothing from this, so the scan here is a loop over positions that
updates a batch's states in place, with fewer passes through memory. On other devices, transformers' scan is used.

Shapes: B texts of L positions, D channels with N numbers of state each.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import silu, softplus
from transformers.models.mamba import modeling_mamba

LN_2 = math.log(2)
_theirs = modeling_mamba.mamba_selective_scan


class SelectiveScan(torch.autograd.Function):
    """Gu and Dao 2023, algorithm 2: h_t = exp(step_t decay) h_(t-1) + step_t value_t write_t, out_t = read_t h_t."""

    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)  # type: ignore[untyped-decorator]
    def forward(ctx: Any, values: Tensor, steps: Tensor, decay: Tensor, write: Tensor, read: Tensor) -> Tensor:
        """Returns out (B, L, D) of values and steps (B, L, D), decay (D, N), write and read (B, L, N)."""
        kept = (steps.unsqueeze(3) * (decay / LN_2)).exp2_()  # cheaper than exp on a CPU
        states = (steps * values).unsqueeze(3) * write.unsqueeze(2)
        for place in range(1, states.shape[1]):
            states[:, place].addcmul_(kept[:, place], states[:, place - 1])
        ctx.save_for_backward(values, steps, decay, write, read, kept, states)
        return (states @ read.unsqueeze(3)).squeeze(3)

    @staticmethod
    @torch.amp.custom_bwd(device_type="cpu")  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Returns the gradients of the inputs from that of out (B, L, D); None for decay if it needs no gradient."""
        values, steps, decay, write, read, kept, states = ctx.saved_tensors
        of_states = gradient.unsqueeze(3) * read.unsqueeze(2)
        for place in range(states.shape[1] - 2, -1, -1):
            of_states[:, place].addcmul_(kept[:, place + 1], of_states[:, place + 1])
        of_read = (gradient.unsqueeze(2) @ states).squeeze(2)
        of_write = ((steps * values).unsqueeze(2) @ of_states).squeeze(2)
        of_written = (of_states @ write.unsqueeze(3)).squeeze(3)  # of step_t value_t
        of_exponent = of_states[:, 1:].mul_(states[:, :-1]).mul_(kept[:, 1:])  # nothing decays into the first state
        of_decay = None
        if ctx.needs_input_grad[2]:
            of_decay = (of_exponent * steps[:, 1:].unsqueeze(3)).sum((0, 1))
        of_steps = of_written * values
        of_steps[:, 1:].add_(of_exponent.mul_(decay).sum(3))
        return of_written * steps, of_steps, of_decay, of_write, of_read


def selective_scan(
    hidden_states: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    z: Tensor | None = None,
    delta_bias: Tensor | None = None,
    delta_softplus: bool = False,
    return_last_state: bool = False,
    **choice: Any,
) -> Any:
    """Replaces transformers' ``mamba_selective_scan``: hidden_states, dt, z (B, D, L), A (D, N), B, C (B, N, L)."""
    if hidden_states.device.type != "cpu" or return_last_state:
        rest = {"return_last_state": return_last_state, **choice}
        return _theirs(hidden_states, dt, A, B, C, D, z, delta_bias, delta_softplus, **rest)
    steps, values = dt.transpose(1, 2), hidden_states.transpose(1, 2).contiguous()
    steps = steps if delta_bias is None else steps + delta_bias.to(dt.dtype)
    steps = softplus(steps) if delta_softplus else steps
    inputs = values, steps.contiguous(), A, B.transpose(1, 2), C.transpose(1, 2)
    out: Tensor = SelectiveScan.apply(*inputs)  # type: ignore[no-untyped-call]
    out = out if D is None else torch.addcmul(out, values, D.to(out.dtype))
    out = out if z is None else out * silu(z.transpose(1, 2))  # transposed, so that channels are neighbours in memory
    return out.transpose(1, 2)


def install() -> None:
    """Makes all transformers' Mamba models of this process use :func:`selective_scan`."""
    modeling_mamba.mamba_selective_scan = selective_scan
