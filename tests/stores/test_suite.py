"""The suite is put together from classes: what two of them call the same, one of them would lose."""

from collections import Counter

from perdure.testing.store_suite import FacetSuite, ProcessSuite, Promises


def names(suite: type) -> Counter[str]:
    facets = [facet for facet in suite.__mro__ if facet not in {suite, *Promises.__mro__}]
    return Counter(name for facet in facets for name in vars(facet) if not name.startswith("__"))


def test_no_facet_hides_what_another_one_has() -> None:
    for suite in (FacetSuite, ProcessSuite):
        assert [name for name, count in names(suite).items() if count > 1] == []


def test_every_facet_is_part_of_the_suite() -> None:
    facets = {facet for facet in Promises.__subclasses__() if facet.__module__.startswith("perdure.testing")}
    assert facets - {FacetSuite, ProcessSuite} <= set(FacetSuite.__mro__) | set(ProcessSuite.__mro__)


def test_it_holds_hundreds_of_promises() -> None:
    assert sum(name.startswith("test_") for name in names(FacetSuite)) > 350
