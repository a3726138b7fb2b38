"""The calls of the library that others may build on, with their signatures, read from its sources."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from toolkit.reference.markdown import code, docstring, page

PUBLIC = (
    "toolkit",
    "toolkit.session",
    "toolkit.session.channels",
    "toolkit.pytest_plugin.fixtures",
    "toolkit.devnet",
    "toolkit.bridge.client",
    "toolkit.bridge.provider_client",
    "toolkit.rollup.client",
    "toolkit.channel.peer",
    "toolkit.channel.control",
    "toolkit.compile",
    "toolkit.errors",
)
"""Modules whose public names are for others."""

_ABOUT = (
    "What others may build on: `Devnet` stands a devnet up, `toolkit.session` works with one that runs (every verb of "
    "the command is a call of the same name), and each protocol has a client. Amounts are ints in base units (wei), "
    "times seconds, addresses 20 bytes, hashes 32. All that goes wrong is an `L2KitError`."
)


def calls() -> str:
    """The page of all public calls."""
    modules = [import_module(name) for name in PUBLIC]
    index = "\n".join(f"- [`{each.__name__}`](#{each.__name__.replace('.', '')}): {_summary(each)}" for each in modules)
    return page("The library", _ABOUT, [index, *map(_module, modules)])


def _module(module: ModuleType) -> str:
    parts = [f"## {module.__name__}", docstring(module.__doc__)]
    for name in _names(module):
        value = getattr(module, name)
        if inspect.isclass(value):
            parts.append(_class(name, value))
        elif inspect.isfunction(value):
            node = _find(_tree(value), name)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                parts.append(f"### {name}\n\n{_function(node, own=False)}")
    return "\n\n".join(parts)


def _names(module: ModuleType) -> list[str]:
    """What a module says is public, or what it defines without an underscore."""
    if stated := getattr(module, "__all__", None):
        return sorted(stated)
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
    ]


def _class(name: str, value: type) -> str:
    node = _find(_tree(value), value.__name__)
    if not isinstance(node, ast.ClassDef):
        return ""
    parts = [f"### {name}"]
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    made = _fields(name, node) if _is_dataclass(node) else _start(name, node)
    parts.append(code(made or f"class {name}{f'({bases})' if bases else ''}", "python"))
    parts.append(docstring(ast.get_docstring(node)))
    for each in node.body:
        if not isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if not each.name.startswith("_") and "overload" not in map(ast.unparse, each.decorator_list):
            parts.append(f"#### {name}.{each.name}\n\n{_function(each, own=True)}")
    return "\n\n".join(part for part in parts if part)


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef, *, own: bool) -> str:
    returned = "" if node.returns is None else f" -> {ast.unparse(node.returns)}"
    marks = [f"@{ast.unparse(each)}" for each in node.decorator_list]
    if any(mark.endswith("property") for mark in marks):
        line = f"{node.name}{f': {ast.unparse(node.returns)}' if node.returns is not None else ''}"
    else:
        is_bound = own and "@staticmethod" not in marks
        line = f"{node.name}({', '.join(_parameters(node.args, bound=is_bound))}){returned}"
        line = f"async {line}" if isinstance(node, ast.AsyncFunctionDef) else line
    return f"{code(_folded(line), 'python')}\n\n{docstring(ast.get_docstring(node))}".rstrip()


def _parameters(given: ast.arguments, *, bound: bool) -> Iterator[str]:
    """The parameters, one by one, as they are written; without self."""
    plain = [*given.posonlyargs, *given.args]
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(given.defaults)) + list(given.defaults)
    for number, (each, default) in enumerate(zip(plain, defaults, strict=True)):
        if not (bound and number == 0):
            yield _parameter(each, default)
    if given.vararg is not None:
        yield f"*{_parameter(given.vararg, None)}"
    elif given.kwonlyargs:
        yield "*"
    for each, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        yield _parameter(each, default)
    if given.kwarg is not None:
        yield f"**{_parameter(given.kwarg, None)}"


def _parameter(each: ast.arg, default: ast.expr | None) -> str:
    typed = each.arg if each.annotation is None else f"{each.arg}: {ast.unparse(each.annotation)}"
    if default is None:
        return typed
    shown = "..." if isinstance(default, ast.Name) and default.id.startswith("_") else ast.unparse(default)
    return f"{typed} = {shown}"


def _fields(name: str, node: ast.ClassDef) -> str:
    """How a dataclass is made: its fields are its arguments."""
    fields = [
        f"{ast.unparse(each.target)}: {ast.unparse(each.annotation)}"
        + (f" = {ast.unparse(each.value)}" if each.value is not None else "")
        for each in node.body
        if isinstance(each, ast.AnnAssign) and not ast.unparse(each.target).startswith("_")
    ]
    return _folded(f"{name}({', '.join(fields)})") if fields else ""


def _start(name: str, node: ast.ClassDef) -> str:
    """How a class is made; "" where it has no way of its own."""
    for each in node.body:
        if isinstance(each, ast.FunctionDef) and each.name == "__init__":
            return _folded(f"{name}({', '.join(_parameters(each.args, bound=True))})")
    return ""


def _folded(line: str, width: int = 96) -> str:
    """A call on several lines, where it is too long for one."""
    if len(line) <= width or "(" not in line:
        return line
    head, _, rest = line.partition("(")
    inside, _, tail = rest.rpartition(")")
    return f"{head}(\n    " + ",\n    ".join(_split(inside)) + f",\n){tail}"


def _split(inside: str) -> list[str]:
    """At the commas that are in no brackets and no string."""
    parts, depth, quote = [""], 0, ""
    for sign in inside:
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        depth += (sign in "([{") - (sign in ")]}") if not quote else 0
        if sign == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts]


def _is_dataclass(node: ast.ClassDef) -> bool:
    return any(re.match(r"dataclass\b", ast.unparse(each)) for each in node.decorator_list)


def _tree(value: Any) -> ast.Module:
    return ast.parse(Path(inspect.getsourcefile(value) or "").read_text("utf-8"))


def _find(tree: ast.Module, name: str) -> ast.stmt | None:
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            return node
    return None


def _summary(module: ModuleType) -> str:
    return " ".join((module.__doc__ or "").split("\n\n")[0].split())
