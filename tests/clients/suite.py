"""Runs every client against the program and prints a table: client, version, tests passed.

usage: suite.py PROGRAM TOOLS [full], TOOLS as scripts/client-tools prints it. `full`: only what is killed and started
again, with a batch of 10,000 lines. Ends with 0 only if everything passed.
"""

import contextlib
import importlib.metadata
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from typing import NamedTuple

from program import serving

HERE = pathlib.Path(__file__).parent
PART_SECONDS = 420
STOP_SECONDS = 90
FULL_SECONDS = 3_000
FULL_LINES = 10_000
# For Schemathesis. The cases are bounded by this number per operation and phase, not by time, to be the same each run.
SEED = 1
CASES_PER_OPERATION = 150
ADMINISTRATORS = "^/v1/(keys|split|dead-letters|usage)"

# Which Python package a test file is about.
PACKAGES = {
    "livekit": "livekit-plugins-openai",
    "pipecat": "pipecat-ai",
    "subtitles": "srt, webvtt-py",
    "openai": "openai",
    "websockets": "websockets",
    "documented": "docs/API.md",
    "standardwebhooks": "standardwebhooks",
    "warm": "voicefleet warm",
}
NOT_PACKAGES = {"docs/API.md", "voicefleet warm"}


class Row(NamedTuple):
    client: str
    version: str
    passed: int
    failed: int


def main() -> int:
    program, tools = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    is_full = sys.argv[3:] == ["full"]
    began = time.monotonic()
    rows, well = [], True
    with tempfile.TemporaryDirectory() as reports:
        found, fine = restarts(program, tools, pathlib.Path(reports), is_full)
        rows, well = rows + found, well and fine
        if is_full:
            show(rows, time.monotonic() - began)
            return 0 if well else 1
        with serving(program) as url:
            for part in (python_clients, node_client):
                found, fine = part(url, tools, pathlib.Path(reports))
                rows, well = rows + found, well and fine
        found, fine = openapi(program, tools, pathlib.Path(reports))
        rows, well = rows + found, well and fine
    show(rows, time.monotonic() - began)
    return 0 if well and not any(row.failed for row in rows) else 1


def python_clients(url: str, tools: pathlib.Path, reports: pathlib.Path) -> tuple[list[Row], bool]:
    # The documented examples want Node beside Python.
    modules = tools / "node_modules"
    node = {"VOICEFLEET_NODE": str(modules / ".bin/node"), "VOICEFLEET_NODE_MODULES": str(modules)}
    return pytest(HERE / "python", tools, reports, PART_SECONDS, VOICEFLEET_URL=url, **node)


def restarts(
    program: pathlib.Path, tools: pathlib.Path, reports: pathlib.Path, is_full: bool
) -> tuple[list[Row], bool]:
    """It starts, kills and starts its servers itself."""
    settings = {"VOICEFLEET_PROGRAM": str(program)}
    if is_full:
        settings["VOICEFLEET_BATCH_LINES"] = str(FULL_LINES)
    patience = FULL_SECONDS if is_full else PART_SECONDS
    return pytest(HERE / "restarts", tools, reports, patience, **settings)


def pytest(
    folder: pathlib.Path, tools: pathlib.Path, reports: pathlib.Path, patience: float, **environment: str
) -> tuple[list[Row], bool]:
    report = reports / f"{folder.name}.xml"
    command = [tools / "venv/bin/python", "-m", "pytest", f"--junit-xml={report}", "--rootdir", folder, folder]
    fine = run(command, patience, **environment)
    counts: dict[str, list[int]] = {}
    for case in cases(report):
        name = case.get("classname", "").rsplit("test_", 1)[-1].split("_", 1)[0]
        package = PACKAGES[name]
        count(counts.setdefault(package, [0, 0]), case)
    versions = {package: versions_of(package) for package in counts}
    return [Row(package, versions[package], *counts[package]) for package in counts], fine


def versions_of(packages: str) -> str:
    if packages in NOT_PACKAGES:
        return "as it is"
    return ", ".join(importlib.metadata.version(name) for name in packages.split(", "))


def node_client(url: str, tools: pathlib.Path, reports: pathlib.Path) -> tuple[list[Row], bool]:
    report = reports / "node.xml"
    node = tools / "node_modules/.bin/node"
    modules = tools / "node_modules"
    reporters = ["--test-reporter=spec", "--test-reporter-destination=stdout"]
    reporters += ["--test-reporter=junit", f"--test-reporter-destination={report}"]
    command = [node, "--test", "--test-timeout=120000", *reporters, *sorted((HERE / "node").glob("*.test.cjs"))]
    fine = run(command, PART_SECONDS, VOICEFLEET_URL=url, NODE_PATH=str(modules))
    counts = [0, 0]
    for case in cases(report):
        count(counts, case)
    lock = json.loads((HERE / "node/package-lock.json").read_text())
    version = lock["packages"]["node_modules/openai"]["version"]
    return [Row("openai (Node)", version, *counts)], fine


