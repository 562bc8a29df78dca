"""The level in force is what oneDNN goes by, and bf16 is taken where its products are fast under it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import pytest
import torch

from shelftalk.models import instruction_set
from shelftalk.models.instruction_set import bf16_is_fast, level, product_rate
from tests.forks import call

VARIABLES = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
FLAGS = ("sse4_1", "avx", "avx2", "avx512_f", "avx512_bw", "avx512_dq", "avx512_vl", "avx512_bf16", "amx_bf16")
SAPPHIRE_RAPIDS = dict.fromkeys(FLAGS, True) | {"architecture": "x86_64"}
ZEN_4 = SAPPHIRE_RAPIDS | {"amx_bf16": False}
SKYLAKE_X = ZEN_4 | {"avx512_bf16": False}
HASWELL = {flag: flag in FLAGS[:3] for flag in FLAGS} | {"architecture": "x86_64"}


@pytest.mark.parametrize(
    ("flags", "own"),
    [(SAPPHIRE_RAPIDS, "amx"), (ZEN_4, "avx512_bf16"), (SKYLAKE_X, "avx512"), (HASWELL, "avx2")],
)
@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"ONEDNN_MAX_CPU_ISA": ""},
        {"ONEDNN_MAX_CPU_ISA": "ALL"},
        {"ONEDNN_MAX_CPU_ISA": "DEFAULT"},
        {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_AMX"},
        {"ONEDNN_MAX_CPU_ISA": "AVX10_1_512_AMX_FP16"},
        {"ONEDNN_MAX_CPU_ISA": "avx512"},  # none of oneDNN's names
        {"ONEDNN_MAX_CPU_ISA": " AVX2"},  # nor this
        {"ONEDNN_MAX_CPU_ISA": "unknown", "DNNL_MAX_CPU_ISA": "AVX2"},  # the older name counts where the other is empty
        {"ATEN_CPU_CAPABILITY": "avx2"},
    ],
)
def test_without_a_limit_the_level_is_the_cpus_own(
    flags: dict[str, object], own: str, environment: dict[str, str]
) -> None:
    assert level(flags, environment) == (own, None)


@pytest.mark.parametrize(
    ("value", "limited"),
    [
        ("SSE41", "sse41"),
        ("AVX2", "avx2"),
        ("avx2_vnni_2", "avx2"),
        ("Avx512_Core", "avx512"),
        ("AVX512_CORE_FP16", "avx512_bf16"),
    ],
)
@pytest.mark.parametrize("variable", VARIABLES)
def test_a_limit_below_the_cpu_is_the_level_and_is_named(variable: str, value: str, limited: str) -> None:
    assert level(SAPPHIRE_RAPIDS, {variable: value}) == (limited, f"{variable}={value}")


def test_a_limit_above_the_cpu_is_none() -> None:
    assert level(HASWELL, {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16"}) == ("avx2", None)
    assert level(HASWELL, {"ONEDNN_MAX_CPU_ISA": "", "DNNL_MAX_CPU_ISA": "AVX"}) == ("avx", "DNNL_MAX_CPU_ISA=AVX")


def test_elsewhere_the_level_is_the_architecture() -> None:
    assert level({"architecture": "arm64"}, {"ONEDNN_MAX_CPU_ISA": "AVX2"}) == ("arm64", None)


def decide(file: Path, variable: str, value: str) -> None:
    """Write what is decided, and rates by the core's own clock, which other processes do not hold up."""
    for name in (*VARIABLES, "ATEN_CPU_CAPABILITY"):
        os.environ.pop(name, None)
    os.environ[variable] = value
    cpu = torch.device("cpu")
    with patch.object(instruction_set, "time", SimpleNamespace(perf_counter=time.process_time)):
        rates = {name: product_rate(name, cpu, rows=128, seconds=0.1) for name in ("fp32", "bf16")}
    file.write_text(json.dumps({"level": instruction_set.instruction_set(), "fast": bf16_is_fast(), **rates}))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there the device decides, not the CPU")
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ONEDNN_MAX_CPU_ISA", ""),
        ("ONEDNN_MAX_CPU_ISA", "avx2"),
        ("ONEDNN_MAX_CPU_ISA", "AVX512_CORE"),
        ("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16"),
        ("ONEDNN_MAX_CPU_ISA", "AVX512"),
        ("DNNL_MAX_CPU_ISA", "AVX2"),
        ("ATEN_CPU_CAPABILITY", "avx2"),
    ],
)
def test_the_decision_agrees_with_measured_products(variable: str, value: str, tmp_path: Path) -> None:
    assert call(decide, tmp_path / "found", variable, value) == 0
    found = json.loads((tmp_path / "found").read_text())
    assert found["level"] == level(torch.cpu.get_capabilities(), {variable: value})[0]
    if found["fast"]:
        assert found["bf16"] > found["fp32"] / 3, found
    else:
        assert found["bf16"] < found["fp32"] * 1.5, found
