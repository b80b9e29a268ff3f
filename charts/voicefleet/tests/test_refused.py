"""Values that cannot be are refused, with a message that names what is wrong."""

import pytest

from conftest import CHART, MINIMAL, helm, merge

KOKORO_GPU = {"kokoro": {"hardware": "gpu"}}
SPOT = {"enabled": True, "nodeLabel": "type", "nodeLabelValue": "spot"}
HPA = {"scaling": {"kind": "hpa"}, "workers": {"minReplicas": 1}}

# What is wrong: the values, and what the message must say.
BY_SCHEMA = {
    "unknown key": ({"replicaCount": 1}, ["replicaCount"]),
    "unknown engine": ({"pools": {"bark": {"enabled": True}}}, ["/pools", "bark"]),
    "misspelt key of a pool": ({"pools": {"piper": {"maxReplica": 3}}}, ["/pools/piper", "maxReplica"]),
    "replicas of a pool": ({"pools": {"piper": {"replicas": 3}}}, ["/pools/piper", "replicas"]),
    "unknown key of workers": ({"workers": {"enabled": False}}, ["/workers", "enabled"]),
    "unknown key of a secret": ({"broker": {"url": "amqp://a:b@c"}}, ["/broker", "url"]),
    "unknown setting": ({"settings": {"maxRetries": 3}}, ["/settings", "maxRetries"]),
    "hardware": ({"pools": {"piper": {"hardware": "tpu"}}}, ["/pools/piper/hardware", "cpu", "gpu"]),
    "slots of zero": ({"pools": {"piper": {"slots": 0}}}, ["/pools/piper/slots"]),
    "slots as text": ({"pools": {"piper": {"slots": "2"}}}, ["/pools/piper/slots", "integer"]),
    "share above 100": ({"pools": {"piper": {"share": 101}}}, ["/pools/piper/share"]),
    "negative share": ({"pools": {"piper": {"share": -1}}}, ["/pools/piper/share"]),
    "most of zero": ({"pools": {"piper": {"maxReplicas": 0}}}, ["/pools/piper/maxReplicas"]),
    "idle above zero": ({"pools": {"piper": {"idleReplicas": 1, "minReplicas": 2}}}, ["/pools/piper/idleReplicas"]),
    "scaling kind": ({"scaling": {"kind": "keda"}}, ["/scaling/kind", "external-push", "rabbitmq", "hpa"]),
    "polling interval": ({"scaling": {"pollingIntervalSeconds": 0}}, ["/scaling/pollingIntervalSeconds"]),
    "budget of zero": ({"scaling": {"budget": {"cpuSlots": 0}}}, ["/scaling/budget/cpuSlots"]),
    "fallback to none": ({"scaling": {"fallback": {"replicas": 0}}}, ["/scaling/fallback/replicas"]),
    "GPU of another maker": ({"pools": {"kokoro": {"hardware": "gpu", "gpu": {"resource": "amd.com/gpu"}}}},
                             ["/pools/kokoro/gpu/resource", "nvidia"]),
    "GPU among resources": ({"pools": {"kokoro": {"resources": {"limits": {"nvidia.com/gpu": 1}}}}},
                            ["/pools/kokoro/resources/limits", "nvidia.com/gpu"]),
    "memory": ({"api": {"resources": {"limits": {"memory": "much"}}}}, ["/api/resources/limits/memory"]),
    "digest": ({"image": {"digest": "sha256:1"}}, ["/image/digest"]),
    "tag in the repository": ({"image": {"repository": "voicefleet:1"}}, ["/image/repository"]),
    "pull policy": ({"image": {"pullPolicy": "Sometimes"}}, ["/image/pullPolicy"]),
    "grace as text": ({"api": {"graceSeconds": "20s"}}, ["/api/graceSeconds"]),
    "disruption of zero": ({"scaler": {"podDisruptionBudget": {"maxUnavailable": 0}}}, ["/scaler/podDisruptionBudget"]),
    "disruption of 0 %": ({"workers": {"podDisruptionBudget": {"maxUnavailable": "0%"}}}, ["/workers/podDisruptionBudget"]),
    "at least available": ({"workers": {"podDisruptionBudget": {"minAvailable": 1}}}, ["/workers", "minAvailable"]),
    "log format": ({"settings": {"logFormat": "xml"}}, ["/settings/logFormat", "json", "text"]),
    "store by another protocol": ({"objects": {"url": "https://bucket"}}, ["/objects/url", "s3"]),
    "collector without protocol": ({"settings": {"otlpEndpoint": "collector:4317"}}, ["/settings/otlpEndpoint", "http"]),
    "public URL without protocol": ({"settings": {"publicUrl": "speech.example.com"}}, ["/settings/publicUrl", "http"]),
    "too many live sessions": ({"settings": {"maxLiveSessions": 100001}}, ["/settings/maxLiveSessions"]),
    "no connections": ({"settings": {"maxConnections": 0}}, ["/settings/maxConnections"]),
    "chunk beyond the broker's patience": ({"settings": {"chunkTimeoutSeconds": 1200}}, ["/settings/chunkTimeoutSeconds"]),
    "secret's name": ({"broker": {"existingSecret": "My Secret"}}, ["/broker/existingSecret"]),
    "toleration": ({"workers": {"tolerations": [{"keys": "a"}]}}, ["/workers/tolerations/0", "keys"]),
    "scale-up policy": ({"pools": {"piper": {"behavior": {"scaleUp": {"policies": [{"type": "Workers", "value": 1,
                        "periodSeconds": 15}]}}}}}, ["/pools/piper/behavior/scaleUp/policies/0/type", "Pods"]),
    "scale-up misspelt": ({"workers": {"behavior": {"scaleup": {}}}}, ["/workers/behavior", "scaleup"]),
    "privileged": ({"workers": {"securityContext": {"privileged": True}}}, ["/workers", "securityContext"]),
    "trigger without metadata": ({"workers": {"extraTriggers": [{"type": "cron"}]}}, ["/workers/extraTriggers/0", "metadata"]),
    "models source": ({"models": {"source": "s3"}}, ["/models/source", "init", "pvc", "image"]),
    "service type": ({"api": {"service": {"type": "ExternalName"}}}, ["/api/service/type"]),
    "gRPC port of root": ({"scaler": {"port": 80}}, ["/scaler/port"]),
    "name of a variable": ({"api": {"extraEnv": {"my-env": "1"}}}, ["/api/extraEnv", "my-env"]),
    "peer": ({"networkPolicy": {"ingress": {"api": [{"namespace": "x"}]}}}, ["/networkPolicy/ingress/api/0", "namespace"]),
    "long name": ({"fullnameOverride": "a" * 39}, ["/fullnameOverride"]),
    "percentage of failures": ({"metrics": {"rules": {"failurePercent": 0}}}, ["/metrics/rules/failurePercent"]),
}

