"""srt and webvtt-py: subtitles as others read them."""

import datetime
import io

import pytest
import srt
import webvtt
from recordings import assert_same_words, words


@pytest.fixture(scope="module")
def transcribed(client, long_recording):
    def transcribed(response_format):
        return client.audio.transcriptions.create(
            model="whisper-1",
            file=("speech.wav", long_recording.wav),
            language="en",
            response_format=response_format,
        )

    return transcribed


def srt_cues(text):
    cues = list(srt.parse(text))
    assert [cue.index for cue in cues] == list(range(1, len(cues) + 1))
    zero = datetime.timedelta(0)
    assert all(cue.start >= zero for cue in cues)
    return [(cue.start.total_seconds(), cue.end.total_seconds(), cue.content) for cue in cues]


def vtt_cues(text):
    captions = webvtt.from_buffer(io.StringIO(text))
    return [(cue.start_in_seconds, cue.end_in_seconds, cue.text) for cue in captions]


@pytest.mark.parametrize(("response_format", "read"), [("srt", srt_cues), ("vtt", vtt_cues)])
def test_cues_are_in_order_and_say_what_the_transcript_says(transcribed, long_recording, response_format, read):
    cues = read(transcribed(response_format))
    assert len(cues) > 1
    for start, end, content in cues:
        assert start < end and content.strip()
    assert all(before[1] <= after[0] for before, after in zip(cues, cues[1:]))
    assert cues[-1][1] <= long_recording.seconds + 0.01
    assert words(" ".join(content for _, _, content in cues)) == words(transcribed("json").text)
    assert_same_words(" ".join(content for _, _, content in cues), long_recording.text)
