"""What a script says goes to its log, and a failure ends it as WHAT, WHY, FIX and LOG."""

import os
import subprocess
import sys
import textwrap

import pytest

from cisflow.messages import InputError, failure_block

PRELUDE = """\
import ctypes, os, subprocess, sys, warnings
from types import SimpleNamespace
from cisflow.messages import InputError, run_script
snakemake = SimpleNamespace(log=["logs/job/x.log"])
"""


@pytest.fixture
def run_body(tmp_path, repository):
    """Run lines of Python as the body of a script: exit status, what reached the terminal, and the log."""

    def run(body, environment=()):
        script = tmp_path / "script.py"
        script.write_text(PRELUDE + "with run_script(snakemake) as terminal:\n" + textwrap.indent(body, "    "))
        variables = {**os.environ, "PYTHONPATH": str(repository / "scripts"), **dict(environment)}
        done = subprocess.run(
            [sys.executable, str(script)], cwd=tmp_path, capture_output=True, env=variables, check=False
        )
        log = tmp_path / "logs" / "job" / "x.log"
        return done.returncode, (done.stdout + done.stderr).decode(), log.read_text(encoding="utf-8")

    return run


def test_everything_printed_goes_to_the_log_in_order(run_body):
    status, terminal, log = run_body(
        "print('from Python')\n"
        "sys.stderr.write('to stderr\\n')\n"
        "os.write(1, b'to descriptor 1\\n')\n"
        "subprocess.run(['sh', '-c', 'echo from a child; echo its stderr >&2'])\n"
        "warnings.warn('a warning')\n"
        "print('last', '\\u00d7')\n"
    )
    assert status == 0
    assert terminal == ""
    lines = log.splitlines()
    assert lines[:5] == ["from Python", "to stderr", "to descriptor 1", "from a child", "its stderr"]
    assert "UserWarning: a warning" in log
    assert lines[-1] == "last ×"


def test_input_error_ends_the_log_without_traceback(run_body):
    status, terminal, log = run_body(
        "print('before')\nraise InputError('a.bed: line 3', 'found x\\nand y', 'mend it')\n"
    )
    assert status == 1
    assert terminal == ""
    assert log == "before\nWHAT a.bed: line 3\nWHY  found x\n     and y\nFIX  mend it\nLOG  logs/job/x.log\n"


def test_message_stands_after_what_compiled_code_had_buffered(run_body):
    """C holds back what it prints to a file; it was written at exit, below the message."""
    status, _, log = run_body("ctypes.CDLL(None).printf(b'from C\\n')\nraise InputError('what', 'why', 'fix')\n")
    assert status == 1
    assert log == "from C\nWHAT what\nWHY  why\nFIX  fix\nLOG  logs/job/x.log\n"


@pytest.mark.parametrize(
    ("body", "what", "why"),
    [
        ("{}['key']", "an unexpected KeyError: 'key'", "may be a defect of cisflow"),
        ("raise ValueError('two\\nlines')", "an unexpected ValueError: two\n     lines", "defect"),
        ("open('none.txt')", "the system refused a file operation: No such file or directory", "none.txt"),
        ("raise MemoryError", "the job ran out of memory", "no memory could be had"),
        ("raise MemoryError('Unable to allocate 5 TiB')", "the job ran out of memory", "5 TiB"),
        ("raise OSError(28, 'No space left on device')", "No space left on device", "errno 28"),
    ],
)
def test_other_exceptions_end_with_a_message_below_their_traceback(body, what, why, run_body):
    status, terminal, log = run_body(f"{body}\n")
    assert status == 1
    assert terminal == ""
    traceback, _, message = log.partition("WHAT ")
    assert traceback.startswith("Traceback (most recent call last)")
    assert "script.py" in traceback
    found_what, _, rest = message.partition("\nWHY  ")
    found_why, _, rest = rest.partition("\nFIX  ")
    assert what in found_what
    assert why in found_why
    assert rest.endswith("\nLOG  logs/job/x.log\n")


def test_name_that_is_no_unicode_does_not_break_the_message(run_body):
    status, _, log = run_body("raise InputError('the file b\\udcff.bed', 'why', 'fix')\n")
    assert status == 1
    assert log.startswith("WHAT the file b\\udcff.bed\n")


def test_what_was_said_last_is_in_the_log_of_a_killed_job(run_body):
    """Python holds back what it prints to a file; of a killed job nothing was left."""
    status, _, log = run_body("print('epoch 3')\nos.kill(os.getpid(), 9)\n")
    assert status == -9
    assert log == "epoch 3\n"


def test_log_of_an_earlier_run_is_replaced(run_body):
    run_body("raise InputError('old', 'old', 'old')\n")
    assert run_body("print('new')\n")[2] == "new\n"


def test_a_progress_bar_gets_no_file_for_a_terminal(run_body):
    assert run_body("print(terminal)\n")[2] == "None\n"


def test_a_terminal_is_passed_on(tmp_path, repository):
    pty = pytest.importorskip("pty")
    script = tmp_path / "script.py"
    script.write_text(
        PRELUDE + "with run_script(snakemake) as terminal:\n    print('log')\n    terminal.write('bar')\n"
    )
    reader, writer = pty.openpty()
    variables = {**os.environ, "PYTHONPATH": str(repository / "scripts")}
    subprocess.run([sys.executable, str(script)], cwd=tmp_path, stderr=writer, stdout=writer, env=variables, check=True)
    os.close(writer)
    assert os.read(reader, 100) == b"bar"
    assert (tmp_path / "logs" / "job" / "x.log").read_text() == "log\n"


def test_input_error_is_a_value_error_with_its_parts():
    error = InputError("w", "y", "f")
    assert isinstance(error, ValueError)
    assert (error.what, error.why, error.fix, str(error)) == ("w", "y", "f", "WHAT w\nWHY  y\nFIX  f")
    assert failure_block(error, "x.log") == "WHAT w\nWHY  y\nFIX  f\nLOG  x.log\n"
