"""``tokentrial compress``: rows, figure, page and models of an own model, and one line for what cannot be used."""

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import gguf_files
import numpy as np
import pandas as pd
import pytest
import torch
from command import Command, command, refused  # noqa: F401
from model_commands import CONTEXT, document, interrupted, place, write_model, write_text  # noqa: F401
from tokenizers import Tokenizer
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from tokentrial.cramming import folders
from tokentrial.errors import InputError
from tokentrial.real_model import codes, export
from tokentrial.real_model.own_text import files_of, own_text
from tokentrial.real_model.sizes import METHODS, Table, arms, asked
from tokentrial.report import compress_page
from tokentrial.statistics.intervals import t_interval
from tokentrial.trial.compressed import Compressed

TOKENS, DOCUMENTS = 12, 6
OPTIONS = ("--documents", str(DOCUMENTS), "--tokens", str(TOKENS))


def run(command: Command, place: Path, out: Path, *options: str) -> pd.DataFrame:  # noqa: F811
    """The rows that the command writes."""
    mine = ("--text", str(place / "mine.txt"))
    said = command("compress", str(place / "model"), *mine, "--out", str(out), *OPTIONS, *options)
    assert said.code == 0, said.err
    return pd.read_csv(out / "compress.csv").set_index(["use", "arm"])


def losses(folder: Path, numbers: list[int]) -> np.ndarray:
    """Of transformers alone: each document's mean loss, of the model in a folder."""
    model, tokenizer = (kind.from_pretrained(folder) for kind in (AutoModelForCausalLM, AutoTokenizer))
    ids = torch.tensor([tokenizer(document(n), add_special_tokens=False)["input_ids"][: TOKENS + 1] for n in numbers])
    with torch.no_grad():
        logits = model.float()(input_ids=ids[:, :-1]).logits
    return cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none").mean(1).double().numpy()


def test_rows_are_those_of_the_written_models_on_every_second_document(
    command: Command,  # noqa: F811
    place: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    rows = run(command, place, tmp_path / "out", "--methods", "svd,int3", "--sizes", "2,4")
    assert list(rows.index) == [(use, arm) for use in ("input", "tied") for arm in ("full", "svd-2", "svd-4", "int3")]
    measured = [0, 2, 4, 6, 8, 10]
    full = losses(place / "model", measured)
    assert rows.loc[("input", "full"), "loss"] == pytest.approx(full.mean(), abs=1e-3)  # the model is in float16
    for arm in ("svd-2", "svd-4", "int3"):
        apart = losses(tmp_path / "out/models" / arm, measured) - full
        row = rows.loc[("tied", arm)]
        expected = [apart.mean(), *t_interval(apart, 0.95)]
        assert [row["over_loss"], row["over_loss_low"], row["over_loss_high"]] == pytest.approx(expected, abs=2e-3)
        assert row["over_loss_most"] == pytest.approx(t_interval(apart, 1 - 0.05 / 3).high, abs=2e-3)
        assert 0 <= row["agreement"] < 1 and row["n"] == DOCUMENTS
    tokens = rows.loc[("tied", "full"), "bits"] / 16 / 16
    assert rows.loc[("tied", "int3"), "bits_a_token"] == 3 * 16 + 16
    assert rows.loc[("input", "svd-4"), "bits"] == 16 * 4 * (tokens + 16)
    assert set(rows.xs("full", level="arm")["agreement"]) == {1.0}
    assert rows.xs("full", level="arm")["over_loss"].isna().all()
    assert (rows["bytes_entropy"] <= rows["bytes"]).all()


def test_the_page_the_figure_and_the_terminal_say_the_same(command: Command, place: Path, tmp_path: Path) -> None:  # noqa: F811
    mine = ("--text", str(place / "mine.txt"), "--out", str(tmp_path / "out"), *OPTIONS)
    said = command("compress", str(place / "model"), "--methods", "int4", "--save", "none", *mine)
    assert said.code == 0 and max(map(len, said.out.splitlines()[:12])) <= 110
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        f"compress.{k}" for k in ("csv", "html", "pdf", "svg")
    }
    page = (tmp_path / "out/compress.html").read_text()
    sentence = said.out.split("\n\n")[-1].splitlines()[0]
    assert sentence in re.sub("<.*?>", "", page) and "int4" in sentence
    assert "<script" not in page and "http:" not in re.sub(r"base64,[^\"]*", "", page)
    assert "integers" in (tmp_path / "out/compress.svg").read_text()
    said = command("compress", str(place / "model"), "--methods", "int4", "--save", "none", *mine[:2], "--out",
                   str(tmp_path / "other"), *OPTIONS, "--json")  # fmt: skip
    content = json.loads(said.out)
    assert content["verdict"] == sentence and [row["arm"] for row in content["encodings"]] == ["full", "int4"] * 2
    assert content["encodings"][0]["over_loss"] is None


