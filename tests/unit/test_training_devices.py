"""One GPU a job: which are visible, what they are called, and locks between real processes on pretended devices."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tokentrial.errors import InputError
from tokentrial.models.language import Lstm
from tokentrial.training import device, devices

# Claims one of the named devices, notes it in a file that only one holder can have made, and keeps it for a while.
CHILD = """
import os, sys, time
from tokentrial.training import devices
names, marks, seconds = sys.argv[1].split(","), sys.argv[2], float(sys.argv[3])
name = names[devices.claim(names, seconds=0.02)]
mark = os.path.join(marks, name)
os.close(os.open(mark, os.O_CREAT | os.O_EXCL))  # fails where another holds the device
print(name, flush=True)
time.sleep(seconds)
os.remove(mark)
os._exit(0)  # as a job may end: without a word to the lock
"""
FOREVER = 600.0
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Locks of this test alone, in a process that has claimed nothing yet and that Slurm knows nothing of."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(devices, "_held", {})
    for name in ("SLURM_JOB_ID", *devices.GIVEN_BY_SLURM, "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a process that claims one of ``names`` for some seconds."""
    started: list[subprocess.Popen[str]] = []

    def begin(names: str, seconds: float, marks: str = "marks", **environment: str) -> "subprocess.Popen[str]":
        (tmp_path / marks).mkdir(exist_ok=True)
        command = [sys.executable, "-c", CHILD, names, str(tmp_path / marks), str(seconds)]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(command, env={**os.environ, **environment}, **pipes))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def line(process: "subprocess.Popen[str]", stream: str = "stdout") -> str:
    """The next line that a process says."""
    said: str = getattr(process, stream).readline()
    return said.strip()


def test_many_processes_share_two_devices_one_at_a_time(start: Start) -> None:
    """Eight jobs that name the two in either order: all get one, none while another has it (the child would fail)."""
    processes = [start("a,b" if number % 2 else "b,a", 0.2) for number in range(8)]
    got = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0] * 8, got
    assert {said.strip() for said, _ in got} == {"a", "b"}


def test_a_killed_holder_frees_its_device_and_the_waiting_one_has_it(start: Start, tmp_path: Path) -> None:
    holder = start("a", FOREVER)
    assert line(holder) == "a"
    waiting = start("a", FOREVER)
    assert line(waiting, "stderr") == "GPU: all 1 visible are taken by other jobs; waiting for one"
    assert waiting.poll() is None
    (tmp_path / "marks" / "a").unlink()  # a killed holder cannot; without a lock the waiting one could go on from here
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(timeout=0.5)
    holder.send_signal(signal.SIGKILL)
    assert line(waiting) == "a"
    waiting.kill()
    assert waiting.communicate()[1] == ""  # it said once that it waits


def test_whichever_comes_free_first_is_taken(start: Start, tmp_path: Path) -> None:
    first, second = start("a,b", FOREVER), start("b,a", FOREVER)
    held = {line(first): first, line(second): second}
    assert set(held) == {"a", "b"}
    waiting = start("a,b", FOREVER)
    assert "waiting for one" in line(waiting, "stderr")
    (tmp_path / "marks" / "b").unlink()
    held["b"].kill()
    assert line(waiting) == "b"


def test_a_process_keeps_its_device(start: Start) -> None:
    """Asked again, with the devices in another order, it has the same one; others do not get it."""
    assert devices.claim(["a", "b"]) == 0
    assert devices.claim(["b", "a"]) == 1
    other = start("a,b", FOREVER)
    assert line(other) == "b"


def test_slurm_jobs_exclude_their_own_processes_alone(start: Start) -> None:
    """Two jobs that Slurm gave the same GPU (shards) both have it; two processes of a job do not."""
    job = {"SLURM_JOB_ID": "7", "SLURM_JOB_GPUS": "0"}
    assert line(start("a,b", FOREVER, **job)) == "a"
    assert line(start("a,b", FOREVER, marks="other", **job | {"SLURM_JOB_ID": "8"})) == "a"
    assert line(start("a,b", FOREVER, **job)) == "b"


def test_slurm_jobs_that_were_given_no_gpu_exclude_each_other(start: Start) -> None:
    assert line(start("a,b", FOREVER, SLURM_JOB_ID="7")) == "a"
    assert line(start("a,b", FOREVER, SLURM_JOB_ID="8")) == "b"


def test_what_is_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    """As CUDA reads the variable (CUDA C++ programming guide, environment variables)."""
    assert devices.visible() == [str(number) for number in range(torch.cuda.device_count())]
    for listed, expected in {  # an UUID of the manual of nvidia-smi
        "": [],
        "0": ["0"],
        "2, 0": ["2", "0"],
        "0,-1,1": ["0"],
        "-1": [],
        "NoDevFiles": [],
        "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6,1": ["GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", "1"],
        "MIG-GPU-8932f937-d72c-4106-c12f-20bd9faed9f6/1/0": ["MIG-GPU-8932f937-d72c-4106-c12f-20bd9faed9f6/1/0"],
    }.items():
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", listed)
        assert devices.visible() == expected, listed


