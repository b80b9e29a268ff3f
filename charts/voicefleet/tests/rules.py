"""What must hold for the objects of every variant. A rule yields a sentence for each thing that is wrong."""

import re

RULES = []
NAME = "app.kubernetes.io/name"


def rule(check):
    RULES.append(check)
    return check


def kinds(objects, *wanted):
    return [o for o in objects if o["kind"] in wanted]


def name(o):
    return f"{o['kind']} {o['metadata']['name']}"


def pods(objects):
    """(object, its pod's metadata, its pod's spec) of all that run pods."""
    for o in objects:
        if o["kind"] == "Deployment":
            yield o, o["spec"]["template"]["metadata"], o["spec"]["template"]["spec"]
        elif o["kind"] == "Pod":
            yield o, o["metadata"], o["spec"]


def containers(spec):
    return spec.get("initContainers", []) + spec["containers"]


def component(o):
    return o["metadata"]["labels"].get("app.kubernetes.io/component")


def workers(objects):
    return [o for o in kinds(objects, "Deployment") if component(o) == "worker"]


def environment(o):
    return {item["name"]: item.get("value") for item in o["spec"]["template"]["spec"]["containers"][0]["env"]}


def selects(selector, labels):
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    return all(labels.get(e["key"]) in e["values"] for e in selector.get("matchExpressions", []))


@rule
def the_number_of_workers_is_the_autoscalers(objects):
    scaled = {o["spec"]["scaleTargetRef"]["name"] for o in kinds(objects, "ScaledObject", "HorizontalPodAutoscaler")}
    for o in kinds(objects, "Deployment"):
        theirs = component(o) == "worker" or o["metadata"]["name"] in scaled
        if theirs and "replicas" in o["spec"]:
            yield f"{name(o)} has replicas"
        if not theirs and "replicas" not in o["spec"]:
            yield f"{name(o)} has no replicas and nobody scales it"


@rule
def pods_are_restricted(objects):
    """Pod Security Standard "restricted", and more."""
    for o, _, spec in pods(objects):
        context = spec.get("securityContext", {})
        if context.get("runAsNonRoot") is not True or context.get("runAsUser") != 10001:
            yield f"{name(o)} may run as root"
        if context.get("seccompProfile") != {"type": "RuntimeDefault"}:
            yield f"{name(o)} has no seccomp profile"
        for key in ("hostNetwork", "hostPID", "hostIPC"):
            if spec.get(key):
                yield f"{name(o)} has {key}"
        for c in containers(spec):
            own = c.get("securityContext", {})
            if own.get("allowPrivilegeEscalation") is not False:
                yield f"{name(o)}/{c['name']} may gain privileges"
            if own.get("readOnlyRootFilesystem") is not True:
                yield f"{name(o)}/{c['name']} may write to its root"
            if own.get("capabilities") != {"drop": ["ALL"]}:
                yield f"{name(o)}/{c['name']} keeps capabilities"
            if own.get("privileged"):
                yield f"{name(o)}/{c['name']} is privileged"
        for volume in spec.get("volumes", []):
            if not {"projected", "emptyDir", "persistentVolumeClaim", "image"} & volume.keys():
                yield f"{name(o)} has a volume of another kind, {volume['name']}"


@rule
def secrets_are_files(objects):
    for o, _, spec in pods(objects):
        for c in containers(spec):
            if any("secretRef" in source for source in c.get("envFrom", [])):
                yield f"{name(o)} takes its environment from a Secret"
            for item in c.get("env", []):
                if "secretKeyRef" in item.get("valueFrom", {}):
                    yield f"{name(o)} has a secret in {item['name']}"
                if re.search(r"://[^/@]*:[^/@]*@", item.get("value", "")):
                    yield f"{name(o)} has a password in {item['name']}"
    for o in kinds(objects, "ConfigMap", "ScaledObject"):
        if re.search(r"://[^/@\s]*:[^/@\s]*@", str(o)):
            yield f"{name(o)} has a password"
    if kinds(objects, "Secret"):
        yield "a Secret is made"


