"""openai (Python): `audio.transcriptions` and `audio.translations`."""

import pathlib

import pytest
from recordings import assert_same_words, words


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


def test_a_streamed_transcript_is_the_same(client, recording):
    *deltas, done = list(transcribe(client, recording, stream=True))
    assert {event.type for event in deltas} <= {"transcript.text.delta", "transcript.text.segment"}
    assert done.type == "transcript.text.done"
    assert_same_words(done.text, recording.text)
    heard = "".join(event.delta for event in deltas if event.type == "transcript.text.delta")
    assert words(heard) == words(done.text)


def test_a_translation_of_english_has_its_words(client, recording):
    file = ("speech.wav", recording.wav)
    assert_same_words(client.audio.translations.create(model="whisper-1", file=file).text, recording.text)


def test_what_is_said_in_spanish_is_translated(client):
    spoken = client.audio.speech.create(
        model="kokoro-82m", voice="ef_dora", input="Me gusta trabajar con computadoras.", response_format="wav"
    )
    file = ("speech.wav", spoken.content)
    english = client.audio.translations.create(model="whisper-1", file=file, response_format="verbose_json")
    assert english.task == "translate"
    assert {"work", "working"} & set(words(english.text)), english.text
    spanish = client.audio.transcriptions.create(model="whisper-1", file=file)
    assert "trabajar" in words(spanish.text), spanish.text
