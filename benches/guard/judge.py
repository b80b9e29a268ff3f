"""Holds what gungraun counted (its JSON, a case a line, on standard input) to what counts.toml allows.

usage: judge.py counts.toml [--renew]    with --renew what was counted is what will be allowed
"""

import json
import sys
import tomllib
from pathlib import Path

# How far a case may be above its count, per cent. The same build counts the same to 0.1 %; a compiler or a C
# library of another version shifts it by one or two.
MARGIN = 5

HEAD = """\
# Instructions of each case of benches/guard, as Callgrind counts them: more than {margin} % above is refused.
# Written by `scripts/guard --renew`; whoever raises one says why in the commit.

"""


def main() -> int:
    file = Path(sys.argv[1])
    counted = dict(sorted(map(count, sys.stdin)))
    if not counted:
        print("No case was counted.", file=sys.stderr)
        return 1
    known = tomllib.loads(file.read_text()) if file.exists() else {}
    if sys.argv[2:] == ["--renew"]:
        file.write_text(HEAD.format(margin=MARGIN) + "".join(f'"{case}" = {now}\n' for case, now in counted.items()))
    wrong = [fault for case in known | counted if (fault := judge(case, known.get(case), counted.get(case)))]
    if sys.argv[2:] == ["--renew"]:
        return 0
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


def count(line: str) -> tuple[str, int]:
    """The name and the instructions of one case."""
    summary = json.loads(line)
    parts = [summary["group"], summary["function_name"], summary.get("id")]
    [callgrind] = summary["profiles"]
    return "::".join(filter(None, parts)), callgrind["data"]["total"]["metrics"]["Ir"]["values"]["new"]


def judge(case: str, known: int | None, now: int | None) -> str | None:
    """Prints what became of a case; what is wrong with it, if anything is."""
    if now is None:
        return f"{case}: counts.toml knows it, and it is gone."
    if known is None:
        print(f"{case:50} {now:12,}")
        return f"{case}: counts.toml does not know it."
    limit = known + known * MARGIN // 100
    print(f"{case:50} {now:12,} {100 * (now - known) / known:+7.2f} %")
    if now > limit:
        return f"{case}: {now:,} instructions, {100 * (now - known) / known:+.1f} %; at most {limit:,} are allowed."
    return None


sys.exit(main())
