"""Trains an encoding of a token table on a frozen language model's loss: windows, steps, and a state to go on from.

Rates are relative: with a rate of .03, a step of Adam moves each number by up to 3 % of the root mean square that its
tensor has at the start. So one rate serves codes, lifts and centroids, whatever their scale.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from tokentrial.cramming.folders import LanguageModel
from tokentrial.models.linear_cross_entropy import linear_cross_entropy
from tokentrial.real_model.trained import Trained
from tokentrial.training.checkpoint import Saved

POINTS = 10  # of the curve of the training loss
# ASSUME: Adam's second moments forget faster than by default (.99 for .999), since a training may have 100 steps.
BETAS = (0.9, 0.99)


class Settings(NamedTuple):
    """How an encoding is trained: ``steps`` of ``batch`` windows of ``length`` predicted tokens; rate: see above."""

    steps: int
    batch: int
    length: int
    rate: float
    precision: str

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "Settings":
        return cls(*(options[name] for name in cls._fields))

    @property
    def tokens(self) -> int:
        """Predicted tokens of the whole training."""
        return self.steps * self.batch * self.length


class Fitting:
    """The training of one encoding. tied: whether the output layer is the encoded table, too.

    windows (steps * batch, length + 1): token ids of the training text, in the order in which they are read.
    """

    def __init__(
        self, model: LanguageModel, encoding: Trained, windows: Tensor, tied: bool, settings: Settings
    ) -> None:
        self.model, self.encoding, self.tied, self.settings = model, encoding, tied, settings
        device = model.table.device
        self.windows = windows.to(device).view(settings.steps, settings.batch, settings.length + 1)
        for name, value in encoding.tensors.items():
            encoding.tensors[name] = value.to(device).requires_grad_()
        groups = [
            {"params": [value], "lr": settings.rate, "scale": _scale(name, encoding.tensors)}
            for name, value in encoding.tensors.items()
        ]
        self.optimiser = torch.optim.Adam(groups, betas=BETAS, eps=1e-12)
        self.step, self.losses, self.cpu_seconds = 0, list[float](), 0.0

    def run(self, due: Callable[[], bool], save: Callable[[Saved], None]) -> None:
        """Trains to the end; calls ``save`` with the state whenever it is ``due``."""
        started = time.process_time()
        while self.step < self.settings.steps:
            self._advance(self.windows[self.step])
            self.step += 1
            if due() and self.step < self.settings.steps:
                self.cpu_seconds, started = self.cpu_seconds + time.process_time() - started, time.process_time()
                save(self.saved())
        self.cpu_seconds += time.process_time() - started

    def _advance(self, ids: Tensor) -> None:
        """Does a step on ids (B, L + 1)."""
        encoding, precision = self.encoding, self.settings.precision
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.rate * group["scale"] * (1 - self.step / self.settings.steps)
        vectors = encoding.vectors(ids[:, :-1])  # in float32, so that product codes choose as they do in the end
        with torch.autocast(ids.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            hidden = self.model.hidden(vectors)
        output = encoding.table() if self.tied else self.model.weight
        loss = linear_cross_entropy(
            hidden.float().flatten(0, 1), output, ids[:, 1:].flatten(), self.model.bias, precision=precision
        )
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.losses.append(float(loss.detach()))

    def saved(self) -> Saved:
        """Returns numbers, moments, losses and the step."""
        tensors = {f"value/{name}": value for name, value in self.encoding.tensors.items()}
        for name, value in self.encoding.tensors.items():
            state = self.optimiser.state[value]
            tensors |= {f"first/{name}": state["exp_avg"], f"second/{name}": state["exp_avg_sq"]}
        return Saved(tensors, {"step": self.step, "losses": self.losses, "cpu_seconds": self.cpu_seconds})

    def restore(self, saved: Saved) -> None:
        """Goes on from a state of :meth:`saved`."""
        self.step, self.losses = saved.values["step"], list(saved.values["losses"])
        self.cpu_seconds = saved.values["cpu_seconds"]
        for name, value in self.encoding.tensors.items():
            with torch.no_grad():
                value.copy_(saved.tensors[f"value/{name}"])
            first, second = (saved.tensors[f"{part}/{name}"].to(value.device) for part in ("first", "second"))
            self.optimiser.state[value] = {
                "step": torch.tensor(float(self.step)),
                "exp_avg": first,
                "exp_avg_sq": second,
            }

    def curve(self) -> list[tuple[int, float]]:
        """Returns (step, mean training loss since the point before) at up to ten points."""
        size = max(1, len(self.losses) // POINTS)
        ends = range(size, len(self.losses) + 1, size)
        return [(end, sum(self.losses[end - size : end]) / size) for end in ends]


def _scale(name: str, tensors: Mapping[str, Tensor]) -> float:
    """Returns the root mean square of a tensor, or of the one before it for a bias that starts at zero."""
    names: Sequence[str] = list(tensors)
    for place in range(names.index(name), -1, -1):
        scale = float(tensors[names[place]].detach().square().mean().sqrt())
        if scale > 0:
            return scale
    return 1.0
