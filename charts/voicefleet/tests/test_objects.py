"""What single values do to the objects."""

import pytest

from conftest import container, env, find, render, rendered

POOLS = ("piper", "kokoro", "whisper")


def pod(workload):
    return workload["spec"]["template"]["spec"]


def kinds(objects):
    return {(o["kind"], o["metadata"]["name"].removeprefix("voicefleet")) for o in objects}


def test_what_the_least_values_make():
    there = kinds(render("minimal"))
    for name in ("-api", "-scaler"):
        assert {("Deployment", name), ("Service", name), ("PodDisruptionBudget", name), ("NetworkPolicy", name)} <= there
    for pool in POOLS:
        for kind in ("Deployment", "ScaledObject", "PodDisruptionBudget", "NetworkPolicy"):
            assert (kind, f"-worker-{pool}") in there
    assert {kind for kind, _ in there} == {
        "ConfigMap", "Deployment", "NetworkPolicy", "Pod", "PodDisruptionBudget", "Role", "RoleBinding", "ScaledObject",
        "Service", "ServiceAccount"}


def test_a_pool_that_is_off_leaves_nothing():
    objects = rendered({"pools": {"kokoro": {"enabled": False}, "piper": {"share": 80}}})
    assert not [o for o in objects if "kokoro" in o["metadata"]["name"]]
    data = find(objects, "ConfigMap", "-scaling")["data"]
    assert data["VOICEFLEET_KOKORO_SHARE"] == "0"
    assert [key for key in data if "KOKORO" in key] == ["VOICEFLEET_KOKORO_SHARE"]


def test_the_scaler_knows_every_pool():
    objects = render("gpu")
    data = find(objects, "ConfigMap", "-scaling")["data"]
    assert {key: data[f"VOICEFLEET_{key}"] for key in (
        "PIPER_SHARE", "WHISPER_SHARE", "KOKORO_SHARE", "PIPER_HARDWARE", "WHISPER_HARDWARE", "PIPER_SLOTS", "WHISPER_SLOTS",
        "PIPER_MAX", "KOKORO_MAX", "CPU_BUDGET", "GPU_BUDGET", "COOLDOWN_SECONDS", "REALTIME_DRAIN_SECONDS")} == {
        "PIPER_SHARE": "70", "WHISPER_SHARE": "20", "KOKORO_SHARE": "10", "PIPER_HARDWARE": "cpu", "WHISPER_HARDWARE": "gpu",
        "PIPER_SLOTS": "2", "WHISPER_SLOTS": "4", "PIPER_MAX": "20", "KOKORO_MAX": "2", "CPU_BUDGET": "64",
        "GPU_BUDGET": "16", "COOLDOWN_SECONDS": "600", "REALTIME_DRAIN_SECONDS": "5"}
    for name in ("-api", "-scaler"):
        sources = [s["configMapRef"]["name"] for s in container(find(objects, "Deployment", name))["envFrom"]]
        assert sources == ["voicefleet-settings", "voicefleet-scaling"]
    # Another split must not restart workers.
    assert [s["configMapRef"]["name"] for s in container(find(objects, "Deployment", "-piper"))["envFrom"]] == [
        "voicefleet-settings"]
    assert {"VOICEFLEET_CPU_BUDGET", "VOICEFLEET_GPU_BUDGET"}.isdisjoint(
        find(render("minimal"), "ConfigMap", "-scaling")["data"])


def test_the_scaler_knows_of_pools_that_are_not_in_the_values():
    data = find(rendered({"pools": {"kokoro": None, "piper": {"share": 80}}}), "ConfigMap", "-scaling")["data"]
    assert {key: value for key, value in data.items() if key.endswith("_SHARE")} == {
        "VOICEFLEET_PIPER_SHARE": "80", "VOICEFLEET_KOKORO_SHARE": "0", "VOICEFLEET_WHISPER_SHARE": "20"}


