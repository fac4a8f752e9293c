"""Find the sentences that the service says in English and pages and reports tell again.

They are plain strings where the thing happens: API, JSON and logs stay English. Each becomes a
template whose values are named placeholders; `prunery.reports.phrases` recognises it by that.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
SPOKEN = (
    "worker/engine",
    "worker/runner",
    "prunery/screening",
    "prunery/specs",
    "app/http/bodies.py",
    "app/http/boundary.py",
    "app/http/origins.py",
    "app/http/problems.py",
    "app/jobs",
    "app/uploads",
)
SILENT = (
    "app/jobs/commands.py",
    "app/jobs/stream.py",
    "prunery/specs/errors.py",
    "prunery/specs/presets.py",
    "worker/engine/threads.py",
    "worker/runner/files.py",
    "worker/runner/heartbeat.py",
    "worker/runner/progress.py",
    "worker/runner/sandbox/",
)
"""Read by operators and programs alone; problems' titles and hints are words of the pages."""

_UNSEEN = re.compile(
    r"(Error|Exception|Failure)$|^(Argument|ArgumentParser|Field|Header|Literal|Malformed|Option|Path|Query)$"
    r"|^(compile|debug|info|warning|exception|add_argument)$"
)
"""Calls whose texts no visitor reads: Python's own errors, logs, descriptions of the API."""
_SEEN = re.compile(r"^(FieldError|PruneryError)$")
_WORD = re.compile(r"[^\W\d_]{2,}")
_BRACES = re.compile(r"\{(\w+)\}")
_PLACEHOLDER = re.compile(r"%\(\w+\)s")
_NEIGHBOURS = re.compile(r"%\(\w+\)s(?=%\()")
_CODE = re.compile(r"[|\\<>]|'none'")


def phrases() -> Iterator[tuple[str, str]]:
    """Every file, below the root, with each template that it says."""
    for start in SPOKEN:
        path = ROOT / start
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            name = str(file.relative_to(ROOT))
            if not name.startswith(SILENT):
                yield from ((name, one) for one in _said(ast.parse(file.read_text())))


def _said(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # a docstring
    if isinstance(node, ast.Call) and _is_unseen(node.func):
        return
    if isinstance(node, ast.Constant | ast.JoinedStr):
        template = _template(node).strip(" :,;")
        if _is_phrase(template):
            yield template
    for child in ast.iter_child_nodes(node):
        # The texts of an f-string are in its template; what its values say stands for itself.
        if not (isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant)):
            yield from _said(child)


def _is_unseen(function: ast.expr) -> bool:
    name = _last_name(function)
    return bool(_UNSEEN.search(name)) and not _SEEN.match(name)


def _is_phrase(template: str) -> bool:
    """Whether it holds words beside its values."""
    words = _PLACEHOLDER.sub("", template)
    is_code = _CODE.search(words) is not None
    return " " in template and bool(_WORD.search(words)) and not is_code


def _template(node: ast.Constant | ast.JoinedStr) -> str:
    """The text with `%(name)s` for every value; a plain text may name them in braces."""
    if isinstance(node, ast.Constant):
        text = node.value if isinstance(node.value, str) else ""
        return _BRACES.sub(r"%(\1)s", text.replace("%", "%%"))
    parts: list[str] = []
    names: list[str] = []
    for value in node.values:
        if isinstance(value, ast.FormattedValue):
            name = _last_name(value.value)
            names.append(name)
            count = names.count(name)
            parts.append(f"%({name}{count if count > 1 else ''})s")
        elif isinstance(value, ast.Constant):
            parts.append(str(value.value).replace("%", "%%"))
    # Of values that follow each other without a word between them nobody could say where one ends.
    return _NEIGHBOURS.sub("", "".join(parts))


def _last_name(node: ast.AST) -> str:
    """What a value is called: of `tracer.path(layer)` "layer", of `", ".join(names)` "names"."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript):
        return _last_name(node.value)
    if isinstance(node, ast.Call):
        return _last_name(node.args[0] if node.args else node.func)
    inner = (_last_name(child) for child in ast.iter_child_nodes(node))
    return next((name for name in inner if name), "value")