@rule
def secret_files_are_mounted(objects):
    for o in kinds(objects, "Deployment"):
        spec = o["spec"]["template"]["spec"]
        files = {f"/etc/voicefleet/{volume['name']}/{item['path']}" for volume in spec["volumes"]
                 for source in volume.get("projected", {}).get("sources", []) for item in source["secret"]["items"]}
        named = {value for value in environment(o).values() if value and value.startswith("/etc/voicefleet/")}
        if files != named:
            yield f"{name(o)}: mounted and named files differ: {sorted(files ^ named)}"
        for needed in ("VOICEFLEET_AMQP_URL_FILE", "VOICEFLEET_REDIS_URL_FILE"):
            if needed not in environment(o):
                yield f"{name(o)} has no {needed}"


@rule
def kubernetes_waits_longer_than_the_process(objects):
    for o in kinds(objects, "Deployment"):
        spec = o["spec"]["template"]["spec"]
        grace = int(environment(o)["VOICEFLEET_GRACE_SECONDS"])
        before = spec["containers"][0].get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["sleep", "0"])
        if spec["terminationGracePeriodSeconds"] != grace + 30 + int(before[1]):
            yield f"{name(o)} is killed after {spec['terminationGracePeriodSeconds']} s with a grace of {grace} s"


@rule
def no_budget_blocks_a_drain(objects):
    for o in kinds(objects, "PodDisruptionBudget"):
        if "minAvailable" in o["spec"]:
            yield f"{name(o)} has minAvailable"
        if str(o["spec"].get("maxUnavailable", 0)) in ("0", "0%"):
            yield f"{name(o)} lets nothing go"


@rule
def every_pool_has_one_autoscaler(objects):
    scalers = kinds(objects, "ScaledObject", "HorizontalPodAutoscaler")
    if not [o for o in scalers if component(o) == "worker"]:
        return
    for o in workers(objects):
        mine = [s for s in scalers if s["spec"]["scaleTargetRef"] ==
                {"apiVersion": "apps/v1", "kind": "Deployment", "name": o["metadata"]["name"]}]
        if len(mine) != 1:
            yield f"{name(o)} has {len(mine)} autoscalers"
    targets = {o["metadata"]["name"] for o in kinds(objects, "Deployment")}
    for s in scalers:
        if s["spec"]["scaleTargetRef"]["name"] not in targets:
            yield f"{name(s)} scales what is not there"


@rule
def scaled_objects_say_everything(objects):
    services = {o["metadata"]["name"]: o for o in kinds(objects, "Service")}
    authentications = {o["metadata"]["name"]: o for o in kinds(objects, "TriggerAuthentication")}
    for o in kinds(objects, "ScaledObject"):
        spec = o["spec"]
        for key in ("pollingInterval", "cooldownPeriod", "minReplicaCount", "maxReplicaCount", "advanced"):
            if key not in spec:
                yield f"{name(o)} leaves {key} to KEDA"
        if spec["minReplicaCount"] > spec["maxReplicaCount"]:
            yield f"{name(o)}: least above most"
        if spec.get("idleReplicaCount", -1) >= spec["minReplicaCount"]:
            yield f"{name(o)}: idle is not below the least"
        behavior = spec.get("advanced", {}).get("horizontalPodAutoscalerConfig", {}).get("behavior", {})
        for direction in ("scaleUp", "scaleDown"):
            if not behavior.get(direction, {}).get("policies"):
                yield f"{name(o)} leaves {direction} to the HPA's defaults"
            if "stabilizationWindowSeconds" not in behavior.get(direction, {}):
                yield f"{name(o)} leaves the window of {direction} to the HPA's defaults"
        pool = o["metadata"]["labels"]["voicefleet/pool"]
        for trigger in spec["triggers"]:
            meta = trigger["metadata"]
            if trigger["type"] in ("external-push", "rabbitmq") and trigger.get("metricType") != "AverageValue":
                yield f"{name(o)}: the metric is not an average, and would not count until a worker is ready"
            if trigger["type"] == "external-push":
                host, _, port = meta["scalerAddress"].partition(":")
                service = services.get(host.split(".")[0])
                if service is None or int(port) not in [p["port"] for p in service["spec"]["ports"]]:
                    yield f"{name(o)}: nobody listens at {meta['scalerAddress']}"
                if meta.get("pool") != pool:
                    yield f"{name(o)} asks for pool {meta.get('pool')}"
                if ("authenticationRef" in trigger) != (meta.get("enableTLS") == "true"):
                    yield f"{name(o)}: TLS is half configured"
                if set(meta) - {"scalerAddress", "pool", "enableTLS"}:
                    yield f"{name(o)}: unknown metadata {sorted(meta)}"
            elif trigger["type"] == "rabbitmq":
                wanted = {"protocol": "http", "mode": "QueueLength", "useRegex": "true", "operation": "sum",
                          "activationValue": "0", "excludeUnacknowledged": "false"}
                if any(meta.get(key) != value for key, value in wanted.items()):
                    yield f"{name(o)} does not count all messages of a pool"
                if not re.fullmatch(meta["queueName"], f"v1.{pool}.realtime") or re.fullmatch(
                        meta["queueName"], f"v1.{pool}.realtime.dead"):
                    yield f"{name(o)} looks at other queues: {meta['queueName']}"
                if "host" in meta or "authenticationRef" not in trigger:
                    yield f"{name(o)}: the URL is no secret"
            reference = trigger.get("authenticationRef", {}).get("name")
            if reference and reference not in authentications:
                yield f"{name(o)}: there is no TriggerAuthentication {reference}"


