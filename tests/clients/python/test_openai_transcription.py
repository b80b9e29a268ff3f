"""openai (Python): `audio.transcriptions` and `audio.translations`."""

import pathlib

import openai
import pytest
from recordings import assert_same_words, words

TRANSLATIONS = "/v1/audio/translations"


def transcribe(client, recording, **fields):
    fields = {"model": "whisper-1", "language": "en"} | fields
    return client.audio.transcriptions.create(file=("speech.wav", recording.wav), **fields)


def test_json_has_the_words_and_the_length(client, recording):
    heard = transcribe(client, recording)
    assert_same_words(heard.text, recording.text)
    assert heard.usage.type == "duration"
    assert heard.usage.seconds == pytest.approx(recording.seconds, abs=0.01)


@pytest.mark.parametrize("model", ["whisper-1", "gpt-transcribe", "gpt-4o-transcribe", "gpt-4o-mini-transcribe"])
def test_openais_models_listen(client, recording, model):
    assert_same_words(transcribe(client, recording, model=model).text, recording.text)


def test_the_language_is_found_where_it_is_not_given(client, recording):
    heard = client.audio.transcriptions.create(
        model="whisper-1", file=("speech.wav", recording.wav), response_format="verbose_json"
    )
    assert heard.language == "en"
    assert_same_words(heard.text, recording.text)


def test_text_is_the_words_alone(client, recording):
    heard = transcribe(client, recording, response_format="text")
    assert isinstance(heard, str)
    assert_same_words(heard, recording.text)


def test_verbose_json_has_words_and_segments_in_order(client, long_recording):
    heard = transcribe(
        client, long_recording, response_format="verbose_json", timestamp_granularities=["word", "segment"]
    )
    assert heard.duration == pytest.approx(long_recording.seconds, abs=0.01)
    for stretches in (heard.words, heard.segments):
        times = [moment for stretch in stretches for moment in (stretch.start, stretch.end)]
        assert times and times == sorted(times)
        assert 0 <= times[0] and times[-1] <= heard.duration + 0.01
    assert words(" ".join(word.word for word in heard.words)) == words(heard.text)
    assert words(" ".join(segment.text for segment in heard.segments)) == words(heard.text)
    assert_same_words(heard.text, long_recording.text)


@pytest.mark.parametrize("granularity", ["word", "segment"])
def test_verbose_json_has_only_what_was_asked_for(client, recording, granularity):
    heard = transcribe(client, recording, response_format="verbose_json", timestamp_granularities=[granularity])
    assert bool(heard.words) == (granularity == "word")
    assert bool(heard.segments) == (granularity == "segment")


def test_prompt_and_temperature_are_taken(client, recording):
    heard = transcribe(client, recording, prompt="An interview.", temperature=0.2)
    assert_same_words(heard.text, recording.text)


def test_a_file_may_be_a_path_or_an_open_file(client, recording, tmp_path: pathlib.Path):
    path = tmp_path / "speech.wav"
    path.write_bytes(recording.wav)
    with path.open("rb") as open_file:
        for file in (path, open_file):
            heard = client.audio.transcriptions.create(model="whisper-1", file=file, language="en")
            assert_same_words(heard.text, recording.text)


def test_a_streamed_transcript_is_the_same_or_is_refused_as_documented(client, service, recording):
    if streams_transcripts(service):
        *deltas, done = list(transcribe(client, recording, stream=True))
        assert {event.type for event in deltas} <= {"transcript.text.delta", "transcript.text.segment"}
        assert done.type == "transcript.text.done"
        assert_same_words(done.text, recording.text)
        heard = "".join(event.delta for event in deltas if event.type == "transcript.text.delta")
        assert words(heard) == words(done.text)
    else:
        with pytest.raises(openai.BadRequestError) as refused:
            transcribe(client, recording, stream=True)
        assert refused.value.param == "stream"


def streams_transcripts(service) -> bool:
    path = service.document()["paths"]["/v1/audio/transcriptions"]
    return "text/event-stream" in path["post"]["responses"]["200"]["content"]


def test_a_translation_has_the_words_or_there_is_none(client, service, recording):
    file = ("speech.wav", recording.wav)
    if TRANSLATIONS in service.document()["paths"]:
        assert_same_words(client.audio.translations.create(model="whisper-1", file=file).text, recording.text)
    else:
        with pytest.raises(openai.NotFoundError) as refused:
            client.audio.translations.create(model="whisper-1", file=file)
        assert refused.value.code == "not_found"
