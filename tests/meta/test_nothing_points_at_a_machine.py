import re

from tests.meta.project import ROOT, tracked

# Written so that they do not find themselves.
ADDRESSES = r"py[p]i\.org|python[h]osted\.org|registry\.(?:npm[j]s|y[a]rnpkg)|index-u[r]l|find-l[i]nks"
PATHS = r"(?<![\w.:/])/(?:home|root|Users|work)/\w|file:[/]{3}"
POINTER = re.compile(f"{ADDRESSES}|{PATHS}")


def pointers(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if POINTER.search(line)]


def test_no_tracked_file_names_a_registry_or_a_path_of_one_machine() -> None:
    found: dict[str, list[str]] = {}
    for path in tracked():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        if lines := pointers(text):
            found[str(path.relative_to(ROOT))] = lines
    assert found == {}


def test_a_registry_address_and_a_machine_path_are_seen() -> None:
    address = "https://" + "pypi" + ".org/simple"
    path = "see /" + "home/ana/perdure"
    assert pointers(f"{address}\n{path}\nhttps://example.org/home/ana and ./work/x") == [address, path]