def test_another_split_restarts_the_scaler_and_no_worker():
    def annotations(values, name):
        return find(rendered(values), "Deployment", name)["spec"]["template"]["metadata"]["annotations"]

    other = {"pools": {"piper": {"share": 60}, "kokoro": {"share": 20}}}
    assert annotations({}, "-scaler") != annotations(other, "-scaler")
    assert annotations({}, "-piper") == annotations(other, "-piper")
    setting = {"settings": {"maxAttempts": 5}}
    for name in ("-api", "-scaler", "-piper"):
        assert annotations({}, name) != annotations(setting, name)


@pytest.mark.parametrize(("values", "grace"), [
    ({}, 60), ({"graceSeconds": 200}, 200), ({"hardware": "gpu"}, 570),
    ({"spot": {"enabled": True}}, 60), ({"spot": {"enabled": True, "noticeSeconds": 25}}, 25),
    ({"hardware": "gpu", "spot": {"enabled": True}}, 120), ({"graceSeconds": 20, "spot": {"enabled": True}}, 20)])
def test_grace_follows_hardware_and_notice(values, grace):
    worker = find(rendered({"pools": {"kokoro": values}}), "Deployment", "-kokoro")
    assert env(worker)["VOICEFLEET_GRACE_SECONDS"] == str(grace)
    assert pod(worker)["terminationGracePeriodSeconds"] == grace + 30


def test_a_pool_replaces_what_holds_for_all():
    objects = rendered({
        "workers": {"minReplicas": 1, "protectFromEviction": True, "priorityClassName": "low", "extraEnv": {"A": 1, "B": 2}},
        "pools": {"piper": {"minReplicas": 0, "protectFromEviction": False, "priorityClassName": "", "extraEnv": {"A": 3}}}})
    piper, kokoro = (find(objects, "Deployment", f"-{pool}") for pool in ("piper", "kokoro"))
    assert [find(objects, "ScaledObject", f"-{pool}")["spec"]["minReplicaCount"] for pool in ("piper", "kokoro")] == [0, 1]
    assert "karpenter.sh/do-not-disrupt" not in piper["spec"]["template"]["metadata"]["annotations"]
    assert "karpenter.sh/do-not-disrupt" in kokoro["spec"]["template"]["metadata"]["annotations"]
    assert ("priorityClassName" in pod(piper), pod(kokoro)["priorityClassName"]) == (False, "low")
    assert (env(piper)["A"], env(piper)["B"], env(kokoro)["A"]) == ("3", "2", "1")


