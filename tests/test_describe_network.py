"""`make describe` prints what a network is made of, and one clear message where there is none."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = "scripts/describe_network.py"


@pytest.fixture
def describe(repository):
    def run(*arguments):
        command = [sys.executable, str(repository / SCRIPT), *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=repository, check=False)

    return run


def numbers(text):
    """The line of a layer, and its numbers: parameters, bases seen, multiply-adds."""
    found = {}
    for line in text.splitlines():
        fields = re.split(r"  +", line.strip())
        if len(fields) > 4:
            found[fields[1]] = [int(field.replace(",", "")) for field in fields[-3:] if re.fullmatch(r"[\d,]+", field)]
    return found


def test_table_of_a_published_network(describe):
    done = describe("--model", "basset", "--length", "600", "--targets", "164")
    assert done.returncode == 0
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0] == "basset: 600 bp, 164 targets"
    rows = numbers(done.stdout)
    assert rows["conv1d_1"] == [4 * 19 * 300 + 300, 19, 4 * 19 * 300 * 582]
    assert rows["max_pool_1"] == [0, 21, 0]
    assert re.search(r"^ +output +units 164 +164 +164,164 +600 +164,000$", done.stdout, flags=re.MULTILINE)
    assert re.search(r"^ +total +4,135,064 +149,073,600$", done.stdout, flags=re.MULTILINE)
    assert re.search(r"^7 +activation_2 +activation  function relu ", done.stdout, flags=re.MULTILINE)
    assert "Kelley et al. 2016" in lines[-1]
    # The columns stand beneath one another.
    table = [line for line in lines if re.search(r"x \d+ ", line)]
    assert len({line.index(" x ") - len(re.search(r"(\d+) x", line)[1]) for line in table}) == 1


def test_tracks_have_no_bases(describe):
    done = describe("--model", "sequence_and_tracks", "--tracks", "5", "--bins", "400")
    assert done.stdout.startswith("sequence_and_tracks: 200 bp, 5 tracks of 400 bins, 1 target\n")
    assert re.search(r"^tracks 1 +tracks\.conv1d_1 .* 16 x 400 +736 +288,000$", done.stdout, flags=re.MULTILINE)
    done = describe("--model", "decode", "--tracks", "5", "--bins", "400")
    assert done.stdout.startswith("decode: 5 tracks of 400 bins, 1 target\n")


def test_network_of_ones_own(describe, tmp_path):
    path = tmp_path / "models.yaml"
    path.write_text(
        "mine:\n  strands: shared\n  layers:\n    - {type: conv1d, filters: 8, width: 5, name: motifs}\n"
        "    - {type: global_max_pool}\n"
    )
    done = describe("--models", str(path), "--model", "mine")
    assert done.stdout.startswith("mine: 200 bp, 1 target; filters shared between the strands\n")
    assert re.search(r"^1 +motifs +conv1d  filters 8, width 5 +16 x 196 +168 ", done.stdout, flags=re.MULTILINE)
    assert "join_strands" in done.stdout


NOT_FLAT = "mine:\n  layers:\n    - {type: conv1d, filters: 8, width: 5}\n"
MISTAKES = {
    "no model": ([], None, ["WHAT no model is named", "zou_primer", "make describe MODEL=basset"]),
    "unknown model": (["--model", "bassett"], None, ["has no model 'bassett'", "did you mean `basset`?"]),
    "vanishing shape": (
        ["--model", "basset", "--length", "60"],
        None,
        ["WHAT basset cannot be built for 60 bp", "layer 9 (conv1d)", "(200, 1) from layer 8", "give another LENGTH"],
    ),
    "no tracks": (["--model", "decode"], None, ["reads tracks, which the data lack", "`TRACKS=5 BINS=400`"]),
    "tracks without bins": (["--model", "decode", "--tracks", "5"], None, ["WHAT BINS is ''"]),
    "text for a number": (["--model", "basset", "--length", "6e2"], None, ["WHAT LENGTH is '6e2'", "whole number"]),
    "nothing": (["--model", "basset", "--targets", "0"], None, ["WHAT TARGETS is '0'"]),
    "no file": (["--models", "none.yaml", "--model", "a"], None, ["none.yaml: there is no such file"]),
    "mistake in the file": (["--model", "mine"], NOT_FLAT + "    - {type: flaten}\n", ["line 4", "mean `flatten`?"]),
    "not flat": (["--model", "mine"], NOT_FLAT, ["must end flat"]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_ends_with_one_message(mistake, describe, tmp_path):
    arguments, text, expected = MISTAKES[mistake]
    if text:
        (tmp_path / "models.yaml").write_text(text)
        arguments = [*arguments, "--models", str(tmp_path / "models.yaml")]
    done = describe(*arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert [line[:5] for line in done.stderr.splitlines() if not line.startswith(" ")] == ["WHAT ", "WHY  ", "FIX  "]
    for part in expected:
        assert part in done.stderr


def test_make_describe(repository):
    """Without installing anything: the stamp of the environment counts as up to date."""
    program = Path(sys.executable).parent
    command = ["make", "-s", "-o", ".venv/run.stamp", f"BIN={program}", "describe", "MODEL=zou_primer", "LENGTH=50"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    done = subprocess.run(command, capture_output=True, text=True, cwd=repository, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("zou_primer: 50 bp, 1 target\n")
    assert "6,209" in done.stdout  # the published 6,226, less the second softmax unit's 17
