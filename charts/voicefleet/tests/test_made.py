"""What is made from the chart is up to date, and the chart's own files agree with each other."""

import difflib
import filecmp
import json
import os
import re
import shutil
import subprocess
import tarfile

import jsonschema
import pytest
import yaml

import rules
import values_table
from conftest import CHART, REPOSITORY, helm, parse, render, template, values_of

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
# What Kubernetes itself checks, or what is free by its nature.
FREE = {"labels", "annotations", "kubernetes"}


def run(script, *arguments):
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([REPOSITORY / "scripts" / script, *arguments], env=environment, capture_output=True, text=True,
                          timeout=120, check=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    run("render-manifests", str(folder))
    return folder


@pytest.mark.parametrize("name", ["keda/manifests/push.yaml", "keda/manifests/rabbitmq.yaml", "charts/voicefleet/README.md"])
def test_committed_files_are_what_the_chart_makes(made, name):
    if filecmp.cmp(made / name, REPOSITORY / name, shallow=False):
        return
    there, fresh = ((folder / name).read_text().splitlines() for folder in (REPOSITORY, made))
    changes = "\n".join(difflib.unified_diff(there, fresh, name, "made from the chart", lineterm="", n=1))
    pytest.fail(f"run scripts/render-manifests:\n{changes}")


@pytest.mark.parametrize("name", ["push", "rabbitmq"])
def test_manifests_keep_the_rules(name):
    objects = parse((REPOSITORY / "keda" / "manifests" / f"{name}.yaml").read_text())
    in_speech = json.loads(json.dumps(objects).replace(".voicefleet.svc", ".speech.svc"))
    for rule in rules.RULES:
        assert list(rule(in_speech)) == [], rule.__name__
    assert {o["spec"]["triggers"][0]["type"] for o in objects if o["kind"] == "ScaledObject"} == {
        "external-push" if name == "push" else "rabbitmq"}
    assert not [o for o in objects if "helm" in json.dumps(o).lower()], "nothing there needs Helm"


def lines_of(chart, version):
    """Every variant as text, with the versions of the chart and the program written as they are meant."""
    text = "".join(template("--values", str(values_of(variant)), chart=chart) for variant in ("full", "gpu", "minimal"))
    lines = []
    for line in text.splitlines():
        line = re.sub(rf"^(\s+helm\.sh/chart: voicefleet-){re.escape(version)}$", r"\1VERSION", line)
        line = re.sub(rf'^(\s+app\.kubernetes\.io/version: "){re.escape(version)}"$', r'\1VERSION"', line)
        line = re.sub(rf'^(\s+image: "voicefleet(-models)?:){re.escape(version)}"$', r'\1VERSION"', line)
        lines.append(line)
    return lines


def test_another_version_changes_labels_and_tags_only(tmp_path):
    other = tmp_path / "voicefleet"
    shutil.copytree(CHART, other)
    text = (other / "Chart.yaml").read_text()
    (other / "Chart.yaml").write_text(re.sub(r"(?m)^((?:app)?[vV]ersion): .*$", r"\1: 7.8.9", text))
    assert text != (other / "Chart.yaml").read_text()
    old, new = lines_of(CHART, VERSION), lines_of(other, "7.8.9")
    assert [pair for pair in zip(old, new, strict=True) if pair[0] != pair[1]] == []
    # Selectors and pods' labels are not among them: an upgrade of the chart alone restarts nobody.
    assert "7.8.9" not in json.dumps([o["spec"]["selector"] for o in parse("\n".join(new)) if o["kind"] == "Deployment"])


VERSION = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]


def test_the_chart_is_of_the_programs_version():
    [version] = re.findall(r'(?m)^version = "(.+)"$', (REPOSITORY / "Cargo.toml").read_text())
    assert version == VERSION


def test_another_chart_alone_restarts_nobody(tmp_path):
    other = tmp_path / "voicefleet"
    shutil.copytree(CHART, other)
    text = (other / "Chart.yaml").read_text()
    (other / "Chart.yaml").write_text(re.sub(r"(?m)^version: .*$", "version: 7.8.9", text))

    def pods(chart):
        objects = parse(template("--values", str(values_of("full")), chart=chart))
        return [o["spec"]["template"] for o in objects if o["kind"] == "Deployment"]

    assert pods(CHART) == pods(other)