def test_behavior_is_explicit_and_by_hardware():
    objects = render("gpu", "1.35.0")
    piper, whisper = (find(objects, "ScaledObject", f"-{pool}")["spec"] for pool in ("piper", "whisper"))
    up = piper["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleUp"]
    assert up == {"stabilizationWindowSeconds": 0, "selectPolicy": "Max", "tolerance": 0,
                  "policies": [{"type": "Pods", "value": 20, "periodSeconds": 15}]}
    down = [spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"] for spec in (piper, whisper)]
    assert [(d["stabilizationWindowSeconds"], d["policies"]) for d in down] == [
        (120, [{"type": "Percent", "value": 50, "periodSeconds": 60}]),
        (300, [{"type": "Pods", "value": 1, "periodSeconds": 60}])]
    assert (piper["cooldownPeriod"], whisper["cooldownPeriod"]) == (120, 600)
    # No server before 1.35 keeps it.
    up = find(render("gpu", "1.33.0"), "ScaledObject", "-piper")["spec"]["advanced"]["horizontalPodAutoscalerConfig"]
    assert "tolerance" not in up["behavior"]["scaleUp"]


def test_what_is_shipped():
    """Start values that were measured or argued for; who changes one changes this, too."""
    spec = find(render("minimal"), "ScaledObject", "-piper")["spec"]
    assert {key: spec[key] for key in ("pollingInterval", "cooldownPeriod", "minReplicaCount", "maxReplicaCount")} == {
        "pollingInterval": 5, "cooldownPeriod": 120, "minReplicaCount": 0, "maxReplicaCount": 20}
    data = find(render("minimal"), "ConfigMap", "-scaling")["data"]
    assert [data[f"VOICEFLEET_{tier}_DRAIN_SECONDS"] for tier in ("REALTIME", "STANDARD", "BATCH")] == ["5", "60", "600"]
    assert [data[f"VOICEFLEET_{pool}_SHARE"] for pool in ("PIPER", "WHISPER", "KOKORO")] == ["70", "20", "10"]


def test_one_direction_may_be_replaced():
    behavior = find(render("full"), "ScaledObject", "-piper")["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behavior["scaleDown"] == {
        "stabilizationWindowSeconds": 60, "policies": [{"type": "Pods", "value": 4, "periodSeconds": 30}]}
    assert behavior["scaleUp"]["policies"] == [{"type": "Pods", "value": 20, "periodSeconds": 15}]


def test_idle_and_paused():
    objects = render("full")
    piper, kokoro = (find(objects, "ScaledObject", f"-{pool}") for pool in ("piper", "kokoro"))
    assert (piper["spec"]["idleReplicaCount"], piper["spec"]["minReplicaCount"]) == (0, 2)
    assert kokoro["metadata"]["annotations"] == {"autoscaling.keda.sh/paused-replicas": "0"}
    assert "annotations" not in piper["metadata"] and "idleReplicaCount" not in kokoro["spec"]


def test_further_triggers():
    triggers = find(render("full"), "ScaledObject", "-whisper")["spec"]["triggers"]
    assert [trigger["type"] for trigger in triggers] == ["external-push", "cron"]
    assert triggers[1]["metadata"]["start"] == "0 8 * * 1-5"
    assert len(find(render("full"), "ScaledObject", "-piper")["spec"]["triggers"]) == 1


def test_external_push():
    trigger = find(render("minimal"), "ScaledObject", "-whisper")["spec"]["triggers"]
    assert trigger == [{"type": "external-push", "metricType": "AverageValue", "metadata": {
        "scalerAddress": "voicefleet-scaler.speech.svc:6000", "pool": "whisper"}}]
    scaler = find(render("minimal"), "Deployment", "-scaler")
    assert env(scaler)["VOICEFLEET_SCALER_LISTEN"] == "0.0.0.0:6000"
    assert scaler["spec"]["replicas"] == 2
    objects = rendered({"scaler": {"port": 7000}})
    assert find(objects, "ScaledObject", "-piper")["spec"]["triggers"][0]["metadata"]["scalerAddress"].endswith(":7000")
    assert env(find(objects, "Deployment", "-scaler"))["VOICEFLEET_SCALER_LISTEN"] == "0.0.0.0:7000"


def test_fallback_may_be_off():
    assert find(render("minimal"), "ScaledObject", "-piper")["spec"]["fallback"] == {
        "failureThreshold": 3, "replicas": 1, "behavior": "currentReplicasIfHigher"}
    off = rendered({"scaling": {"fallback": {"enabled": False}}})
    assert "fallback" not in find(off, "ScaledObject", "-piper")["spec"]


@pytest.mark.parametrize("mutual", [True, False])
def test_tls(mutual):
    objects = render("tls" if mutual else "tls-server-only")
    scaler = find(objects, "Deployment", "-scaler")
    files = {key: value for key, value in env(scaler).items() if "_TLS_" in key}
    wanted = {"VOICEFLEET_SCALER_TLS_CERT": "/etc/voicefleet/tls/server.crt",
              "VOICEFLEET_SCALER_TLS_KEY": "/etc/voicefleet/tls/server.key"}
    authentication = [{"parameter": "caCert", "name": "scaler-tls", "key": "ca.crt"}]
    if mutual:
        wanted["VOICEFLEET_SCALER_TLS_CLIENT_CA"] = "/etc/voicefleet/tls/client-ca.crt"
        authentication += [{"parameter": "tlsClientCert", "name": "keda-tls", "key": "tls.crt"},
                           {"parameter": "tlsClientKey", "name": "keda-tls", "key": "tls.key"}]
    assert files == wanted
    assert find(objects, "TriggerAuthentication")["spec"]["secretTargetRef"] == authentication
    [volume] = [v for v in pod(scaler)["volumes"] if v["name"] == "tls"]
    client = [s["secret"]["items"] for s in volume["projected"]["sources"] if s["secret"]["name"] == "keda-tls"]
    assert client == ([[{"key": "ca.crt", "path": "client-ca.crt"}]] if mutual else []), "KEDA's key is not the scaler's"
    trigger = find(objects, "ScaledObject", "-piper")["spec"]["triggers"][0]
    assert trigger["metadata"]["enableTLS"] == "true"
    assert trigger["authenticationRef"] == {"name": "voicefleet-keda"}


def test_the_rabbitmq_trigger():
    objects = render("rabbitmq")
    assert ("Deployment", "-scaler") not in kinds(objects)
    triggers = find(objects, "ScaledObject", "-whisper")["spec"]["triggers"]
    assert triggers == [{"type": "rabbitmq", "metricType": "AverageValue", "authenticationRef": {"name": "voicefleet-keda"},
                         "metadata": {"protocol": "http", "mode": "QueueLength", "useRegex": "true", "operation": "sum",
                                      "queueName": r"^v1\.whisper\.(realtime|standard|batch)$", "value": "2",
                                      "activationValue": "0", "excludeUnacknowledged": "false", "timeout": "3000"}}]
    assert find(objects, "TriggerAuthentication")["spec"]["secretTargetRef"] == [
        {"parameter": "host", "name": "voicefleet-servers", "key": "management-url"}]


def test_a_plain_hpa():
    objects = render("hpa")
    assert not [o for o in objects if o["apiVersion"].startswith("keda.sh")]
    spec = find(objects, "HorizontalPodAutoscaler", "-piper")["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (1, 20)
    assert spec["metrics"][0]["resource"] == {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
    assert spec["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 120


def test_nobody_scales():
    assert not [o for o in render("none") if o["kind"] in ("ScaledObject", "HorizontalPodAutoscaler", "Role", "NetworkPolicy")]


def test_an_hpa_of_the_api():
    spec = find(render("full"), "HorizontalPodAutoscaler", "-api")["spec"]
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "speech-api"}
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 6)


def test_the_api_goes_on_while_others_learn_that_it_stops():
    api = find(render("minimal"), "Deployment", "-api")
    assert container(api)["lifecycle"] == {"preStop": {"exec": {"command": ["sleep", "5"]}}}
    assert "lifecycle" not in container(find(render("none"), "Deployment", "-api"))


@pytest.mark.parametrize(("variant", "pool", "resource"), [
    ("gpu", "whisper", "nvidia.com/gpu"), ("mig", "kokoro", "nvidia.com/mig-1g.10gb"),
    ("timeslice", "whisper", "nvidia.com/gpu.shared")])
def test_gpus(variant, pool, resource):
    worker = find(render(variant), "Deployment", f"-{pool}")
    assert container(worker)["resources"]["limits"][resource] == 1
    taint = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    assert (taint in pod(worker).get("tolerations", [])) == (variant != "timeslice")
    assert pod(worker).get("runtimeClassName") == (None if variant == "timeslice" else "nvidia")
    assert container(worker)["image"] == "voicefleet:cuda"
    assert "nvidia" not in str(find(render(variant), "Deployment", "-piper"))


def test_who_has_a_gpu_computes_on_it():
    objects = render("gpu")
    for pool, asset in (("kokoro", "onnxruntime-cuda"), ("whisper", "whisper-base-ct2")):
        worker = find(objects, "Deployment", f"-{pool}")
        assert env(worker)[f"VOICEFLEET_{pool.upper()}_DEVICE"] == "cuda"
        assert pod(worker)["initContainers"][0]["args"] == ["pull", "default", asset]
    piper = find(objects, "Deployment", "-piper")
    assert not [key for key in env(piper) if key.endswith("_DEVICE")]
    assert pod(piper)["initContainers"][0]["args"] == ["pull", "default"]
    scaling = find(objects, "ConfigMap", "-scaling")["data"]
    assert scaling["VOICEFLEET_WHISPER_DEVICE"] == "cuda"
    assert "VOICEFLEET_WHISPER_DEVICE" not in find(render("minimal"), "ConfigMap", "-scaling")["data"]


def test_a_model_for_the_gpu_that_is_named_is_enough():
    chosen = {"pools": {"whisper": {"hardware": "gpu", "models": {"init": {"names": ["whisper-tiny.en-ct2", "vad"]}}}}}
    worker = find(rendered(chosen), "Deployment", "-whisper")
    assert pod(worker)["initContainers"][0]["args"] == ["pull", "whisper-tiny.en-ct2", "vad"]


def test_gpu_products():
    affinity = pod(find(render("gpu"), "Deployment", "-whisper"))["affinity"]
    assert affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"] == [
        {"matchExpressions": [{"key": "nvidia.com/gpu.product", "operator": "In", "values": ["NVIDIA-L4", "NVIDIA-A10"]}]}]


def test_spot():
    objects = render("spot")
    piper, kokoro, whisper = (pod(find(objects, "Deployment", f"-{pool}")) for pool in POOLS)
    spot = {"key": "spot", "operator": "Exists", "effect": "NoSchedule"}
    assert piper["tolerations"] == [spot]
    assert whisper["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}, spot]
    term = {"matchExpressions": [{"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["spot"]}]}
    assert piper["affinity"] == {"nodeAffinity": {
        "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "preference": term}]}}
    assert kokoro["affinity"] == {"nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}
    for o in objects:
        assert "safe-to-evict" not in str(o), "a spot node goes whatever is asked"
    assert "tolerations" not in pod(find(objects, "Deployment", "-api"))


@pytest.mark.parametrize(("variant", "volume", "init"), [
    ("minimal", {"name": "models", "emptyDir": {"sizeLimit": "2Gi"}}, True),
    ("full", {"name": "models", "persistentVolumeClaim": {"claimName": "models", "readOnly": True}}, False),
    ("image-volume", {"name": "models", "image": {
        "reference": "images.example/voicefleet-models-data:2026-10", "pullPolicy": "IfNotPresent"}}, False)])
def test_models(variant, volume, init):
    for name in ("-api", "-piper"):
        workload = find(render(variant), "Deployment", name)
        assert volume in pod(workload)["volumes"]
        [mount] = [m for m in container(workload)["volumeMounts"] if m["name"] == "models"]
        assert mount == {"name": "models", "mountPath": "/models", "readOnly": True,
                         **({"subPath": "v1"} if variant == "full" else {})}
        assert env(workload)["VOICEFLEET_MODELS"] == "/models"
        assert ("initContainers" in pod(workload)) == init
    if init:
        [fetch] = pod(workload)["initContainers"]
        assert (fetch["image"], fetch["args"]) == ("voicefleet-models:0.1.0", ["pull", "default"])
        assert {"name": "models", "mountPath": "/models"} in fetch["volumeMounts"]
    assert "models" not in str(pod(find(render(variant), "Deployment", "-scaler"))["volumes"])


def test_models_of_one_pool():
    objects = render("mixed-models")
    assert "initContainers" in pod(find(objects, "Deployment", "-kokoro"))
    assert "initContainers" not in pod(find(objects, "Deployment", "-piper"))
    [volume] = [v for v in pod(find(render("image-volume"), "Deployment", "-whisper"))["volumes"] if v["name"] == "models"]
    assert volume["image"]["reference"] == "images.example/whisper-large:1"


def test_libraries_are_copied_where_images_are_mounted_noexec():
    kokoro, piper = (find(render("image-volume"), "Deployment", f"-{pool}") for pool in ("kokoro", "piper"))
    [copy] = pod(kokoro)["initContainers"]
    assert copy["command"] == ["cp", "-R", "/models/onnxruntime/.", "/libraries/"]
    assert copy["image"] == container(kokoro)["image"]
    mounts = [(m["name"], m["mountPath"]) for m in container(kokoro)["volumeMounts"]]
    assert mounts.index(("models", "/models")) < mounts.index(("libraries", "/models/onnxruntime"))
    image = {"reference": "images.example/models:1", "copyLibraries": True}
    objects = rendered({"models": {"source": "image", "image": image}}, kube="1.33.0")
    [copy] = pod(find(objects, "Deployment", "-whisper"))["initContainers"]
    assert copy["command"] == ["cp", "-R", "/models/ctranslate2/.", "/libraries/"]
    assert "libraries" not in str(pod(piper)) and "initContainers" not in pod(piper)


def test_secrets_are_read_from_files():
    worker = find(render("full"), "Deployment", "-piper")
    files = {key: value for key, value in env(worker).items() if key.endswith("_FILE")}
    assert files == {f"VOICEFLEET_{key}_FILE": f"/etc/voicefleet/secrets/{name}" for key, name in (
        ("AMQP_URL", "amqp-url"), ("REDIS_URL", "redis-url"), ("CACHE_URL", "cache-url"),
        ("OBJECTS_CREDENTIALS", "objects-credentials"))}
    [volume] = [v for v in pod(worker)["volumes"] if v["name"] == "secrets"]
    assert [(s["secret"]["name"], s["secret"]["items"][0]["key"]) for s in volume["projected"]["sources"]] == [
        ("rabbitmq", "url"), ("redis", "records"), ("redis", "results"), ("objects", "credentials")]
    assert [s["secret"]["items"][0]["path"] for s in volume["projected"]["sources"]] == [
        "amqp-url", "redis-url", "cache-url", "objects-credentials"]
    assert volume["projected"]["defaultMode"] == 0o444
    # The key of the administrator is for the API alone.
    api = find(render("full"), "Deployment", "-api")
    assert env(api)["VOICEFLEET_ADMIN_KEY_FILE"] == "/etc/voicefleet/secrets/admin-key"
    [volume] = [v for v in pod(api)["volumes"] if v["name"] == "secrets"]
    assert volume["projected"]["sources"][-1] == {
        "secret": {"name": "admin", "items": [{"key": "key", "path": "admin-key"}]}}
    assert "admin-key" not in str(pod(worker))
    assert set(env(find(render("minimal"), "Deployment", "-api"))) == {
        "VOICEFLEET_AMQP_URL_FILE", "VOICEFLEET_REDIS_URL_FILE", "VOICEFLEET_GRACE_SECONDS", "VOICEFLEET_MODELS"}


def test_settings():
    data = find(render("full"), "ConfigMap", "-settings")["data"]
    assert data["VOICEFLEET_OBJECTS_URL"] == "s3://speech/fleet"
    assert data["VOICEFLEET_OTLP_ENDPOINT"] == "http://collector.observability:4317"
    assert (data["VOICEFLEET_CACHE_MIB"], data["VOICEFLEET_LOG_FORMAT"]) == ("8192", "json")
    assert not [key for key in find(render("minimal"), "ConfigMap", "-settings")["data"] if "OBJECTS" in key or "OTLP" in key]
    assert (data["VOICEFLEET_MAX_CONNECTIONS"], data["VOICEFLEET_HEADER_TIMEOUT_SECONDS"]) == ("50000", "5")
    assert data["VOICEFLEET_MAX_LIVE_SESSIONS"] == "200"
    assert data["VOICEFLEET_PUBLIC_URL"] == "https://speech.example.com"
    assert (data["VOICEFLEET_WEBHOOKS_TO_HTTP"], data["VOICEFLEET_WEBHOOKS_TO_PRIVATE"]) == ("false", "true")
    # A number with many digits stays one: 1000000, not 1e+06.
    large = rendered({"settings": {"cacheMib": 10000000, "jobTimeoutSeconds": 1000000}})
    data = find(large, "ConfigMap", "-settings")["data"]
    assert (data["VOICEFLEET_CACHE_MIB"], data["VOICEFLEET_JOB_TIMEOUT_SECONDS"]) == ("10000000", "1000000")


def test_deletion_cost():
    worker = find(render("minimal"), "Deployment", "-piper")
    assert env(worker)["VOICEFLEET_POD_DELETION_COST"] == "true"
    assert env(worker)["POD_NAME"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    assert env(worker)["POD_NAMESPACE"] == {"fieldRef": {"fieldPath": "metadata.namespace"}}
    assert "VOICEFLEET_POD_DELETION_COST" not in env(find(render("none"), "Deployment", "-piper"))
    binding = find(render("minimal"), "RoleBinding")
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "voicefleet-worker", "namespace": "speech"}]


def test_who_may_call_whom():
    objects = render("full")

    def peers(name, port):
        entries = [e for e in find(objects, "NetworkPolicy", name)["spec"]["ingress"] if e["ports"][0]["port"] == port]
        return [p["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
                for e in entries for p in e["from"] if "namespaceSelector" in p]

    assert peers("-scaler", "grpc") == ["keda"]
    assert peers("-scaler", "http") == peers("-piper", "http") == ["monitoring"]
    assert peers("-api", "http") == ["ingress", "monitoring"]
    assert find(render("minimal"), "NetworkPolicy", "-api")["spec"]["ingress"] == [
        {"ports": [{"port": "http", "protocol": "TCP"}]}]

    def ports(name, kind="full"):
        egress = find(render(kind), "NetworkPolicy", name)["spec"]["egress"]
        return {port["port"] for entry in egress for port in entry["ports"]}

    assert ports("-scaler") == {53, 5671, 5672, 6379, 6380, 26379, 443, 4317}
    assert ports("-scaler", "minimal") == {53, 5671, 5672, 6379, 6380, 26379}
    assert ports("-piper", "rabbitmq") == ports("-piper", "minimal") == {53, 5671, 5672, 6379, 6380, 26379, 443, 6443}

    told = rendered({"networkPolicy": {"egress": {"webhooks": {"ports": [443, 8443]}}}})
    leaves = {name: str(find(told, "NetworkPolicy", name)["spec"]["egress"]) for name in ("-api", "-piper", "-scaler")}
    assert [name for name in leaves if "8443" in leaves[name]] == ["-api"]


def test_a_digest_wins():
    assert container(find(render("full"), "Deployment", "-api"))["image"] == "images.example/voicefleet@sha256:" + "0" * 63 + "1"


def test_rollouts_need_no_second_gpu():
    def strategy(name):
        return find(render("gpu"), "Deployment", name)["spec"]["strategy"]["rollingUpdate"]

    assert strategy("-whisper") == {"maxUnavailable": 1, "maxSurge": 0}
    assert strategy("-piper") == strategy("-scaler") == {"maxUnavailable": 0, "maxSurge": 1}


def test_names_fit_however_long_the_release_is():
    objects = rendered({}, release="a" * 53)
    assert max(len(o["metadata"]["name"]) for o in objects if o["kind"] == "ScaledObject") <= 54
    assert len({(o["kind"], o["metadata"]["name"]) for o in objects}) == len(objects)
    # A release may have dots in its name and a Service may not.
    assert all("." not in o["metadata"]["name"] for o in rendered({}, release="a.b"))


def test_extra_objects():
    objects = render("full")
    assert find(objects, "ConfigMap", "extra-object")["data"] == {"release": "voicefleet"}
    assert find(objects, "ConfigMap", "speech-text")


def test_the_smoke_test_asks_the_api():
    test = find(render("minimal"), "Pod")
    assert test["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert test["spec"]["containers"][0]["args"] == ["jobs", "list", "--url", "http://voicefleet-api:80"]
