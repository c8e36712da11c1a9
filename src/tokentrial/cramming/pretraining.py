"""Trains a small language model on a run's corpus and writes it as a folder in Hugging Face's format.

The training loop is that of the study of language models (:mod:`tokentrial.training.language_loop`); this module
supplies a transformers model and the text.
"""

import math
from collections.abc import Mapping, Sequence
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
from tokentrial.training import device
from tokentrial.training import language_model as training_model
from tokentrial.training.checkpoint import Saved
from tokentrial.training.language_loop import Run, Settings
from tokentrial.training.language_model import Output
from tokentrial.training.runner import SECONDS, Runner, Task, digest_of_arrays
from tokentrial.training.text import Text, cut


class Trainable(nn.Module):
    """A transformers model with the interface of the training loop: features, a linear output layer, no state."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, state: None = None) -> tuple[Tensor, None]:
        """Returns features (B, L, h) of ids (B, L)."""
        return self.model.base_model(input_ids=ids, use_cache=False).last_hidden_state, None

    def output(self) -> Output:
        """Returns the output layer's tensors."""
        head = self.model.get_output_embeddings()
        return Output(head.weight, head.bias, None)

    def loss(self, ids: Tensor, targets: Tensor, state: None = None) -> tuple[Tensor, None]:
        """Returns the mean cross-entropy in nats of targets (B, L) after ids (B, L)."""
        features, _ = self(ids)
        output = self.output()
        return linear_cross_entropy(features.flatten(0, 1), output.weight, targets.flatten(), output.bias), None


class Pretraining(Task):
    """The training of one model; the task's only part is the whole training."""

    def __init__(self, design: Mapping[str, Any], text: Mapping[str, str | Path]) -> None:
        super().__init__(f"pretraining {design['name']}", [design["name"]])
        self.design, target = design, device.prepare(design)
        self.tokenizer = train_bpe(text["train"], design["vocab_size"])
        self.settings = Settings.of(design["training"])
        self.texts = {split: self._text(split, text[split], target) for split in text}
        self.model = architectures.build(design["shape"], design["vocab_size"], design["seed"]).to(target)
        self.fingerprint = digest_of_arrays({split: text.inputs.cpu().numpy() for split, text in self.texts.items()})

    def _text(self, split: str, path: str | Path, target: torch.device) -> Text:
        ids, settings = encode_bpe(path, self.tokenizer), self.settings
        share = settings.fraction if split == "train" else settings.held_out_fraction
        part = ids[: int(len(ids) * share)]
        return cut(part, settings.batch_size, settings.length, settings.order, target, str(path))

    def work(self, part: str, state: Saved | None, runner: Runner) -> None:
        trainable = cast(training_model.LanguageModel, Trainable(self.model))
        run = Run(trainable, self.settings, self.settings.learning_rates[0], self.design["seed"], 0)
        if state is not None:
            run.restore(state)
            self.log(f"goes on from step {run.step}")
        chosen = run.train(self.texts["train"], self.texts["validation"], self.log, runner)
        if not math.isfinite(chosen.loss):
            raise InputError(f"config: cramming.models: {part}: training diverged, expected a smaller learning rate")
        trainable.load_state_dict(chosen.weights)
        self.curve = chosen.curve

    def write(self, folder: str | Path, corpus: str, seconds: float) -> None:
        """Writes the model's folder, with the losses of the rounded weights and the facts of the training."""
        model, design = self.model, self.design
        model.half().float()
        trainable = cast(training_model.LanguageModel, Trainable(model))
        losses = {split: training_model.evaluate(trainable, self.texts[split])[0] for split in ("validation", "test")}
        record = {
            "spec": design,
            "tokens_trained": design["training"]["epochs"] * self.texts["train"].tokens,
            "parameters": sum(value.numel() for value in model.parameters()),
            "cross_entropy": losses,
            "corpus": corpus,
            "curve": self.curve,
            "wall_seconds": seconds,
            "commit": provenance.git_commit(),
            "versions": provenance.versions(),
        }
        folders.write(folder, model.cpu(), self.tokenizer, record)


def pretrain(
    spec: str,
    text: Mapping[str, str | Path],
    record: str | Path,
    code: Sequence[str],
    checkpoints: str,
    folder: str | Path,
    checkpoint_seconds: float = SECONDS,
) -> None:
    """Trains the model of the canonical JSON ``spec`` and writes its folder.

    text: the files of the splits train, validation and test; record: the file that describes them; code: the library
    files that the job runs. The folder's training.json holds the spec, the provenance, and the loss in nats per token
    on validation and test text (of the weights as written). A killed job continues from its checkpoint with the same
    result. Raises InputError for a spec or text that cannot be used, and if training diverges.
    """
    runner = Runner(spec, code, checkpoints, checkpoint_seconds)
    task = Pretraining(runner.design, text)
    runner.run(task, task.fingerprint)
    task.write(folder, read_record(record).title, runner.clock.seconds())
    runner.clear()
