"""Below `models`, the only third-party imports are msgspec and rfc8785, and the driver of a back end."""

import sys

import grimp

ROOMS = ("errors", "core", "stores", "streams", "runs", "turns")
SHARED = {"msgspec", "rfc8785"}
DRIVERS = {"perdure.stores.sqlite": {"apsw"}, "perdure.stores.postgres": {"asyncpg"}}


def strangers(graph: grimp.ImportGraph) -> list[str]:
    """The imports of low rooms that leave both perdure and what it may use there."""

    def is_allowed(importer: str, imported: str) -> bool:
        top = imported.partition(".")[0]
        drivers = {name for home, names in DRIVERS.items() if f"{importer}.".startswith(f"{home}.") for name in names}
        return top in {"perdure"} | sys.stdlib_module_names | SHARED | drivers

    return [
        f"{module} -> {imported}"
        for module in sorted(graph.modules)
        if module.startswith(tuple(f"perdure.{room}" for room in ROOMS))
        for imported in sorted(graph.find_modules_directly_imported_by(module))
        if not is_allowed(module, imported)
    ]


def test_low_rooms_import_nothing_but_the_two_and_their_driver() -> None:
    graph = grimp.build_graph("perdure", include_external_packages=True, cache_dir=None)
    assert "perdure.core" in graph.modules
    assert strangers(graph) == []


def test_a_stranger_is_seen() -> None:
    graph = grimp.ImportGraph()
    graph.add_import(importer="perdure.stores.sqlite.writer", imported="apsw")
    graph.add_import(importer="perdure.stores.memory", imported="apsw")
    graph.add_import(importer="perdure.runs.worker", imported="anyio")
    graph.add_import(importer="perdure.agents.loop", imported="pydantic")
    assert strangers(graph) == ["perdure.runs.worker -> anyio", "perdure.stores.memory -> apsw"]