BY_CONTRADICTION = {
    "no secret of the broker": ({"broker": {"existingSecret": ""}}, ["broker.existingSecret is empty"]),
    "no secret of Redis": ({"redis": {"existingSecret": ""}}, ["redis.existingSecret is empty"]),
    "keys without a store": ({"objects": {"existingSecret": "s"}}, ["objects.existingSecret", "objects.url is not"]),
    "region without a store": ({"objects": {"region": "eu"}}, ["objects.region", "objects.url is not"]),
    "cache below an upload": ({"settings": {"cacheMib": 100}}, ["settings.cacheMib (100)", "settings.maxUploadMib (100)"]),
    "job shorter than a chunk": ({"settings": {"jobTimeoutSeconds": 60}},
                                 ["settings.jobTimeoutSeconds", "settings.chunkTimeoutSeconds"]),
    "nothing for realtime": ({"tiers": {"standardShare": 60, "batchShare": 40}}, ["tiers.standardShare", "realtime"]),
    "image volume without a reference": ({"models": {"source": "image"}}, ["models.image.reference is empty"]),
    "image volume of one pool without": ({"pools": {"piper": {"models": {"source": "image"}}}},
                                         ["pools.piper.models.source", "models.image.reference is empty"]),
    "claim without a name": ({"models": {"source": "pvc"}}, ["models.pvc.claimName is empty"]),
    "claim that is not used": ({"models": {"pvc": {"claimName": "c"}}}, ["models.pvc.claimName", "would not be used"]),
    "image that is not used": ({"models": {"image": {"reference": "i"}}}, ["models.image.reference", "would not be used"]),
    "libraries of no image": ({"models": {"image": {"copyLibraries": True}}}, ["models.image.copyLibraries", "no image"]),
    "API servers least above most": ({"api": {"hpa": {"enabled": True, "minReplicas": 9}}}, ["api.hpa.minReplicas (9)"]),
    "API servers without a request": ({"api": {"hpa": {"enabled": True}, "resources": {"requests": {"cpu": None}}}},
                                      ["api.resources.requests.cpu"]),
    "scaler off": ({"scaler": {"enabled": False}}, ["scaling.kind is external-push", "scaler.enabled is false"]),
    "trigger without a secret": ({"scaling": {"kind": "rabbitmq"}}, ["scaling.rabbitmq.existingSecret is empty"]),
    "two who scale": ({"scaling": {"kind": "hpa", "rabbitmq": {"existingSecret": "s"}}, "workers": {"minReplicas": 1}},
                      ["scaling.rabbitmq.existingSecret", "scaling.kind is hpa", "only one"]),
    "TLS without a secret": ({"scaler": {"tls": {"enabled": True}}}, ["scaler.tls.existingSecret is empty"]),
    "secret without TLS": ({"scaler": {"tls": {"existingSecret": "s"}}}, ["scaler.tls.enabled is false", "half"]),
    "client's secret without TLS": ({"scaler": {"tls": {"clientSecret": "s"}}}, ["scaler.tls.enabled is false", "half"]),
    "TLS of nobody": ({"scaling": {"kind": "none"}, "scaler": {"enabled": False, "tls": {"enabled": True,
                      "existingSecret": "s"}}}, ["scaler.tls.enabled", "nobody"]),
    "least above most": ({"pools": {"piper": {"minReplicas": 21}}}, ["pools.piper.minReplicas (21)", "maxReplicas (20)"]),
    "least of all above most of one": ({"workers": {"minReplicas": 15}}, ["pools.kokoro.minReplicas (15)"]),
    "idle not below least": ({"pools": {"piper": {"idleReplicas": 0}}}, ["pools.piper.idleReplicas (0)", "minReplicas (0)"]),
    "paused above most": ({"pools": {"piper": {"pausedReplicas": 21}}}, ["pools.piper.pausedReplicas (21)"]),
    "paused without KEDA": (merge(HPA, {"pools": {"piper": {"pausedReplicas": 0}}}), ["pools.piper.pausedReplicas is KEDA's"]),
    "idle without KEDA": (merge(HPA, {"pools": {"piper": {"idleReplicas": 0}}}), ["pools.piper.idleReplicas is KEDA's"]),
    "triggers without KEDA": (merge(HPA, {"pools": {"piper": {"extraTriggers": [{"type": "cron", "metadata": {}}]}}}),
                              ["pools.piper.extraTriggers are KEDA's"]),
    "labels that select": ({"commonLabels": {"app.kubernetes.io/name": "x"}}, ["commonLabels", "app.kubernetes.io/name"]),
    "labels of pods that select": ({"workers": {"podLabels": {"voicefleet/pool": "x"}}},
                                   ["pools.piper.podLabels", "voicefleet/pool"]),
    "HPA to zero": ({"scaling": {"kind": "hpa"}}, ["pools.piper.minReplicas is 0", "hpa", "zero"]),
    "HPA of GPUs": (merge(HPA, {"pools": KOKORO_GPU}), ["pools.kokoro.hardware is gpu", "hpa"]),
    "HPA without a request": (merge(HPA, {"workers": {"resources": {"requests": {"cpu": None}}}}),
                              ["pools.piper.resources.requests.cpu is missing"]),
    "fallback above most": ({"scaling": {"fallback": {"replicas": 11}}}, ["scaling.fallback.replicas (11)", "pools.kokoro"]),
    "notice shorter than the grace": ({"pools": {"piper": {"graceSeconds": 60, "spot": {**SPOT, "noticeSeconds": 30}}}},
                                      ["pools.piper.graceSeconds (60)", "spot.noticeSeconds (30)"]),
    "spot half": ({"pools": {"piper": {"spot": {"tolerations": [{"key": "spot", "operator": "Exists"}]}}}},
                  ["pools.piper.spot", "spot.enabled is false"]),
    "spot label without value": ({"workers": {"spot": {"enabled": True, "nodeLabel": "type"}}}, ["nodeLabelValue is not"]),
    "Piper on a GPU": ({"pools": {"piper": {"hardware": "gpu"}}}, ["pools.piper.hardware is gpu", "CPU only"]),
    "a device of one's own": ({"workers": {"extraEnv": {"VOICEFLEET_KOKORO_DEVICE": "cuda:1"}}},
                              ["VOICEFLEET_KOKORO_DEVICE", "the chart writes"]),
    "GPU on a CPU pool": ({"pools": {"piper": {"gpu": {"resource": "nvidia.com/gpu"}}}},
                          ["pools.piper.gpu.resource is set", "pools.piper.hardware is cpu"]),
    "RuntimeClass on a CPU pool": ({"workers": {"gpu": {"runtimeClassName": "nvidia"}}},
                                   ["pools.piper.gpu.runtimeClassName is set"]),
    "two parts of a shared GPU": ({"pools": {"kokoro": {"hardware": "gpu", "gpu": {"resource": "nvidia.com/gpu.shared",
                                  "count": 2}}}}, ["pools.kokoro.gpu.count"]),
    "affinity twice": ({"pools": {"piper": {"affinity": {"podAntiAffinity": {}}, "spot": SPOT}}}, ["pools.piper.affinity"]),
    "right for the default account": ({"serviceAccount": {"create": False}}, ["serviceAccount.workerName is empty"]),
    "no pool": ({"pools": {pool: {"enabled": False} for pool in ("piper", "kokoro", "whisper")}}, ["No pool is enabled"]),
    "shares of 90": ({"pools": {"kokoro": {"enabled": False}}}, ["pools.NAME.share", "piper, whisper", "90", "100"]),
    "budget of nobody": ({"scaling": {"budget": {"gpuSlots": 4}}}, ["scaling.budget.gpuSlots", "hardware gpu"]),
    "budget below one worker": ({"scaling": {"budget": {"cpuSlots": 1}}}, ["scaling.budget.cpuSlots (1)", "(2)"]),
    "password in the environment": ({"api": {"extraEnv": {"DB_PASSWORD": "x"}}}, ["api.extraEnv.DB_PASSWORD", "secret"]),
    "URL in the environment": ({"workers": {"extraEnv": {"VOICEFLEET_AMQP_URL": "amqp://h"}}},
                               ["pools.piper.extraEnv.VOICEFLEET_AMQP_URL", "secret"]),
    "URL with a password": ({"scaler": {"extraEnv": {"PROXY": "http://a:b@c"}}}, ["scaler.extraEnv.PROXY", "secret"]),
    "what the chart writes": ({"workers": {"extraEnv": {"VOICEFLEET_GRACE_SECONDS": "1"}}},
                              ["pools.piper.extraEnv.VOICEFLEET_GRACE_SECONDS", "the chart writes"]),
    "rules without a monitor": ({"metrics": {"rules": {"enabled": True}}}, ["metrics.rules.enabled", "podMonitor"]),
    "budget that guards nothing": ({"api": {"podDisruptionBudget": {"maxUnavailable": 5}}}, ["api.podDisruptionBudget"]),
}


