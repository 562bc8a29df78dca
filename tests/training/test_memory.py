"""Test available memory in both of Linux's layouts, peak memory of a process, and the size of weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from shelftalk.models import tiny
from shelftalk.training.memory import available_memory, describe_machine, peak_memory, weights_memory
from tests.forks import call

MIB = 2**20

on_cpu = pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device has its own memory")


def machine(root: Path, groups: str) -> Path:
    """Make a /proc with 1,000 MiB available, and with a process that holds 50 MiB and is in `groups`."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/meminfo").write_text(f"MemTotal: 1 kB\nMemAvailable:   {1000 * 1024} kB\n")
    (root / "proc/self/cgroup").write_text(groups)
    (root / "proc/7").mkdir()
    (root / "proc/7/status").write_text(f"Name: x\nRssAnon:\t{50 * 1024} kB\n")
    return root


def group(folder: Path, names: tuple[str, str, str], limit: object, used: int, cache: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\n{names[2]} {cache}\n")


V2 = ("memory.max", "memory.current", "inactive_file")
V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


@on_cpu
def test_without_limits_the_kernels_figure_is_used(tmp_path: Path) -> None:
    root = machine(tmp_path, "0::/user\n")
    group(root / "sys/fs/cgroup/user", V2, "max", 10, 10)
    assert available_memory(root=root) == 1000 * MIB
    assert available_memory([7, 8], root) == 1050 * MIB  # 8 has ended


@on_cpu
@pytest.mark.parametrize(
    ("groups", "top", "names"),
    [("0::/a/b\n", "sys/fs/cgroup", V2), ("3:cpu:/\n4:memory:/a/b\n0::/\n", "sys/fs/cgroup/memory", V1)],
)
def test_the_lowest_limit_above_the_process_counts(
    tmp_path: Path, groups: str, top: str, names: tuple[str, str, str]
) -> None:
    root = machine(tmp_path, groups)
    group(root / top / "a/b", names, 900 * MIB, 100 * MIB, 0)
    group(root / top / "a", names, 600 * MIB, 200 * MIB, 80 * MIB)
    group(root / top / "other", names, 1, 1, 0)
    assert available_memory(root=root) == (600 - 200 + 80) * MIB


@on_cpu
def test_a_container_sees_its_limit_on_top(tmp_path: Path) -> None:
    root = machine(tmp_path, "0::/somewhere/outside\n")
    group(root / "sys/fs/cgroup", V2, 300 * MIB, 100 * MIB, 0)
    assert available_memory(root=root) == 200 * MIB


@on_cpu
def test_another_system_says_nothing(tmp_path: Path) -> None:
    assert available_memory(root=tmp_path) is None


def measure_a_peak(file: Path) -> None:
    """Hold 400 MiB for a moment and write the peak before, during and after that."""
    before = peak_memory()
    block = torch.ones(100 * 2**20)
    during = peak_memory()
    del block
    file.write_text(f"{before} {during} {peak_memory()}")


@on_cpu
def test_the_peak_is_what_was_held_at_most(tmp_path: Path) -> None:
    assert call(measure_a_peak, tmp_path / "peaks") == 0
    before, during, after = map(int, (tmp_path / "peaks").read_text().split())
    assert during - before == pytest.approx(400 * MIB, rel=0.1)
    assert after == pytest.approx(during, rel=0.05)


def test_weights_are_counted_from_the_files(tmp_path: Path) -> None:
    tiny.save(tmp_path)
    model, _ = tiny.make()
    count = sum(one.numel() for one in model.parameters())
    assert weights_memory(tmp_path, "bf16") == 2 * count
    assert weights_memory(tmp_path, "fp32") == 4 * count
    (tmp_path / "consolidated.safetensors").write_bytes((tmp_path / "model.safetensors").read_bytes())
    assert weights_memory(tmp_path, "fp32") == 4 * count
    (tmp_path / "model.safetensors").rename(tmp_path / "model-00001-of-00001.safetensors")
    index = '{"weight_map": {"a": "model-00001-of-00001.safetensors", "b": "model-00001-of-00001.safetensors"}}'
    (tmp_path / "model.safetensors.index.json").write_text(index)
    assert weights_memory(tmp_path, "fp32") == 4 * count


def test_a_machine_is_described_by_its_processor_cores_and_memory(tmp_path: Path) -> None:
    machine(tmp_path, "")
    assert describe_machine(tmp_path)["cpu"] is None
    (tmp_path / "proc/cpuinfo").write_text("processor\t: 0\nmodel name\t: Quick CPU @ 2 GHz\nprocessor\t: 1\n")
    described = describe_machine(tmp_path)
    assert (described["cpu"], described["memory"]) == ("Quick CPU @ 2 GHz", 1024)
