"""The parts of a cramming job that probe the vectors of solved texts (`cramming.probes`), and their rows."""

import statistics

import torch
from torch import Tensor

from tokentrial.cramming import bits, probes
from tokentrial.cramming.batch_work import BatchJob, BatchTexts
from tokentrial.cramming.bits import SCALE_BITS, Dimensions
from tokentrial.cramming.engine import Cramming
from tokentrial.cramming.probes import Name, Probing, Solutions, Span
from tokentrial.cramming.texts import start_vectors
from tokentrial.training.checkpoint import Saved
from tokentrial.training.runner import Runner


def probe(job: BatchJob, solutions: Solutions, part: Probing, state: Saved | None, runner: Runner) -> None:
    """Does a probe of a batch's solved texts, and adds its rows and its seconds."""
    names, vectors, spans = solutions.of(part.batch)
    if not names:
        return
    texts = job.texts_at(part.batch, names)
    if part.probe == "bits":
        _bits(job, part, texts, vectors)
    elif part.probe == "dimensions":
        _dimensions(job, part, texts, spans, state, runner)
    elif part.probe == "line":
        _line(job, part, texts, vectors, state, runner)
    else:
        _following(job, part, texts, vectors)
    job.charge_seconds(part.batch, [kind for kind, _ in names], runner.part_clock.seconds())


def _add(job: BatchJob, part: Probing, name: Name, **values: float | None) -> None:
    for metric, value in values.items():
        job.add(part.batch, *name, None, metric, value)


def _first(job: BatchJob) -> bool:
    return bool(job.design["predict_first"])


def _bits(job: BatchJob, part: Probing, texts: BatchTexts, vectors: Tensor) -> None:
    """Adds the bits of each text's vector beside those of arithmetic coding under the same model."""
    found = bits.fewest(job.reader, vectors, lambda rounded, _: rounded, texts.ids, _first(job)).tolist()
    coded = bits.arithmetic(job.reader, texts.ids, _first(job)).tolist()
    numbers = vectors.shape[1] * vectors.shape[2]
    for name, each, arithmetic in zip(texts.names, found, coded, strict=True):
        whole = each * numbers + SCALE_BITS if each else None
        _add(job, part, name, arithmetic_bits=arithmetic, number_bits=each or None, vector_bits=whole)
    least = [each * numbers + SCALE_BITS for each in found if each]
    if least:
        beside = f"{statistics.median(coded):.0f} bits of arithmetic coding"
        job.log(f"{part.batch.name}: vectors of {statistics.median(least):.0f} bits, {beside} (medians)")


def _dimensions(
    job: BatchJob, part: Probing, texts: BatchTexts, spans: list[Span], state: Saved | None, runner: Runner
) -> None:
    """Trains each text in the number of dimensions that its search tries next; the last round adds the rows."""
    search = Dimensions(job.reader.model.width)
    groups: dict[int, list[int]] = {}
    for row, span in enumerate(spans):
        if (size := search.next(span.low, span.high)) is not None:
            groups.setdefault(size, []).append(row)
    sizes = sorted(groups)
    bases = [bits.basis(job.reader, job.design["seed"], size) for size in sizes]
    chosen = [_rows(texts, groups[size]) for size in sizes]
    works = [job.work_of(part.batch, each, basis) for each, basis in zip(chosen, bases, strict=True)]
    if works:
        _run(job, part, works, state, runner)
    for size, basis, each, work in zip(sizes, bases, chosen, works, strict=True):
        _tried(job, size, basis, each, work, [spans[row] for row in groups[size]])
    if part.number == search.rounds - 1:
        for name, span in zip(texts.names, spans, strict=True):
            _add(job, part, name, dimensions=span.high, subspace_bits=span.bits or None)
        job.log(f"{part.batch.name}: dimensions of {len(spans)} texts")


def _tried(job: BatchJob, size: int, basis: Tensor, texts: BatchTexts, work: Cramming, spans: list[Span]) -> None:
    """Notes which texts are solved in ``size`` dimensions, and in how few bits."""
    coordinates = bits.coordinates_of(work.records.vectors, texts.start, basis)

    def vectors_of(rounded: Tensor, rows: Tensor) -> Tensor:
        return texts.start[rows] + rounded @ basis

    solved = [each["accuracy"] == 1 and each["greedy_exact"] == 1 for each in job.outcome(work, texts.ids)]
    found = [0] * len(spans)
    if any(solved):
        rows = torch.tensor(solved, device=texts.ids.device).nonzero().squeeze(1)
        least = bits.fewest(
            job.reader,
            coordinates[rows],
            lambda rounded, of: vectors_of(rounded, rows[of]),
            texts.ids[rows],
            _first(job),
        )
        for row, each in zip(rows.tolist(), least.tolist(), strict=True):
            found[row] = each
    for span, right, each in zip(spans, solved, found, strict=True):
        if not right:
            span.low = size
            continue
        span.high = size
        if each:
            total = each * size * texts.start.shape[1] + SCALE_BITS
            span.bits = min(total, span.bits or total)


def _line(
    job: BatchJob, part: Probing, texts: BatchTexts, vectors: Tensor, state: Saved | None, runner: Runner
) -> None:
    """Adds what lies between a text's solution and one from another start, where there is one."""
    count = vectors.shape[1]
    model, seed = job.reader.model, job.design["seed"]
    other = [start_vectors(model, seed, kind, index, 2 * count)[count:] for kind, index in texts.names]
    work = job.work_of(part.batch, BatchTexts(texts.names, texts.ids, torch.stack(other)))
    _run(job, part, [work], state, runner)
    solved = [each["accuracy"] == 1 and each["greedy_exact"] == 1 for each in job.outcome(work, texts.ids)]
    rows = torch.tensor(solved, device=texts.ids.device).nonzero().squeeze(1)
    line = probes.line(job.reader, vectors[rows], work.records.vectors[rows], texts.ids[rows], _first(job))
    for row, least, cosine in zip(rows.tolist(), line.accuracy.tolist(), line.cosine.tolist(), strict=True):
        values = {"line_accuracy": least, "line_solved": float(least == 1), "line_cosine": cosine}
        _add(job, part, texts.names[row], **values)
    job.log(f"{part.batch.name}: {len(rows)} of {len(texts.names)} have a second solution")


def _following(job: BatchJob, part: Probing, texts: BatchTexts, vectors: Tensor) -> None:
    """Adds the loss of the next text of the same kind after a text's vector, after the text, and after nothing."""
    count = job.design["texts"]
    next_names = [(kind, (index + 1) % count) for kind, index in texts.names]
    others = job.texts_at(part.batch, next_names).ids
    losses = probes.following(job.reader, vectors, texts.ids, others)
    if losses is None or count == 1:
        return
    for row, name in enumerate(texts.names):
        vector, text, nothing = (float(each[row]) for each in losses)
        _add(
            job,
            part,
            name,
            following_cross_entropy=vector,
            following_cross_entropy_text=text,
            following_cross_entropy_without=nothing,
        )


def _run(job: BatchJob, part: Probing, works: list[Cramming], state: Saved | None, runner: Runner) -> None:
    if state is not None:
        job.restore_works(works, state)
    job.optimise(part.batch, works, runner)


def _rows(texts: BatchTexts, rows: list[int]) -> BatchTexts:
    return BatchTexts([texts.names[row] for row in rows], texts.ids[rows], texts.start[rows])
