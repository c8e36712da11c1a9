"""Training steps of the WikiText-2 study against the released model and loop, as ratios in one run.

For each number of threads, vocabulary and width:
1. the step: tokens per second of table -> causal 2-layer transformer -> fused head -> clip 0.5 -> Adam, against the
   released nn.Embedding -> 2-layer encoder -> nn.Linear -> cross_entropy over all logits -> clip 0.5 -> Adam (protocol
   A7), both on 16 sequences of 34 predicted tokens (blocks of 35, as released);
2. the output head alone, loss and gradients, against plain cross_entropy and torch's own chunked head
   (``torch.nn.functional.linear_cross_entropy``, 32 tokens a chunk);
3. the share of this machine's measured matrix-multiply rate that the step's products reach, and what takes the rest:
   seconds by kind of operation, from torch's profiler.

All sides take turns within each repeat, so a busy machine slows all. CPU seconds of this process on one thread,
wall seconds on more and on a GPU. bfloat16 is measured where its products are faster than float32's.

Run: ``python benchmarks/language_models.py [--repeats 5] [--threads 1 2] [--chunks] [--device cuda]``
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded; set_num_threads asks for more

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, embedding, linear
from torch.nn.functional import linear_cross_entropy as torch_head

from tokentrial.models import language
from tokentrial.models import linear_cross_entropy as fused

BATCH, LENGTH = 16, 34
BODY = {"kind": "transformer", "layers": 2, "heads": 4, "feedforward": 128, "dropout": 0.1}
KINDS = {  # operation -> what it is part of; everything else is "other"
    "products": ("mm", "addmm", "addmm_", "bmm", "addmv_", "baddbmm"),
    "softmax": ("exp2_", "amax", "sub_", "sum", "scatter_add_", "log2"),
    "copies and fills": ("copy_", "fill_", "zero_", "add_", "mul_"),
    "dropout": ("bernoulli_", "native_dropout", "native_dropout_backward"),
    "clip and Adam": ("_fused_adam_", "linalg_vector_norm", "_foreach_norm", "_foreach_mul_"),
    "table": ("embedding_dense_backward", "index_select"),
}
Work = Callable[[], object]


class Released(nn.Module):
    """The released language model (protocol A7): no causal mask, no positions."""

    def __init__(self, vocab_size: int, width: int) -> None:
        super().__init__()
        self.table = nn.Embedding(vocab_size, width)
        layer = nn.TransformerEncoderLayer(width, 4, 128, 0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.output = nn.Linear(width, vocab_size)

    def forward(self, ids: Tensor) -> Tensor:
        return self.output(self.encoder(self.table(ids)))


def released_step(ids: Tensor, vocab_size: int, width: int) -> Work:
    model = Released(vocab_size, width).to(ids.device)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)

    def step() -> None:
        optimiser.zero_grad()
        logits = model(ids[:, :-1])
        cross_entropy(logits.reshape(-1, vocab_size), ids[:, 1:].reshape(-1)).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimiser.step()

    return step


def our_step(ids: Tensor, vocab_size: int, width: int, precision: str) -> Work:
    table = nn.Parameter(torch.randn(vocab_size, width, device=ids.device))
    output = nn.Parameter(torch.randn(vocab_size, width, device=ids.device) / width**0.5)
    bias = nn.Parameter(torch.zeros(vocab_size, device=ids.device))
    model = language.build(BODY, width, LENGTH)
    language.initialise(model, 42, 0)
    model.to(ids.device)
    parameters = [table, output, bias, *model.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=1e-3, fused=True)
    on_gpu = ids.device.type == "cuda"
    body = torch.compile(model) if on_gpu else model

    def step() -> None:
        optimiser.zero_grad()
        with torch.autocast("cuda", torch.bfloat16) if on_gpu else nullcontext():
            features, _ = body(embedding(ids[:, :-1], table))
        wanted = ids[:, 1:].reshape(-1)
        fused.linear_cross_entropy(features.flatten(0, 1), output, wanted, bias, precision).backward()
        nn.utils.clip_grad_norm_(parameters, 0.5)
        optimiser.step()

    return step


def head_works(vocab_size: int, width: int, device: torch.device, precisions: list[str]) -> dict[str, Work]:
    """Loss and gradients of the head alone, each way; all start from the same numbers."""
    features = torch.randn(BATCH * LENGTH, width, device=device, requires_grad=True)
    weight = (torch.randn(vocab_size, width, device=device) / width**0.5).requires_grad_()
    bias = torch.zeros(vocab_size, device=device, requires_grad=True)
    targets = torch.randint(vocab_size, (BATCH * LENGTH,), device=device)
    chunked = torch.nn.LinearCrossEntropyOptions(batch_chunk_size=32, chunking_method=None)
    losses: dict[str, Callable[[], Tensor]] = {
        "plain": lambda: cross_entropy(linear(features, weight, bias), targets),
        "torch": lambda: torch_head(features, weight, targets, linear_bias=bias, options=chunked),
        **{name: partial(fused.linear_cross_entropy, features, weight, targets, bias, name) for name in precisions},
    }
    return {name: partial(taken, loss, [features, weight, bias]) for name, loss in losses.items()}


def taken(loss: Callable[[], Tensor], leaves: list[Tensor]) -> None:
    for leaf in leaves:
        leaf.grad = None
    loss().backward()


def seconds(works: Mapping[str, Work], repeats: int, clock: Callable[[], float]) -> dict[str, list[float]]:
    """Seconds of each repeat of each work, taking turns, after one run to warm up."""
    for work in works.values():
        work()
    spent: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            start = clock()
            work()
            spent[name].append(clock() - start)
    return spent


def clock_of(device: torch.device, threads: int) -> Callable[[], float]:
    """CPU seconds of one thread; wall seconds otherwise, of a GPU after it has finished."""
    if device.type == "cuda":

        def finished() -> float:
            torch.cuda.synchronize()
            return time.perf_counter()

        return finished
    return time.process_time if threads == 1 else time.perf_counter


def product_rate(device: torch.device, clock: Callable[[], float], dtype: torch.dtype) -> float:
    """Floating-point operations per second of a square matrix product, the best of ten."""
    size = 8192 if device.type == "cuda" else 1024
    left, right = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    return 2 * size**3 / min(seconds({"": lambda: left @ right}, 10, clock)[""])


def ratios(slow: list[float], fast: list[float]) -> str:
    each = [a / b for a, b in zip(slow, fast, strict=True)]
    return f"min {min(each):4.1f} median {statistics.median(each):4.1f}"


def shares(step: Work, device: torch.device) -> str:
    """Percent of a step's time by kind of operation."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    if device.type == "cuda":
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=activities) as profile:
        for _ in range(3):
            step()
    spent = dict.fromkeys((*KINDS, "other"), 0.0)
    for event in profile.key_averages():
        time_us = event.self_device_time_total if device.type == "cuda" else event.self_cpu_time_total
        name = event.key.removeprefix("aten::")
        spent[next((kind for kind, names in KINDS.items() if name in names), "other")] += time_us
    total = sum(spent.values())
    return ", ".join(f"{kind} {100 * value / total:.0f} %" for kind, value in spent.items())


