"""What the README shows is what is there."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def test_ok__the_door_is_quoted_word_for_word():
    (code,) = re.findall(r"```python\n(.*?)```", README, re.S)
    door = (ROOT / "firmware_agent/egress/door.py").read_text("utf-8")
    lines = [line.strip() for line in door.splitlines() if '"""' not in line]
    quoted = [line.strip() for line in code.strip().splitlines()]
    assert any(lines[at : at + len(quoted)] == quoted for at in range(len(lines)))
    assert len(quoted) <= 10


def test_ok__every_local_link_leads_somewhere():
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_ok__the_example_configuration_is_accepted(tmp_path):
    from firmware_agent import config

    text = (ROOT / "docs/integrate.md").read_text("utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", text, re.S)
    file = tmp_path / "agent.toml"
    file.write_text(example)
    found = config.load(file)
    assert found.uplinks["lightmake"].tls and found.presence == "console"
    assert set(tomllib.loads(example)["source"]) == set(found.sources)


def test_ok__each_adapter_that_the_docs_name_is_accepted(tmp_path):
    from firmware_agent import config

    text = (ROOT / "docs/integrate.md").read_text("utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", text, re.S)
    head = example[: example.index("[source.")]
    found = re.findall(r"command = (\[\".*?\])", text)
    assert found
    for command in found:
        file = tmp_path / "agent.toml"
        file.write_text(f'{head}\n[source.camera]\nkind = "adapter"\ncommand = {command}\n')
        assert config.load(file).sources["camera"]["command"] == tomllib.loads(f"x = {command}")["x"]


def test_ok__the_picture_is_what_the_tool_draws(tmp_path):
    import subprocess
    import sys

    before = (ROOT / "docs/path.svg").read_bytes()
    subprocess.run([sys.executable, ROOT / "tools/draw"], check=True)
    assert (ROOT / "docs/path.svg").read_bytes() == before
