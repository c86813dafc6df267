"""Who asks, and for which tenant, is checked where a door is made."""

from __future__ import annotations

import pytest

from perdure import App
from perdure.errors import IdInvalid


@pytest.mark.parametrize("field", ["tenant", "principal"])
@pytest.mark.parametrize("value", ["", "a\x00b", "x" * 5000])
async def test_a_door_for_a_tenant_or_principal_that_is_no_id_is_refused(field: str, value: str) -> None:
    async with App("memory:") as app:
        with pytest.raises(IdInvalid) as refused:
            app.acting_as(**{field: value})
        assert refused.value.field == field
