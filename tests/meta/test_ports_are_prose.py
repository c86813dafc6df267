"""Every promise stands on the port: each public method of a protocol says what it does."""

import ast

from tests.meta.project import ROOT, modules


def silent_methods(source: str) -> list[str]:
    def is_protocol(base: ast.expr) -> bool:
        name = base.value if isinstance(base, ast.Subscript) else base
        return (isinstance(name, ast.Name) and name.id == "Protocol") or (
            isinstance(name, ast.Attribute) and name.attr == "Protocol"
        )

    return [
        f"{port.name}.{method.name}"
        for port in ast.walk(ast.parse(source))
        if isinstance(port, ast.ClassDef) and any(map(is_protocol, port.bases))
        for method in port.body
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef)
        if not method.name.startswith("_") and not ast.get_docstring(method)
    ]


def test_each_method_of_a_protocol_says_what_it_does() -> None:
    silent = {str(path.relative_to(ROOT)): silent_methods(path.read_text()) for path in modules()}
    assert {path: methods for path, methods in silent.items() if methods} == {}


def test_a_silent_method_is_seen() -> None:
    source = '''
class Port(Protocol[T]):
    async def told(self):
        """Told."""
    async def silent(self): ...
    def _private(self): ...

class Home:
    async def silent(self): ...
'''
    assert silent_methods(source) == ["Port.silent"]
