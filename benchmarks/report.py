"""Figures as printed: of several rounds the best and the median, since other work may share the machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from statistics import median


def machine() -> str:
    """Processor, cores and memory, for the heading."""
    cpu, memory = platform.processor() or platform.machine(), ""
    try:
        info = Path("/proc/cpuinfo").read_text()
        cpu = next(line.split(":")[1].strip() for line in info.splitlines() if line.startswith("model name"))
        total = int(Path("/proc/meminfo").read_text().split()[1])
        memory = f", {total / 2**20:.0f} GB"
    except (OSError, StopIteration):
        pass
    return f"{cpu}, {os.cpu_count()} cores{memory}, Python {platform.python_version()}"


def line(name: str, values: Sequence[float], unit: str, note: str = "") -> None:
    best = max(values) if unit.endswith("/s") else min(values)
    print(f"{name:<34}{best:>12,.1f}{median(values):>12,.1f} {unit:<8} {note}", flush=True)


def heading(title: str) -> None:
    print(f"{title}\n{machine()}\n{'':<34}{'best':>12}{'median':>12}", flush=True)


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """How often theirs fits into ours, round by round: ``×1.4 (1.2–1.5)``."""
    each = sorted(a / b for a, b in zip(ours, theirs, strict=True))
    return f"×{median(each):.2f} ({each[0]:.2f}–{each[-1]:.2f})"
