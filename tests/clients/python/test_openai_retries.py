"""openai (Python): its own retries, which carry no idempotency key, cost nothing twice."""

import openai
import pytest
from faults import FaultyProxy
from recordings import assert_same_words, seconds

SENTENCES = {
    "busy": "The first candidate has a question about the salary.",
    "cut": "The second candidate has a question about the holidays.",
    "torn": "The third candidate has a question about the working hours.",
}


@pytest.fixture(params=SENTENCES)
def fault(request) -> str:
    return request.param


def retrying(proxy: FaultyProxy) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{proxy.url}/v1", api_key="unused", timeout=60, max_retries=2)


def test_repeated_speech_is_computed_once(url, service, fault):
    text = SENTENCES[fault]
    asked = service.submitted()
    with FaultyProxy(url, fault, lambda: service.submitted() > asked) as proxy, retrying(proxy) as client:
        answer = client.audio.speech.with_raw_response.create(
            model="tts-1", voice="alloy", input=text, response_format="wav"
        )
        assert (proxy.requests, answer.retries_taken) == (2, 1)
    assert seconds(answer.content) > 1
    assert answer.headers["x-voicefleet-cache"] in {"hit", "follow"}
    assert service.job(answer.headers["x-voicefleet-job-id"])["status"] == "succeeded"
    assert service.times_computed(answer.headers["x-voicefleet-job-id"]) == (1, 2)


def test_a_repeated_transcription_is_computed_once(url, client, service, fault):
    text = f"Well, thank you. {SENTENCES[fault]}"
    spoken = client.audio.speech.create(model="tts-1", voice="alloy", input=text, response_format="wav")
    asked = service.submitted()
    with FaultyProxy(url, fault, lambda: service.submitted() > asked) as proxy, retrying(proxy) as retrying_client:
        answer = retrying_client.audio.transcriptions.with_raw_response.create(
            model="whisper-1", file=("speech.wav", spoken.content), language="en"
        )
        assert (proxy.requests, answer.retries_taken) == (2, 1)
    assert_same_words(answer.parse().text, text)
    assert answer.headers["x-voicefleet-cache"] in {"hit", "follow"}
    assert service.times_computed(answer.headers["x-voicefleet-job-id"]) == (1, 2)


def test_what_is_refused_is_not_asked_for_again(url):
    with FaultyProxy(url, "none") as proxy, retrying(proxy) as client:
        with pytest.raises(openai.BadRequestError):
            client.audio.speech.create(model="tts-1", voice="alloy", input="Hello.", response_format="aac")
        assert proxy.requests == 1
