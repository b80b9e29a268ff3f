"""The program under test: started on a loopback port with a folder of its own, stopped by its process id."""

import contextlib
import os
import pathlib
import queue
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator

CLUSTER = pathlib.Path(__file__).resolve().parents[2] / "scripts/cluster"
START_SECONDS = 60
# RabbitMQ takes its time on a busy machine.
SERVERS_START_SECONDS = 150
STOP_SECONDS = 45
LINES_OF_LOG = 40
ANNOUNCES = "listening on "


@contextlib.contextmanager
def serving(program: pathlib.Path, *flags: str) -> Iterator[str]:
    """Runs `voicefleet serve` and gives its base URL; demands that it ends with 0 when told to stop."""
    with tempfile.TemporaryDirectory(prefix="voicefleet-clients-") as folder:
        command = [program, "serve", "--listen", "127.0.0.1:0", "--data", f"{folder}/data", *flags]
        with running(command, f"{folder}/log") as server:
            yield server.url


@contextlib.contextmanager
def running(command: list, log: str, **settings: str) -> Iterator["Process"]:
    """Runs a process that serves; on a fault prints the end of its log."""
    process = Process(command, log, settings)
    try:
        process.start()
        yield process
        process.stop()
    except BaseException:
        process.kill()
        sys.stderr.write("".join(pathlib.Path(log).read_text().splitlines(keepends=True)[-LINES_OF_LOG:]))
        raise


@contextlib.contextmanager
def cluster_servers() -> Iterator[dict[str, str]]:
    """RabbitMQ and Redis of their own; gives where they are, as settings of the program."""
    servers = subprocess.Popen([CLUSTER, "--servers"], stdout=subprocess.PIPE, text=True)
    try:
        lines = [line_of(servers, SERVERS_START_SECONDS) for _ in range(2)]
        yield dict(line.strip().split("=", 1) for line in lines)
    finally:
        servers.terminate()
        servers.communicate(timeout=STOP_SECONDS)


class Process:
    """A `voicefleet` that serves, and that can be started again after its end."""

    def __init__(self, command: list, log: str, settings: dict[str, str]):
        self.command = command
        self.log = log
        self.settings = settings
        self.url = ""
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(
                self.command, stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, **self.settings}
            )
        line = line_of(self.process, START_SECONDS)
        if not line.startswith(ANNOUNCES):
            raise RuntimeError(f"unexpected first line: {line!r}")
        self.url = line.removeprefix(ANNOUNCES).strip()

    def kill(self) -> None:
        """kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()

    def stop(self) -> None:
        self.process.terminate()
        code = self.process.wait(timeout=STOP_SECONDS)
        self.process.stdout.close()
        if code != 0:
            raise RuntimeError(f"the server ended with {code}")


def line_of(process: subprocess.Popen, patience: float) -> str:
    said: queue.Queue[str] = queue.Queue()
    threading.Thread(target=lambda: said.put(process.stdout.readline()), daemon=True).start()
    try:
        return said.get(timeout=patience)
    except queue.Empty:
        raise TimeoutError(f"process {process.pid} says nothing for {patience} s") from None


def free_port() -> int:
    """For what must have the same address after it was started again."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]
