"""What an option's target can be given, read from its source: to import it would cost the seconds that torch takes."""

import ast
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from asuka.errors import InputError

# What a value may be by its annotation, and how that is said.
KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text (./7 for a folder named 7)",
    "list[int]": "a list of whole numbers, as in [8,16]",
    "list[float]": "a list of numbers, as in [0.5,1]",
    "list[str]": "a list of words, as in [a,b]",
    "None": "null",
}
TYPES = {"int": int, "float": (int, float), "bool": bool, "str": str, "None": type(None)}


def parameters(target: str) -> dict[str, str]:
    """Name -> annotation ("" without one) of what a function, or the constructor of a class, takes."""
    module, _, name = target.rpartition(".")
    body = _source(module, target).body
    parts = {node.name: node for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    found = parts.get(name)
    if isinstance(found, ast.ClassDef):
        return _constructor(found, parts)
    if found:
        return _arguments(found)
    raise InputError(f"_target_={target}: {module} has no {name}; give an option of this group instead")


def misfit(value: Any, annotation: str) -> str:
    """In words what a value of this annotation must be, where this one is not; "" where it is or nobody can tell."""
    kinds = annotation.split(" | ")
    known = all(kind in KINDS for kind in kinds)
    if not known or isinstance(value, str) and value.startswith("${") or any(_is(value, kind) for kind in kinds):
        return ""
    return " or ".join(KINDS[kind] for kind in kinds)


def _is(value: Any, kind: str) -> bool:
    if kind.startswith("list["):
        return isinstance(value, list) and all(_is(item, kind[5:-1]) for item in value)
    return isinstance(value, TYPES[kind]) and (kind == "bool" or not isinstance(value, bool))


def _source(module: str, target: str) -> ast.Module:
    try:
        spec = find_spec(module)
    except (ModuleNotFoundError, ValueError):
        spec = None
    if spec is None:
        raise InputError(f"_target_={target}: there is no module {module}; give an option of this group instead")
    return ast.parse(Path(spec.origin).read_text())


def _constructor(found: ast.ClassDef, parts: dict[str, ast.stmt]) -> dict[str, str]:
    """Of its `__init__`; or else what its bases in the same file take, and the fields of a dataclass."""
    own = next((part for part in found.body if getattr(part, "name", None) == "__init__"), None)
    if own:
        return _arguments(own)
    taken = {}
    for base in map(ast.unparse, found.bases):
        taken |= _constructor(parts[base], parts) if base in parts else {}
    if any("dataclass" in ast.unparse(decorator) for decorator in found.decorator_list):
        fields = [part for part in found.body if isinstance(part, ast.AnnAssign)]
        taken |= {field.target.id: ast.unparse(field.annotation) for field in fields}
    return taken


def _arguments(function: ast.FunctionDef) -> dict[str, str]:
    given = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
    return {one.arg: ast.unparse(one.annotation) if one.annotation else "" for one in given if one.arg != "self"}
