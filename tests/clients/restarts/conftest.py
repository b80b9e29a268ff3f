"""The two ways to run, each test over both, each with records of its own."""

import contextlib

import fleet as fleets
import pytest
from program import cluster_servers
from receiver import Receiver

# So that receivers on this machine may be told.
SETTINGS = {"VOICEFLEET_WEBHOOKS_TO_HTTP": "true", "VOICEFLEET_WEBHOOKS_TO_PRIVATE": "true"}


@pytest.fixture(scope="session")
def starter():
    """Starts RabbitMQ and Redis when they are first wanted."""
    with contextlib.ExitStack() as stack:
        started = []

        def servers() -> dict[str, str]:
            if not started:
                started.append(stack.enter_context(cluster_servers()))
            return started[0]

        yield servers


@pytest.fixture(params=["embedded", "cluster"], scope="module")
def fleet(request, starter, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "embedded":
        running = fleets.embedded(folder, **SETTINGS)
    else:
        running = fleets.clustered(folder, starter(), **SETTINGS)
    with running as fleet:
        yield fleet


@pytest.fixture
def receiver():
    """Of webhooks; it does not listen yet."""
    receiver = Receiver()
    yield receiver
    receiver.stop()
