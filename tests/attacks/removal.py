"""Guards as the source marks them, and what is left of a file without one.

The line of a guard ends with `# guard: NAME`, or `# guard: NAME, OTHER`. It marks the statement that the line is of: of a
compound statement what stands before its body, of a `def` or `class` all of it. In `guards.toml` a removal is one of

    "NAME"                       the condition of an `if`, or of a comprehension on the line, becomes False; an `except`
                                 catches nothing; a `for` runs over nothing; any other statement becomes `pass`
    ["NAME", "without"]          that part becomes something else: the condition, type, iterable or statement
    ["NAME", "text", "without"]  a text that stands once in the statement becomes something else

The second and further lines of what is put in its place are indented as the line where it begins.
"""

import ast
import io
import re
import tokenize
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

MARK = re.compile(r"# guard: ([a-z0-9-]+(?:, [a-z0-9-]+)*)$")
BLOCKS = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.ExceptHandler)
"""Statements that are marked without their body."""


@dataclass(frozen=True)
class Source:
    """The text of a module, and the marks in it: the line of each guard."""

    text: str
    marks: dict[str, int]

    @classmethod
    def of(cls, text):
        """Read a module; comments become blank, so that no text is found in them."""
        lines, marks = text.splitlines(keepends=True), {}
        for kind, comment, (row, column), *_ in tokenize.generate_tokens(io.StringIO(text).readline):
            if kind == tokenize.COMMENT:
                line = lines[row - 1]
                lines[row - 1] = line[:column] + " " * len(comment) + line[column + len(comment) :]
                names = MARK.search(comment)
                assert names or "# guard:" not in comment, f"no names of guards: {comment}"
                for name in names[1].split(", ") if names else ():
                    assert name not in marks, f"{name} marks two lines"
                    marks[name] = row
        return cls("".join(lines), marks)

    @cached_property
    def statements(self):
        nodes = ast.walk(ast.parse(self.text))
        return [node for node in nodes if isinstance(node, ast.stmt | ast.ExceptHandler)]

    def statement(self, name):
        """Return the statement that a guard is of."""
        (found,) = [node for node in self.statements if self.marks[name] in marked_lines(node)]
        return found

    def place(self, line, column):
        """Return the place in the text of a line and a column, which a tree counts in bytes of UTF-8."""
        lines = self.text.splitlines(keepends=True)
        return sum(map(len, lines[: line - 1])) + len(lines[line - 1].encode()[:column].decode())

    def span(self, node):
        start = self.place(node.lineno, node.col_offset)
        if isinstance(node, BLOCKS):
            return start, self.span(node.body[0])[0]
        return start, self.place(node.end_lineno, node.end_col_offset)

    def edit(self, removal):
        """Return where a removal changes the text, and what stands there afterwards."""
        name, *rest = [removal] if isinstance(removal, str) else removal
        node, line = self.statement(name), self.marks[name]
        if len(rest) == 2:
            start, end = self.span(node)
            text, without = rest
            assert self.text.count(text, start, end) == 1, (
                f"{name}: {text} does not stand once in its statement"
            )
            start = self.text.index(text, start, end)
            end = start + len(text)
        else:
            part, generic = removed_part(node, line)
            start, end = self.span(part)
            without = rest[0] if rest else generic
        indent = re.match(" *", self.text[self.text.rfind("\n", 0, start) + 1 :])[0]
        return start, end, without.replace("\n", f"\n{indent}")

    def without(self, removals):
        """Return the text after some removals."""
        text, last = self.text, len(self.text)
        for start, end, without in sorted(map(self.edit, removals), reverse=True):
            assert end <= last, "two removals of one text"
            text, last = text[:start] + without + text[end:], start
        return text


def marked_lines(node):
    """Return the lines on which a mark is of this statement, and not of one in its body."""
    body = getattr(node, "body", None)
    return range(node.lineno, max(node.lineno, body[0].lineno - 1) + 1 if body else node.end_lineno + 1)


def removed_part(node, line):
    """Return what a removal takes out of a statement, and what stands there without it."""
    if isinstance(node, ast.If):
        return node.test, "False"
    if isinstance(node, ast.ExceptHandler):
        return node.type, "()"
    if isinstance(node, ast.For):
        return node.iter, "()"
    assert not hasattr(node, "body"), f"line {line}: no removal without a text for this kind of statement"
    inner = (part for part in ast.walk(node) if isinstance(part, ast.comprehension))
    conditions = [condition for part in inner for condition in part.ifs if condition.lineno == line]
    assert len(conditions) < 2, f"line {line}: two conditions"
    return (conditions[0], "False") if conditions else (node, "pass")


class Package:
    """The modules of a package that mark guards, by the name of each guard."""

    def __init__(self, folder):
        texts = {path.relative_to(folder): path.read_text(encoding="utf-8") for path in folder.rglob("*.py")}
        self.sources = {path: Source.of(text) for path, text in texts.items() if "# guard:" in text}
        self.marks = [name for source in self.sources.values() for name in source.marks]
        self.where = {name: path for path, source in self.sources.items() for name in source.marks}

    def without(self, removals):
        """Return the texts of the modules that change when guards are removed, by their path in the package."""
        by_path = defaultdict(list)
        for removal in removals:
            by_path[self.where[removal if isinstance(removal, str) else removal[0]]].append(removal)
        return {path: self.sources[path].without(found) for path, found in by_path.items()}
