"""Language models from folders and the hub: one interface, and refusals in one line."""

import json
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    CohereConfig,
    CohereForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    OPTConfig,
    OPTForCausalLM,
    XLNetConfig,
    XLNetLMHeadModel,
)

from tokentrial.cramming import architectures, folders
from tokentrial.errors import InputError

VOCABULARY = 40


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    words = Tokenizer(models.WordLevel({f"w{index}": index for index in range(VOCABULARY)}, unk_token="w0"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    return words


def shape(architecture: str) -> dict[str, object]:
    return {"architecture": architecture, "width": 16, "layers": 2, "context": 32}


@pytest.fixture
def folder(tmp_path: Path, tokenizer: Tokenizer) -> Path:
    model = architectures.build(shape("llama"), VOCABULARY, seed=1)
    folders.write(tmp_path / "model", model, tokenizer, {"made": "here"})
    return tmp_path / "model"


@pytest.mark.parametrize("architecture", list(architectures.ARCHITECTURES))
def test_a_written_model_reads_back_as_the_same_function(
    architecture: str, tmp_path: Path, tokenizer: Tokenizer
) -> None:
    built = architectures.build(shape(architecture), VOCABULARY, seed=1)
    ids = torch.randint(VOCABULARY, (3, 9), generator=torch.Generator().manual_seed(0))
    folders.write(tmp_path, built, tokenizer, {})
    expected = built.half().float().eval()(input_ids=ids).logits
    made = folders.read(tmp_path)
    with torch.no_grad():
        found = made.hidden(made.table[ids]) @ made.weight.T
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    assert (made.width, made.vocab_size) == (16, VOCABULARY)
    assert not any(value.requires_grad for value in made.model.parameters())


@pytest.mark.parametrize("architecture", list(architectures.ARCHITECTURES))
def test_the_same_seed_gives_the_same_model(architecture: str) -> None:
    first, again, other = (
        architectures.build(shape(architecture), VOCABULARY, seed).state_dict() for seed in (1, 1, 2)
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_an_unknown_architecture_or_width_is_named() -> None:
    with pytest.raises(InputError, match="architecture: found 'rwkv', expected one of llama, neox, mamba"):
        architectures.build(shape("rwkv"), VOCABULARY, seed=1)
    with pytest.raises(InputError, match="width: found 18, expected a multiple of 4"):
        architectures.build({**shape("llama"), "width": 18}, VOCABULARY, seed=1)


def save(model: torch.nn.Module, tokenizer: Tokenizer, folder: Path) -> Path:
    folders.write(folder, model, tokenizer, {})
    return folder


def test_models_never_seen_before_work(tmp_path: Path, tokenizer: Tokenizer) -> None:
    """GPT-2 has learned positions; OPT with a narrow table projects its vectors into and out of the body."""
    small = {"vocab_size": VOCABULARY, "bos_token_id": 0, "eos_token_id": 1}
    gpt2 = GPT2LMHeadModel(GPT2Config(**small, n_embd=16, n_layer=1, n_head=2, n_positions=24))
    opt = OPTForCausalLM(
        OPTConfig(
            **small, hidden_size=16, word_embed_proj_dim=8, num_hidden_layers=1, num_attention_heads=2, ffn_dim=16,
            max_position_embeddings=24, pad_token_id=1,
        )
    )  # fmt: skip
    assert folders.read(save(gpt2, tokenizer, tmp_path / "gpt2")).width == 16
    assert folders.read(save(opt, tokenizer, tmp_path / "opt")).width == 8


def test_scores_that_are_rescaled_after_the_output_layer_are_refused(tmp_path: Path, tokenizer: Tokenizer) -> None:
    cohere = CohereForCausalLM(
        CohereConfig(
            vocab_size=VOCABULARY, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
            num_key_value_heads=2, logit_scale=0.0625, bos_token_id=0, eos_token_id=1, pad_token_id=0,
        )
    )  # fmt: skip
    with pytest.raises(InputError, match="CohereForCausalLM changes its input vectors or scores on the way"):
        folders.read(save(cohere, tokenizer, tmp_path / "cohere"))


def test_a_model_that_sees_later_tokens_is_refused(tmp_path: Path, tokenizer: Tokenizer) -> None:
    """A Llama whose config says that it is not causal, and an XLNet, which sees both sides."""
    path = save(architectures.build(shape("llama"), VOCABULARY, seed=1), tokenizer, tmp_path / "llama")
    folders.read(path)
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps({**config, "is_causal": False}))
    with pytest.raises(
        InputError, match="LlamaForCausalLM sees tokens behind the one that it predicts, expected a caus"
    ):
        folders.read(path)
    both = XLNetLMHeadModel(XLNetConfig(vocab_size=VOCABULARY, d_model=16, n_layer=1, n_head=2, d_inner=16))
    with pytest.raises(InputError, match="XLNetLMHeadModel") as caught:
        folders.read(save(both, tokenizer, tmp_path / "xlnet"))
    assert "\n" not in str(caught.value)


def test_a_token_id_beyond_the_table(folder: Path) -> None:
    """As many tokens as rows, but one has a larger id."""
    content = json.loads((folder / "tokenizer.json").read_text())
    vocabulary = content["model"]["vocab"]
    vocabulary["w39"] = VOCABULARY + 7
    (folder / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="found a tokenizer with the id 47, expected ids below the 40 rows"):
        folders.read(folder)


def test_a_folder_without_a_tokenizer(folder: Path) -> None:
    for file in folder.glob("tokenizer*"):
        file.unlink()
    with pytest.raises(InputError, match=r"model: found no tokenizer, expected tokenizer\.json"):
        folders.read(folder)


def test_pickled_weights_are_refused_with_the_reason(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(InputError, match="model: found no weights"):
        folders.read(folder)
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"only pickled weights \(pytorch_model\.bin\), which can run code"):
        folders.read(folder)


def test_a_tokenizer_with_more_tokens_than_the_table(folder: Path, tmp_path: Path) -> None:
    content = json.loads((folder / "tokenizer.json").read_text())
    content["model"]["vocab"]["extra"] = VOCABULARY
    (folder / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="found a tokenizer of 41 tokens, expected at most the 40 rows"):
        folders.read(folder)


def test_damaged_or_absent_files_give_one_line(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: no such folder"):
        folders.read(tmp_path / "nowhere")
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(InputError, match="not a usable language model") as caught:
        folders.read(folder)
    assert "\n" not in str(caught.value)
    (folder / "config.json").write_text('{"model_type": "no-such-architecture"}')
    with pytest.raises(InputError, match="not a usable language model") as caught:
        folders.read(folder)
    assert "\n" not in str(caught.value)
    (folder / "config.json").unlink()
    with pytest.raises(InputError, match=r"config\.json is missing"):
        folders.read(folder)


def cached(cache: Path, name: str, folder: Path) -> None:
    """A model as the hub's own library keeps it once it was downloaded."""
    base = cache / f"models--{name.replace('/', '--')}"
    shutil.copytree(folder, base / "snapshots/0123456789abcdef0123456789abcdef01234567")
    (base / "refs").mkdir()
    (base / "refs/main").write_text("0123456789abcdef0123456789abcdef01234567")


def test_a_hub_name_loads_offline_from_the_cache(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached(tmp_path / "cache", "someone/small", folder)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    folders.download("someone/small", "main", tmp_path / "copy")
    assert torch.equal(folders.read(tmp_path / "copy").table, folders.read(folder).table)


def test_a_hub_name_without_network_says_so_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match=r"hub: 'someone/small': cannot be downloaded .*set 'folder'") as caught:
        folders.download("someone/small", "main", tmp_path / "copy")
    assert "\n" not in str(caught.value) and not (tmp_path / "copy").exists()
    with pytest.raises(InputError, match="hub: 'a/b/c': is not a name of the hub"):
        folders.download("a/b/c", "main", tmp_path / "copy")


class Gated(BaseHTTPRequestHandler):
    """A hub whose every model is gated: the status and the header of the real one."""

    def do_GET(self) -> None:
        self.send_response(401)
        self.send_header("X-Error-Code", "GatedRepo")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_gated_model_is_not_called_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Gated)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    try:
        with pytest.raises(InputError, match=r"hub: 'some/gated': the model is gated \(.*ask its owner") as caught:
            folders.download("some/gated", "main", tmp_path / "copy")
    finally:
        server.shutdown()
        server.server_close()
    assert "\n" not in str(caught.value) and not (tmp_path / "copy").exists()
