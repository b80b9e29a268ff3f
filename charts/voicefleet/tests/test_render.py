"""Every variant renders, and every object is what its schema says, strictly."""

import functools
import json
import os

import jsonschema
import kubernetes_validate
import pytest

from conftest import CHART, KUBERNETES, helm, oldest, render, values_of, versions

CRDS = json.load(open(os.environ["VOICEFLEET_CRD_SCHEMAS"]))


@functools.cache
def crd(key):
    return jsonschema.Draft7Validator(CRDS[key])


@functools.cache
def wrong_in_kubernetes(text, kube):
    try:
        kubernetes_validate.validate(json.loads(text), kube, strict=True)
        return []
    except kubernetes_validate.ValidationError as error:
        return [f"{'/'.join(map(str, error.absolute_path))}: {error.message}"]


def wrong(o, kube):
    """What is wrong with an object by its schema."""
    key = f"{o['apiVersion']}/{o['kind']}"
    if key in CRDS:
        return [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in crd(key).iter_errors(o)]
    return wrong_in_kubernetes(json.dumps(o, sort_keys=True), kube)


def test_lint_is_strict(variant):
    result = helm("lint", "--strict", str(CHART), "--values", str(values_of(variant)), "--kube-version", oldest(variant))
    assert result.returncode == 0, result.stdout + result.stderr
    assert "[WARNING]" not in result.stdout


@pytest.mark.parametrize("kube", KUBERNETES)
def test_objects_fit_their_schemas(variant, kube):
    if kube not in versions(variant):
        kube = "1.31.0"
    objects = render(variant, kube)
    assert len(objects) > 5
    for o in objects:
        assert wrong(o, kube) == [], f"{o['kind']} {o['metadata']['name']} with Kubernetes {kube}"


def test_the_schemas_find_faults():
    objects = render("minimal", "1.33.0")

    def planted(kind, change):
        o = next(o for o in objects if o["kind"] == kind)
        assert wrong(o, "1.33.0") == []
        change(o)
        return wrong(o, "1.33.0")

    assert planted("Deployment", lambda o: o["spec"]["template"]["spec"].update(runtimeClass="x"))
    assert planted("NetworkPolicy", lambda o: o["spec"].update(policyTypes="Ingress"))
    assert planted("ScaledObject", lambda o: o["spec"].update(coolDownPeriod=1))
    assert wrong({**render("minimal")[0], "kind": "ScaledObject", "apiVersion": "keda.sh/v1alpha1"}, "1.33.0")
    scaled = next(o for o in render("minimal") if o["kind"] == "ScaledObject")
    for change in ({"pollingInterval": 0}, {"maxReplicaCount": "3"}, {"triggers": []}, {"minReplicaCount": None}):
        assert wrong({**scaled, "spec": {**scaled["spec"], **change}}, "1.33.0"), change
    scaled["spec"]["triggers"][0]["metadata"]["pool"] = 1
    assert wrong(scaled, "1.33.0")
    objects = render("full")
    assert planted("PodMonitor", lambda o: o["spec"]["podMetricsEndpoints"][0].update(interval="15"))
    objects = render("full")
    assert planted("PrometheusRule", lambda o: o["spec"]["groups"][0]["rules"][0].update({"for": "1 minute"}))
    objects = render("tls")
    assert planted("TriggerAuthentication", lambda o: o["spec"]["secretTargetRef"][0].pop("key"))