@pytest.mark.parametrize(("tied", "option"), [(True, []), (True, ["--input-only"]), (False, [])])
def test_the_output_layer_is_encoded_only_where_it_is_the_table(
    tied: bool,
    option: list[str],
    command: Command,  # noqa: F811
    tmp_path: Path,
) -> None:
    write_model(tmp_path / "model", tied)
    write_text(tmp_path / "mine.txt")
    rows = run(command, tmp_path, tmp_path / "out", "--methods", "int2", "--save", "int2", *option)
    both = tied and not option
    assert set(rows.index.get_level_values("use")) == ({"input", "tied"} if both else {"input"})
    before, after = (
        AutoModelForCausalLM.from_pretrained(tmp_path / each).float() for each in ("model", "out/models/int2")
    )
    old, new = (each.get_input_embeddings().weight for each in (before, after))
    head = after.get_output_embeddings().weight
    assert not torch.equal(old, new) and len(new[0].unique()) <= 3
    assert torch.equal(head, new if both else before.get_output_embeddings().weight)
    body = {name: value for name, value in before.named_parameters() if "embed" not in name and "head" not in name}
    assert all(torch.equal(value, dict(after.named_parameters())[name]) for name, value in body.items())
    assert after.config.tie_word_embeddings is both


def test_a_written_model_that_is_another_one_is_an_error(
    command: Command,  # noqa: F811
    place: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write = export.write
    arguments = ("compress", str(place / "model"), "--methods", "int2", "--text", str(place / "mine.txt"), *OPTIONS)
    monkeypatch.setattr(export, "write", lambda source, table, *rest: write(source, table + 1, *rest))
    assert "has another token table" in refused_last(command(*arguments, "--out", str(tmp_path / "out")))
    loss_of = export.loss_of
    monkeypatch.setattr(export, "write", write)
    monkeypatch.setattr(export, "loss_of", lambda *each: loss_of(*each) + 0.01)
    assert "is another one: its loss, read again" in refused_last(command(*arguments, "--out", str(tmp_path / "out")))
    assert not list(tmp_path.iterdir())


def refused_last(said: object) -> str:
    """The last line of stderr, after those about the work."""
    lines = said.err.splitlines()  # type: ignore[attr-defined]
    assert said.code == 2 and lines[-1].startswith("error: "), said  # type: ignore[attr-defined]
    return str(lines[-1])


def test_a_disk_without_room_for_the_models(
    command: Command,  # noqa: F811
    place: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arguments = (
        "compress",
        str(place / "model"),
        "--methods",
        "int2,int4",
        "--text",
        str(place / "mine.txt"),
        *OPTIONS,
    )
    monkeypatch.setattr("tokentrial.trial.compressed.shutil.disk_usage", lambda _: SimpleNamespace(free=50_000))
    line = refused(command(*arguments, "--out", str(tmp_path / "out")))
    assert line == "--out: expected room for 2 models of 0.0 MB each, found 0.1 MB free; --save names fewer of them"
    assert not list(tmp_path.iterdir())
    assert command(*arguments, "--out", str(tmp_path / "out"), "--save", "int2").code == 0


def test_the_sentence_names_the_smallest_encoding_that_is_shown_to_cost_nothing() -> None:
    """By an interval for all encodings together, not by one that is only below the margin by itself."""
    of_arm = {
        "use": "tied",
        "loss": 4.0,
        "bytes_zstd": 100.0,
        "bits_a_number": 8.25,
        "agreement": 0.9,
        "over_loss_low": -0.01,
    }
    costs = {"svd-2": (0.3, 0.31, 40.0), "pq-4": (0.02, 0.05, 50.0), "int8": (0.01, 0.03, 60.0)}
    rows = [of_arm | {"arm": "full", "over_loss": None, "over_loss_high": None, "over_loss_most": None}]
    for arm, (mean, most, size) in costs.items():
        ends = {"over_loss_high": mean + 0.01, "over_loss_most": most}
        rows.append(of_arm | {"arm": arm, "over_loss": mean, "bytes_zstd": size, **ends})
    table = Table(10, 4)
    result = Compressed("mine", Path("mine.txt"), pd.DataFrame(rows), [], 5, 12, 100, table, 50, True)
    said = compress_page.sentence(result)
    assert said.startswith("int8 (8.25 bits a number) is the smallest encoding that is shown to cost less than 1 % of ")
    assert "1.7 times fewer bytes" in said and "all 3 encodings together" in said
    none = compress_page.sentence(replace(result, rows=result.rows[result.rows["arm"] != "int8"]))
    assert none.startswith("No encoding is shown") and "the least costly one, pq-4, adds +0.0200" in none


def test_a_gguf_file_is_a_model(command: Command, place: Path, tmp_path: Path) -> None:  # noqa: F811
    tokenizer = Tokenizer.from_file(str(place / "model/tokenizer.json"))
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=32, intermediate_size=48, num_hidden_layers=1,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64, tie_word_embeddings=True,
        initializer_range=0.3, bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    file = gguf_files.put(tmp_path / "tiny.gguf", *gguf_files.of_llama(LlamaForCausalLM(config).eval(), tokenizer))
    said = command("compress", str(file), "--methods", "int4", "--text", str(place / "mine.txt"), *OPTIONS,
                   "--out", str(tmp_path / "out"))  # fmt: skip
    assert said.code == 0 and said.out.startswith("tiny, encoded"), said.err
    assert folders.read(tmp_path / "out/models/int4").width == 32
    assert {path.name for path in tmp_path.iterdir()} == {"tiny.gguf", "out"}


def test_an_encoding_that_overflows_has_neither_loss_nor_agreement(command: Command, tmp_path: Path) -> None:  # noqa: F811
    """Rows of numbers that float16 holds have codes that it does not hold."""
    model = write_model(tmp_path / "model")
    large = AutoModelForCausalLM.from_pretrained(model)
    table = large.get_input_embeddings().weight
    table.data = (table.data.float().sign() * 60000).half()
    large.save_pretrained(model)
    write_text(tmp_path / "mine.txt")
    rows = run(command, tmp_path, tmp_path / "out", "--methods", "svd-2,int8", "--save", "none", "--input-only")
    assert rows.loc[("input", "svd-2"), ["loss", "agreement", "over_loss"]].isna().all()
    assert rows.loc[("input", "int8"), ["loss", "agreement", "over_loss"]].notna().all()
    assert "not finite" in (tmp_path / "out/compress.html").read_text()


# Encodings by method and size


@pytest.mark.parametrize("method", METHODS)
def test_a_size_says_how_many_fewer_bits_a_number_has(method: str) -> None:
    table = torch.from_numpy(np.random.default_rng(1).normal(size=(4096, 32)).astype(np.float32))
    counts = (1e6 * 0.99 ** torch.arange(len(table))).long()
    [(arm, options)] = list(arms(asked([method], [4]), Table(*table.shape)).items())[1:]
    options = options | ({"steps": 2} if options["code"] == "autoencoder" else {})
    coded = codes.encode(options, table, counts, np.random.default_rng(2))
    assert arm == f"{method}-4" and coded.table.shape == table.shape
    shared = {"pq": 1, "pq_counted": 1, "additive": 2}.get(method, 0)  # centroids: 256 in each group of the 4,096 rows
    low, high = (2, 4.6) if "bands" in method else (3.5, 4.6)  # a band's bits depend on the text
    assert low <= coded.bits / table.numel() - shared <= high


def test_the_help_names_every_method(command: Command) -> None:  # noqa: F811
    said = re.sub(r"[│\s]+", " ", command("compress", "--help").out)
    [listed] = re.findall(r"Methods: (.*?)\.", said)
    assert listed.split(", ") == list(METHODS)


def test_methods_are_named_with_sizes_with_bits_or_without() -> None:
    table = Table(1000, 64)
    assert list(arms(asked(["svd", "int4", "pq_2", "int-4"], [2, 8]), table)) == [
        "full",
        "svd-2",
        "svd-8",
        "int4",
        "pq_2",
    ]
    assert arms(asked(["svd-8"], []), table)["svd-8"] == {"code": "svd", "width": 8}
    for entry, words in (
        ("foo", "found 'foo', expected some of svd, svd_counted"),
        ("int0", "found 'int0'"),
        ("int-3", "int-3: found 16/3 bits a number, expected a whole number of 2 to 8"),
        ("svd-128", "svd-128: found a width of 0.5, expected 1 to 63"),
        ("pq_3", "pq_3: found 3 bits a number, expected 8, 4, 2, 1"),
        ("residual-8", "residual-8: found 1 bits a number"),
        ("bit_bands-2", "expected 4 or 2"),
        ("tensor_train-4096", "no rank is that small"),
    ):
        with pytest.raises(InputError, match=f"--methods: .*{re.escape(words)}"):
            arms(asked([entry], [2]), table)


# Documents


def parts(path: Path, model: folders.LanguageModel, count: int = 3, tokens: int = TOKENS) -> tuple[list[str], str]:
    text = own_text(path, files_of(path), model, count, tokens)
    return list(text.held_out), "".join(text.train)


def test_every_second_document_is_measured_and_all_others_are_counted(place: Path, tmp_path: Path) -> None:  # noqa: F811
    model = folders.read(place / "model")
    measured, counted = parts(place / "mine.txt", model)
    assert measured == [document(number) for number in (0, 2, 4)]
    assert all(document(number) in counted for number in (1, 3, *range(5, 12)))
    assert not any(document(number) in counted for number in (0, 2, 4))
    (tmp_path / "texts").mkdir()
    for number in range(5):  # a folder: a document in each file, the short one passed over
        (tmp_path / f"texts/{number}.txt").write_text(document(number) if number != 2 else "ka tomi")
    assert parts(tmp_path / "texts", model)[0] == [document(0), document(3)]
    (tmp_path / "lines.txt").write_text("\n".join(document(number, 7) for number in range(40)))
    measured, _ = parts(tmp_path / "lines.txt", model)  # without blank lines: lines, joined until they are enough
    assert measured[0].startswith(document(0, 7)) and len(measured) == 3 and "\n" in measured[0]
    for split, numbers in {"train": (7, 8), "validation": (9,), "test": (1, 2)}.items():
        (tmp_path / f"texts/{split}.txt").write_text("\n\n".join(map(document, numbers)))
    assert parts(tmp_path / "texts", model) == ([document(1), document(2)], f"{document(7)}\n\n{document(8)}")


# What cannot be used


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": "nothing"}, "nothing: found no model of this name, expected a folder in Hugging Face's format"),
        ({"model": "."}, "config.json is missing, expected a language model"),
        ({"model": "mine.txt"}, "expected b'GGUF'"),
        ({"--methods": "svd,sdv"}, "--methods: found 'sdv', expected some of svd,"),
        ({"--sizes": "0"}, "--sizes: found '0', expected whole numbers of at least 2 such as 2,8"),
        ({"--sizes": "64"}, "found a width of 0.25, expected 1 to 15"),
        ({"--text": "nothing.txt"}, "--text: nothing.txt: not found, expected a text file or a folder of text files"),
        ({"--text": "short.txt"}, "found 1 document of more than 12 tokens to measure, expected at least 2: a longer"),
        ({"--text": "bytes.txt"}, "bytes.txt: not UTF-8 text"),
        ({"--tokens": "65"}, f"--tokens: found 65, expected at most the model's context of {CONTEXT}"),
        ({"--tokens": "3"}, "--tokens: found 3, expected at least 8"),
        ({"--documents": "1"}, "--documents: found 1, expected at least 2"),
        ({"--save": "svd-3"}, "--save: found 'svd-3', expected one of svd-2"),
        ({"--out": "taken"}, "taken: found files in it, expected a new folder"),
        ({"--out": "mine.txt/out"}, "mine.txt/out: cannot be made: Not a directory"),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else "",
)
def test_bad_input_is_one_line_and_leaves_nothing(
    changes: dict[str, str],
    words: str,
    command: Command,  # noqa: F811
    place: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_text(tmp_path / "mine.txt")
    (tmp_path / "short.txt").write_text(f"{document(0)}\n\nka\n")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\xfa")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/mine").write_text("mine")
    before = {path.relative_to(tmp_path) for path in tmp_path.rglob("*")}
    given = {"model": str(place / "model"), "--methods": "svd", "--sizes": "2", "--text": "mine.txt", "--out": "out"}
    given |= {"--tokens": str(TOKENS)} | changes
    said = command("compress", given.pop("model"), *(word for pair in given.items() for word in pair))
    assert words in refused(said)
    assert {path.relative_to(tmp_path) for path in tmp_path.rglob("*")} == before


def test_a_folder_that_may_not_be_written(
    command: Command,  # noqa: F811
    place: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def denied(**_: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tokentrial.cli.common.tempfile.mkdtemp", denied)  # root may write anywhere
    out = tmp_path / "out"
    said = command(
        "compress", str(place / "model"), "--methods", "svd", "--text", str(place / "mine.txt"), "--out", str(out)
    )
    assert refused(said) == f"{out}: cannot be made: Permission denied"


@pytest.mark.slow
def test_ctrl_c_leaves_nothing(place: Path, tmp_path: Path) -> None:  # noqa: F811
    done = interrupted(
        "compress: int-2:", "compress", str(place / "model"), "--methods", "int,autoencoder,autoencoder_deep",
        "--text", str(place / "mine.txt"), "--sizes", "2,4,8", *OPTIONS, "--out", str(tmp_path / "out"),
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (130, ""), done.stderr
    assert done.stderr.splitlines()[-1] == "stopped: nothing was written" and "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
