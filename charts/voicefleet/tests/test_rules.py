"""The rules hold for every variant, and each of them notices when it is broken."""

import pytest

import rules
from conftest import find, render


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_rule(rule, variant):
    assert list(rule(render(variant))) == []


def pod(o):
    return o["spec"]["template"]["spec"]


def first(o):
    return pod(o)["containers"][0]


def worker(objects):
    return find(objects, "Deployment", "worker-piper")


def api(objects):
    return find(objects, "Deployment", "-api")


def scaled(objects):
    return find(objects, "ScaledObject", "-piper")["spec"]


def trigger(objects):
    return scaled(objects)["triggers"][0]


def policy(objects):
    return find(objects, "NetworkPolicy", "-piper")["spec"]


# rule, variant, what breaks it
FAULTS = [
    ("the_number_of_workers_is_the_autoscalers", "minimal", lambda x: worker(x)["spec"].update(replicas=0)),
    ("the_number_of_workers_is_the_autoscalers", "none", lambda x: worker(x)["spec"].update(replicas=0)),
    ("the_number_of_workers_is_the_autoscalers", "full", lambda x: api(x)["spec"].update(replicas=2)),
    ("the_number_of_workers_is_the_autoscalers", "minimal", lambda x: api(x)["spec"].pop("replicas")),
    ("pods_are_restricted", "minimal", lambda x: pod(api(x))["securityContext"].pop("runAsNonRoot")),
    ("pods_are_restricted", "minimal", lambda x: pod(api(x))["securityContext"].pop("seccompProfile")),
    ("pods_are_restricted", "minimal", lambda x: first(worker(x))["securityContext"].pop("readOnlyRootFilesystem")),
    ("pods_are_restricted", "minimal", lambda x: pod(worker(x))["initContainers"][0].pop("securityContext")),
    ("pods_are_restricted", "minimal", lambda x: first(api(x))["securityContext"].update(capabilities={"drop": []})),
    ("pods_are_restricted", "minimal", lambda x: pod(api(x))["volumes"].append({"name": "x", "hostPath": {"path": "/"}})),
    ("secrets_are_files", "minimal", lambda x: first(worker(x))["env"].append(
        {"name": "X", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}})),
    ("secrets_are_files", "minimal", lambda x: first(worker(x))["envFrom"].append({"secretRef": {"name": "a"}})),
    ("secrets_are_files", "minimal", lambda x: first(api(x))["env"].append({"name": "X", "value": "amqp://a:b@c"})),
    ("secrets_are_files", "minimal", lambda x: find(x, "ConfigMap", "-settings")["data"].update(X="redis://:b@c")),
    ("secret_files_are_mounted", "minimal", lambda x: pod(worker(x))["volumes"][0]["projected"]["sources"].pop()),
    ("secret_files_are_mounted", "tls", lambda x: pod(find(x, "Deployment", "-scaler"))["volumes"].pop()),
    ("secret_files_are_mounted", "minimal", lambda x: first(api(x))["env"].pop(0)),
    ("kubernetes_waits_longer_than_the_process", "minimal",
     lambda x: pod(worker(x)).update(terminationGracePeriodSeconds=60)),
    ("kubernetes_waits_longer_than_the_process", "minimal", lambda x: pod(api(x)).update(terminationGracePeriodSeconds=50)),
    ("no_budget_blocks_a_drain", "minimal",
     lambda x: find(x, "PodDisruptionBudget", "-piper")["spec"].update(minAvailable=1)),
    ("no_budget_blocks_a_drain", "minimal",
     lambda x: find(x, "PodDisruptionBudget", "-api")["spec"].update(maxUnavailable="0%")),
    ("every_pool_has_one_autoscaler", "minimal", lambda x: x.remove(find(x, "ScaledObject", "-kokoro"))),
    ("every_pool_has_one_autoscaler", "hpa", lambda x: x.append(find(x, "HorizontalPodAutoscaler", "-kokoro"))),
    ("every_pool_has_one_autoscaler", "minimal", lambda x: scaled(x)["scaleTargetRef"].update(name="other")),
    ("scaled_objects_say_everything", "minimal", lambda x: scaled(x).pop("cooldownPeriod")),
    ("scaled_objects_say_everything", "minimal", lambda x: scaled(x)["advanced"].pop("horizontalPodAutoscalerConfig")),
    ("scaled_objects_say_everything", "minimal", lambda x: scaled(x).update(minReplicaCount=99)),
    ("scaled_objects_say_everything", "minimal", lambda x: scaled(x).update(idleReplicaCount=0)),
    ("scaled_objects_say_everything", "minimal", lambda x: trigger(x)["metadata"].update(scalerAddress="nobody:6000")),
    ("scaled_objects_say_everything", "minimal",
     lambda x: trigger(x)["metadata"].update(scalerAddress="voicefleet-scaler.speech.svc:6001")),
    ("scaled_objects_say_everything", "minimal", lambda x: trigger(x)["metadata"].update(pool="kokoro")),
    ("scaled_objects_say_everything", "minimal", lambda x: trigger(x)["metadata"].update(enableTLS="true")),
    ("scaled_objects_say_everything", "minimal", lambda x: trigger(x).update(metricType="Value")),
    ("scaled_objects_say_everything", "rabbitmq", lambda x: trigger(x)["metadata"].update(protocol="amqp")),
    ("scaled_objects_say_everything", "rabbitmq", lambda x: trigger(x)["metadata"].update(queueName=r"^v1\.piper\..*$")),
    ("scaled_objects_say_everything", "rabbitmq", lambda x: trigger(x).pop("authenticationRef")),
    ("scaled_objects_say_everything", "tls", lambda x: x.remove(find(x, "TriggerAuthentication"))),
    ("names_fit", "minimal", lambda x: find(x, "ScaledObject", "-piper")["metadata"].update(name="a" * 55)),
    ("names_fit", "minimal", lambda x: api(x)["metadata"].update(name="a.b")),
    ("names_fit", "minimal", lambda x: x.append(api(x))),
    ("names_fit", "minimal", lambda x: api(x)["metadata"]["labels"].update(a="b" * 64)),
    ("a_changed_setting_changes_the_pod", "minimal",
     lambda x: worker(x)["spec"]["template"]["metadata"]["annotations"].pop("checksum/settings")),
    ("references_lead_somewhere", "minimal", lambda x: x.remove(find(x, "ConfigMap", "-settings"))),
    ("references_lead_somewhere", "minimal", lambda x: pod(worker(x))["volumes"].pop()),
    ("references_lead_somewhere", "minimal", lambda x: first(api(x))["livenessProbe"]["httpGet"].update(port="grpc")),
    ("references_lead_somewhere", "minimal", lambda x: x.remove(find(x, "ServiceAccount", "-worker"))),
    ("references_lead_somewhere", "minimal", lambda x: first(api(x))["env"].append({"name": "VOICEFLEET_MODELS"})),
    ("references_lead_somewhere", "minimal", lambda x: find(x, "Service", "-api")["spec"]["ports"][0].update(targetPort="x")),
    ("selectors_select_their_own", "minimal",
     lambda x: worker(x)["spec"]["selector"]["matchLabels"].pop("voicefleet/pool")),
    ("selectors_select_their_own", "minimal",
     lambda x: worker(x)["spec"]["selector"]["matchLabels"].update({"app.kubernetes.io/version": "1"})),
    ("selectors_select_their_own", "minimal",
     lambda x: find(x, "PodDisruptionBudget", "-piper")["spec"]["selector"]["matchLabels"].pop("voicefleet/pool")),
    ("selectors_select_their_own", "full",
     lambda x: find(x, "PodMonitor")["spec"]["selector"]["matchExpressions"][0].update(values=["api"])),
    ("only_workers_that_need_it_get_a_token", "minimal", lambda x: pod(api(x)).update(automountServiceAccountToken=True)),
    ("only_workers_that_need_it_get_a_token", "minimal",
     lambda x: pod(worker(x)).update(automountServiceAccountToken=False)),
    ("only_workers_that_need_it_get_a_token", "minimal",
     lambda x: find(x, "Role")["rules"][0].update(verbs=["get", "patch", "delete"])),
    ("only_workers_that_need_it_get_a_token", "minimal", lambda x: x.remove(find(x, "RoleBinding"))),
    ("only_workers_that_need_it_get_a_token", "minimal",
     lambda x: find(x, "ServiceAccount", "fleet").update(automountServiceAccountToken=True)),
    ("settings_are_not_mistaken_for_services", "minimal", lambda x: pod(api(x)).pop("enableServiceLinks")),
    ("images_are_fixed", "minimal", lambda x: first(api(x)).update(image="voicefleet")),
    ("images_are_fixed", "minimal", lambda x: first(api(x)).update(image="voicefleet:latest")),
    ("everything_is_bounded", "minimal", lambda x: first(api(x))["resources"]["limits"].pop("memory")),
    ("everything_is_bounded", "minimal", lambda x: pod(api(x))["volumes"][1]["emptyDir"].pop("sizeLimit")),
    ("probes_ask_the_right_thing", "minimal", lambda x: first(api(x))["livenessProbe"]["httpGet"].update(path="/readyz")),
    ("probes_ask_the_right_thing", "minimal", lambda x: first(worker(x))["startupProbe"].update(periodSeconds=10)),
    ("gpus_are_asked_for_by_those_who_use_them", "gpu",
     lambda x: first(worker(x))["resources"]["limits"].update({"nvidia.com/gpu": 1})),
    ("gpus_are_asked_for_by_those_who_use_them", "gpu",
     lambda x: first(find(x, "Deployment", "-whisper"))["resources"]["limits"].pop("nvidia.com/gpu")),
    ("gpus_are_asked_for_by_those_who_use_them", "gpu",
     lambda x: find(x, "Deployment", "-whisper")["spec"]["strategy"]["rollingUpdate"].update(maxSurge=1)),
    ("shares_add_up", "minimal", lambda x: find(x, "ConfigMap", "-scaling")["data"].update(VOICEFLEET_PIPER_SHARE="60")),
    ("shares_add_up", "minimal", lambda x: find(x, "ConfigMap", "-scaling")["data"].update(VOICEFLEET_PIPER_SLOTS="9")),
    ("workers_wait_for_their_work", "minimal",
     lambda x: worker(x)["spec"]["template"]["metadata"]["annotations"].pop("karpenter.sh/do-not-disrupt")),
    ("workers_wait_for_their_work", "minimal", lambda x: first(worker(x)).update(args=["worker"])),
    ("policies_cover_all_or_none", "minimal", lambda x: x.remove(find(x, "NetworkPolicy", "-piper"))),
    ("policies_cover_all_or_none", "minimal", lambda x: policy(x).update(policyTypes=["Ingress"])),
    ("policies_cover_all_or_none", "minimal", lambda x: policy(x)["ingress"][0].pop("from")),
    ("policies_cover_all_or_none", "minimal", lambda x: policy(x)["egress"].pop(1)),
]


@pytest.mark.parametrize(("name", "variant", "fault"), FAULTS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_fault_is_noticed(name, variant, fault):
    [rule] = [rule for rule in rules.RULES if rule.__name__ == name]
    objects = render(variant)
    fault(objects)
    assert list(rule(objects)), "the rule holds although it is broken"


def test_every_rule_has_a_fault():
    assert {rule.__name__ for rule in rules.RULES} == {name for name, _, _ in FAULTS}
