"""The training loop of a language model: one seed at one learning rate, interruptible between any two steps."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from tokentrial.adam import linear_decay
from tokentrial.errors import InputError
from tokentrial.models.language import State
from tokentrial.seeds import stream
from tokentrial.training.checkpoint import Saved, prefixed
from tokentrial.training.language_model import LanguageModel, evaluate
from tokentrial.training.runner import Runner
from tokentrial.training.text import Text

CHOICES = {
    "optimiser": ("adam", "sgd"),
    "schedule": ("constant", "linear", "plateau"),
    "select": ("best", "last"),
}
PLATEAU = 0.25  # pytorch/examples word_language_model: the rate after an epoch without a better validation loss


@dataclass(frozen=True)
class Settings:
    """The training settings of an arm.

    learning_rates: tried equally by every arm; fraction, held_out_fraction: first share of the training text and of the
    other two texts; batch_size, length, order: see :mod:`tokentrial.training.text`; clip: largest norm of the gradient,
    None for no limit; schedule: rate ``constant``, ``linear`` (constant, then to zero over the second half) or
    ``plateau`` (divided by four after an epoch that did not improve the validation loss); evaluations: number of
    measurements of the validation loss (``plateau``: after every epoch instead); select: ``best`` validation step, or
    the ``last``.
    """

    optimiser: str
    learning_rates: tuple[float, ...]
    epochs: int
    fraction: float
    held_out_fraction: float
    batch_size: int
    length: int
    order: str
    clip: float | None
    schedule: str
    evaluations: int
    select: str

    @classmethod
    def of(cls, training: Mapping[str, Any]) -> "Settings":
        """Returns the settings of the config's section; raises InputError for an unknown key or choice."""
        for key, known in CHOICES.items():
            if training.get(key) not in known:
                mismatch = f"found '{training.get(key)}', expected one of {', '.join(known)}"
                raise InputError(f"config: training.{key}: {mismatch}")
        try:
            return cls(**{**training, "learning_rates": tuple(training["learning_rates"])})
        except TypeError as error:
            raise InputError(f"config: training: {error}") from None

    def evaluation_steps(self, steps_per_epoch: int) -> set[int]:
        """Returns the steps after which the validation loss is measured; the last step is always among them."""
        total = self.epochs * steps_per_epoch
        if self.schedule == "plateau":
            return set(range(steps_per_epoch, total + 1, steps_per_epoch))
        return {max(1, round(k * total / self.evaluations)) for k in range(1, self.evaluations)} | {total}


@dataclass
class Chosen:
    """A trained model at its chosen step: its tensors, scores, step, learning rate and validation curve."""

    weights: dict[str, Tensor] = field(default_factory=dict)
    loss: float = math.inf  # validation cross-entropy in nats; infinite if training diverged
    accuracy: float = math.nan  # on validation, share of tokens
    step: int = 0
    learning_rate: float = math.nan
    curve: list[tuple[int, float]] = field(default_factory=list)

    def values(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "weights"}

    @classmethod
    def of(cls, weights: dict[str, Tensor], values: Mapping[str, Any]) -> "Chosen":
        curve = [(int(step), float(loss)) for step, loss in values["curve"]]
        return cls(weights, **{**values, "curve": curve})


