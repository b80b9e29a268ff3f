"""Prints README.md with its table of values made anew from the comments in values.yaml.

usage: values_table.py VALUES.yaml README.md
"""

import json
import re
import sys

import yaml

BEGIN, END = "<!-- values -->", "<!-- end of values -->"


def rows(text):
    """(key, default, description) of each key that has a comment with `# --` above it."""
    values, path, comment = yaml.safe_load(text), [], None
    for line in text.splitlines():
        if match := re.match(r" *# -- (.*)", line):
            comment = match[1]
        elif match := re.match(r"( *)([A-Za-z]+):", line):
            depth = len(match[1]) // 2
            path = [*path[:depth], match[2]]
            if comment:
                default = values
                for key in path:
                    default = default[key]
                yield ".".join(path), default, comment
            comment = None


def table(text):
    lines = ["| key | default | |", "|---|---|---|"]
    for key, default, description in rows(text):
        shown = "" if default is None or default in ("", [], {}) else f"`{json.dumps(default)}`".replace('`"', "`").replace('"`', "`")
        lines.append(f"| `{key}` | {shown} | {description} |".replace("|  |", "| |"))
    return "\n".join(lines)


def main(values, readme):
    with open(values) as file:
        made = table(file.read())
    with open(readme) as file:
        text = file.read()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    sys.stdout.write(f"{before}{BEGIN}\n{made}\n{END}{after}")


if __name__ == "__main__":
    main(*sys.argv[1:])
