"""openai (Python): a batch, while the API server is killed in the middle of it."""

import json
import os
import time

import pytest
from fleet import until

# `scripts/test-clients --full` has more.
LINES = int(os.environ.get("VOICEFLEET_BATCH_LINES", "500"))
# Texts that differ: the rest is answered by other jobs and from the cache.
PROMPTS = min(300, LINES // 10)
# One line in so many cannot be done, in each of these ways in turn.
BAD_EVERY = 100
WRONG = [
    ({"voice": "nobody"}, "unknown_voice"),
    ({"speed": 9.0}, "speed_out_of_range"),
    ({"input": ""}, "empty_text"),
    ({"response_format": "aac"}, "unknown_format"),
]
# How long the whole may take; a server that was killed has its batch for another minute.
BATCH_SECONDS = 120 + LINES / 8
ENDED = {"failed", "completed", "expired", "cancelled"}


def is_bad(number: int) -> bool:
    return number % BAD_EVERY == 37


def line(number: int) -> dict:
    body = {"model": "tts-1", "voice": "alloy", "input": prompt(number), "response_format": "wav"}
    if is_bad(number):
        body |= WRONG[number // BAD_EVERY % len(WRONG)][0]
    return {"custom_id": f"line {number}", "method": "POST", "url": "/v1/audio/speech", "body": body}


def prompt(number: int) -> str:
    return f"Question {number % PROMPTS}."


def entries(client, file_id: str) -> list[dict]:
    return [json.loads(text) for text in client.files.content(file_id).text.splitlines()]


@pytest.fixture(scope="module")
def done(fleet):
    """A batch that has ended, its input, and how often each piece of its work was computed."""
    client, began, before = fleet.client, time.monotonic(), fleet.times_computed()
    lines = "".join(json.dumps(line(number)) + "\n" for number in range(LINES)).encode()
    uploaded = client.files.create(file=("lines.jsonl", lines), purpose="batch")
    made = client.batches.create(
        input_file_id=uploaded.id,
        endpoint="/v1/audio/speech",
        completion_window="24h",
        metadata={"exam": "7"},
    )

    def counts():
        return client.batches.retrieve(made.id).request_counts

    until(lambda: counts().completed >= LINES // 10, BATCH_SECONDS)
    fleet.kill_api()
    killed_after = time.monotonic() - began
    fleet.start_api()
    at_the_kill = counts().completed
    assert at_the_kill < LINES - LINES // BAD_EVERY, "the kill came too late to show anything"

    def ended():
        batch = client.batches.retrieve(made.id)
        return batch if batch.status in ENDED else None

    batch = until(ended, BATCH_SECONDS)
    seconds = time.monotonic() - began
    print(
        f"\n{LINES} lines in {seconds:.0f} s, killed after {killed_after:.0f} s at {at_the_kill}:",
        dict(batch.request_counts),
    )
    return batch, lines, fleet.times_computed() - before


def test_its_counts_are_right(done):
    batch, _, _ = done
    bad = sum(map(is_bad, range(LINES)))
    assert bad == LINES // BAD_EVERY
    assert (batch.status, batch.metadata) == ("completed", {"exam": "7"})
    counts = batch.request_counts
    assert (counts.total, counts.completed, counts.failed) == (LINES, LINES - bad, bad)


def test_each_line_is_answered_once_and_in_its_place(fleet, done):
    batch, _, _ = done
    answers = entries(fleet.client, batch.output_file_id)
    assert [answer["custom_id"] for answer in answers] == [
        f"line {number}" for number in range(LINES) if not is_bad(number)
    ]
    assert all(answer["response"]["status_code"] == 200 and answer["error"] is None for answer in answers)
    assert len({answer["id"] for answer in answers}) == len(answers)


def test_what_failed_says_why(fleet, done):
    batch, _, _ = done
    failures = entries(fleet.client, batch.error_file_id)
    bad = [number for number in range(LINES) if is_bad(number)]
    assert [failure["custom_id"] for failure in failures] == [f"line {number}" for number in bad]
    reasons = [failure["error"]["code"] for failure in failures]
    assert reasons == [WRONG[number // BAD_EVERY % len(WRONG)][1] for number in bad]
    assert all(failure["error"]["message"] for failure in failures)


def test_nothing_was_computed_twice(done):
    _, _, times = done
    assert len(times) == len({prompt(number) for number in range(LINES) if not is_bad(number)})
    assert set(times.values()) == {1}


def test_its_audio_is_there(fleet, done):
    batch, _, _ = done
    answers = entries(fleet.client, batch.output_file_id)[:PROMPTS]
    for answer in answers[:: max(1, PROMPTS // 20)]:
        body = answer["response"]["body"]
        audio = fleet.client.get(body["url"].removeprefix("/v1"), cast_to=bytes, options={"headers": {"accept": "*/*"}})
        assert audio[:4] == b"RIFF" and body["audio_seconds"] > 0.2


def test_files_outlive_the_server(fleet, done):
    batch, lines, _ = done
    assert fleet.client.files.content(batch.input_file_id).content == lines
    files = {batch.input_file_id, batch.output_file_id, batch.error_file_id}
    assert files <= {file.id for file in fleet.client.files.list()}
    fleet.kill_api()
    fleet.start_api()
    assert fleet.client.files.content(batch.input_file_id).content == lines
    assert len(entries(fleet.client, batch.output_file_id)) == batch.request_counts.completed
