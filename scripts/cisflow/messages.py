"""What a script tells its user: its output goes to its log, and a mistake ends as WHAT, WHY, FIX and LOG."""

import ctypes
import os
import sys
import traceback
from contextlib import contextmanager
from pathlib import Path


class InputError(ValueError):
    """A mistake in what the user gave, with what was found and how to mend it.

    Parameters
    ----------
    what : str
        What is wrong, with the file and the line or row.
    why : str
        What was found and what was expected.
    fix : str
        What to do about it.
    """

    def __init__(self, what, why, fix):
        super().__init__(f"WHAT {what}\nWHY  {why}\nFIX  {fix}")
        self.what, self.why, self.fix = what, why, fix


def failure_block(error, log):
    """The four parts that end the log of a failed script (and, through the workflow, the terminal).

    Parameters
    ----------
    error : BaseException
    log : str
        Path of the log.

    Returns
    -------
    str
        Lines that begin with WHAT, WHY, FIX and LOG.
    """
    if isinstance(error, InputError):
        what, why, fix = error.what, error.why, error.fix
    elif isinstance(error, MemoryError):
        what, why = "the job ran out of memory", str(error) or "no memory could be had for an array"
        fix = "give it more (`--set-resources RULE:mem_mb=16000`), or run fewer jobs at once"
    elif isinstance(error, OSError) and error.errno is not None:
        what = f"the system refused a file operation: {error.strerror}"
        why = f"it concerned {error.filename}" if error.filename else f"errno {error.errno}"
        fix = "check that the file exists, that you may read or write there, and that the disk is not full"
    else:
        what = f"an unexpected {type(error).__name__}: {error}"
        why = "this was not foreseen and may be a defect of cisflow; the traceback stands in the log"
        fix = "read the log; if your input is not at fault, report it with the log"

    def indented(text):
        return str(text).replace("\n", "\n     ")

    return f"WHAT {indented(what)}\nWHY  {indented(why)}\nFIX  {indented(fix)}\nLOG  {log}\n"


def flush_all():
    """Write out what Python and what compiled code (C's own buffers) hold back."""
    sys.stdout.flush()
    sys.stderr.flush()
    ctypes.CDLL(None).fflush(None)


@contextmanager
def run_script(snakemake):
    """Run the body of a Snakemake script with its output in its log.

    Everything printed, by Python or by compiled code, goes to the first `log` file of the rule. An exception ends the
    script with exit status 1 after the log has been closed with WHAT, WHY, FIX and LOG; for what is not a mistake of
    the user's, the traceback stands before them.

    Parameters
    ----------
    snakemake : object
        What Snakemake gives a script; `log` is used.

    Yields
    ------
    terminal : file object or None
        The terminal, where there is one, for a progress bar; None otherwise.
    """
    path = Path(str(snakemake.log[0]))
    path.parent.mkdir(parents=True, exist_ok=True)
    flush_all()
    saved = os.dup(2)
    terminal = os.fdopen(saved, "w", closefd=True) if os.isatty(saved) else None
    sys.stdout.reconfigure(line_buffering=True)  # what a job said last must be in its log if it is killed
    with open(path, "w", buffering=1, encoding="utf-8", errors="backslashreplace") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        try:
            yield terminal
        except Exception as error:
            flush_all()
            if not isinstance(error, InputError):
                log.write(traceback.format_exc() + "\n")
            log.write(failure_block(error, path))
            log.flush()
            raise SystemExit(1) from None  # the traceback is in the log; on the terminal it would bury the message
        finally:
            flush_all()