def refused(values, kube="1.33.0", release="voicefleet"):
    result = helm("template", release, str(CHART), "--kube-version", kube, values=merge(MINIMAL, values))
    assert result.returncode != 0, "accepted"
    return result.stderr


@pytest.mark.parametrize("case", BY_SCHEMA)
def test_the_schema_refuses(case):
    values, words = BY_SCHEMA[case]
    message = refused(values)
    assert "schema" in message
    for word in words:
        # Helm 3 writes pools.piper where Helm 4 writes /pools/piper.
        assert word in message or word.lstrip("/").replace("/", ".") in message, message


@pytest.mark.parametrize("case", BY_CONTRADICTION)
def test_a_contradiction_is_refused_in_a_sentence(case):
    values, words = BY_CONTRADICTION[case]
    message = refused(values)
    assert "These values cannot be:" in message
    sentences = [line for line in message.splitlines() if line.startswith("  - ")]
    assert any(all(word in sentence for word in words) for sentence in sentences), message
    assert all(sentence.endswith(".") for sentence in sentences), message
    assert "%!" not in message and "<nil>" not in message, message


def test_all_contradictions_are_told_at_once():
    message = refused({"broker": {"existingSecret": ""}, "scaler": {"enabled": False}, "pools": {"piper": {"share": 60}}})
    assert len([line for line in message.splitlines() if line.startswith("  - ")]) == 3, message


def test_image_volumes_need_a_newer_kubernetes():
    message = refused({"models": {"source": "image", "image": {"reference": "i"}}}, kube="1.30.0")
    assert "1.31" in message and "models.source is image" in message
    message = refused({"models": {"source": "image", "image": {"reference": "i", "subPath": "v1"}}}, kube="1.32.0")
    assert "subPath needs Kubernetes 1.33" in message


def test_an_older_kubernetes_is_refused():
    assert ">=1.29.0-0" in refused({}, kube="1.28.0")


def test_a_name_that_services_may_not_have_is_refused():
    assert "fullnameOverride" in refused({}, release="1st")
