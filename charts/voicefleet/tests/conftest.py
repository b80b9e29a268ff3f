"""Renders the chart with the real helm, once for each set of values."""

import functools
import os
import pathlib
import subprocess

import kubernetes_validate.utils
import pytest
import yaml

CHART = pathlib.Path(__file__).resolve().parent.parent
REPOSITORY = CHART.parent.parent
HELM = os.environ["VOICEFLEET_HELM"]
VARIANTS = sorted(path.name.removesuffix("-values.yaml") for path in (CHART / "ci").glob("*-values.yaml"))
# The oldest that the chart allows, one between, and the newest that the schemas are there of.
KUBERNETES = ["1.29.0", "1.33.0", "1.37.0"]
MINIMAL = {"broker": {"existingSecret": "servers"}, "redis": {"existingSecret": "servers"}}

# It reads the same large files anew for each object.
kubernetes_validate.utils.schema_contents = functools.cache(kubernetes_validate.utils.schema_contents)


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """YAML that refuses a key that is there twice, as Kubernetes does."""

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"twice: {sorted(twice)}", node.start_mark)
        return super().construct_mapping(node, deep)


def helm(*arguments, values=None):
    """Runs helm; `values` come by standard input."""
    return subprocess.run(
        [HELM, *arguments, *(["--values", "-"] if values is not None else [])],
        input=None if values is None else yaml.safe_dump(values), capture_output=True, text=True, timeout=60, check=False,
    )


def template(*arguments, chart=CHART, kube="1.33.0", release="voicefleet", values=None):
    """What helm would send to a server, as text."""
    result = helm("template", release, str(chart), "--namespace", "speech", "--kube-version", kube, *arguments, values=values)
    assert result.returncode == 0, result.stderr
    return result.stdout


def parse(text):
    return [document for document in yaml.load_all(text, Loader) if document]


def values_of(variant):
    return CHART / "ci" / f"{variant}-values.yaml"


@functools.cache
def _text_of(variant, kube):
    return template("--values", str(values_of(variant)), kube=kube)


def render(variant, kube=None):
    """The objects of a variant, new at each call."""
    return parse(_text_of(variant, kube or oldest(variant)))


def rendered(values, **options):
    """The objects of these values, over the least that is needed."""
    return parse(template(values=merge(MINIMAL, values), **options))


def merge(below, above):
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return {key: merge(below[key], above[key]) if key in below and key in above else {**below, **above}[key]
            for key in {**below, **above}}


def versions(variant):
    """Volumes of OCI images are no sooner than 1.31."""
    return [kube for kube in KUBERNETES if variant != "image-volume" or kube != "1.29.0"]


def oldest(variant):
    return versions(variant)[0]


def find(objects, kind, end=""):
    """The one object of this kind whose name ends so."""
    [found] = [o for o in objects if o["kind"] == kind and o["metadata"]["name"].endswith(end)]
    return found


def container(workload):
    return workload["spec"]["template"]["spec"]["containers"][0]


def env(workload):
    """Its environment, without what comes from ConfigMaps."""
    return {item["name"]: item.get("value", item.get("valueFrom")) for item in container(workload)["env"]}


@pytest.fixture(params=VARIANTS)
def variant(request):
    return request.param
