"""Numbers the awaits of our modules while they are imported: each is wrapped into a step that may be the last one.

The code that runs is the code of the tree; nothing in it knows of this.
"""

import ast
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType
from typing import TypeVar

from tests.faults.steps_death import SUFFIXES, WRAPPERS, known

__all__ = ["number_awaits"]

Node = TypeVar("Node", bound=ast.AST)
SNIPPET = 48


class _Numberer(ast.NodeTransformer):
    """Wraps what is awaited, entered, left and iterated asynchronously; a step is named by its place and its source."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._within: list[str] = []

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._function(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def visit_Await(self, node: ast.Await) -> ast.AST:
        wrapped = self._wrapped("step", node.value)
        node.value = wrapped
        return node

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.AST:
        for item in node.items:
            item.context_expr = self._wrapped("within", item.context_expr)
            if item.optional_vars is not None:
                self.visit(item.optional_vars)
        node.body = [self.visit(statement) for statement in node.body]
        return node

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AST:
        node.iter = self._wrapped("each", node.iter)
        node.body = [self.visit(statement) for statement in node.body]
        node.orelse = [self.visit(statement) for statement in node.orelse]
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        if node.is_async:
            node.iter = self._wrapped("each", node.iter)
            return node
        self.generic_visit(node)
        return node

    def _function(self, node: Node) -> Node:
        self._within.append(getattr(node, "name", ""))
        self.generic_visit(node)
        self._within.pop()
        return node

    def _wrapped(self, wrapper: str, value: ast.expr) -> ast.expr:
        source = " ".join(ast.unparse(value).split())
        short = source if len(source) <= SNIPPET else source[: SNIPPET - 1] + "…"
        place = f"{self._module}:{value.lineno}:{value.col_offset} {'.'.join(self._within)}: {short}"
        known.extend(f"{place}{suffix}" for suffix in SUFFIXES[wrapper])
        call = ast.Call(ast.Name(f"__{wrapper}__", ast.Load()), [ast.Constant(place), self.visit(value)], [])
        return ast.fix_missing_locations(ast.copy_location(call, value))


class _Loader(SourceFileLoader):
    """Compiles from the source, always: what is cached has no numbers."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        tree = _Numberer(fullname).visit(ast.parse(self.get_data(path), path))
        code = compile(tree, path, "exec", dont_inherit=True)
        assert isinstance(code, CodeType)
        return code

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__.update({f"__{name}__": wrapper for name, wrapper in WRAPPERS.items()})
        super().exec_module(module)


class _Finder(MetaPathFinder):
    def __init__(self, packages: Sequence[str]) -> None:
        self._packages = packages

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(tuple(self._packages)):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


def number_awaits(*packages: str) -> None:
    """Number the awaits of everything in these packages that is imported from now on."""
    early = [name for name in sys.modules if name.startswith(packages) and name not in ("services", "libs")]
    if early:
        raise RuntimeError(f"imported before the awaits could be numbered: {', '.join(early)}")
    sys.meta_path.insert(0, _Finder(packages))
