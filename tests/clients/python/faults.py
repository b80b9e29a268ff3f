"""A proxy between client and server that spoils the first answer, whatever the server has made of the request by then."""

import http.client
import http.server
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

PATIENCE = 60


class FaultyProxy:
    """Passes every request on. `fault` says what the client gets for the first one:

    - `busy`: 503 with Retry-After, once the server has answered
    - `cut`: the connection ends as soon as the server has taken the work, which `taken` tells
    - `torn`: the connection ends in the middle of the answer
    """

    def __init__(self, url: str, fault: str, taken: Callable[[], bool] = lambda: True):
        self.upstream = urlsplit(url)
        self.fault = fault
        self.taken = taken
        self.requests = 0
        self.lock = threading.Lock()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.thread = threading.Thread(target=self.server.serve_forever)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                proxy.pass_on(self, proxy.fault if proxy.is_first() else None)

            def log_message(self, *_):
                pass

        return Handler

    def is_first(self) -> bool:
        with self.lock:
            self.requests += 1
            return self.requests == 1

    def pass_on(self, request: http.server.BaseHTTPRequestHandler, fault: str | None) -> None:
        request.close_connection = True
        body = request.rfile.read(int(request.headers["content-length"]))
        upstream = http.client.HTTPConnection(self.upstream.hostname, self.upstream.port, timeout=PATIENCE)
        headers = {name: value for name, value in request.headers.items() if name.lower() != "host"}
        try:
            upstream.request("POST", request.path, body, headers)
            if fault == "cut":
                self.wait_until_taken()
                return
            answer = upstream.getresponse()
            content = answer.read()
            if fault == "busy":
                request.send_response(503)
                request.send_header("retry-after", "1")
                request.send_header("content-length", "0")
                request.end_headers()
                return
            request.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in {"connection", "transfer-encoding", "content-length", "date"}:
                    request.send_header(name, value)
            request.send_header("content-length", str(len(content)))
            request.end_headers()
            request.wfile.write(content[: len(content) // 2] if fault == "torn" else content)
        finally:
            upstream.close()

    def wait_until_taken(self) -> None:
        until = time.monotonic() + PATIENCE
        while not self.taken() and time.monotonic() < until:
            time.sleep(0.01)
