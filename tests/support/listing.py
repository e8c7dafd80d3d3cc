"""Write down what a module offers, a line a name, so that a change of it is a diff to review."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import msgspec

_WIDE = 100


def check(path: Path, lines: list[str], *, update: bool) -> None:
    """Hold lines against a listing, or write it anew."""
    text = "\n".join(lines) + "\n"
    if update:
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"{path.name} differs; if that is meant: pytest --update"


def described(name: str, value: object) -> Iterator[str]:
    """Yield the lines that tell of one public name."""
    if inspect.isclass(value):
        bases = ", ".join(base.__name__ for base in value.__bases__ if base is not object)
        yield f"class {name}({bases})"
        yield from _members(name, value)
    elif inspect.isfunction(value):
        yield _signature(name, value)
    elif isinstance(value, str | int | tuple | frozenset) or hasattr(value, "__args__"):
        yield f"{name} = {value}"
    else:
        yield f"{name}: {type(value).__name__}"


def defined(module: ModuleType) -> list[str]:
    """Return the public names that a module defines itself or says it offers, sorted."""
    names = set(getattr(module, "__all__", ()))
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return sorted(name for name in names if not name.startswith("_"))


def _members(name: str, kind: type) -> Iterator[str]:
    if issubclass(kind, msgspec.Struct):
        for field in msgspec.structs.fields(kind):
            default = "" if field.required else f" = {_default(field)}"
            yield f"  {name}.{field.name}: {_annotation(kind, field.name)}{default}"
        fields = set(kind.__struct_fields__)
    elif issubclass(kind, BaseException) and "__init__" in vars(kind):
        yield "  " + _signature(f"{name}.__init__", kind.__init__)
        fields = set()
    else:
        fields = set()
    for member in sorted(
        {one for base in kind.__mro__ if base.__module__.startswith("trackhub") for one in vars(base)}
    ):
        if member.startswith("_") or member in fields:
            continue
        value = inspect.getattr_static(kind, member)
        if isinstance(value, property):
            yield f"  {name}.{member}: {_text(value.fget.__annotations__.get('return', '?'))}"
        elif isinstance(value, classmethod | staticmethod):
            yield f"  {_signature(f'{name}.{member}', value.__func__)}"
        elif inspect.isfunction(value):
            yield f"  {_signature(f'{name}.{member}', value)}"


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.default_factory is not msgspec.NODEFAULT:
        return f"{field.default_factory.__name__}()"
    return repr(field.default)


def _annotation(kind: type, field: str) -> str:
    return next(_text(base.__annotations__[field]) for base in kind.__mro__ if field in base.__annotations__)


def _signature(name: str, function: object) -> str:
    signature = inspect.signature(function)
    parts = []
    for parameter in signature.parameters.values():
        kinds = [known.kind for known in signature.parameters.values()]
        if parameter.kind is parameter.KEYWORD_ONLY and kinds.index(parameter.kind) == len(parts):
            parts.append("*")
        annotation = "" if parameter.annotation is parameter.empty else f": {_text(parameter.annotation)}"
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
        star = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        parts.append(f"{star}{parameter.name}{annotation}{default}")
    returned = "" if signature.return_annotation is signature.empty else f" -> {_text(signature.return_annotation)}"
    line = f"{name}({', '.join(parts)}){returned}"
    if len(line) <= _WIDE:
        return line
    return f"{name}(\n" + "".join(f"    {part},\n" for part in parts) + f"){returned}"


def _text(annotation: object) -> str:
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", repr(annotation))