def openapi(program: pathlib.Path, tools: pathlib.Path, reports: pathlib.Path) -> tuple[list[Row], bool]:
    """As a tenant, and what is for administrators as one.

    It withdraws jobs and sets the split, so it has a server of its own.
    """
    admin, rows, well = generated_key(program), [], True
    with serving(program, "--admin-key", admin) as url:
        key = made_key(url, admin, "acme")
        for who, shown, paths in (("tenant", key, ""), ("admin", admin, ADMINISTRATORS)):
            found, fine = schemathesis(who, url, shown, paths, tools, reports)
            rows, well = rows + found, well and fine
    return rows, well


def generated_key(program: pathlib.Path) -> str:
    said = subprocess.run([program, "keys", "generate", "operators", "--admin"], capture_output=True, text=True)
    return re.search(r"vf_\w+", said.stdout).group()


def made_key(url: str, admin: str, tenant: str) -> str:
    headers = {"authorization": f"Bearer {admin}", "content-type": "application/json"}
    request = urllib.request.Request(f"{url}/v1/keys", json.dumps({"tenant": tenant}).encode(), headers)
    with urllib.request.urlopen(request, timeout=STOP_SECONDS) as answer:
        return json.load(answer)["secret"]


def schemathesis(
    who: str, url: str, key: str, paths: str, tools: pathlib.Path, reports: pathlib.Path
) -> tuple[list[Row], bool]:
    report = reports / f"openapi-{who}.ndjson"
    command = [tools / "venv/bin/schemathesis", "--config-file", HERE / "openapi/schemathesis.toml", "run"]
    # Every check and phase is on unless schemathesis.toml says otherwise; naming them here would overrule that.
    command += [f"{url}/openapi.json", "--seed", str(SEED), "--max-examples", str(CASES_PER_OPERATION)]
    command += ["--report", "ndjson", "--report-ndjson-path", report, "--no-color"]
    command += ["--header", f"Authorization: Bearer {key}"]
    command += ["--include-path-regex", paths] if paths else []
    # What it writes down for itself goes with the reports.
    settings = {"VOICEFLEET_URL": url, "VOICEFLEET_API_KEY": key, "SCHEMATHESIS_HOOKS": str(HERE / "openapi/hooks.py")}
    fine = run(command, PART_SECONDS, cwd=reports, **settings)
    counts = [0, 0]
    for line in report.read_text().splitlines() if report.exists() else []:
        scenario = json.loads(line).get("ScenarioFinished")
        for checks in scenario["recorder"].get("checks", {}).values() if scenario else ():
            counts[any(check["status"] == "failure" for check in checks)] += 1
    return [Row(f"schemathesis ({who})", versions_of("schemathesis"), *counts)], fine


def run(command: list, patience: float, cwd: pathlib.Path | None = None, **environment: str) -> bool:
    """Whether the command ends with 0, within its time; it and what it started are ended after that."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment}
    part = subprocess.Popen(command, env=environment, cwd=cwd, start_new_session=True)
    try:
        return part.wait(timeout=patience) == 0
    except subprocess.TimeoutExpired:
        print(f"{command[0]} is not done after {patience} s", file=sys.stderr)
        return False
    finally:
        if part.poll() is None:
            # First so that it ends what it has started.
            for number in (signal.SIGINT, signal.SIGKILL):
                os.killpg(part.pid, number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    part.wait(timeout=STOP_SECONDS)


def cases(report: pathlib.Path) -> Iterable[ElementTree.Element]:
    return ElementTree.parse(report).iter("testcase") if report.exists() else ()


def count(counts: list[int], case: ElementTree.Element) -> None:
    """Adds to passed or failed; what was skipped is neither."""
    if case.find("skipped") is None:
        counts[case.find("failure") is not None or case.find("error") is not None] += 1


def show(rows: list[Row], seconds: float) -> None:
    print(f"\n{'client':24}{'version':16}{'passed':>8}{'failed':>8}")
    for row in rows:
        print(f"{row.client:24}{row.version:16}{row.passed:>8}{row.failed:>8}")
    print(f"{sum(row.passed for row in rows)} passed, {sum(row.failed for row in rows)} failed, in {seconds:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
