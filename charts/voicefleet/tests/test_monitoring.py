"""Rules and dashboards ask for metrics that there are, in expressions that Prometheus reads."""

import json
import re

import promql_parser
import pytest
import yaml

from conftest import CHART, REPOSITORY, find, render, rendered

# Told by the scaler.
OF_THE_SCALER = {
    "voicefleet_pool_workers_wanted": {"pool"}, "voicefleet_pool_demand_workers": {"pool"},
    "voicefleet_pool_backlog_seconds": {"pool", "tier"}, "voicefleet_pool_in_flight_jobs": {"pool"},
    "voicefleet_split_target_ratio": {"pool"}, "voicefleet_split_actual_ratio": {"pool"},
    "voicefleet_queue_oldest_job_seconds": {"pool", "tier"},
}
# Written by the PodMonitor.
OF_THE_SCRAPE = {"namespace", "fleet", "component", "pod", "job", "instance", "le"}
DASHBOARDS = sorted((CHART / "dashboards").glob("*.json"))


def instruments():
    """Names of the program's own metrics, as its source declares them, and the units it gives them."""
    sources = [file for folder in ("api", "workers", "cli", "keda") for file in (REPOSITORY / folder).glob("**/src/**/*.rs")]
    text = "\n".join(file.read_text() for file in sources)
    return set(re.findall(r'"(voicefleet_[a-z_]+)"', text))


INSTRUMENTS = instruments()


def there_is(metric):
    stem = re.sub(r"_(total|bucket|count|sum)$", "", metric)
    names = {metric, stem, stem.removesuffix("_seconds"), stem.removesuffix("_bytes")}
    return metric == "up" or metric in OF_THE_SCALER or bool(names & INSTRUMENTS)


def selectors(expression):
    """(metric, labels it is matched by) of an expression; fails if Prometheus would not read it."""
    found = []

    def visit(node):
        if isinstance(node, promql_parser.VectorSelector):
            found.append((node.name, {matcher.name: matcher.value for matcher in node.matchers.matchers}))
        for key in ("expr", "lhs", "rhs", "vector_selector", "param"):
            child = getattr(node, key, None)
            if child is not None and not isinstance(child, str):
                visit(child)
        for child in getattr(node, "args", None) or []:
            visit(child)

    visit(promql_parser.parse(expression))
    assert {name for name, _ in found} >= set(re.findall(r"voicefleet_[a-z_]+", expression)), expression
    return found


def alerts(objects):
    return [r for group in find(objects, "PrometheusRule")["spec"]["groups"] for r in group["rules"]]


def panels(file):
    return [panel for panel in json.loads(file.read_text())["panels"] if panel["type"] != "row"]


def expressions(file):
    for panel in panels(file):
        for target in panel["targets"]:
            yield panel["title"], re.sub(r"\$__rate_interval", "5m", target["expr"])


def test_the_parser_refuses_and_finds():
    with pytest.raises(ValueError):
        promql_parser.parse("sum by (a (b)")
    assert selectors('sum(rate(a_total{x="1"}[5m])) / b > 3 unless max_over_time(c[1h] offset 1h)') == [
        ("a_total", {"x": "1"}), ("b", {}), ("c", {})]
    assert not there_is("voicefleet_nothing_total")


@pytest.mark.parametrize("variant", ["full", "hpa"])
def test_alerts_ask_for_what_is_told(variant):
    for alert in alerts(render(variant)):
        found = selectors(alert["expr"])
        assert found, alert["alert"]
        for metric, labels in found:
            assert there_is(metric), f"{alert['alert']}: there is no {metric}"
            assert {"namespace", "fleet"} <= labels.keys(), f"{alert['alert']} looks at other fleets"
        assert alert["labels"]["severity"] in ("critical", "warning", "info")
        assert {"summary", "description"} == alert["annotations"].keys()
        assert "for" in alert


def test_alerts_look_at_the_fleet_that_is_scraped():
    objects = render("full")
    [endpoint] = find(objects, "PodMonitor")["spec"]["podMetricsEndpoints"]
    [fleet] = [r["replacement"] for r in endpoint["relabelings"] if r["targetLabel"] == "fleet"]
    for alert in alerts(objects):
        assert {labels["fleet"] for _, labels in selectors(alert["expr"])} == {fleet}
    assert (endpoint["port"], endpoint["path"]) == ("http", "/metrics")


def test_what_is_watched():
    names = {alert["alert"] for alert in alerts(render("full"))}
    assert {"VoicefleetJobWaitsLong", "VoicefleetJobsFail", "VoicefleetDeadLetters", "VoicefleetManyColdStarts",
            "VoicefleetScalerDown", "VoicefleetQueueStandsStill", "VoicefleetPoolAtItsBound", "VoicefleetApiErrors",
            "VoicefleetModelsLoadSlowly"} == names
    # Without a scaler nobody tells its metrics, and an alert on their absence would never end.
    for alert in alerts(render("hpa")):
        assert not {metric for metric, _ in selectors(alert["expr"])} & OF_THE_SCALER.keys(), alert["alert"]


def test_thresholds_come_from_the_values():
    rules = {"enabled": True, "oldestJobSeconds": {"realtime": 7}, "failurePercent": 12.5, "deadLetters": 1000000}
    objects = rendered({"metrics": {"podMonitor": {"enabled": True}, "rules": rules}})
    text = yaml.safe_dump(find(objects, "PrometheusRule"), width=1000)
    for piece in ('tier="realtime"}) > 7', "> 12.5", "> 1000000"):
        assert piece in text, piece


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.name)
def test_dashboards(file):
    dashboard = json.loads(file.read_text())
    identities = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(identities)) == len(identities)
    assert {variable["name"] for variable in dashboard["templating"]["list"]} == {"datasource", "namespace", "fleet"}
    known = set().union(*OF_THE_SCALER.values()) | OF_THE_SCRAPE | {"engine", "tier", "status", "code"}
    for title, expression in expressions(file):
        for metric, labels in selectors(expression):
            assert there_is(metric), f"{title}: there is no {metric}"
            assert labels["namespace"] == "$namespace" and labels["fleet"] == "$fleet", title
            assert labels.keys() <= known, f"{title}: {sorted(labels.keys() - known)}"
    for panel in panels(file):
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]


def test_no_two_panels_lie_on_each_other():
    for file in DASHBOARDS:
        taken = set()
        for panel in json.loads(file.read_text())["panels"]:
            place = panel["gridPos"]
            cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                     for y in range(place["y"], place["y"] + place["h"])}
            assert not cells & taken, f"{file.name}: {panel['title']}"
            taken |= cells


def test_dashboards_arrive_whole():
    objects = [o for o in render("full") if "grafana_dashboard" in o["metadata"].get("labels", {})]
    assert {name: json.loads(text) for o in objects for name, text in o["data"].items()} == {
        file.name: json.loads(file.read_text()) for file in DASHBOARDS}
    assert len(DASHBOARDS) == 2


def test_every_metric_of_the_scaler_is_shown():
    shown = {metric for file in DASHBOARDS for _, expression in expressions(file) for metric, _ in selectors(expression)}
    assert OF_THE_SCALER.keys() <= shown
