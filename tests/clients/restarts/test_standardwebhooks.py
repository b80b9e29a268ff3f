"""standardwebhooks: what a webhook is told, as its library checks it."""

import itertools
import json

import pytest
from fleet import until
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

numbers = itertools.count()


def webhook(fleet, receiver) -> tuple[str, str]:
    """A new one; gives its path and its secret."""
    made = fleet.ask("/v1/webhooks", {"url": receiver.url, "events": ["job.succeeded"]})
    return f"/v1/webhooks/{made['id']}", made["secret"]


def spoken(fleet) -> str:
    """A job that has succeeded; gives its id."""
    text = f"Webhook number {next(numbers)}."
    job = fleet.ask("/v1/jobs", {"kind": "speech", "input": text, "engine": "piper"})
    job = fleet.ask(f"/v1/jobs/{job['id']}?wait=60")
    assert job["status"] == "succeeded"
    return job["id"]


def delivery(fleet, path, status=None, attempts=0):
    """Waits for the only delivery to have this status and so many attempts."""

    def found():
        for delivery in fleet.ask(f"{path}/deliveries")["data"]:
            if status in {None, delivery["status"]} and len(delivery["attempts"]) >= attempts:
                return delivery
        return None

    return until(found)


def assert_genuine(told, secret, job):
    event = Webhook(secret).verify(told.body, told.headers)
    assert (event["type"], event["data"]["id"], event["data"]["status"]) == ("job.succeeded", job, "succeeded")
    for body, wrong in [(told.body + b" ", secret), (told.body, "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]:
        with pytest.raises(WebhookVerificationError):
            Webhook(wrong).verify(body, told.headers)


def test_a_receiver_that_was_down_is_told_once_though_the_server_was_killed(fleet, receiver):
    path, secret = webhook(fleet, receiver)
    job = spoken(fleet)
    refused = delivery(fleet, path, "pending", attempts=1)
    assert refused["attempts"][0]["error"].startswith("not connected")
    fleet.kill_api()
    receiver.start()
    fleet.start_api()
    delivered = delivery(fleet, path, "delivered")
    assert delivered["attempts"][-1]["status"] == 204
    [told] = receiver.told
    assert_genuine(told, secret, job)
    fleet.ask(path, method="DELETE")


def test_while_a_secret_is_changed_both_verify(fleet, receiver):
    receiver.start()
    path, old = webhook(fleet, receiver)
    rotated = fleet.ask(f"{path}/rotate", method="POST")
    job = spoken(fleet)
    delivered = delivery(fleet, path, "delivered")
    [told] = receiver.told
    headers = {name.lower(): value for name, value in told.headers.items()}
    assert len(headers["webhook-signature"].split()) == 2
    for secret in (old, rotated["secret"]):
        assert_genuine(told, secret, job)

    # Told again when asked, under the same id.
    fleet.ask(f"{path}/deliveries/{delivered['id']}/redeliver", method="POST")
    until(lambda: len(receiver.told) == 2)
    again = {name.lower(): value for name, value in receiver.told[1].headers.items()}
    assert again["webhook-id"] == headers["webhook-id"]
    assert json.loads(receiver.told[1].body) == json.loads(told.body)
    fleet.ask(path, method="DELETE")
