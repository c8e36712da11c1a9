"""Cramming texts into vectors against a loop in the released style, as ratios in one run.

Released style: one text at a time; the model is loaded from its folder twice for each (the released script does);
``output_hidden_states`` on every step; logits of all positions, those of the vector and the last token too; accuracy
and loss read at each step; torch's AdamW. The engine: all texts at once, one load. Same model, same texts, same initial
vectors, same settings (the paper's), same number of steps for every text: no text leaves early on either side, so both
do the same work, and the smallest loss of every text has to agree (largest difference printed; rounding of float32
grows over the steps).

For each model and text length: texts x steps per second, loading included and without; medians over repeats, in which
both sides take turns, so that a busy machine slows both. CPU seconds of this process on one thread; wall seconds on a
GPU.

Run: ``python benchmarks/cramming.py [--models FOLDER ...] [--lengths 16 64 128] [--texts 48] [--steps 20]``. Without
folders, untrained models of the study's shapes are made: weights matter for what a vector holds, not for speed.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM
from transformers.utils import logging

from tokentrial.cramming import architectures, folders
from tokentrial.cramming.decode import Reader
from tokentrial.cramming.engine import Cramming, Settings
from tokentrial.seeds import stream

VOCAB_SIZE, CONTEXT = 1024, 512
SHAPES = {"llama-64x4": ("llama", 64, 4), "llama-128x2": ("llama", 128, 2), "neox-64x4": ("neox", 64, 4)}
SHAPES["mamba-64x4"] = ("mamba", 64, 4)
PAPER = Settings(0.01, False, "constant", (0.9, 0.9), 0.01, 0, None)


@dataclass(frozen=True)
class Task:
    """Texts (B, N) and initial vectors (B, 1, d) for the model in a folder."""

    folder: str
    ids: Tensor
    start: Tensor
    steps: int
    device: torch.device


@dataclass(frozen=True)
class Result:
    """Smallest loss of each text (nats per predicted token), and seconds of the steps without loading."""

    losses: list[float]
    seconds: float


def clock(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def released_text(task: Task, ids: Tensor, start: Tensor) -> Result:
    """One text (1, N) from one vector (1, 1, d), in the style of the released loop."""
    unused = AutoModelForCausalLM.from_pretrained(task.folder, dtype=torch.float32).to(task.device)
    model = AutoModelForCausalLM.from_pretrained(task.folder, dtype=torch.float32).to(task.device)
    model.eval().requires_grad_(False)
    del unused  # alive while the second is loaded
    began = clock(task.device)
    vector = start.clone().requires_grad_()
    optimiser = torch.optim.AdamW([vector], lr=0.01, betas=(0.9, 0.9), weight_decay=0.01)
    embedded = model.get_input_embeddings()(ids)
    losses, best = [], 0.0
    for _ in range(task.steps):
        optimiser.zero_grad()
        out = model(inputs_embeds=torch.cat([vector, embedded], 1), output_hidden_states=True)
        logits = out.logits[:, vector.shape[1] :][:, :-1].contiguous()
        loss = cross_entropy(logits.view(-1, logits.shape[-1]).float(), ids[:, 1:].reshape(-1))
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        best = max(best, (logits.argmax(-1) == ids[:, 1:]).float().mean().item())
        losses.append(loss.item())
    return Result([min(losses)], clock(task.device) - began)


def released(task: Task) -> Result:
    texts = range(len(task.ids))
    found = [released_text(task, task.ids[text : text + 1], task.start[text : text + 1]) for text in texts]
    return Result([loss for one in found for loss in one.losses], sum(one.seconds for one in found))


def engine(task: Task, precision: str = "float32", compiled: bool = False) -> Result:
    """The same with the engine; every text stays to the last step."""
    reader = Reader.of(folders.read(task.folder, task.device), precision, compiled)
    settings = replace(PAPER, steps=task.steps)
    if compiled:
        warm_up(reader, task, settings)
    began = clock(task.device)
    work = Staying(reader, task.ids.unsqueeze(1), task.start, settings)
    while not work.done:
        work.step()
    return Result(work.records.losses.flatten().tolist(), clock(task.device) - began)


def warm_up(reader: Reader, task: Task, settings: Settings) -> None:
    """Compile before the clock runs."""
    work = Cramming(reader, task.ids.unsqueeze(1), task.start, settings)
    work.step()


class Staying(Cramming):
    """No text leaves before the last step, solved or not: the released style is made to go on too."""

    def step(self) -> None:
        self.current.best.fill_(len(self.ids[0, 0]))  # nothing is better than that
        super().step()


def compare(name: str, task: Task, repeats: int, released_texts: int, extra: dict[str, Callable[[], Result]]) -> None:
    """Print one line for a model and length; the released style does its first texts only."""
    part = replace(task, ids=task.ids[:released_texts], start=task.start[:released_texts])
    sides: dict[str, tuple[Callable[[], Result], int]] = {
        "released": (lambda: released(part), released_texts),
        "engine": (lambda: engine(task), len(task.ids)),
    }
    sides |= {label: (work, len(task.ids)) for label, work in extra.items()}
    speeds: dict[str, list[tuple[float, float]]] = {label: [] for label in sides}
    losses: dict[str, list[float]] = {}
    for repeat in range(repeats + 1):
        for label, (work, count) in sides.items():
            began = clock(task.device)
            found = work()
            taken = clock(task.device) - began
            losses[label] = found.losses
            if repeat:  # the first warms up
                speeds[label].append((count * task.steps / taken, count * task.steps / found.seconds))
    length = task.ids.shape[1]
    gap = max(abs(a - b) for a, b in zip(losses["released"], losses["engine"], strict=False))
    for label, pairs in speeds.items():
        whole, steps = (statistics.median(values) for values in zip(*pairs, strict=True))
        ratios = [
            statistics.median(own[i] / other[i] for own, other in zip(pairs, speeds["released"], strict=True))
            for i in (0, 1)
        ]
        line = f"{name:<12} N {length:>4}  {label:<10} {whole:8.0f} {steps:8.0f}   {ratios[0]:6.2f} {ratios[1]:6.2f}"
        print(line + (f"   {gap:.1e}" if label == "engine" else ""), flush=True)


def make_folder(place: Path, name: str) -> str:
    """An untrained model of one of the study's shapes, with a tokenizer of single characters beside it."""
    architecture, width, layers = SHAPES[name]
    shape = {"architecture": architecture, "width": width, "layers": layers, "context": CONTEXT}
    vocabulary = {chr(0x4E00 + token): token for token in range(VOCAB_SIZE)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=chr(0x4E00)))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    folders.write(place / name, architectures.build(shape, VOCAB_SIZE, 42), tokenizer, {"made_by": "benchmark"})
    return str(place / name)


