"""Model folders that break an assumption of the study: each is refused in one line, or read right."""

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import cramming_models as models
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken, Tokenizer, normalizers, processors
from transformers import (
    BertConfig,
    BertLMHeadModel,
    Gemma2Config,
    Gemma2ForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    XLNetConfig,
    XLNetLMHeadModel,
)

from tokentrial.cramming import architectures, folders
from tokentrial.cramming.decode import Reader, scores
from tokentrial.cramming.texts import Texts, encode, start_tokens
from tokentrial.errors import InputError

SMALL = {"vocab_size": models.VOCAB_SIZE, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 0}
TINY = {
    "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
    "num_key_value_heads": 2, "head_dim": 8,
}  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return models.write_texts(tmp_path_factory.mktemp("texts"))


@pytest.fixture(scope="module")
def right(files: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that keeps every assumption: a Llama in half precision."""
    shape = {"architecture": "llama", "width": 16, "layers": 2, "context": models.CONTEXT}
    folder = tmp_path_factory.mktemp("right") / "model"
    folders.write(folder, architectures.build(shape, models.VOCAB_SIZE, 3), models.bpe(files["train"]), {})
    return folder


@pytest.fixture
def folder(right: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(right, tmp_path / "model"))


def configured(**keys: Any) -> Callable[[Path], None]:
    """A change of config.json."""

    def change(folder: Path) -> None:
        content = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**content, **keys}))

    return change


def weighted(change: Callable[[dict[str, torch.Tensor]], None]) -> Callable[[Path], None]:
    """A change of model.safetensors."""

    def changed(folder: Path) -> None:
        tensors = load_file(folder / "model.safetensors")
        change(tensors)
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})

    return changed


def tokenized(change: Callable[[Tokenizer], Any]) -> Callable[[Path], None]:
    """A change of tokenizer.json."""

    def changed(folder: Path) -> None:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        change(tokenizer)
        tokenizer.save(str(folder / "tokenizer.json"))

    return changed


def replaced(model: torch.nn.Module) -> Callable[[Path], None]:
    """Another model in place of the Llama; the tokenizer stays."""

    def change(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        model.save_pretrained(folder)

    return change


def put(tensors: dict[str, torch.Tensor], name: str, value: torch.Tensor | float) -> None:
    if isinstance(value, float):
        tensors[name].view(-1)[3] = value
    else:
        tensors[name] = value


TABLE = "model.embed_tokens.weight"
QUERY = "model.layers.1.self_attn.q_proj.weight"


def bert(**keys: Any) -> BertLMHeadModel:
    shape = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    return BertLMHeadModel(BertConfig(**SMALL, **shape, **keys))


REFUSED: dict[str, tuple[Callable[[Path], None], str]] = {
    "not causal": (configured(is_causal=False), "LlamaForCausalLM sees tokens behind the one that it predicts"),
    "both sides": (
        replaced(
            XLNetLMHeadModel(XLNetConfig(vocab_size=models.VOCAB_SIZE, d_model=16, n_layer=1, n_head=2, d_inner=16))
        ),
        "XLNetLMHeadModel sees tokens behind",
    ),
    "masked": (replaced(bert(is_decoder=False)), "BertLMHeadModel sees tokens behind"),
    "capped scores": (
        replaced(Gemma2ForCausalLM(Gemma2Config(**SMALL, **TINY, final_logit_softcapping=30.0))),
        "Gemma2ForCausalLM changes its input vectors or scores on the way",
    ),
    "encoder and decoder": (configured(is_encoder_decoder=True), r"config\.json: is_encoder_decoder: found an encoder"),
    "quantised": (configured(quantization_config={"bits": 4}), r"quantization_config: found quantised weights"),
    "code of its own": (configured(auto_map={"AutoModel": "code.Model"}), "found auto_map, which names code"),
    "fewer layers than weights": (
        configured(num_hidden_layers=1),
        r"tensors .* does not use, such as model\.layers\.1",
    ),
    "more layers than weights": (configured(num_hidden_layers=3), r"no weights for 9 tensors .* model\.layers\.2"),
    "wider than the weights": (configured(hidden_size=32), "not a usable language model"),
    "extra weights": (
        weighted(lambda all_: put(all_, "v_head.weight", torch.zeros(1, 16))),
        r"found 1 tensors that the model .* does not use, such as v_head\.weight",
    ),
    "adapter": (
        weighted(lambda all_: put(all_, f"{QUERY.removesuffix('.weight')}.lora_A.weight", torch.zeros(2, 16))),
        r"does not use, such as model\.layers\.1\.self_attn\.q_proj\.lora_A",
    ),
    "missing weights": (weighted(lambda all_: all_.pop(QUERY)), f"no weights for 1 tensors .*{QUERY}"),
    "untied without an output layer": (configured(tie_word_embeddings=False), r"no weights for 1 tensors .*lm_head"),
    "tied with another output layer": (
        weighted(lambda all_: put(all_, "lm_head.weight", all_[TABLE] + 1)),
        "found tie_word_embeddings: true, and an output layer that is not the table",
    ),
    "not a number": (weighted(lambda all_: put(all_, QUERY, float("nan"))), f"{QUERY}: found a weight that is inf"),
    "infinite": (weighted(lambda all_: put(all_, TABLE, float("inf"))), f"{TABLE}: found a weight that is inf"),
    "constant table": (weighted(lambda all_: put(all_, TABLE, torch.ones_like(all_[TABLE]))), "numbers are all equal"),
    "no context": (configured(max_position_embeddings=0), "found a context of 0, expected a whole number from 2"),
    "negative context": (configured(max_position_embeddings=-7), "found a context of -7"),
    "tokens without a row": (
        tokenized(lambda tokenizer: tokenizer.add_tokens(["beyond the table"])),
        f"a tokenizer of {models.VOCAB_SIZE + 1} tokens, expected at most the {models.VOCAB_SIZE} rows",
    ),
    "two start tokens": (
        tokenized(
            lambda tokenizer: setattr(
                tokenizer,
                "post_processor",
                processors.TemplateProcessing(single="one two $A", special_tokens=[("one", 5), ("two", 6)]),
            )
        ),
        "found a tokenizer that starts every text with 2 tokens, expected at most one",
    ),
}


@pytest.mark.parametrize("kind", list(REFUSED))
def test_a_folder_that_breaks_an_assumption_is_refused_in_one_line(kind: str, folder: Path) -> None:
    change, reason = REFUSED[kind]
    change(folder)
    with pytest.raises(InputError, match=reason) as caught:
        folders.read(folder)
    assert "\n" not in str(caught.value) and str(folder) in str(caught.value)


ACCEPTED: dict[str, Callable[[Path], None]] = {
    "as it is": lambda folder: None,
    "dropout": configured(attention_dropout=0.5),
    "no tuple": configured(return_dict=False),
    "further outputs": configured(output_hidden_states=True, output_attentions=True),
    "half precision": configured(dtype="float16"),
    "a context longer than any text": configured(max_position_embeddings=10_000_000),
    "a checkpoint's old buffers": weighted(
        lambda all_: put(all_, "model.layers.0.self_attn.rotary_emb.inv_freq", torch.ones(4))
    ),
    "an output layer that is the table": weighted(lambda all_: put(all_, "lm_head.weight", all_[TABLE].clone())),
    "a tokenizer that cuts": tokenized(lambda tokenizer: tokenizer.enable_truncation(2)),
    "a tokenizer that pads": tokenized(
        lambda tokenizer: tokenizer.enable_padding(length=64, pad_id=9, pad_token=tokenizer.id_to_token(9))
    ),
}


@pytest.mark.parametrize("kind", list(ACCEPTED))
def test_a_folder_that_only_looks_odd_gives_the_same_numbers(
    kind: str, folder: Path, right: Path, files: dict[str, str]
) -> None:
    ACCEPTED[kind](folder)
    expected, found = (_loss(path, files) for path in (right, folder))
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)


def _loss(folder: Path, files: dict[str, str]) -> torch.Tensor:
    """The losses of two texts of a split after a vector."""
    reader = Reader.of(folders.read(folder))
    ids = Texts(reader, files, 1, 2, 12).ids("text-test", 12)
    nll, _ = scores(reader, models.random_vectors(2, 1, reader.model), ids, predict_first=True)
    return nll


def test_a_sliding_window_is_the_context(folder: Path) -> None:
    """Beyond it, a token no longer sees the vectors; the cache then gives what a whole pass gives."""
    replaced(MistralForCausalLM(MistralConfig(**SMALL, **TINY, sliding_window=6, max_position_embeddings=64)))(folder)
    model = folders.read(folder)
    assert (model.context, model.packs, model.caches) == (6, False, True)


def test_positions_that_depend_on_the_length_use_no_cache_and_no_shared_pass(folder: Path) -> None:
    configured(rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10_000.0})(folder)
    model = folders.read(folder)
    assert (model.packs, model.caches) == (False, False)


NORMALISED: dict[str, tuple[Callable[[Path], None], str]] = {
    "lower case": (tokenized(lambda t: setattr(t, "normalizer", normalizers.Lowercase())), "changes the text: found"),
    "without its words": (
        tokenized(lambda t: setattr(t, "normalizer", normalizers.Replace("a", ""))),
        "changes the text: found",
    ),
}


@pytest.mark.parametrize("kind", list(NORMALISED))
def test_a_tokenizer_that_changes_the_text_is_refused(kind: str, folder: Path, tmp_path: Path) -> None:
    lines = "".join(f" A Heading of Many Words, number {number} \n" for number in range(200))
    text = {}
    for split in ("train", "validation", "test"):
        (tmp_path / split).write_text(lines)
        text[split] = str(tmp_path / split)
    assert Texts(Reader.of(folders.read(folder)), text, 1, 1, 12).ids("text-test", 12).shape == (1, 12)
    change, reason = NORMALISED[kind]
    change(folder)
    for of_text in ("text-test", "random-words"):
        with pytest.raises(InputError, match=reason) as caught:
            Texts(Reader.of(folders.read(folder)), text, 1, 4, 12).ids(of_text, 12)
        assert str(folder) in str(caught.value) and "\n" not in str(caught.value)


def _around(tokenizer: Tokenizer) -> None:
    template = processors.TemplateProcessing(single="first $A last", special_tokens=[("first", 5), ("last", 6)])
    tokenizer.post_processor = template


def test_tokens_that_a_tokenizer_adds(folder: Path) -> None:
    """The one at the start is each text's first token, although nothing names it; the one at the end is left out."""
    tokenized(_around)(folder)
    model = folders.read(folder)
    assert start_tokens(model) == [5]
    assert encode(model, " some words") == model.tokenizer(" some words")["input_ids"][1:-1]


def test_the_name_of_a_special_token_in_a_text_is_a_word(folder: Path, files: dict[str, str]) -> None:
    """``<unk>`` of WikiText-2 is not the token of that name, of which a model knows nothing."""
    plain = Texts(Reader.of(folders.read(folder)), files, 1, 4, 30).ids("text-test", 30)
    vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    word = next(token for token, number in vocabulary.items() if number == 200)

    def named(tokenizer: Tokenizer) -> None:
        tokenizer.add_special_tokens([AddedToken(word, special=True)])

    tokenized(named)(folder)
    special = folders.read(folder)
    texts = Texts(Reader.of(special), files, 1, 4, 30)
    assert torch.equal(texts.ids("text-test", 30), plain)
    assert 200 in texts.special and 200 not in texts.ids("random-tokens", 30)


class Hub(BaseHTTPRequestHandler):
    """A hub: its answer for each model is a status, and the header with which the real hub gives the reason."""

    answers: ClassVar[dict[str, tuple[int, str]]] = {
        "some/gated": (401, "GatedRepo"),
        "some/refused": (403, "GatedRepo"),
        "some/unknown": (401, "RepoNotFound"),
        "some/moved": (404, "RevisionNotFound"),
        "some/broken": (500, ""),
        "some/busy": (429, ""),
    }
    sha = "0123456789abcdef0123456789abcdef01234567"

    def do_GET(self) -> None:
        name = "/".join(self.path.removeprefix("/api/models").strip("/").split("/")[:2])
        status, reason = self.answers.get(name, (200, ""))
        if name == "some/half" and "/resolve/" in self.path:  # its description is open, its files are not
            status, reason = 403, "GatedRepo"
        described: Any = {"id": name, "sha": self.sha}
        if "/tree/" in self.path:
            described = [{"type": "file", "path": "config.json", "size": 2, "oid": self.sha}]
        body = json.dumps(described).encode() if status == 200 else b""
        self.send_response(status)
        if reason:
            self.send_header("X-Error-Code", reason)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def hub() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    "name, reason",
    [
        ("some/gated", "the model is gated .*ask its owner for access"),
        ("some/refused", "the model is gated .*ask its owner for access"),
        ("some/half", "the model is gated .*ask its owner for access"),
        ("some/unknown", "the hub has no such model or revision 'main'"),
        ("some/moved", "the hub has no such model or revision 'main'"),
        ("some/broken", "cannot be downloaded .*500"),
        ("some/busy", "cannot be downloaded .*429"),
    ],
)
def test_the_hubs_answer_gives_the_true_reason(
    name: str, reason: str, hub: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub)
    files = hub + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", files)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(InputError, match=f"hub: '{name}': {reason}") as caught:
        folders.download(name, "main", tmp_path / "copy")
    assert "\n" not in str(caught.value) and not (tmp_path / "copy").exists()