def measure(
    vocab_size: int, width: int, device: torch.device, threads: int, repeats: int, precisions: list[str]
) -> None:
    clock = clock_of(device, threads)
    ids = torch.randint(vocab_size, (BATCH, LENGTH + 1), device=device)
    steps = {"released": released_step(ids, vocab_size, width)}
    steps |= {name: our_step(ids, vocab_size, width, name) for name in precisions}
    spent = seconds(steps, repeats, clock)
    heads = seconds(head_works(vocab_size, width, device, precisions), repeats, clock)
    tokens = BATCH * LENGTH
    body = sum(value.numel() for value in language.build(BODY, width, LENGTH).parameters())
    flops = 6 * tokens * (vocab_size * width + body)
    print(
        f"\nV {vocab_size:,}, d {width}, {threads} thread(s): released {tokens / min(spent['released']):,.0f} tokens/s"
    )
    print(f"  head, torch's chunked against plain: {ratios(heads['plain'], heads['torch'])}")
    for name in precisions:
        rate = product_rate(device, clock, getattr(torch, name))
        reached = flops / min(spent[name]) / rate
        against = ratios(spent["released"], spent[name])
        print(f"  {name:<9} step {tokens / min(spent[name]):8,.0f} tokens/s, ratio {against}")
        print(
            f"            head against plain {ratios(heads['plain'], heads[name])}, "
            f"against torch's chunked {ratios(heads['torch'], heads[name])}; "
            f"{100 * min(heads[name]) / min(spent[name]):.0f} % of the step"
        )
        print(f"            {100 * reached:.0f} % of {rate / 1e9:,.0f} GFLOP/s; {shares(steps[name], device)}")


def measure_chunks(vocab_size: int, width: int, repeats: int) -> None:
    """Milliseconds of the float32 head by tokens of a chunk and rows of a block, one thread."""
    step = head_works(vocab_size, width, torch.device("cpu"), ["float32"])["float32"]
    choose = fused.chunk_sizes
    chosen = choose(vocab_size, width, torch.device("cpu"))

    def with_sizes(tokens: int, rows: int) -> None:
        fused.chunk_sizes = lambda *_: (tokens, rows)
        step()

    sizes = [(tokens, rows) for tokens in (32, 64, 96, 128, 192) for rows in (1024, 2048, 4096, vocab_size)]
    spent = seconds({f"{n} x {v}": partial(with_sizes, n, v) for n, v in sizes}, repeats, time.process_time)
    fused.chunk_sizes = choose
    times = ", ".join(f"{size}: {1e3 * min(values):.0f}" for size, values in spent.items())
    print(f"V {vocab_size:,}, d {width}: milliseconds by tokens x rows {times}; chosen {chosen[0]} x {chosen[1]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--chunks", action="store_true", help="only measure the sizes of chunks and blocks")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    options = parser.parse_args()
    torch.manual_seed(42)
    torch.set_num_threads(1)
    device = torch.device(options.device)
    sizes = [(vocab_size, width) for vocab_size in (33_278, 50_257) for width in (16, 64)]
    if options.chunks:
        for size in sizes:
            measure_chunks(*size, options.repeats)
        return
    clock = clock_of(device, 1)
    faster = product_rate(device, clock, torch.bfloat16) > product_rate(device, clock, torch.float32)
    precisions = ["float32", "bfloat16"] if faster else ["float32"]
    print(f"{BATCH} x {LENGTH} tokens a step, n = {options.repeats}, ratios of seconds released / ours")
    for threads in options.threads if device.type == "cpu" else [1]:
        torch.set_num_threads(threads)
        for size in sizes:
            measure(*size, device, threads, options.repeats, precisions)


if __name__ == "__main__":
    main()