def task_of(folder: str, length: int, texts: int, steps: int, device: torch.device) -> Task:
    model = folders.read(folder)
    source = stream(42, "benchmark", length)
    ids = torch.from_numpy(source.integers(model.vocab_size, size=(texts, length)))
    start = torch.from_numpy(source.standard_normal((texts, 1, model.width))).float() * model.table.std()
    return Task(folder, ids.to(device), start.to(device), steps, device)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--models", nargs="*", default=[], help="folders; default: untrained models of the study")
    parser.add_argument("--lengths", nargs="*", type=int, default=[16, 64, 128])
    parser.add_argument("--texts", type=int, default=48, help="texts in the engine's batch")
    parser.add_argument("--released-texts", type=int, default=2, help="texts that the released style does")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    torch.set_num_threads(1)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    device = torch.device(options.device)
    seconds = "wall seconds" if device.type == "cuda" else "CPU seconds, one thread"
    print(f"texts x steps a second ({seconds}); {options.texts} texts, {options.steps} steps, n = {options.repeats}")
    print("                                with load    steps   ratio: load  steps   largest difference of a loss")
    with tempfile.TemporaryDirectory() as place:
        made = options.models or [make_folder(Path(place), name) for name in SHAPES]
        for folder in made:
            for length in options.lengths:
                task = task_of(folder, length, options.texts, options.steps, device)
                extra: dict[str, Callable[[], Result]] = {}
                if device.type == "cuda":
                    extra["bfloat16"] = lambda task=task: engine(task, "bfloat16")  # type: ignore[misc]
                    extra["compiled"] = lambda task=task: engine(task, "bfloat16", compiled=True)  # type: ignore[misc]
                compare(Path(folder).name, task, options.repeats, options.released_texts, extra)


if __name__ == "__main__":
    main()
