"""A fleet whose API server can be killed and started again at the same address."""

import collections
import contextlib
import json
import os
import pathlib
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator

import openai
from program import Process, free_port, running

PROGRAM = os.environ["VOICEFLEET_PROGRAM"]
PATIENCE = 60
ASK_EVERY = 0.2
PAGE = 100


class Fleet:
    def __init__(self, api: Process):
        self.api = api
        self.url = api.url
        # Its own retries carry it over the restart.
        self.client = openai.OpenAI(base_url=f"{self.url}/v1", api_key="unused", timeout=PATIENCE, max_retries=8)

    def kill_api(self) -> None:
        self.api.kill()

    def start_api(self) -> None:
        self.api.start()

    def ask(self, path: str, body: dict | None = None, method: str | None = None) -> dict:
        sent = None if body is None else json.dumps(body).encode()
        kind = {"content-type": "application/json"} if sent else {}
        request = urllib.request.Request(f"{self.url}{path}", sent, kind, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)

    def run(self, *arguments: str) -> subprocess.CompletedProcess:
        """A command of the program that talks to the server."""
        environment = {**os.environ, "VOICEFLEET_URL": self.url}
        return subprocess.run(
            [PROGRAM, *arguments], env=environment, capture_output=True, text=True, timeout=5 * PATIENCE
        )

    def jobs(self) -> Iterator[dict]:
        """Every job that the records have."""
        after = ""
        while True:
            page = self.ask(f"/v1/jobs?limit={PAGE}{after}")
            yield from page["data"]
            if not page["has_more"]:
                return
            after = f"&after={page['last_id']}"

    def times_computed(self) -> collections.Counter:
        """How many jobs were computed of each piece of work, and not answered from the cache or by another job."""
        return collections.Counter(job["fingerprint"] for job in self.jobs() if was_computed(job))


def was_computed(job: dict) -> bool:
    """A worker that was lost after it stored a result, and before it said so, leaves that to the next attempt."""
    finished_for_another = job["from_cache"] and job["attempts"] > 1
    return job["timings"]["compute_ms"] > 0 or finished_for_another


@contextlib.contextmanager
def embedded(folder: pathlib.Path, **settings: str) -> Iterator[Fleet]:
    """One process with one file."""
    command = [PROGRAM, "serve", "--listen", f"127.0.0.1:{free_port()}", "--data", folder / "data"]
    with running(command, f"{folder}/log", **settings) as api:
        yield Fleet(api)


@contextlib.contextmanager
def clustered(folder: pathlib.Path, servers: dict[str, str], **settings: str) -> Iterator[Fleet]:
    """An API server and a worker over RabbitMQ and Redis."""
    settings = {**servers, **settings}
    api = [PROGRAM, "api", "--listen", f"127.0.0.1:{free_port()}"]
    worker = [PROGRAM, "worker", "--engine", "piper", "--listen", "127.0.0.1:0"]
    with running(worker, f"{folder}/worker.log", **settings), running(api, f"{folder}/log", **settings) as process:
        yield Fleet(process)


def until(found: Callable, patience: float = PATIENCE):
    """Asks again until there is something."""
    end = time.monotonic() + patience
    while not (answer := found()):
        if time.monotonic() > end:
            raise TimeoutError(f"not within {patience} s")
        time.sleep(ASK_EVERY)
    return answer
