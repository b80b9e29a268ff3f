"""openai (Python): `models`."""

import openai
import pytest


def test_models_are_listed(client):
    models = {model.id: model for model in client.models.list()}
    assert {"piper-en_US-joe-medium", "kokoro-82m"} <= models.keys()
    assert {model.object for model in models.values()} == {"model"}


def test_each_listed_model_can_be_retrieved(client):
    for model in client.models.list():
        assert client.models.retrieve(model.id) == model


def test_a_model_that_is_not_there_is_not_found(client):
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no-such-model")
