"""What a process that is measured, and all below it, have computed."""

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def family(pid):
    """The process and all below it, with the ticks that each has computed."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            parents[int(entry)] = (int(stat[1]), sum(map(int, stat[11:15])))
    found, new = [], [pid]
    while new:
        found += new
        new = [p for p, (parent, _) in parents.items() if parent in new]
    return [(p, parents[p][1]) for p in found if p in parents]


def cpu_seconds(pid):
    return sum(ticks for _, ticks in family(pid)) / TICKS
