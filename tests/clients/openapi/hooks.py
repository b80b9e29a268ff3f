"""Makes what Schemathesis generates as valid really valid where a schema cannot say what is: names of the catalogue,
bytes that are audio, text that can be spoken, shares that add up to 100. The rest of such a request stays as generated,
and requests that are meant to be invalid are not touched.
"""

import io
import itertools
import json
import math
import os
import re
import struct
import wave
from urllib.request import Request, urlopen

import schemathesis

URL = os.environ["VOICEFLEET_URL"]
# Of whoever calls.
OWN = {"authorization": f"Bearer {os.environ['VOICEFLEET_API_KEY']}"}
# The smallest models, for speed.
LISTENER = "whisper-tiny.en"
# It knows more than English.
TRANSLATOR = "whisper-base"
SPEAKER = "tts-1"
ENGINES = ["piper", "auto"]
POOLS = ["piper", "kokoro", "whisper"]
VOICES = ["alloy", "nova"]
LONGEST_TEXT = 60
SPEAKABLE = re.compile("[A-Za-z]{2}")
PATIENCE = 30
turns = itertools.count()


def tone() -> bytes:
    """Half a second of 440 Hz, WAV."""
    rate = 16_000
    samples = (int(8_000 * math.sin(2 * math.pi * 440 * n / rate)) for n in range(rate // 2))
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return file.getvalue()


AUDIO = tone()


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Schemathesis takes the schema of an event stream for that of each event; in OpenAPI 3.1 it is the whole text's."""
    for path in raw_schema["paths"].values():
        for operation in path.values():
            for response in operation.get("responses", {}).values():
                response.get("content", {}).get("text/event-stream", {}).pop("schema", None)


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is None or case.meta.generation.mode.is_negative:
        return
    make_query(case)
    if case.headers and "Idempotency-Key" in case.headers:
        # One that was used before is for the same request only.
        case.headers["Idempotency-Key"] = f"case-{next(turns)}"
    if case.media_type == "multipart/form-data" and isinstance(case.body, dict):
        kwargs["files"] = form_parts(case.operation.path, case.body)
    elif case.media_type == "application/json" and isinstance(case.body, dict):
        case.body = make_json(dict(case.body))


def make_query(case) -> None:
    query = case.query or {}
    if case.operation.path in {"/v1/batches", "/v1/files", "/v1/webhooks/{id}/deliveries"}:
        # A cursor is the id of one of these, which differ.
        query.pop("after", None)
    if case.operation.path == "/v1/dead-letters" and "engine" in query:
        query["engine"] = one_of(POOLS)
    if case.operation.path.endswith("/result") and "format" in query:
        query["format"] = one_of(formats_of_job(case.path_parameters["id"]))


def formats_of_job(job: str) -> list[str]:
    """The formats that the result of a job of this kind comes in."""
    try:
        with urlopen(Request(f"{URL}/v1/jobs/{job}", headers=OWN), timeout=PATIENCE) as answer:
            kind = json.load(answer)["kind"]
    except (OSError, ValueError):
        kind = "speech"
    return ["wav", "mp3"] if kind == "speech" else ["json", "text", "srt", "verbose_json", "vtt"]


def make_json(body: dict) -> dict:
    if "shares" in body:
        body["shares"] = {"piper": 70, "kokoro": 10, "whisper": 20}
        if body.get("budgets"):
            body["budgets"] = {"cpu": 32}
    if "input" in body:
        make_speech(body)
    if "file_id" in body:
        body["file_id"] = uploaded()
        make_transcription(body)
    if body.get("deadline") is not None:
        body["deadline"] = 600
    if body.get("url") is not None:
        body["url"] = "https://example.com/events"
    if body.get("events") is not None:
        body["events"] = ["job.succeeded", "job.failed"]
    if "tenant" in body:
        make_key(body)
    if "input_file_id" in body:
        make_batch(body)
    return body


def make_key(body: dict) -> None:
    """Of those who are told apart, with limits that are whole numbers however they are written."""
    body["tenant"] = "acme"
    limits = body.get("limits") or {}
    body["limits"] = {name: int(limit) if isinstance(limit, float) else limit for name, limit in limits.items()}


def make_batch(body: dict) -> None:
    line = {"custom_id": "a", "method": "POST", "url": "/v1/audio/speech"}
    line["body"] = {"model": SPEAKER, "voice": VOICES[0], "input": "Yes."}
    body["input_file_id"] = uploaded("lines.jsonl", json.dumps(line).encode(), "batch")
    body["endpoint"] = "/v1/audio/speech"
    body["completion_window"] = "24h"
    if body.get("metadata") is not None:
        body["metadata"] = {"exam": "7"}


def make_speech(body: dict) -> None:
    text = str(body["input"])[:LONGEST_TEXT]
    body["input"] = text if SPEAKABLE.search(text) else f"Yes. {text}"
    if "model" in body:
        body["model"] = SPEAKER
    if body.get("engine") is not None:
        body["engine"] = "piper" if "model" in body else one_of(ENGINES)
    if body.get("voice") is not None:
        voice = one_of(VOICES)
        body["voice"] = {"id": voice} if isinstance(body["voice"], dict) else voice
    if body.get("stream_format") is not None:
        body["stream_format"] = one_of(["audio", "sse"])


def make_transcription(body: dict) -> None:
    body["model"] = LISTENER
    if body.get("language") is not None:
        body["language"] = "en"
    if body.get("prompt") is not None:
        body["prompt"] = str(body["prompt"])[:LONGEST_TEXT].replace("\0", "")


def form_parts(path: str, body: dict) -> list:
    """The form as `requests` takes it. A form has no null: a field is there or not."""
    fields = {name: value for name, value in body.items() if value is not None and name != "file"}
    if path != "/v1/files":
        make_transcription(fields)
    if path == "/v1/audio/translations":
        fields["model"] = TRANSLATOR
    certain = {
        "kind": "transcription",
        "deadline": "600",
        "temperature": "0.5",
        "stream": "false",
        "chunking_strategy": "auto",
        # The file is audio.
        "purpose": "transcription",
    }
    fields.update({name: value for name, value in certain.items() if name in fields})
    if "timestamp_granularities[]" in fields:
        fields.update({"timestamp_granularities[]": "segment", "response_format": "verbose_json"})
    parts = [("file", ("tone.wav", AUDIO))]
    return parts + [(name, (None, str(value))) for name, value in fields.items()]


def uploaded(name: str = "tone.wav", content: bytes = AUDIO, purpose: str = "transcription") -> str:
    """The id of a file that is there."""
    mark = "voicefleet-part"
    field = f'--{mark}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\n{purpose}\r\n'
    head = f'{field}--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    body = head.encode() + content + f"\r\n--{mark}--\r\n".encode()
    request = Request(f"{URL}/v1/files", body, {"content-type": f"multipart/form-data; boundary={mark}", **OWN})
    with urlopen(request, timeout=PATIENCE) as answer:
        return json.load(answer)["id"]


def one_of(names: list):
    return names[next(turns) % len(names)]
