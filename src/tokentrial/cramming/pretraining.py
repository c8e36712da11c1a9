"""Train a small language model on a run's corpus and write it as a folder in Hugging Face's format; resumable.

The loop is the one of the study of language models (:mod:`tokentrial.training.language_loop`); this module gives it a
transformers model and the text.
"""

import hashlib
import json
import math
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from tokentrial import provenance
from tokentrial.cramming import architectures, folders
from tokentrial.data.corpora import read_record
from tokentrial.data.tokenise import encode_bpe, train_bpe
from tokentrial.errors import InputError
from tokentrial.models.linear_cross_entropy import linear_cross_entropy
from tokentrial.training import checkpoint, device
from tokentrial.training import language_model as training_model
from tokentrial.training.language_loop import Run, Settings
from tokentrial.training.language_model import Output
from tokentrial.training.text import Text, cut

# Modules, below src/tokentrial, whose edit makes a checkpoint worthless.
MODULES = (
    *("seeds", "data/tokenise", "models/linear_cross_entropy", "cramming/architectures", "cramming/scan"),
    "cramming/pretraining",
    *("training/adam", "training/text", "training/language_loop", "training/language_model"),
)


class Trainable(nn.Module):
    """A transformers model as the training loop sees one: features, a linear output layer, no recurrent state."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, state: None = None) -> tuple[Tensor, None]:
        """Features (B, L, h) of ids (B, L)."""
        return self.model.base_model(input_ids=ids, use_cache=False).last_hidden_state, None

    def output(self) -> Output:
        """The output layer's tensors."""
        head = self.model.get_output_embeddings()
        return Output(head.weight, head.bias, None)

    def loss(self, ids: Tensor, targets: Tensor, state: None = None) -> tuple[Tensor, None]:
        """Mean cross-entropy in nats of targets (B, L) given ids (B, L)."""
        features, _ = self(ids)
        output = self.output()
        return linear_cross_entropy(features.flatten(0, 1), output.weight, targets.flatten(), output.bias), None


class Keeper:
    """Writes a checkpoint when it is time to."""

    def __init__(self, path: Path, identity: str, seconds: float) -> None:
        self.path, self.identity, self.seconds = path, identity, seconds
        self.saved_at = time.perf_counter()

    def due(self) -> bool:
        return time.perf_counter() - self.saved_at >= self.seconds

    def save(self, run: Run) -> None:
        checkpoint.write(self.path, run.saved(), self.identity)
        self.saved_at = time.perf_counter()


def pretrain(
    spec: str,
    text: Mapping[str, str | Path],
    record: str | Path,
    checkpoints: str | Path,
    folder: str | Path,
    seconds: float = 60.0,
) -> None:
    """Train the model of the canonical JSON ``spec`` and write its folder.

    text: the files of the splits train, validation and test; record: the file that says what they are. The folder's
    training.json holds the spec, the loss in nats per token on validation and test text (of the weights as written) and
    what made it. A killed job goes on from its checkpoint with the same result. Raises InputError for a spec or text
    that cannot be used, or where training diverges.
    """
    design = json.loads(spec)
    started = time.perf_counter()
    target = device.prepare(design)
    tokenizer = train_bpe(text["train"], design["vocab_size"])
    settings = Settings.of(design["training"])
    texts = {split: _text(design, settings, split, text[split], tokenizer, target) for split in text}
    model = architectures.build(design["shape"], design["vocab_size"], design["seed"]).to(target)
    trainable = cast(training_model.LanguageModel, Trainable(model))

    path = Path(checkpoints) / "state.safetensors"
    identity = provenance.digest(json.dumps([spec, _digest(texts), _code(), torch.__version__]))
    run = Run(trainable, settings, settings.learning_rates[0], design["seed"], 0)
    saved = checkpoint.resume(path, identity, _log)
    if saved is not None:
        run.restore(saved)
        _log(f"goes on from step {run.step}")
    chosen = run.train(texts["train"], texts["validation"], _log, Keeper(path, identity, seconds))
    if not math.isfinite(chosen.loss):
        raise InputError(
            f"config: cramming.models: {design['name']}: training diverged, expected a smaller learning rate"
        )
    trainable.load_state_dict(chosen.weights)
    facts = {"corpus": read_record(record).title, "curve": chosen.curve, "wall_seconds": time.perf_counter() - started}
    _write(folder, design, model, tokenizer, texts, facts)
    path.unlink(missing_ok=True)


def _write(
    folder: str | Path,
    design: Mapping[str, Any],
    model: PreTrainedModel,
    tokenizer: Any,
    texts: Mapping[str, Text],
    facts: Mapping[str, Any],
) -> None:
    """The folder, with the losses of the rounded weights and the facts of the training."""
    model.half().float()
    trainable = cast(training_model.LanguageModel, Trainable(model))
    losses = {split: training_model.evaluate(trainable, texts[split])[0] for split in ("validation", "test")}
    record = {
        "spec": design,
        "tokens_trained": design["training"]["epochs"] * texts["train"].tokens,
        "parameters": sum(value.numel() for value in model.parameters()),
        "cross_entropy": losses,
        **facts,
        "commit": provenance.git_commit(),
        "versions": provenance.versions(),
    }
    folders.write(folder, model.cpu(), tokenizer, record)


def _text(
    design: Mapping[str, Any], settings: Settings, split: str, path: str | Path, tokenizer: Any, target: torch.device
) -> Text:
    ids = encode_bpe(path, tokenizer)
    share = settings.fraction if split == "train" else settings.held_out_fraction
    return cut(ids[: int(len(ids) * share)], settings.batch_size, settings.length, settings.order, target, str(path))


def _digest(texts: Mapping[str, Text]) -> str:
    return hashlib.sha256(b"".join(texts[split].inputs.cpu().numpy().tobytes() for split in sorted(texts))).hexdigest()


def _code() -> str:
    root = Path(__file__).parents[1]
    return hashlib.sha256(b"".join((root / f"{name}.py").read_bytes() for name in MODULES)).hexdigest()


def _log(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
