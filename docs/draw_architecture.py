"""Draw the rooms of `bdana/` from its imports into docs/architecture.svg; `--check` only says whether it is up to date.

    python docs/draw_architecture.py

A room is a package or module directly in `bdana/`. Boxes stand in the order of the layers that pyproject.toml declares,
and what a room says of itself stands beside it. An arrow goes from a room to one that it imports; arrows that follow from
two others are left out. Imports for type checking count as all others do.
"""

import ast
import sys
import tomllib
from html import escape
from pathlib import Path

TOP = Path(__file__).parents[1]
PICTURE = TOP / "docs" / "architecture.svg"
ROW, BOX, LANE, TEXT = 46, 122, 13, 840


def import_graph(package: Path) -> dict[str, set[str]]:
    """Return, for each module of a package, the modules of it that it imports anywhere in its text."""
    files = {
        ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__"): path
        for path in package.rglob("*.py")
        if "_template" not in path.parts
    }
    return {name: imported(ast.parse(path.read_text()), set(files)) for name, path in files.items()}


def imported(tree: ast.Module, modules: set[str]) -> set[str]:
    """Return which of some modules a syntax tree imports."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (inside & modules) or {node.module}
    return found & modules


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules that import one another in a circle (strongly connected components)."""
    reach = {name: reachable(graph, name) for name in graph}
    together = {name: sorted(other for other in reach[name] if name in reach[other]) for name in graph}
    return sorted({tuple(group) for group in together.values() if group}, key=str)


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    """Return what can be reached from a node; itself only by a circle."""
    seen: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += graph[name]
    return seen


def room_graph(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return what each room imports of others; the package itself, which only names the public ones, is left out."""
    rooms: dict[str, set[str]] = {}
    for name, others in graph.items():
        if name.count("."):
            own = name.split(".")[1]
            there = {other.split(".")[1] for other in others if other.count(".")}
            rooms[own] = rooms.get(own, set()) | there - {own}
    return rooms


def layers() -> list[list[str]]:
    """Return the rooms of each layer, the topmost first."""
    settings = tomllib.loads((TOP / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    return [
        [room.strip().removeprefix("bdana.") for room in layer.split("|")] for layer in settings["layers"]
    ]


def without_implied(rooms: dict[str, set[str]]) -> dict[str, set[str]]:
    """Leave out an arrow where another way leads to the same room."""
    return {
        room: {
            other for other in others if not any(other in reachable(rooms, via) for via in others - {other})
        }
        for room, others in rooms.items()
    }


def said(room: str) -> str:
    """Return the first line of a room's docstring."""
    package, module = TOP / "bdana" / room / "__init__.py", TOP / "bdana" / f"{room}.py"
    text = ast.get_docstring(ast.parse((package if package.exists() else module).read_text())) or ""
    return text.partition("\n")[0]


def picture() -> str:
    """Return the picture as SVG."""
    order = [room for layer in layers() for room in layer if not room.startswith("_")]
    place = {room: row for row, room in enumerate(order)}
    arrows = [
        (place[room], place[other])
        for room, others in without_implied(room_graph(import_graph(TOP / "bdana"))).items()
        for other in others
        if room in place and other in place
    ]
    lanes: list[int] = []  # where the lane is free again
    drawn = []
    for begin, end in sorted(arrows, key=lambda arrow: (arrow[0], -arrow[1])):
        if end == begin + 1:
            drawn.append((begin, end, -1))
            continue
        lane = next((i for i, free in enumerate(lanes) if free <= begin), len(lanes))
        lanes[lane:] = [end] if lane == len(lanes) else [end, *lanes[lane + 1 :]]
        drawn.append((begin, end, lane))
    left = 30 + LANE * (len(lanes) + 1)
    width, height = left + BOX + TEXT, ROW * len(order) + 20
    lines = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
            'font-family="DejaVu Sans, Verdana, sans-serif" font-size="13">'
        ),
        (
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
            '<path d="M0,0 L8,4 L0,8 z" fill="#456"/></marker></defs>'
        ),
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for begin, end, lane in drawn:
        top, bottom = 10 + ROW * begin, 10 + ROW * end
        if lane < 0:
            way = f"M{left + BOX // 2},{top + 30} V{bottom - 1}"
        else:
            x = left - 14 - LANE * lane
            way = f"M{left},{top + 20} H{x + 6} Q{x},{top + 20} {x},{top + 26} V{bottom + 4} Q{x},{bottom + 10} {x + 6},{bottom + 10} H{left - 1}"
        lines.append(f'<path d="{way}" fill="none" stroke="#456" stroke-width="1.2" marker-end="url(#tip)"/>')
    for room, row in place.items():
        y = 10 + ROW * row
        lines += [
            f'<rect x="{left}" y="{y}" width="{BOX}" height="30" rx="4" fill="#dcebf2" stroke="#456"/>',
            f'<text x="{left + BOX // 2}" y="{y + 20}" text-anchor="middle" font-weight="bold">{escape(room)}</text>',
            f'<text x="{left + BOX + 14}" y="{y + 20}" fill="#222">{escape(said(room))}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])


def main() -> int:
    """Write the picture, or with --check say whether it is up to date."""
    drawn = picture()
    if "--check" in sys.argv[1:]:
        return int(not PICTURE.is_file() or PICTURE.read_text() != drawn)
    PICTURE.write_text(drawn)
    return 0


if __name__ == "__main__":
    sys.exit(main())