@rule
def names_fit(objects):
    seen = set()
    for o in objects:
        # KEDA's HPA is keda-hpa-NAME, which is also the value of a label.
        longest = 54 if o["kind"] == "ScaledObject" else 63
        if len(o["metadata"]["name"]) > longest:
            yield f"{name(o)} has a name of {len(o['metadata']['name'])} characters"
        if not re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", o["metadata"]["name"]):
            yield f"{name(o)} has a name that is none"
        if (o["kind"], o["metadata"]["name"]) in seen:
            yield f"{name(o)} is there twice"
        seen.add((o["kind"], o["metadata"]["name"]))
        for key, value in o["metadata"].get("labels", {}).items():
            if not re.fullmatch(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?", value) or len(value) > 63:
                yield f"{name(o)} has a label {key}={value}"
        if o["metadata"].get("namespace", "speech") != "speech":
            yield f"{name(o)} is in another namespace"


@rule
def a_changed_setting_changes_the_pod(objects):
    for o, meta, spec in pods(objects):
        for c in containers(spec):
            for source in c.get("envFrom", []):
                short = source["configMapRef"]["name"].rsplit("-", 1)[1]
                if not re.fullmatch("[0-9a-f]{64}", meta.get("annotations", {}).get(f"checksum/{short}", "")):
                    yield f"{name(o)} would keep old {short}"


@rule
def references_lead_somewhere(objects):
    there = {(o["kind"], o["metadata"]["name"]) for o in objects}
    for o, _, spec in pods(objects):
        volumes = {v["name"] for v in spec.get("volumes", [])}
        for c in containers(spec):
            for source in c.get("envFrom", []):
                if ("ConfigMap", source["configMapRef"]["name"]) not in there:
                    yield f"{name(o)}: there is no ConfigMap {source['configMapRef']['name']}"
            mounts = [m["name"] for m in c.get("volumeMounts", [])]
            if set(mounts) - volumes or len(mounts) != len(set(mounts)):
                yield f"{name(o)}/{c['name']} mounts {mounts} of {sorted(volumes)}"
            ports = {p["name"] for p in c.get("ports", [])}
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                if probe in c and c[probe]["httpGet"]["port"] not in ports:
                    yield f"{name(o)}/{c['name']}: {probe} asks at no port"
            twice = [e["name"] for e in c.get("env", [])]
            if len(twice) != len(set(twice)):
                yield f"{name(o)}/{c['name']} has a variable twice: {sorted(twice)}"
        account = spec.get("serviceAccountName", "default")
        if account != "default" and ("ServiceAccount", account) not in there:
            yield f"{name(o)}: there is no ServiceAccount {account}"
    for o in kinds(objects, "Service"):
        named = {p["name"] for d in kinds(objects, "Deployment")
                 if selects({"matchLabels": o["spec"]["selector"]}, d["spec"]["template"]["metadata"]["labels"])
                 for p in d["spec"]["template"]["spec"]["containers"][0]["ports"]}
        for port in o["spec"]["ports"]:
            if port["targetPort"] not in named:
                yield f"{name(o)} leads to no port {port['targetPort']}"


@rule
def selectors_select_their_own(objects):
    deployments = kinds(objects, "Deployment")
    for o in deployments:
        selector = o["spec"]["selector"]
        if {"helm.sh/chart", "app.kubernetes.io/version"} & selector["matchLabels"].keys():
            yield f"{name(o)} selects by a version, which never may change"
        mine = [d for d in deployments if selects(selector, d["spec"]["template"]["metadata"]["labels"])]
        if mine != [o]:
            yield f"{name(o)} selects pods of {[name(d) for d in mine]}"
    for o in kinds(objects, "PodDisruptionBudget", "NetworkPolicy", "PodMonitor", "Service"):
        selector = o["spec"].get("selector") or o["spec"].get("podSelector")
        selector = {"matchLabels": selector} if o["kind"] == "Service" else selector
        mine = [d for d in deployments if selects(selector, d["spec"]["template"]["metadata"]["labels"])]
        wanted = len(deployments) if o["kind"] == "PodMonitor" else 1
        if len(mine) != wanted:
            yield f"{name(o)} selects pods of {[name(d) for d in mine]}"


@rule
def only_workers_that_need_it_get_a_token(objects):
    for o in kinds(objects, "ServiceAccount"):
        if o["automountServiceAccountToken"] is not False:
            yield f"{name(o)} gives everybody a token"
    for o, _, spec in pods(objects):
        needs = o["kind"] == "Deployment" and environment(o).get("VOICEFLEET_POD_DELETION_COST") == "true"
        if spec.get("automountServiceAccountToken") is not needs:
            yield f"{name(o)}: a token is {'missing' if needs else 'given'}"
        if needs:
            if component(o) != "worker" or not {"POD_NAME", "POD_NAMESPACE"} <= environment(o).keys():
                yield f"{name(o)} cannot find its own pod"
            bound = [s["name"] for b in kinds(objects, "RoleBinding") for s in b["subjects"]]
            if spec["serviceAccountName"] not in bound:
                yield f"{name(o)} has no right to patch its pod"
    for o in kinds(objects, "Role"):
        if o["rules"] != [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "patch"]}]:
            yield f"{name(o)} allows something else"
    if kinds(objects, "ClusterRole", "ClusterRoleBinding"):
        yield "something is allowed in the whole cluster"


