import ast
import statistics
from pathlib import Path

from tests.meta.project import ROOT, modules, tracked


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def function_lengths(source: str) -> list[int]:
    return [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def test_no_file_is_above_400_lines_tests_and_benchmarks_included() -> None:
    ours = [path for path in tracked() if path.suffix == ".py"]
    assert set(modules()) <= set(ours)
    assert {str(path.relative_to(ROOT)): lines(path) for path in ours if lines(path) > 400} == {}


def test_the_median_file_has_at_most_130_lines() -> None:
    assert statistics.median(lines(path) for path in modules()) <= 130


def test_95_of_100_functions_have_at_most_40_lines() -> None:
    lengths = sorted(length for path in modules() for length in function_lengths(path.read_text()))
    assert lengths[int(len(lengths) * 0.95) :][:1] <= [40]


def test_the_length_of_a_function_is_measured_with_its_signature_and_docstring() -> None:
    assert function_lengths('async def one(\n    a,\n):\n    """Doc."""\n    return a\n\n\nx = 1\n') == [5]