class Run:
    """One model in training. :meth:`saved` returns everything that must survive a kill.

    The model starts at its present weights. Dropout draws from torch's own generator, seeded by replicate and rate, so
    that arms of the same shape get the same masks.
    """

    def __init__(
        self, model: LanguageModel, settings: Settings, learning_rate: float, seed: int, replicate: int
    ) -> None:
        self.model, self.settings, self.learning_rate = model, settings, learning_rate
        self.seed, self.replicate = seed, replicate
        self.weights = [value for value in model.parameters() if value.requires_grad]
        self.numbers = in_a_row(self.weights)
        kind = torch.optim.Adam if settings.optimiser == "adam" else torch.optim.SGD
        self.optimiser: torch.optim.Optimizer = kind([self.numbers], lr=learning_rate, fused=True)
        self.best = Chosen(self._copy(), learning_rate=learning_rate)
        self.step, self.factor, self.seconds = 0, 1.0, 0.0
        self.diverged = False
        self.state: State = None
        self.losses = torch.zeros((), device=self.weights[0].device)  # sum since the last look, to detect divergence
        torch.manual_seed(int(stream(seed, "dropout", replicate, repr(learning_rate)).integers(2**63)))

    def train(self, text: Text, validation: Text, log: Callable[[str], None], runner: Runner | None) -> Chosen:
        """Trains from the run's present step to the end, and saves whenever ``runner`` says that a save is due."""
        looks = self.settings.evaluation_steps(text.steps)
        total = self.settings.epochs * text.steps
        if not self.best.curve:
            self._look(validation, log, total)
        order = torch.empty(0)
        self._start_clock()
        while self.step < total and not self.diverged:
            epoch, position = divmod(self.step, text.steps)
            if position == 0 or not len(order):
                order = text.epoch_order(self.seed, self.replicate, epoch)
            self._step(text.inputs[order[position]], text.targets[order[position]], position == 0, total)
            if self.step in looks or (runner and runner.due()):
                self._stop_clock()
                if self.step in looks:
                    self._look(validation, log, total)
                if runner and runner.due():
                    runner.save(self.saved())
                self._start_clock()
        return self.best

    def _start_clock(self) -> None:
        self.started = time.perf_counter()

    def _stop_clock(self) -> None:
        if self.losses.is_cuda:
            torch.cuda.synchronize()
        self.seconds += time.perf_counter() - self.started

    def _step(self, inputs: Tensor, targets: Tensor, fresh: bool, total: int) -> None:
        carried = None if fresh or self.settings.order == "blocks" else self.model.body.detach(self.state)
        rate = self.learning_rate * self.factor
        if self.settings.schedule == "linear":
            rate *= linear_decay(self.step, total)
        self.optimiser.param_groups[0]["lr"] = rate
        loss, self.state = self.model.loss(inputs, targets, carried)
        gradients = torch.autograd.grad(loss, self.weights, materialize_grads=True)
        self.numbers.grad = torch.cat([gradient.flatten() for gradient in gradients])
        if self.settings.clip is not None:
            torch.nn.utils.clip_grad_norm_(self.numbers, self.settings.clip)
        self.optimiser.step()
        self.losses += loss.detach()
        self.step += 1

    def _look(self, validation: Text, log: Callable[[str], None], total: int) -> None:
        """Measures the validation loss, and keeps the model if it is the best so far (the earliest step wins a tie)."""
        loss, accuracy = evaluate(self.model, validation)
        self.best.curve.append((self.step, loss))
        self.diverged = not (math.isfinite(loss) and math.isfinite(float(self.losses)))
        self.losses.zero_()
        log(f"rate {self.learning_rate:g}, step {self.step}/{total}: validation {loss:.4f} nats")
        if self.diverged:
            log(f"rate {self.learning_rate:g} diverged")
            self.best.loss = math.inf
        elif loss < self.best.loss or self.settings.select == "last":
            self.best.loss, self.best.accuracy, self.best.step = loss, accuracy, self.step
            self.best.weights = self._copy()
        elif self.settings.schedule == "plateau":
            self.factor *= PLATEAU

    def _copy(self) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self.model.state_dict().items()}

    def saved(self) -> Saved:
        """Returns the whole state between two steps."""
        tensors = prefixed("weights", self._copy()) | prefixed("best", self.best.weights)
        slots = self.optimiser.state[self.numbers]
        tensors |= prefixed("optimiser", {k: v for k, v in slots.items() if isinstance(v, Tensor)})
        tensors |= {f"state/{index}": value for index, value in enumerate(self.state or ())}
        tensors |= {"random/cpu": torch.get_rng_state(), "losses": self.losses}
        if self.losses.is_cuda:
            tensors["random/cuda"] = torch.cuda.get_rng_state()
        values = {"step": self.step, "factor": self.factor, "seconds": self.seconds, "best": self.best.values()}
        return Saved(tensors, values | {"diverged": self.diverged})

    def restore(self, saved: Saved) -> None:
        """Restores a state that :meth:`saved` returned."""
        device = self.losses.device
        self.model.load_state_dict(saved.under("weights"))
        self.best = Chosen.of({k: v.to(device) for k, v in saved.under("best").items()}, saved.values["best"])
        slots = saved.under("optimiser")
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": {0: slots} if slots else {}, "param_groups": groups})
        carried = saved.under("state")
        self.state = (carried["0"].to(device), carried["1"].to(device)) if carried else None
        self.losses = saved.tensors["losses"].to(device)
        for name in ("step", "factor", "seconds", "diverged"):
            setattr(self, name, saved.values[name])
        torch.set_rng_state(saved.tensors["random/cpu"])
        if device.type == "cuda":
            torch.cuda.set_rng_state(saved.tensors["random/cuda"])


def in_a_row(parameters: Sequence[nn.Parameter]) -> nn.Parameter:
    """Returns one parameter with all numbers of these parameters, which keep their shapes and become views of it.

    The norm of the gradient and the optimiser's update then take one call each, not one per small tensor.
    """
    numbers = nn.Parameter(torch.cat([value.detach().flatten() for value in parameters]))
    parts = torch.split(numbers.detach(), [value.numel() for value in parameters])
    for value, part in zip(parameters, parts, strict=True):
        value.data = part.view_as(value)
    return numbers
