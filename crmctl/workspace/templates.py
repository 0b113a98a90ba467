"""Rendering ``templates/*.md.j2``: a sandbox that sees plain data only, and cannot grow without bound.

A template is a Markdown file with front matter. Values put into the front matter come out as YAML scalars, values
put into the body as Markdown text, so that no name or mail subject can add a key, a heading or a link.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, Undefined
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from crmctl.model import numbers, text
from crmctl.model.errors import ConfigError, CrmError, Problem
from crmctl.workspace import files, yamlio

FOLDER = "templates"
MAX_TEMPLATE = 256 * 1024
MAX_OUTPUT = 1024 * 1024
MAX_REPEAT = 100_000
FENCE = "---\n"
FILTERS = """abs batch capitalize count default d dictsort first groupby indent int items join last length
list lower map max min reject rejectattr replace reverse round select selectattr slice sort
string sum title trim truncate unique upper wordcount""".split()


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's immutable sandbox with arithmetic that cannot explode and no way to a method of an object."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "**":
            raise SecurityError("powers are not allowed")
        if operator == "%" and isinstance(left, str):
            raise SecurityError("% formatting is not allowed")
        if operator == "*" and not all(
            isinstance(side, (int, float, Decimal)) for side in (left, right)
        ):
            raise SecurityError("text and lists cannot be multiplied")
        return super().call_binop(context, operator, left, right)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        plain_method = isinstance(obj, dict) and attr in {"items", "keys", "values", "get"}
        return (plain_method or not callable(value)) and super().is_safe_attribute(obj, attr, value)


def _environment(finalize: Any) -> _Sandbox:
    env = _Sandbox(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=finalize,
    )
    env.globals = {"range": _range}
    env.filters = {name: env.filters[name] for name in FILTERS}
    env.filters |= {
        "money": numbers.money,
        "day": day,
        "yaml": _yaml,
        "cell": cell,
        "raw": _raw,
        "points": numbers.half_up,
    }
    return env


def _range(*bounds: int) -> range:
    result = range(*bounds)
    if len(result) > MAX_REPEAT:
        raise SecurityError(f"a range of {len(result)} is too long")
    return result


@lru_cache(maxsize=2)
def _environments() -> tuple[_Sandbox, _Sandbox]:
    def header(value: Any) -> str:
        if isinstance(value, Undefined):
            value = str(value)  # raises, and says which name it is
        return value if isinstance(value, Markup) else yamlio.dump_value(value)

    def body(value: Any) -> str:
        if isinstance(value, Markup):
            return value
        return "" if value is None else text.markdown(str(value))

    return _environment(header), _environment(body)


def day(value: Any) -> str:
    """The date of a date or time."""
    return "" if value is None else str(value)[:10]


def cell(value: Any) -> Markup:
    """Text for one cell of a Markdown table."""
    return Markup("" if value is None else text.markdown(text.one_line(str(value), 500)))


def _yaml(value: Any) -> Markup:
    return Markup(yamlio.dump_value(value))


def _raw(value: Any) -> Markup:
    """Prose that a person wrote in a file of ours: kept as it is, control characters apart."""
    return Markup(text.terminal(str(value), MAX_OUTPUT))


def plain(value: Any) -> Any:
    """What a template may see: text, numbers, dates, lists and maps of them. Anything else becomes text."""
    if value is None or isinstance(value, (str, bool, int, float, Decimal, dt.date)):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    return str(value)


def load(root: Path, name: str) -> tuple[str, str]:
    """(path, source) of a template: the workspace's own, else the one that comes with crmctl."""
    path = f"{FOLDER}/{name}.md.j2"
    raw = files.read(root, path)
    if raw is None:
        raw = shipped(path)
    if raw is None:
        raise ConfigError(f"{path}: there is no such template")
    if len(raw) > MAX_TEMPLATE:
        raise ConfigError(f"{path}: is larger than {MAX_TEMPLATE // 1024} KB")
    return path, raw.decode("utf-8-sig").replace("\r\n", "\n")


def _homes() -> list[Traversable]:
    """Where crmctl's own files lie: in the installed package, or at the top of a checkout."""
    return [resources.files("crmctl") / "_defaults", Path(__file__).resolve().parents[2]]


def shipped(path: str) -> bytes | None:
    """A file that comes with crmctl (``templates/…``, ``weights.yaml``, ``signals.yaml``); None if there is none."""
    for home in _homes():
        found = home.joinpath(path)
        if found.is_file():
            return found.read_bytes()
    return None


def shipped_names(name: str = FOLDER) -> list[str]:
    """Paths of all files in a folder that comes with crmctl, by default of all templates, sorted."""
    for home in _homes():
        folder = home.joinpath(name)
        if folder.is_dir():
            return sorted(f"{name}/{entry.name}" for entry in folder.iterdir() if entry.is_file())
    return []


def render(root: Path, name: str, context: Mapping[str, Any]) -> str:
    """A template with plain data put in; `ConfigError` names the template and what is wrong with it."""
    path, source = load(root, name)
    header_env, body_env = _environments()
    data = plain(context)
    header, body = _split(source)
    try:
        head = _bounded(header_env, header, data, path)
        return head + _bounded(body_env, body, data, path)
    except (
        TemplateError,
        TypeError,
        ValueError,
        ArithmeticError,
        RecursionError,
        MemoryError,
    ) as error:
        line = getattr(error, "lineno", None)
        where = (
            f"{path}:{line + header.count(chr(10)) if header and line else line}" if line else path
        )
        raise ConfigError(f"{where}: {str(error) or type(error).__name__}") from None


def fault(root: Path, name: str) -> Problem | None:
    """What keeps a template from being rendered, as far as it shows before there is data to put in."""
    path = f"{FOLDER}/{name}.md.j2"
    try:
        parts = _split(load(root, name)[1])
    except ConfigError as error:
        return Problem(path, 0, "", str(error), "template")
    except UnicodeDecodeError:
        return Problem(path, 0, "", "is not UTF-8 text", "template")
    above = 0
    for env, part in zip(_environments(), parts, strict=True):
        try:
            _compiled(env, part)
        except TemplateError as error:
            line = getattr(error, "lineno", None)
            return Problem(path, line + above if line else 0, "", str(error), "template")
        above += part.count("\n")
    return None


def _split(source: str) -> tuple[str, str]:
    if not source.startswith(FENCE):
        return "", source
    end = source.find(f"\n{FENCE}", len(FENCE) - 1)
    if end < 0:
        return "", source
    cut = end + 1 + len(FENCE)
    return source[:cut], source[cut:]


@lru_cache(maxsize=128)
def _compiled(env: _Sandbox, source: str) -> Template:
    return env.from_string(source)


def _bounded(env: _Sandbox, source: str, data: Any, path: str) -> str:
    parts: list[str] = []
    size = 0
    for part in _compiled(env, source).generate(data):
        parts.append(part)
        size += len(part)
        if size > MAX_OUTPUT:
            raise CrmError(f"{path}: the document would be larger than {MAX_OUTPUT // 1024} KB")
    return "".join(parts)
