"""The rooms of the package: what each may import, no circle anywhere, one name for one module, a picture that is true."""

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from docs import draw_architecture

TOP = Path(__file__).parents[1]
GRAPH = draw_architecture.import_graph(TOP / "bdana")


def test_packages_import_only_the_layers_below():
    # In a process of its own, since import-linter turns off the loggers of the one it runs in.
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", code], cwd=TOP, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_no_circle_of_imports_not_even_inside_a_package_or_for_type_checking():
    assert draw_architecture.circles(GRAPH) == []


def test_a_circle_would_be_found():
    assert draw_architecture.circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [("b", "c")]
    tree = ast.parse("if TYPE_CHECKING:\n    from p.q import r\n\ndef f():\n    import p.s\n")
    assert draw_architecture.imported(tree, {"p.q.r", "p.q", "p.s"}) == {"p.q.r", "p.s"}


def test_every_room_is_in_a_layer():
    listed = {room for layer in draw_architecture.layers() for room in layer}
    assert set(draw_architecture.room_graph(GRAPH)) - {"__main__"} == listed


def test_a_test_stands_in_the_room_of_its_module():
    """Attacks, validation and the analysis's own folders apart; a file may be named after a behaviour instead."""
    modules = {(*name.split(".")[1:-1], f"test_{name.rpartition('.')[2]}") for name in GRAPH}
    tests = {
        path.relative_to(TOP / "tests").with_suffix("").parts for path in (TOP / "tests").rglob("test_*.py")
    }
    inside = {test for test in tests if test[0] not in {"attacks", "validation", "selections", "backgrounds"}}
    rooms = {module[:-1] for module in modules}
    named = {module[-1] for module in modules}
    assert {test for test in inside if test[:-1] not in rooms} == set()
    assert {test for test in inside if test[-1] in named and test not in modules} == set()


def test_no_two_modules_have_one_name():
    """Commands apart, whose modules are called what people type."""
    names = Counter(name.rpartition(".")[2] for name in GRAPH if not name.startswith("bdana.cli."))
    assert [name for name, number in names.items() if number > 1] == []


@pytest.mark.parametrize("name", [name for name in GRAPH if not name.startswith("bdana.cli")])
def test_nothing_is_imported_inside_a_function(name):
    path = TOP.joinpath(*name.split("."))
    tree = ast.parse((path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text())
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    inside = (node for function in functions for node in ast.walk(function))
    assert [node.lineno for node in inside if isinstance(node, ast.Import | ast.ImportFrom)] == []


def test_the_picture_is_drawn_from_the_imports_of_now():
    """`python docs/draw_architecture.py` draws it again."""
    assert draw_architecture.PICTURE.read_text() == draw_architecture.picture()


@pytest.mark.parametrize(
    "name", ["README.md", *(str(path.relative_to(TOP)) for path in (TOP / "docs").rglob("*.md"))]
)
def test_files_that_the_documentation_names_are_there(name):
    named = re.findall(
        r"`((?:bdana|tests|benchmarks|selections|backgrounds|blinding|docs)/[\w./-]+)`",
        (TOP / name).read_text(),
    )
    assert [path for path in named if "NAME" not in path and not (TOP / path).exists()] == []


def test_each_way_through_the_package_is_eight_modules_at_most():
    ways = (
        (TOP / "docs" / "events.md")
        .read_text()
        .partition("## Four ways")[2]
        .partition("\n## ")[0]
        .split("\n**")[1:]
    )
    modules = [re.findall(r"^\| `(bdana/[\w/]+\.py)`", way, flags=re.MULTILINE) for way in ways]
    assert len(modules) == 4
    assert all(4 <= len(way) <= 8 for way in modules)
