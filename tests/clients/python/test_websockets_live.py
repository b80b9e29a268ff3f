"""websockets: a live session as an interviewer's backend has it."""

import io
import itertools
import json
import wave

import pytest
from recordings import Recording
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

PATIENCE = 120
ENDS = {"speech.done", "speech.cancelled", "transcript", "error"}
numbers = itertools.count()


class Session:
    """A session that is open, with what was heard last."""

    def __init__(self, socket, **start):
        self.socket = socket
        self.say(type="session.start", **start)
        self.settings = self.event("session.started")

    def say(self, **message):
        self.socket.send(json.dumps(message))

    def event(self, name: str) -> dict:
        event = json.loads(self.socket.recv(timeout=PATIENCE))
        assert event["type"] == name, event
        return event

    def until_end(self) -> tuple[bytes, list[dict]]:
        """The audio and the events up to the end of what is next."""
        audio, events = b"", []
        while not events or events[-1]["type"] not in ENDS:
            message = self.socket.recv(timeout=PATIENCE)
            if isinstance(message, bytes):
                audio += message
            else:
                events.append(json.loads(message))
        return audio, events


@pytest.fixture
def address(url: str) -> str:
    return url.replace("http", "ws", 1) + "/v1/live"


def test_an_interview(address: str, recording: Recording):
    text = f"Thank you, candidate {next(numbers)}. What would you do differently?"
    with connect(address, max_size=None) as socket:
        session = Session(socket, model="tts-1")
        for word in text.split(" "):
            session.say(type="speak.append", id="q", text=f"{word} ")
        session.say(type="speak.end", id="q")
        audio, events = session.until_end()
        assert [event["type"] for event in events] == [
            "speech.started",
            "speech.sentence",
            "speech.sentence",
            "speech.done",
        ]
        assert [event["text"] for event in events[1:3]] == [f"{text.split('.')[0]}.", "What would you do differently?"]
        assert abs(len(audio) / 48 - events[-1]["audio_ms"]) < 5
        session.say(type="audio.start", id="a", language="en", words=True)
        for at in range(0, len(recording.wav), 4096):
            socket.send(recording.wav[at : at + 4096])
        session.say(type="audio.end", id="a")
        session.event("audio.started")
        _, [transcript] = session.until_end()
        assert transcript["type"] == "transcript", transcript
        assert "project" in transcript["text"].lower()
        assert transcript["words"][0]["start"] >= 0


def test_barge_in(address: str):
    story = " ".join(f"This is sentence number {number} of a long story." for number in range(20))
    with connect(address, max_size=None) as socket:
        session = Session(socket, model="tts-1", response_format="wav")
        session.say(type="speak", id="long", input=f"{next(numbers)}. {story}")
        session.event("speech.started")
        session.event("speech.sentence")
        assert socket.recv(timeout=PATIENCE)[:4] == b"RIFF"
        session.say(type="speak.cancel")
        _, events = session.until_end()
        assert events[-1]["type"] == "speech.cancelled" and events[-1]["audio_ms"] > 0
        session.say(type="speak", id="short", input="Go on.")
        audio, events = session.until_end()
        assert {event["id"] for event in events} == {"short"}
        # Its sizes are those of a file whose length nobody knew.
        samples = (len(audio) - 44).to_bytes(4, "little")
        whole = audio[:4] + (len(audio) - 8).to_bytes(4, "little") + audio[8:40] + samples + audio[44:]
        with wave.open(io.BytesIO(whole)) as file:
            assert file.getnframes() * 1000 // file.getframerate() == events[-1]["audio_ms"]


def test_what_is_wrong_is_said_and_the_session_goes_on(address: str):
    with connect(address) as socket:
        session = Session(socket, model="tts-1")
        session.say(type="speak", id="a", input="Hello.", voice="nobody")
        _, [error] = session.until_end()
        assert (error["id"], error["ended"]) == ("a", False)
        assert (error["error"]["code"], error["error"]["param"]) == ("unknown_voice", "voice")
        session.say(type="ping")
        session.event("pong")


def test_a_page_of_somebody_else_is_refused(address: str):
    with pytest.raises(InvalidStatus) as refused, connect(address, origin="https://evil.example"):
        pass
    assert refused.value.response.status_code == 403


async def test_several_sessions_side_by_side(address: str):
    """asyncio's client, which answers pings by itself and offers compression."""
    async with connect_async(address) as one, connect_async(address) as other:
        for socket in (one, other):
            await socket.send(json.dumps({"type": "session.start", "model": "tts-1", "audio": "base64"}))
            await socket.send(json.dumps({"type": "speak", "id": "same", "input": "We both say this."}))
        heard = []
        for socket in (one, other):
            events = []
            while not events or events[-1]["type"] not in ENDS:
                events.append(json.loads(await socket.recv()))
            assert events[-1]["type"] == "speech.done", events[-1]
            heard.append([event["audio"] for event in events if event["type"] == "speech.audio"])
        assert "".join(heard[0]) and sum(map(len, heard[0])) == sum(map(len, heard[1]))
