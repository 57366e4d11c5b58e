"""`python -m deepcore script.py [args]`: runs a Keras script, unchanged, on deepcore."""

import os
import runpy
import sys

from deepcore import compat

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
    sys.path[0] = os.path.dirname(os.path.abspath(script))
    compat.install()
    runpy.run_path(script, run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main())
