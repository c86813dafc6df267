from collections.abc import Iterator

import pytest

from perdure.models.compatible import OpenAICompatible
from tests.models.loopback import Loopback


@pytest.fixture(scope="module")
def served() -> Iterator[Loopback]:
    with Loopback() as server:
        yield server


@pytest.fixture
def loopback(served: Loopback) -> Iterator[Loopback]:
    served.play()
    yield served
    refused, served.refused = served.refused, []
    assert refused == [], "a request came that the strictest provider refuses"


@pytest.fixture
def model(loopback: Loopback) -> OpenAICompatible:
    return OpenAICompatible("any", base_url=loopback.base_url, api_key="a key")
