"""The command: help, formats, exit codes, and one line for what cannot be used."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command import Command, command, refused  # noqa: F401

from tokentrial import results
from tokentrial.claims.verdict import VERDICTS

ROOT = Path(__file__).parents[2]
EXAMPLE = str(ROOT / "examples/paper.yaml")
SHIPPED = str(ROOT / "results/reference")
COMMANDS = (
    "audit",
    "what-if",
    "compare",
    "spot-check",
    "trace",
    "doctor",
    "run",
    "try",
    "init",
    "compress",
    "cram",
    "claims list",
    "claims show",
    "claims export",
)
ANSI = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example_and_its_exit_codes(name: str, command: Command) -> None:  # noqa: F811
    said = command(*name.split(), "--help")
    text = " ".join(ANSI.sub("", said.out).split())
    assert said.code == 0
    assert f"Example: tokentrial {name}" in text and "Exit codes:" in text


def test_help_lists_every_command(command: Command) -> None:  # noqa: F811
    text = command("--help").out
    assert all(re.search(rf"\b{name.split()[0]}\b", text) for name in COMMANDS)
    assert "--install-completion" in text


def test_the_module_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "tokentrial", "audit", "nothing.yaml"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: nothing.yaml: cannot be read: No such file or directory\n"


# audit


def test_audit_on_the_terminal(command: Command) -> None:  # noqa: F811
    said = command("audit", EXAMPLE)
    assert said.code == 0 and said.out.rstrip().endswith("16 claims: 8 CONSISTENT and 8 INCONSISTENT")
    assert "DIFFERENCE-WRONG" in said.out and "✖ INCONSISTENT" in said.out
    assert max(map(len, said.out.splitlines())) <= 110
    assert command("audit", EXAMPLE, "--strict").code == 1


def test_audit_as_markdown_and_json(command: Command) -> None:  # noqa: F811
    text = command("audit", EXAMPLE, "--md").out
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) == 17 and all(len(re.split(r"(?<!\\)\|", row)) == 7 for row in rows)
    content = json.loads(command("audit", EXAMPLE, "--json").out)
    assert [claim["id"] for claim in content["claims"]] == [row.split("|")[1].strip() for row in rows[1:]]
    assert content["counts"] == {"CONSISTENT": 8, "INCONSISTENT": 8}


def test_audit_as_a_page_that_needs_nothing_else(command: Command, tmp_path: Path) -> None:  # noqa: F811
    path = tmp_path / "paper.yaml"
    path.write_text(Path(EXAMPLE).read_text().replace("0.9 points more", "<script>alert(1)</script>"))
    assert command("audit", str(path), "--html", "-o", str(tmp_path / "audit.html")).out == ""
    page = (tmp_path / "audit.html").read_text()
    assert "&lt;script&gt;alert(1)" in page and "<script" not in page
    assert not re.search(r"""(src|href)\s*=|url\(|@import|https?:""", page)
    assert page.count('<th scope="row">') == 16


def test_the_example_is_its_own_input(command: Command, tmp_path: Path) -> None:  # noqa: F811
    path = tmp_path / "paper.yaml"
    assert command("audit", "--example", "-o", str(path)).code == 0
    assert command("audit", str(path)).out == command("audit", EXAMPLE).out


def test_audit_of_a_document_s_folder(command: Command) -> None:  # noqa: F811
    said = command("audit", str(ROOT / "documents/000"))
    assert said.code == 0 and re.search(
        r"\d+ claims: .*; \d+ audit findings?: .*; \d+ empirical claims need a run", said.out
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(command: Command, tmp_path: Path) -> None:  # noqa: F811
    tmp_path.chmod(0o500)
    line = refused(command("audit", EXAMPLE, "--md", "-o", str(tmp_path / "audit.md")))
    assert line == f"{tmp_path / 'audit.md'}: cannot be written: Permission denied"


def test_a_file_in_place_of_the_folder(command: Command, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "file").write_text("")
    line = refused(command("audit", EXAMPLE, "--md", "-o", str(tmp_path / "file/audit.md")))
    assert line.startswith(f"{tmp_path / 'file/audit.md'}: cannot be written: ")


@pytest.mark.parametrize("options", [(), (EXAMPLE, "--md", "--json"), (EXAMPLE, "-o", "audit.txt")])
def test_options_that_do_not_fit(options: tuple[str, ...], command: Command) -> None:  # noqa: F811
    assert refused(command("audit", *options)).startswith("audit: found ")


# claims


def test_claims_are_listed_by_document_kind_and_verdict(command: Command) -> None:  # noqa: F811
    shipped = results.read(Path(SHIPPED) / "verdicts.parquet", VERDICTS).to_pandas()
    assert len(json.loads(command("claims", "list", "--json").out)) == len(shipped)
    wanted = shipped[
        (shipped["document"] == "001") & (shipped["verdict"] == "REFUTED") & (shipped["kind"] == "empirical")
    ]
    options = ("--document", "001", "--kind", "empirical", "--verdict", "refuted")
    assert [row["id"] for row in json.loads(command("claims", "list", *options, "--json").out)] == list(wanted["id"])
    assert f"\n{len(wanted)} claims and audit findings of" in command("claims", "list", *options).out
    line = refused(command("claims", "list", "--document", "009"))
    assert line.startswith("--document: found '009': did you mean '00")


def test_a_claim_s_chain_goes_from_its_words_to_the_jobs(command: Command) -> None:  # noqa: F811
    found = json.loads(command("claims", "show", "LE0-RQ", "--json").out)
    assert found["entry"]["section"] == "§1.1" and found["entry"]["check"] == "not_worse"
    statistics = (
        results.read(Path(SHIPPED) / "statistics.parquet", results.STATISTICS).to_pandas().set_index("comparison")
    )
    assert found["comparisons"] and found["elsewhere"] == []
    for row in found["comparisons"]:
        assert row["difference"] == pytest.approx(statistics.loc[row["comparison"], "difference"], rel=1e-11)
    pairs = {(row["condition"], row[side]) for row in found["comparisons"] for side in ("arm_a", "arm_b")}
    assert {(job["condition"], job["arm"]) for job in found["jobs"]} == pairs
    assert all(job["measurements"] > 0 and re.fullmatch("[0-9a-f]{40}", job["git_commit"]) for job in found["jobs"])
    text = command("claims", "show", "LE0-RQ").out
    assert found["reason"] in text and text.count("\n  job ") == len(pairs)


def test_every_claim_has_a_chain(command: Command) -> None:  # noqa: F811
    from tokentrial.claims import evidence

    for kind, rows in evidence.read(Path(SHIPPED)).groupby("kind"):
        found = evidence.chain(Path(SHIPPED), rows["id"].iloc[-1])
        assert found["question"] and found["reason"], kind


def test_a_claim_that_the_run_does_not_have(command: Command, tmp_path: Path) -> None:  # noqa: F811
    assert "LE0-RX: found no such claim; did you mean 'LE0-RQ'?" in refused(command("claims", "show", "LE0-RX"))
    line = refused(command("claims", "list", "--run", str(tmp_path)))
    assert line == f"{tmp_path}: found no verdicts.parquet, expected the folder of a finished run, such as results"


def test_claims_are_exported_for_other_programs(command: Command, tmp_path: Path) -> None:  # noqa: F811
    shipped = results.read(Path(SHIPPED) / "verdicts.parquet", VERDICTS).to_pandas()
    rows = list(csv.DictReader(io.StringIO(command("claims", "export", "--format", "csv").out)))
    assert [row["id"] for row in rows] == list(shipped["id"]) and list(rows[0]) == VERDICTS.names
    command("claims", "export", "--format", "json", "-o", str(tmp_path / "claims.json"))
    content = json.loads((tmp_path / "claims.json").read_text())
    assert [claim["verdict"] for claim in content] == list(shipped["verdict"]) and isinstance(
        content[0]["reported"], dict
    )


def test_verdicts_are_claim_reviews_of_schema_org(command: Command) -> None:  # noqa: F811
    shipped = results.read(Path(SHIPPED) / "verdicts.parquet", VERDICTS).to_pandas()
    graph = json.loads(command("claims", "export", "--format", "jsonld").out)
    assert graph["@context"] == "https://schema.org" and len(graph["@graph"]) == len(shipped)
    review = graph["@graph"][0]
    assert (review["@type"], review["@id"]) == ("ClaimReview", f"#{shipped['id'][0]}")
    assert review["reviewRating"]["alternateName"] == shipped["verdict"][0]
    [work] = review["itemReviewed"]["appearance"]
    assert work["name"].startswith("Learning Token Encodings") and re.fullmatch("[0-9a-f]{64}", work["sha256"])
    [both] = [each for each in graph["@graph"] if each["@id"] == "#XD-PERF"]
    assert len(both["itemReviewed"]["appearance"]) == len(
        shipped.set_index("id").loc["XD-PERF", "document"].split(" + ")
    )


# compare


def test_a_run_equals_itself(command: Command) -> None:  # noqa: F811
    said = command("compare", SHIPPED, "--md")
    assert said.code == 0 and said.err == "" and "The config is the same" in said.out
    assert json.loads(command("compare", SHIPPED, SHIPPED, "--json").out)["config"]["same"]


def test_a_verdict_that_differs_alone_is_a_failure(command: Command, tmp_path: Path) -> None:  # noqa: F811
    for path in Path(SHIPPED).glob("*.parquet"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    rows = results.read(tmp_path / "verdicts.parquet", VERDICTS).to_pandas()
    number = list(rows["verdict"]).index("CONFIRMED")
    rows.loc[number, "verdict"] = "REFUTED"
    results.write(tmp_path / "verdicts.parquet", results.table(rows, VERDICTS))
    said = command("compare", str(tmp_path))
    assert (
        said.code == 1
        and f"1 verdict differs from the reference run's at the same config: {rows['id'][number]}" in said.err
    )
    rows.loc[number, "parameters"] = "{}"  # another entry: a dispute
    results.write(tmp_path / "verdicts.parquet", results.table(rows, VERDICTS))
    said = command("compare", str(tmp_path))
    assert said.code == 0 and "judged differently" in said.out


def test_a_run_of_another_version(command: Command, tmp_path: Path) -> None:  # noqa: F811
    for path in Path(SHIPPED).glob("*.parquet"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    rows = results.read(tmp_path / "summary.parquet").to_pandas().rename(columns={"floor": "ceiling"})
    import pyarrow as pa

    results.write(tmp_path / "summary.parquet", pa.Table.from_pandas(rows, preserve_index=False))
    assert "summary.parquet: columns are (" in refused(command("compare", str(tmp_path)))


# run, doctor


def test_run_passes_its_options_on(command: Command) -> None:  # noqa: F811
    start = f"{sys.executable} -m snakemake --snakefile {ROOT / 'Snakefile'}"
    assert command("run", "--print", "--cores", "2", "all").out == f"{start} --cores 2 all\n"
    said = command("run", "--print", "-n", "--configfile", "config/smoke.yaml", "--", "all").out
    assert said == f"{start} --cores all -n --configfile config/smoke.yaml -- all\n"


def test_run_with_documents_of_one_s_own(command: Command, tmp_path: Path) -> None:  # noqa: F811
    own = ROOT / "examples/documents"
    said = command("run", "--print", "--documents", str(own), "-n")
    assert said.out.startswith(f"TOKENTRIAL_DOCUMENTS={own} {sys.executable} -m snakemake ")
    line = refused(command("run", "--print", "--documents", str(tmp_path / "mine")))
    assert line == f"TOKENTRIAL_DOCUMENTS: found {tmp_path / 'mine'}, expected a folder with a folder for each document"
    shutil.copytree(ROOT / "documents/004", tmp_path / "004")  # a document twice
    line = refused(command("run", "--print", "--documents", str(tmp_path)))
    assert line.startswith(f"{tmp_path / '004'}: found the document twice, ")
    (tmp_path / "004").rename(tmp_path / "copy")  # under another name: its claims are there twice
    line = refused(command("run", "--print", "--documents", str(tmp_path)))
    assert re.fullmatch(
        r"\S+document\.yaml: ids: found CR4-\S+, which \S+document\.yaml has, too; expected it once", line
    )


def test_run_reads_documents_of_one_s_own(tmp_path: Path) -> None:
    arguments = ["run", "--documents", "mine", "--cores", "1", "-n", "--quiet", "rules", "--", "reference_report"]
    shutil.copytree(ROOT / "examples/documents", tmp_path / "mine")
    call = [sys.executable, "-m", "tokentrial", *arguments]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (tmp_path / "mine/progressive-cramming/claims.yaml").unlink()
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.count("\n") == 1


def test_run_is_snakemake_with_the_right_snakefile(tmp_path: Path) -> None:
    arguments = [sys.executable, "-m", "tokentrial", "run", "--list-target-rules"]
    done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "compare_reference" in done.stdout
    done = subprocess.run(
        [*arguments[:-1], "no_such_target"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1  # Snakemake's own


def test_doctor_says_what_runs_here(command: Command) -> None:  # noqa: F811
    facts = json.loads(command("doctor", "--json").out)
    assert {"python", "cores", "memory", "disk", "gpu", "slurm", "texts", "reference_run"} <= set(facts)
    assert int(facts["cores"]) >= 1 and re.match(r"about \d+ minutes on \d+ cores", facts["reference_run"])
    assert all(str(fact) in command("doctor").out for name, fact in facts.items() if name != "disk")
