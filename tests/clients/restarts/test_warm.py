"""voicefleet warm: what it was given is answered from the cache, also after the server was killed."""

TEXTS = ["Please take a seat.", "Tell us about yourself.", "Why do you want this job?", "Thank you. Goodbye."]


def answered(fleet, text: str) -> str:
    """How the cache answers."""
    spoken = fleet.client.audio.speech.with_raw_response.create(
        model="tts-1", voice="alloy", input=text, response_format="wav"
    )
    assert spoken.content[:4] == b"RIFF"
    return spoken.headers["x-voicefleet-cache"]


def test_what_was_warmed_costs_nothing(fleet, tmp_path):
    file, before = tmp_path / "prompts.txt", fleet.times_computed()
    file.write_text("\n".join(TEXTS) + "\n")
    said = fleet.run("warm", str(file), "--engine", "piper")
    assert said.returncode == 0, said.stderr
    assert f"{len(TEXTS)} of {len(TEXTS)} texts are there" in said.stdout
    computed = fleet.times_computed()
    assert sorted((computed - before).values()) == [1] * len(TEXTS)
    assert {answered(fleet, text) for text in TEXTS} == {"hit"}
    fleet.kill_api()
    fleet.start_api()
    assert {answered(fleet, text) for text in TEXTS} == {"hit"}
    assert fleet.times_computed() == computed


def test_what_cannot_be_spoken_is_named(fleet, tmp_path):
    file = tmp_path / "prompts.csv"
    file.write_text("text,voice\nHello again.,alloy\nHello.,nobody\n")
    said = fleet.run("warm", str(file), "--engine", "piper")
    assert said.returncode == 1
    assert "line 3" in said.stderr and "nobody" in said.stderr
