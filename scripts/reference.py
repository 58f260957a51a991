"""Completes the reference: the parameters of a class's bases, and the methods that are written once for two classes."""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any

import griffe

from airflow_provider_offers.client.model import query

# The description of a parameter, with its further lines, which are indented.
_PARAMETER = re.compile(r"^:param (?P<name>\w+): .*(?:\n[ \t]+\S.*)*", re.MULTILINE)


# A docstring that names another class for its parameters.
_ELSEWHERE = re.compile(r"see `(\w+)` for (?:the parameters|it)\b")
# What a docstring says of parameters that `_complete` adds, or of the class that describes them.
_POINTERS = re.compile(
    r"(?:The\s+other\s+p|P)arameters\s+are\s+those\s+of\s+`\w+`(?:\s+(?:and|without)\s+`\w+`)?\.\s*"
    r"|The search parameters are described in `[\w.]+`\.\s*"
    r"|; see `\w+` for it\b[^\n]*"
)
_SEARCH = {name: f":param {name}: {each.description}" for name, each in query.PARAMETERS.items()}
# What `client/twins.py` makes of a method, and the type of a search's results.
_TWINS = {"driven": "", "iterated": "Iterator", "awaited": "", "async_iterated": "AsyncIterator"}


class Complete(griffe.Extension):
    """Adds what a reader finds elsewhere in the code.

    - The docstring of a class gets what its bases say about the parameters of its constructor, in place of a sentence
      that points to the base.
    - `create = driven(Calls.create)` becomes the method `Calls.create`, with the result of the action.
    - A search shows its parameters, which are described once.
    - The docstring of a model gets its properties with their descriptions.
    """

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Called when the whole package is loaded, so that every base and every method is known."""
        classes = _classes(pkg)
        for each in classes:
            for function in (one for one in each.functions.values() if not one.is_alias):
                _spread(function)
        for each in classes:
            _complete(each, {other.name: other for other in classes})
        for each in classes:
            if each.docstring is not None:
                each.docstring.value = _POINTERS.sub("", each.docstring.value)
            if each.path.startswith(f"{pkg.path}.client.model."):
                _describe(each)
            for name, attribute in list(each.attributes.items()):
                if (method := _twin(pkg, attribute)) is not None:
                    each.set_member(name, method)


def _classes(module: griffe.Module) -> list[griffe.Class]:
    found = [each for each in module.classes.values() if not each.is_alias]
    for inner in module.modules.values():
        if not inner.is_alias:
            found += _classes(inner)
    return found


def _complete(each: griffe.Class, named: dict[str, griffe.Class]) -> None:
    """Insert the descriptions after the class's own, or after its first paragraph, in the order of the constructor."""
    if each.docstring is None:
        return
    text = each.docstring.value
    own = list(_PARAMETER.finditer(text))
    bases = each.mro()
    elsewhere = [
        match[1] for base in (each, *bases) if base.docstring for match in _ELSEWHERE.finditer(base.docstring.value)
    ]
    inherited = dict(_SEARCH)
    for base in reversed([*bases, *(named[name] for name in elsewhere)]):
        if base.docstring is not None:
            inherited |= {match["name"]: match[0] for match in _PARAMETER.finditer(base.docstring.value)}
    told = {match["name"] for match in own}
    missing = [inherited[each.name] for each in each.parameters if each.name in inherited and each.name not in told]
    if not missing:
        return
    if own:
        end = own[-1].end()
        each.docstring.value = "\n".join([text[:end], *missing]) + text[end:]
    else:
        first, _, rest = text.partition("\n\n")
        each.docstring.value = "\n\n".join([first, "\n".join(missing), rest]).rstrip()


def _spread(function: griffe.Function) -> None:
    """Name the parameters of a search, as its decorator `takes(...)` does when the module is imported."""
    for decorator in function.decorators:
        if isinstance(decorator.value, griffe.ExprCall) and str(decorator.value.function) == "takes":
            rest = [each for each in function.parameters if each.kind is griffe.ParameterKind.var_keyword]
            own = [each for each in function.parameters if each not in rest]
            search = [
                griffe.Parameter(
                    name,
                    annotation=inspect.formatannotation(query.TYPES[name]).replace("collections.abc.", ""),
                    kind=griffe.ParameterKind.keyword_only,
                    default="None",
                )
                for name in query.names(getattr(query, str(decorator.value.arguments[0])))
            ]
            others = rest if len(decorator.value.arguments) > 1 else []
            function.parameters = griffe.Parameters(*own, *search, *others)


def _twin(package: griffe.Module, attribute: griffe.Attribute) -> griffe.Function | None:
    """The method that an attribute is made of; None for every other attribute."""
    call = attribute.value
    if not isinstance(call, griffe.ExprCall) or str(call.function) not in _TWINS:
        return None
    way, argument = str(call.function), call.arguments[0]
    assert isinstance(argument, griffe.Expr)
    written = package[argument.canonical_path.removeprefix(f"{package.path}.")]
    result = str(written.returns).partition("[")[2].removesuffix("]")
    method = griffe.Function(
        attribute.name,
        lineno=attribute.lineno,
        parameters=written.parameters,
        returns=f"{_TWINS[way]}[{result}]" if _TWINS[way] else result,
        docstring=written.docstring,
    )
    if way == "awaited":
        method.labels.add("async")
    return method


def _describe(each: griffe.Class) -> None:
    """Add the properties of a model, those of its bases too, to its docstring."""
    fields = getattr(getattr(importlib.import_module(each.module.path), each.name), "model_fields", {})
    described = {name: field.description for name, field in fields.items() if field.description}
    if not described or each.docstring is None:
        return
    for owner in (each, *each.mro()):
        for name in described.keys() & owner.attributes.keys():
            owner.attributes[name].annotation = _plain(owner.attributes[name].annotation)
            if owner is not each and name not in each.members:
                each.set_member(name, owner.attributes[name])
    told = (f":var {name}: {description}" for name, description in described.items())
    each.docstring.value = "\n".join([each.docstring.value, "", *told])


def _plain(annotation: Any) -> Any:
    """The type of a field without its rules: `Annotated[int, Ge(1)]` is an `int`."""
    if not isinstance(annotation, griffe.ExprSubscript):
        return annotation
    inner = annotation.slice
    if str(annotation.left) == "Annotated" and isinstance(inner, griffe.ExprTuple):
        return _plain(inner.elements[0])
    if str(annotation.left) == "OrTemplate":
        return _plain(inner)
    return griffe.ExprSubscript(annotation.left, _plain(inner))
