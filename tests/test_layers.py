"""The layers of the design: what a package may import."""

import subprocess
import sys
from pathlib import Path


def test_packages_import_only_the_layers_below():
    # In a process of its own, since import-linter turns off the loggers of the one it runs in.
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    top = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=top, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
