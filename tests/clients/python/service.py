"""The server as it is seen beside the client: its jobs, and its counts of work done."""

import json
import re
import urllib.request

PATIENCE = 60
SAMPLE = re.compile(r'^(\w+)\{([^}]*)\} (\S+)$', re.MULTILINE)


class Service:
    def __init__(self, url: str):
        self.url = url

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=PATIENCE) as answer:
            return answer.read()

    def job(self, job_id: str) -> dict:
        """The job, once it has ended."""
        return json.loads(self.get(f"/v1/jobs/{job_id}?wait=30"))

    def document(self) -> dict:
        return json.loads(self.get("/openapi.json"))

    def times_computed(self, job_id: str) -> tuple[int, int]:
        """Of the jobs for the same as this one, how many were computed, and how many there are."""
        fingerprint = self.job(job_id)["fingerprint"]
        jobs = json.loads(self.get("/v1/jobs?limit=100"))["data"]
        same = [job for job in jobs if job["fingerprint"] == fingerprint]
        return sum(job["timings"]["compute_ms"] > 0 for job in same), len(same)

    def submitted(self) -> int:
        """Jobs that were asked for so far."""
        return self.sum_of("voicefleet_jobs_submitted_total")

    def sum_of(self, metric: str) -> int:
        samples = SAMPLE.findall(self.get("/metrics").decode())
        return round(sum(float(value) for name, _, value in samples if name == metric))
