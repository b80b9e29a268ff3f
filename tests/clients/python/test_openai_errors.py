"""openai (Python): what a client is told."""

import openai
import pytest


def speak(client, **fields):
    return client.audio.speech.create(**({"model": "tts-1", "voice": "alloy", "input": "Hello."} | fields))


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"speed": 5.0}, "speed", "speed_out_of_range"),
        ({"input": ""}, "input", "empty_text"),
        ({"input": "word " * 1000}, "input", "text_too_long"),
        ({"model": "tts-1-hd", "voice": "nobody"}, "voice", "unknown_voice"),
        ({"response_format": "midi"}, "response_format", "unknown_format"),
        ({"stream_format": "carrier-pigeon"}, "stream_format", "unknown_format"),
        ({"extra_body": {"speedd": 1}}, "speedd", "invalid_request"),
    ],
)
def test_a_bad_field_is_named(client, fields, param, code):
    with pytest.raises(openai.BadRequestError) as refused:
        speak(client, **fields)
    error = refused.value
    assert (error.param, error.code, error.type) == (param, code, "invalid_request_error")
    assert error.body["message"] and error.request_id


def test_a_model_that_is_not_there_is_not_found(client):
    with pytest.raises(openai.NotFoundError) as refused:
        speak(client, model="no-such-model")
    assert (refused.value.param, refused.value.code) == ("model", "unknown_model")


def test_a_transcription_by_a_model_that_is_not_there_is_not_found(client, recording):
    with pytest.raises(openai.NotFoundError) as refused:
        client.audio.transcriptions.create(model="no-such-model", file=("speech.wav", recording.wav))
    assert (refused.value.param, refused.value.code) == ("model", "unknown_model")


def test_a_file_that_is_not_audio_is_refused(client):
    with pytest.raises(openai.APIStatusError) as refused:
        client.audio.transcriptions.create(model="whisper-1", file=("speech.wav", b"This is no recording at all."))
    assert (refused.value.status_code, refused.value.code, refused.value.param) == (415, "not_audio", "file")


def test_word_times_need_verbose_json(client, recording):
    with pytest.raises(openai.BadRequestError) as refused:
        client.audio.transcriptions.create(
            model="whisper-1", file=("speech.wav", recording.wav), timestamp_granularities=["word"]
        )
    assert refused.value.param == "timestamp_granularities[]"
