"""The layers of the design: what a package may import."""

from pathlib import Path

from importlinter.cli import lint_imports


def test_packages_import_only_the_layers_below(capsys):
    status = lint_imports(config_filename=str(Path(__file__).parents[1] / "pyproject.toml"), no_cache=True)
    assert status == 0, capsys.readouterr().out