def test_of_listed_slices_one_that_is_free_is_shown(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA would show this process MIG-a alone, which another job has."""
    assert line(start("MIG-a", FOREVER)) == "MIG-a"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-a,MIG-b")
    for _ in range(2):  # and it stays with it
        devices.show_one_slice()
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "MIG-b"


def test_a_lock_is_a_plain_file_name_of_the_device() -> None:
    assert devices.lock_name("8932F937-d72c") == "8932f937-d72c.lock"
    assert devices.lock_name("MIG-GPU-8932f937/1/0") == "mig-gpu-8932f937_1_0.lock"


# The folder of the locks


def test_the_folder_is_the_users_own(own_folder: Path) -> None:
    path = devices.lock_folder()
    assert path.parent == own_folder and path == devices.lock_folder()
    assert path.stat().st_mode & 0o777 == 0o700


def trap(kind: str, path: Path) -> None:
    """Something that another user could have put where the folder is to be."""
    if kind == "link":
        (path.parent / "elsewhere").mkdir(mode=0o700)
        path.symlink_to(path.parent / "elsewhere")
    elif kind == "dangling link":
        path.symlink_to(path.parent / "nowhere")
    elif kind == "file":
        path.touch(mode=0o600)
    else:
        path.mkdir()
        path.chmod(0o777 if kind == "open" else 0o700)


@pytest.mark.parametrize("kind", ["link", "dangling link", "file", "open"])
def test_a_trap_in_its_place_is_refused(kind: str, own_folder: Path) -> None:
    path = own_folder / f"tokentrial-{os.getuid()}"
    trap(kind, path)
    with pytest.raises(InputError, match=rf"^{path}: found .* expected a folder of your own with mode 700; remove it"):
        devices.claim(["a"])
    assert not (own_folder / "elsewhere").exists() or not any((own_folder / "elsewhere").iterdir())


def test_another_users_folder_is_refused(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stranger = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: stranger)
    trap("owned", own_folder / f"tokentrial-{stranger}")
    with pytest.raises(InputError, match=r"found a folder of user .* with mode 700, expected a folder of your own"):
        devices.lock_folder()


# What a job calls


def test_a_cpu_job_takes_no_device(own_folder: Path) -> None:
    assert device.prepare({"device": "cpu"}) == torch.device("cpu")
    assert torch.are_deterministic_algorithms_enabled() and torch.get_num_threads() == 1
    assert not any(own_folder.glob("tokentrial-*")) and not devices._held


@pytest.mark.parametrize(("found", "kept"), [(None, ":4096:8"), (":0:0", ":4096:8"), (":16:8", ":16:8")])
def test_cublas_gets_a_workspace_that_torch_accepts(
    found: str | None, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", found or "")
    device.prepare({"device": "cpu"})
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == kept


@pytest.mark.parametrize("listed", ["", "MIG-a"])
def test_no_usable_gpu_is_one_line(listed: str) -> None:
    """In a process of its own, since torch may have looked at this one's devices already; nothing is faked."""
    code = "from tokentrial.training.device import prepare; prepare({'device': 'cuda'})"
    ran = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "CUDA_VISIBLE_DEVICES": listed}, capture_output=True, text=True
    )
    expected = "config: device: found 'cuda' but this machine has no usable GPU; expected 'cpu'"
    assert ran.stderr.splitlines()[-1].endswith(f"InputError: {expected}")


def test_float32_products_on_a_gpu_are_not_rounded() -> None:
    """The switches of torch, whose defaults let cuDNN use TF32 and cuBLAS add up bfloat16 in bfloat16."""
    device.exact_products()
    assert not torch.backends.cuda.matmul.allow_tf32 and not torch.backends.cudnn.allow_tf32
    assert torch.backends.cudnn.rnn.fp32_precision != "tf32" and torch.backends.cudnn.conv.fp32_precision != "tf32"
    assert not torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction
    assert torch.backends.cudnn.deterministic and not torch.backends.cudnn.benchmark


@pytest.mark.parametrize("training", [True, False])
def test_an_lstm_layer_by_layer_is_torchs_lstm(training: bool) -> None:
    """What dropout needs to come between the layers: same features and state on a CPU, bit by bit."""
    body = Lstm(8, 3, 8, 0.4).train(training)
    vectors, state = torch.randn(4, 6, 8), (torch.randn(3, 4, 8), torch.randn(3, 4, 8))
    for start in (None, state):
        found = []
        for run in (body.lstm, body.layer_by_layer):
            torch.manual_seed(3)
            features, (hidden, cells) = run(vectors, start)
            found.append(torch.cat([features.flatten(), hidden.flatten(), cells.flatten()]))
        assert torch.equal(*found)
