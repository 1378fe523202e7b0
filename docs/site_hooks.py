"""Pages of the documentation that are made from the code: commands, configuration, Python names, changes.

mkdocs calls the functions `on_...`; nothing is written into docs/.
"""

from __future__ import annotations

import html
import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import typer
from mkdocs.structure.files import File
from pydantic import BaseModel

import bdana
import bdana.cli
from bdana.analysis.config import AnalysisConfig
from bdana.api import load
from bdana.blinding.policy import Policy
from bdana.cli.app import app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made from the code.

    Parameters
    ----------
    files : Files
    config : MkDocsConfig
    """
    made = {
        "commands": commands(),
        "configuration": configuration(),
        "python": python_names(),
        "changes": (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"),
    }
    for name, text in made.items():
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Turn marks of the tests into nothing, and paths of the repository into those of the site.

    Parameters
    ----------
    markdown : str
    page : Page
    """
    text = re.sub(r"^ *<!-- (?:run by|not run).*?-->\n", "", markdown, flags=re.MULTILINE)
    return re.sub(r"\]\(docs/", "](../", text) if page.file.src_uri == "reference/changes.md" else text


def commands() -> str:
    """Return the page of the command line."""
    root = typer.main.get_command(app)
    lines = ["# Command line", "", root.help or "", "", root.epilog or "", ""]
    for name, command in _leaves(root, "bdana"):
        lines += [f"## {name}", "", (command.help or "").split("\f")[0], ""]
        usage = " ".join([name, *command.collect_usage_pieces(_context(command, name))])
        lines += ["```text", usage, "```", ""]
        rows = [_parameter(p) for p in command.params if not getattr(p, "hidden", False) and p.name != "help"]
        if rows:
            lines += ["| argument or option | default | |", "|---|---|---|", *rows, ""]
    return "\n".join(lines)


def _leaves(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for key in sorted(inner):
        yield from _leaves(inner[key], f"{name} {key}")


def _context(command: Any, name: str) -> Any:
    return command.context_class(command, info_name=name)


def _parameter(parameter: Any) -> str:
    names = [*parameter.opts, *parameter.secondary_opts]
    if parameter.param_type_name == "argument":
        names = [parameter.metavar or parameter.name.upper()]
    elif parameter.metavar and not getattr(parameter, "is_flag", False):
        names.append(parameter.metavar)
    default = parameter.default
    plain = "" if default in (None, False, (), []) or callable(default) else _code(str(default))
    said = _cell(getattr(parameter, "help", "") or "")
    return f"| {' '.join(map(_code, names))} | {plain} | {said} |"


def configuration() -> str:
    """Return the page of analysis.toml, selections, backgrounds, and the policy."""
    packaged = load(ROOT)
    lines = [
        "# Configuration",
        "",
        "Every table and field with its default; `bdana config` shows the values of an analysis and where each comes from.",
        "",
        "## analysis.toml",
        "",
        *_tables(AnalysisConfig, ""),
        "## selections/ and backgrounds/ of the packaged analysis",
        "",
        "Values that differ from these stand in `[selection.NAME]` and `[background.NAME]` of analysis.toml.",
        "",
    ]
    for name, model in packaged.parameters().items():
        lines += [f"### [{name}]", "", *_fields(type(model))]
    lines += ["## blinding/policy.toml", "", *_tables(Policy, "")]
    return "\n".join(lines)


def _tables(model: type[BaseModel], path: str) -> list[str]:
    """List a model as tables of TOML: its own plain fields, and then the tables in it."""
    lines = _fields(model)
    for name, field in model.model_fields.items():
        inner = _model(field.annotation)
        if inner is None:
            continue
        many = field.annotation is not inner and "dict" in str(field.annotation)
        where = f"{path}{field.alias or name}" + (".NAME" if many else "")
        lines += [f"### [{where}]", "", _first_line(inner), "", *_tables(inner, f"{where}.")]
    return lines


def _fields(model: type[BaseModel]) -> list[str]:
    rows = []
    for name, field in model.model_fields.items():
        if _model(field.annotation) is not None:
            continue
        value = None if field.is_required() else field.get_default(call_default_factory=True)
        default = "needed" if field.is_required() else "" if value is None else _code(repr(value))
        rows.append(f"| `{field.alias or name}` | {default} | {_cell(field.description or '')} |")
    return ["| field | default | |", "|---|---|---|", *rows, ""] if rows else []


def _model(annotation: Any) -> type[BaseModel] | None:
    """Return the model that an annotation holds, itself or as values of a dict."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model(inner) for inner in get_args(annotation))
    return next((model for model in found if model is not None), None)


def _first_line(model: type[BaseModel]) -> str:
    return (inspect.getdoc(model) or "").split("\n\n", maxsplit=1)[0]


def python_names() -> str:
    """Return the page of the names that an analysis may use."""
    lines = ["# Python", "", (inspect.getdoc(bdana) or "").strip(), ""]
    for name in bdana.__all__:
        value = getattr(bdana, name)
        home = getattr(value, "__module__", None)
        if home is None or not str(home).startswith("bdana") or not callable(value):
            continue
        lines += [f"::: {home}.{value.__qualname__}", "    options: { heading_level: 2 }", ""]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return html.escape(" ".join(text.split()), quote=False).replace("|", "&#124;")


def _code(text: str) -> str:
    return f"<code>{_cell(text)}</code>"
