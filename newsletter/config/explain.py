"""What is wrong with a configuration, in the operator's words: the key, what was found, and what would be right."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeGuard, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

_LONGEST_SHOWN = 80  # characters of a value


def explain(path: Path, error: ValidationError, whole: type[BaseModel]) -> Iterator[str]:
    """One line for each thing that is wrong with the file, which `whole` describes."""
    for problem in _innermost(error.errors()):
        yield _explained(path, problem, whole)


def keys(part: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every key of the file with its description."""
    for name, field in part.model_fields.items():
        inner = [kind for kind in (field.annotation, *get_args(field.annotation)) if _is_part(kind)]
        if inner:
            yield from keys(inner[0], f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field.description or ""


def _innermost(problems: list[ErrorDetails]) -> list[ErrorDetails]:
    """A list of which every part is refused is called too short as well: the parts' own problems say it all."""
    places = [problem["loc"] for problem in problems]
    return [
        problem
        for problem in problems
        if not any(
            len(place) > len(problem["loc"]) and place[: len(problem["loc"])] == problem["loc"] for place in places
        )
    ]


def _explained(path: Path, problem: ErrorDetails, whole: type[BaseModel]) -> str:
    """One line: the file, the key, what was found and what would be right."""
    key = _key(problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"{path}: {key}: unknown key{_suggestion(problem['loc'], whole)}"
    right = _description(problem["loc"], whole)
    if problem["type"] == "missing":
        return f"{path}: {key}: missing; it should be {right}"
    detail = problem.get("ctx", {}).get("error")
    return f"{path}: {key}: found {_shown(problem['input'])}; it should be {right}{f' ({detail})' if detail else ''}"


def _key(location: tuple[int | str, ...]) -> str:
    text = ""
    for step in location:
        text += f"[{step + 1}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")


def _shown(value: Any) -> str:
    text = (
        json.dumps(value, ensure_ascii=False)
        if isinstance(value, str)
        else "a table"
        if isinstance(value, Mapping)
        else str(value)
    )
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."


def _part_at(location: tuple[int | str, ...], whole: type[BaseModel]) -> type[BaseModel]:
    part = whole
    for step in location[:-1]:
        if isinstance(step, str) and step in part.model_fields:
            kinds = (part.model_fields[step].annotation, *get_args(part.model_fields[step].annotation))
            part = next((kind for kind in kinds if _is_part(kind)), part)
    return part


def _description(location: tuple[int | str, ...], whole: type[BaseModel]) -> str:
    names = [step for step in location if isinstance(step, str)]
    inside, above = _part_at((*names, ""), whole), _part_at(tuple(names), whole)
    field = inside.model_fields.get(names[-1]) or above.model_fields.get(names[-1])
    return (field.description if field else None) or "something else"


def _suggestion(location: tuple[int | str, ...], whole: type[BaseModel]) -> str:
    known = list(_part_at(location, whole).model_fields)
    near = difflib.get_close_matches(str(location[-1]), known, n=1)
    return f"; did you mean `{near[0]}`?" if near else f"; known here: {', '.join(known)}"


def _is_part(kind: Any) -> TypeGuard[type[BaseModel]]:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
