"""How templates are compiled: our sentences said beforehand, and Python that runs a good deal faster than Jinja's own.

A run over everything renders twenty thousand templates. What is quick here gives the same text as what it replaces.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from typing import Any

import jinja2
import markupsafe
from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.runtime import Context, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing
from jinja2.visitor import NodeTransformer
from markupsafe import Markup

from newsletter.words import ENGLISH, Words

_escape: Callable[[str], str] = markupsafe._escape_inner  # type: ignore[attr-defined]  # noqa: SLF001 - `escape` in C alone
_PLACEHOLDER = re.compile(r"%\((\w+)\)s")


class _Translator(NodeTransformer):
    """Says our sentences while a template is compiled, so that rendering looks nothing up.

    Plural forms, which hang on a number, and sentences inside of expressions that have something to fill in are left to
    the functions of `_globals`.
    """

    def __init__(self, words: Words) -> None:
        self._words = words

    def generic_visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> nodes.Node:
        """What stands side by side becomes one: each sentence in a tag of its own would be passed up alone."""
        super().generic_visit(node, *args, **kwargs)
        for name, value in node.iter_fields():
            if isinstance(value, list):
                setattr(node, name, list(_joined(value)))
        return node

    def visit_Output(self, node: nodes.Output) -> nodes.Output:  # noqa: N802 - Jinja's name
        """A sentence becomes its texts with what is filled in between them; each is escaped as everything else is."""
        shown: list[nodes.Expr] = []
        for each in node.nodes:
            shown += self._parts(each) or [self.visit(each)]
        node.nodes = shown
        return node

    def visit_Call(self, node: nodes.Call) -> nodes.Expr:  # noqa: N802 - Jinja's name
        self.generic_visit(node)
        parts = self._parts(node)
        return parts[0] if len(parts) == 1 else node

    def _parts(self, node: nodes.Expr) -> list[nodes.Expr]:
        """Empty for what is no sentence, or cannot be said yet."""
        message = _message(node)
        if message is None or not isinstance(node, nodes.Call):
            return []
        filled = {each.key: each.value for each in node.kwargs}
        texts = _PLACEHOLDER.split(self._words.gettext(message))
        if not filled.keys() >= set(texts[1::2]) or any("%" in text.replace("%%", "") for text in texts[::2]):
            return []
        parts: list[nodes.Expr] = [nodes.Const(texts[0].replace("%%", "%"), lineno=node.lineno)]
        for name, text in zip(texts[1::2], texts[2::2], strict=True):
            parts += (self.visit(filled[name]), nodes.Const(text.replace("%%", "%"), lineno=node.lineno))
        return parts


def _joined(each: Iterable[Any]) -> Iterator[Any]:
    last: Any = None
    for node in each:
        if isinstance(last, nodes.Output) and isinstance(node, nodes.Output):
            last.nodes = [*last.nodes, *node.nodes]
        else:
            yield node
            last = node


def _message(node: nodes.Expr) -> str | None:
    """The sentence that a `{% trans %}` or a `_()` says, if it is one that is known already."""
    if not isinstance(node, nodes.Call) or not isinstance(node.node, nodes.Name) or node.dyn_kwargs or node.dyn_args:
        return None
    constant = node.args[0] if node.node.name in {"_", "gettext"} and len(node.args) == 1 else None
    return constant.value if isinstance(constant, nodes.Const) and isinstance(constant.value, str) else None


def escaped(value: object) -> str:
    """What `markupsafe.escape` gives, to be joined: markup or a plain text."""
    if type(value) is str:
        return _escape(value)
    if type(value) is Markup:
        return value
    if type(value) is int:
        return str(value)
    if hasattr(value, "__html__"):
        return str(value.__html__())
    return _escape(str(value))


class _CodeGenerator(CodeGenerator):
    """Escapes what a template shows with `escaped`, hands it on in one piece, and calls macros by `called`."""

    environment: Environment

    def visit_Output(self, node: nodes.Output, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        """Each text that is yielded goes up through every block around it; so what stands together is joined here."""
        if frame.buffer is not None or frame.require_output_check or len(node.nodes) == 1:
            super().visit_Output(node, frame)
            return
        frame.buffer = self.temporary_identifier()
        self.writeline(f"{frame.buffer} = []")
        super().visit_Output(node, frame)
        self.writeline(f"yield concat({frame.buffer})")
        frame.buffer = None

    def visit_Call(self, node: nodes.Call, frame: Frame, forward_caller: bool = False) -> None:  # noqa: N802 - as above
        """Nothing that we call by its name asks for the variables of loops and blocks, which are left out here."""
        plain = isinstance(node.node, nodes.Name) and not (node.kwargs or node.dyn_args or node.dyn_kwargs)
        if not plain or forward_caller or self.environment.sandboxed:
            super().visit_Call(node, frame, forward_caller=forward_caller)
            return
        self.write("environment.called(context, ")
        self.visit(node.node, frame)
        self.signature(node, frame)
        self.write(")")

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if frame.eval_ctx.volatile or not frame.eval_ctx.autoescape or finalize.src is not None:
            super()._output_child_pre(node, frame, finalize)
        else:
            self.write("environment.escaped(")


def called(context: Context, function: Any, *args: Any) -> Any:
    """What `context.call` gives, without a look at what a macro might take that ours do not."""
    if type(function) is not Macro or function.caller or function.catch_varargs or function.catch_kwargs:
        return context.call(function, *args)
    left = len(function.arguments) - len(args)
    if left < 0:
        return context.call(function, *args)
    text = function._func(*args, *(missing,) * left)  # noqa: SLF001 - all that its `__call__` comes to
    return Markup(text) if context.eval_ctx.autoescape else text  # noqa: S704 - a macro has escaped what it shows


class Environment(jinja2.Environment):
    """`words` are set before the first template is compiled."""

    words: Words = ENGLISH
    code_generator_class = _CodeGenerator
    escaped = staticmethod(escaped)
    called = staticmethod(called)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._ready: dict[str, jinja2.Template] = {}

    def get_template(
        self,
        name: str | jinja2.Template,
        parent: str | None = None,
        globals: MutableMapping[str, Any] | None = None,  # noqa: A002 - Jinja's name
    ) -> jinja2.Template:
        """One that was loaded is not looked at again, for no file changes under a run."""
        if isinstance(name, jinja2.Template) or globals:
            return super().get_template(name, parent, globals)
        if name not in self._ready:
            self._ready[name] = super().get_template(name, parent)
        return self._ready[name]

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """No template has any of its own here, and a plain dictionary is looked through a good deal faster."""
        return super().make_globals(d) if d else self.globals

    def compile(
        self,
        source: Any,
        name: str | None = None,
        filename: str | None = None,
        raw: bool = False,
        defer_init: bool = False,
    ) -> Any:
        """Said in `words` what is a text, and left as it is what is a tree already."""
        if isinstance(source, str):
            source = _Translator(self.words).visit(self.parse(source, name, filename))
        return super().compile(source, name, filename, raw, defer_init)  # type: ignore[call-overload]


class Sandbox(ImmutableSandboxedEnvironment, Environment):
    """The sandbox, but quick where there is nothing to ask: a field of a noun is a value, whatever it is called."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if attribute in getattr(type(obj), "__dataclass_fields__", ()):
            return getattr(obj, attribute)
        return super().getattr(obj, attribute)
