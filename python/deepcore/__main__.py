"""`python -m deepcore script.py [args]`: runs a Keras script, unchanged, on deepcore."""

import os
import runpy
import sys
from types import TracebackType

from deepcore import compat
from deepcore.compat import finder

USAGE = """usage: python -m deepcore script.py [arguments]

Runs a script with `keras`, `tensorflow.keras` and what such scripts touch of `tensorflow`
resolved to deepcore. The script sees the arguments as its own."""


def main() -> int:
    """Runs the script named by the first argument; 2 when there is none."""
    arguments = sys.argv[1:]
    if arguments and arguments[0] in ("-h", "--help"):
        print(USAGE)
        return 0
    if not arguments or not os.path.isfile(arguments[0]):
        problem = f"no such file: {arguments[0]}" if arguments else "no script given"
        print(f"{USAGE}\n\npython -m deepcore: {problem}", file=sys.stderr)
        return 2
    script = arguments[0]
    sys.argv = arguments
    # As `python script.py` does: the script's folder comes first on the path.
    if not sys.flags.safe_path:
        sys.path[0] = os.path.dirname(os.path.abspath(script))
    compat.install()
    try:
        runpy.run_path(script, run_name="__main__")
    except Exception as error:
        error.__traceback__ = _of_the_script(error.__traceback__)
        sys.excepthook(type(error), error, error.__traceback__)
        return 1
    return 0


def _of_the_script(trace: TracebackType | None) -> TracebackType | None:
    """The traceback without what ran the script, and what answers for Keras's modules."""
    while trace is not None and _file(trace) in (__file__, "<frozen runpy>", runpy.__file__):
        trace = trace.tb_next
    last = trace
    while last is not None:
        if last.tb_next is not None and _file(last.tb_next) == finder.__file__:
            last.tb_next = None
        last = last.tb_next
    return trace


def _file(trace: TracebackType) -> str:
    return trace.tb_frame.f_code.co_filename


if __name__ == "__main__":
    sys.exit(main())
