"""Docstrings: what a public function takes is said, in sentences, and the examples are true."""

import ast
import doctest
import importlib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "bdana"
FILES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if not {"_template", "cli"} & set(path.parts)  # what a command takes is in its --help
}


def public(tree):
    """Give the public functions of a module and the public methods of its public classes, with their full names."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node.name, node
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from ((f"{node.name}.{name}", method) for name, method in public(node))


def takes(node):
    """Names of the arguments of a function, apart from the object or class that it belongs to."""
    given = node.args
    names = [
        a.arg for a in (*given.posonlyargs, *given.args, given.vararg, *given.kwonlyargs, given.kwarg) if a
    ]
    return [name for name in names if name not in {"self", "cls"}]


@pytest.mark.parametrize("name", FILES)
def test_every_argument_of_a_public_function_is_described(name):
    missing = []
    for called, node in public(ast.parse(FILES[name].read_text())):
        section = (ast.get_docstring(node) or "").partition("Parameters\n----------\n")[2]
        named = section.partition("\n\n")[0].replace("\\*", "*").replace("*", "")
        described = {word.strip() for line in section.splitlines() if not line.startswith(" ")
                     for word in line.replace("*", "").partition(" :")[0].split(",")}  # fmt: skip
        if takes(node) and not set(takes(node)) <= described:
            missing.append((called, sorted(set(takes(node)) - described), named[:40]))
    assert missing == []


@pytest.mark.parametrize("name", FILES)
def test_first_lines_are_sentences(name):
    tree = ast.parse(FILES[name].read_text())
    classes = (
        (node.name, node)
        for node in tree.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    documented = [(name, tree), *classes, *public(tree)]
    for called, node in documented:
        first = (ast.get_docstring(node) or "").partition("\n")[0]
        assert first, called
        assert first[0].isupper() or first[0] in "`'\"", called
        assert first.endswith((".", ":", "?")), called


@pytest.mark.parametrize("name", [name for name in FILES if ">>>" in FILES[name].read_text()])
def test_examples_are_true(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.attempted > 0
    assert found.failed == 0