@rule
def settings_are_not_mistaken_for_services(objects):
    """Kubernetes sets VOICEFLEET_API_PORT and so on for Services unless told not to."""
    for o, _, spec in pods(objects):
        if spec.get("enableServiceLinks") is not False:
            yield f"{name(o)} gets the Services in its environment"


@rule
def images_are_fixed(objects):
    for o, _, spec in pods(objects):
        for c in containers(spec):
            if not re.search(r"(:[^/:]+|@sha256:[0-9a-f]{64})$", c["image"]) or c["image"].endswith(":latest"):
                yield f"{name(o)}/{c['name']} has the image {c['image']}"


@rule
def everything_is_bounded(objects):
    for o, _, spec in pods(objects):
        for c in containers(spec):
            resources = c.get("resources", {})
            if not {"cpu", "memory"} <= resources.get("requests", {}).keys() or "memory" not in resources.get("limits", {}):
                yield f"{name(o)}/{c['name']} has no bounds"
        for volume in spec.get("volumes", []):
            if "emptyDir" in volume and "sizeLimit" not in volume["emptyDir"]:
                yield f"{name(o)}: {volume['name']} may fill the node"


@rule
def probes_ask_the_right_thing(objects):
    """A broker that is away must not restart anybody, so only readiness may ask for it."""
    for o in kinds(objects, "Deployment"):
        c = o["spec"]["template"]["spec"]["containers"][0]
        for probe, path in (("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
            if c.get(probe, {}).get("httpGet", {}).get("path") != path:
                yield f"{name(o)}: {probe} does not ask {path}"
        if c.get("startupProbe", {}).get("periodSeconds") != 1:
            yield f"{name(o)}: each cold start waits for the probe"


@rule
def gpus_are_asked_for_by_those_who_use_them(objects):
    scaling = [o["data"] for o in kinds(objects, "ConfigMap") if o["metadata"]["name"].endswith("-scaling")]
    for o in kinds(objects, "Deployment"):
        spec = o["spec"]["template"]["spec"]
        resources = spec["containers"][0]["resources"]
        gpus = [key for key in resources.get("limits", {}) if key.startswith("nvidia.com/")]
        pool = o["metadata"]["labels"].get("voicefleet/pool", "").upper()
        hardware = scaling[0].get(f"VOICEFLEET_{pool}_HARDWARE", "cpu") if scaling else "cpu"
        if len(gpus) != (hardware == "gpu"):
            yield f"{name(o)} computes on the {hardware} and asks for {gpus}"
        if any(key.startswith("nvidia.com/") for key in resources.get("requests", {})):
            yield f"{name(o)}: requests of a GPU are its limits"
        if any(not isinstance(resources["limits"][key], int) for key in gpus):
            yield f"{name(o)}: GPUs are counted in whole numbers"
        if gpus and o["spec"]["strategy"]["rollingUpdate"]["maxSurge"] != 0:
            yield f"{name(o)} needs a second GPU to roll out"


@rule
def shares_add_up(objects):
    for o in kinds(objects, "ConfigMap"):
        if o["metadata"]["name"].endswith("-scaling"):
            shares = [int(value) for key, value in o["data"].items() if key.endswith("_SHARE")]
            if len(shares) != 3 or sum(shares) != 100:
                yield f"{name(o)}: shares of {shares}"
            pools = {d["metadata"]["labels"]["voicefleet/pool"].upper(): d for d in workers(objects)}
            for pool, deployment in pools.items():
                slots = f"VOICEFLEET_{pool}_SLOTS"
                if o["data"].get(slots) != environment(deployment).get(slots):
                    yield f"{name(o)}: the scaler counts other slots than {pool} has"


@rule
def workers_wait_for_their_work(objects):
    for o in workers(objects):
        annotations = o["spec"]["template"]["metadata"].get("annotations", {})
        held = annotations.get("karpenter.sh/do-not-disrupt") == "true"
        if held != (annotations.get("cluster-autoscaler.kubernetes.io/safe-to-evict") == "false"):
            yield f"{name(o)} is held for one autoscaler of nodes only"
        args = o["spec"]["template"]["spec"]["containers"][0]["args"]
        if args != ["worker", "--engine", o["metadata"]["labels"]["voicefleet/pool"]]:
            yield f"{name(o)} runs {args}"


@rule
def policies_cover_all_or_none(objects):
    policies = kinds(objects, "NetworkPolicy")
    for o in kinds(objects, "Deployment") if policies else []:
        mine = [p for p in policies if selects(p["spec"]["podSelector"], o["spec"]["template"]["metadata"]["labels"])]
        if len(mine) != 1:
            yield f"{name(o)} is under {len(mine)} network policies"
            continue
        [policy] = mine
        if policy["spec"]["policyTypes"] != ["Ingress", "Egress"]:
            yield f"{name(policy)} leaves a direction open"
        if component(o) != "api" and any("from" not in entry for entry in policy["spec"]["ingress"]):
            yield f"{name(policy)} lets everybody in"
        out = {(port["port"], port["protocol"]) for entry in policy["spec"]["egress"] for port in entry.get("ports", [])}
        if not {(53, "UDP"), (5672, "TCP"), (6379, "TCP")} <= out:
            yield f"{name(policy)} keeps it from its servers"
        if environment(o).get("VOICEFLEET_POD_DELETION_COST") and (443, "TCP") not in out:
            yield f"{name(policy)} keeps it from Kubernetes"
