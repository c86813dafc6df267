import re

from tests.meta.project import ROOT

RULE = re.compile(r'\s*"[A-Z]+\d*",?(?P<reason>\s+# \w.*)?')
FILE = re.compile(r'"[^"]+" = \[(?:"[A-Z]+\d*",? ?)+\](?P<reason>\s+# \w.*)?')


def unexplained(configuration: str) -> list[str]:
    """The lines that switch a ruff rule off and give no reason."""
    matches = ((line, RULE.fullmatch(line) or FILE.fullmatch(line)) for line in configuration.splitlines())
    return [line.strip() for line, match in matches if match and not match["reason"]]


def test_each_rule_that_is_off_says_why() -> None:
    ruff = (ROOT / "pyproject.toml").read_text().partition("[tool.ruff.lint]")[2].partition("[tool.importlinter]")[0]
    assert 'ignore = [\n    "' in ruff
    assert unexplained(ruff) == []


def test_a_rule_without_a_reason_is_seen() -> None:
    assert unexplained('    "EM",\n    "D",  # why\n"x.py" = ["D102"]\n"y.py" = ["D", "E1"]  # why') == [
        '"EM",',
        '"x.py" = ["D102"]',
    ]
