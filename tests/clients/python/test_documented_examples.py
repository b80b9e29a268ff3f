"""The examples of docs/API.md, run as they stand there, one after the other in one folder."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

PAGE = pathlib.Path(__file__).parents[3] / "docs" / "API.md"
BLOCK = re.compile(r"^```(sh|python|js)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PATIENCE = 120


def blocks() -> list[tuple[str, str]]:
    return BLOCK.findall(PAGE.read_text())


def shell(scripts: list[str]) -> str:
    """One shell for all of them: later ones use the variables of earlier ones."""
    return "set -eu\n" + "\n".join(scripts)


def run(command: list[str], folder: pathlib.Path, url: str, text: str | None = None) -> None:
    environment = os.environ | {
        "VOICEFLEET_URL": url,
        "OPENAI_BASE_URL": f"{url}/v1",
        "OPENAI_API_KEY": os.environ.get("VOICEFLEET_API_KEY", "unused"),
    }
    done = subprocess.run(
        command, cwd=folder, env=environment, input=text, text=True, capture_output=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("examples")


def test_the_shell_examples_run(folder: pathlib.Path, url: str):
    scripts = [text for language, text in blocks() if language == "sh"]
    assert len(scripts) > 5
    run(["bash", "-c", shell(scripts)], folder, url)
    assert (folder / "question.wav").read_bytes()[:4] == b"RIFF"
    assert (folder / "answer.flac").read_bytes()[:4] == b"fLaC"


@pytest.mark.parametrize("text", [text for language, text in blocks() if language == "python"])
def test_the_python_examples_run(folder: pathlib.Path, url: str, text: str):
    run([sys.executable, "-c", text], folder, url)


@pytest.mark.parametrize("text", [text for language, text in blocks() if language == "js"])
def test_the_node_examples_run(folder: pathlib.Path, url: str, text: str):
    node, modules = os.environ["VOICEFLEET_NODE"], os.environ["VOICEFLEET_NODE_MODULES"]
    link = folder / "node_modules"
    if not link.exists():
        link.symlink_to(modules)
    script = folder / "example.mjs"
    script.write_text(text)
    run([node, str(script)], folder, url)
