"""`bdana` and `python -m bdana`: the command line."""

import sys

try:
    from bdana.cli import main
except KeyboardInterrupt:  # no traceback where Ctrl-C comes that early
    sys.exit(130)  # what a shell reports of SIGINT

__all__ = ["main"]

if __name__ == "__main__":
    main()
