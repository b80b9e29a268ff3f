"""The program under test: started on a free loopback port with a folder of its own, stopped by its process id."""

import contextlib
import pathlib
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator

START_SECONDS = 60
STOP_SECONDS = 45
LINES_OF_LOG = 40
ANNOUNCES = "listening on "


@contextlib.contextmanager
def serving(program: pathlib.Path) -> Iterator[str]:
    """Runs `voicefleet serve` and gives its base URL; demands that it ends with 0 when told to stop."""
    with tempfile.TemporaryDirectory(prefix="voicefleet-clients-") as folder, open(f"{folder}/log", "w+") as log:
        server = subprocess.Popen(
            [program, "serve", "--listen", "127.0.0.1:0", "--data", f"{folder}/data"],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            yield address(server)
            stop(server)
        except BaseException:
            server.kill()
            server.wait()
            log.seek(0)
            sys.stderr.write("".join(log.readlines()[-LINES_OF_LOG:]))
            raise
        finally:
            server.stdout.close()


def address(server: subprocess.Popen) -> str:
    said: queue.Queue[str] = queue.Queue()
    threading.Thread(target=lambda: said.put(server.stdout.readline()), daemon=True).start()
    try:
        line = said.get(timeout=START_SECONDS)
    except queue.Empty:
        raise TimeoutError(f"the server says nothing for {START_SECONDS} s") from None
    if not line.startswith(ANNOUNCES):
        raise RuntimeError(f"unexpected first line: {line!r}")
    return line.removeprefix(ANNOUNCES).strip()


def stop(server: subprocess.Popen) -> None:
    server.terminate()
    code = server.wait(timeout=STOP_SECONDS)
    if code != 0:
        raise RuntimeError(f"the server ended with {code}")