def objects_in(schema, path="", free=False):
    """(path, schema) of each part of the schema that is an object."""
    if isinstance(schema, dict):
        if "properties" in schema or schema.get("type") == "object":
            yield path, schema
        for key, value in schema.items():
            yield from objects_in(value, f"{path}/{key}")
    elif isinstance(schema, list):
        for number, value in enumerate(schema):
            yield from objects_in(value, f"{path}/{number}")


def test_the_schema_knows_every_key():
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.validate(VALUES, SCHEMA)
    for path, schema in objects_in(SCHEMA):
        if path in {f"/definitions/{name}" for name in FREE} | {"/properties/global"}:
            continue
        assert schema.get("additionalProperties") is False, f"{path} takes any key"


def schema_at(path):
    schema = SCHEMA
    for key in path:
        schema = schema["properties"][key]
        if "$ref" in schema:
            schema = SCHEMA["definitions"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def missing(values, path=()):
    """Keys of the schema that values.yaml does not show."""
    for key in schema_at(path).get("properties", {}):
        if key not in values:
            yield ".".join([*path, key])
        elif isinstance(values[key], dict) and values[key]:
            yield from missing(values[key], (*path, key))


def test_every_key_of_the_schema_is_in_the_values():
    # A pool takes all that workers take, which is said there; quantities may be left out.
    allowed = re.compile(r"global|pools\..*|.*\.resources\..*")
    assert [key for key in missing(VALUES) if not allowed.fullmatch(key)] == []


def leaves(values, path=()):
    for key, value in values.items():
        here = ".".join([*path, key])
        yield here
        if isinstance(value, dict):
            yield from leaves(value, (*path, key))


def test_every_value_is_explained():
    explained = [key for key, _, _ in values_table.rows((CHART / "values.yaml").read_text())]
    assert len(set(explained)) == len(explained)
    for key in leaves(VALUES):
        said = any(key == e or key.startswith(e + ".") or e.startswith(key + ".") for e in explained)
        assert said, f"{key} has no comment"


def test_what_is_packaged(tmp_path):
    result = helm("package", str(CHART), "--destination", str(tmp_path))
    assert result.returncode == 0, result.stderr
    [archive] = tmp_path.glob("*.tgz")
    with tarfile.open(archive) as package:
        names = set(package.getnames())
    assert {"voicefleet/values.schema.json", "voicefleet/dashboards/pools.json", "voicefleet/README.md",
            "voicefleet/templates/tests/smoke.yaml"} <= names
    assert not [name for name in names if name.startswith(("voicefleet/tests/", "voicefleet/ci/")) or ".pyc" in name]


def test_the_notes_name_what_is_there():
    result = helm("install", "voicefleet", str(CHART), "--dry-run=client", "--namespace", "speech", "--values",
                  str(values_of("gpu")))
    assert result.returncode == 0, result.stderr
    notes = result.stdout.split("NOTES:")[1]
    for piece in ("http://voicefleet-api.speech.svc:80", "whisper: gpu, 0 to 4 workers of 4 slots, 20 %", "KEDA 2.18",
                  "pools.kokoro asks for a GPU"):
        assert piece in notes, notes
    assert "slots, a core each" not in notes
    few = helm("install", "voicefleet", str(CHART), "--dry-run=client", "--set", "pools.piper.slots=8", "--values",
               str(values_of("minimal"))).stdout
    assert "pools.piper has 8 slots, a core each, and asks for 2" in few
    assert "{{" not in notes and "<nil>" not in notes and "%!" not in notes


@pytest.mark.parametrize("chosen", ["full", "gpu", "tls"])
def test_the_settings_are_the_programs(chosen):
    """Every variable that is set is one that the program reads: a misspelt one would change nothing."""
    sources = sorted((REPOSITORY / "cli" / "src" / "settings").glob("*.rs"))
    source = "\n".join(file.read_text() for file in sources)
    known = set(re.findall(r'env = "(VOICEFLEET_[A-Z_]+)"', source))
    objects = render(chosen)
    written = {key for o in objects if o["kind"] == "ConfigMap" for key in o["data"] if key.startswith("VOICEFLEET_")}
    for o in objects:
        if o["kind"] == "Deployment":
            for container in o["spec"]["template"]["spec"]["containers"]:
                written |= {item["name"] for item in container["env"] if item["name"].startswith("VOICEFLEET_")}
    assert not written - known
    assert len(written) > 25
