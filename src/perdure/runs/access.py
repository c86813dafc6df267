"""Access: what every handle is made from. Who asks, for which tenant, and whether they may, is decided here only."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import msgspec

from perdure.core.clock import Clock
from perdure.core.ids import check_id
from perdure.errors import NotAllowed
from perdure.stores.port import Store


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to do: `action` is `kind.verb`, as `run.cancel` or `thread.send`; `id` says with what."""

    action: str
    id: str
    tenant: str | None
    principal: str | None


Authorize: TypeAlias = Callable[[Asked], bool | Awaitable[bool]]
"""Whether it may be done."""


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """A store, a clock, and who asks for which tenant. Without `authorize` everybody may do everything."""

    store: Store
    clock: Clock
    tenant: str | None = None
    principal: str | None = None
    authorize: Authorize | None = None

    def __post_init__(self) -> None:
        """Raises: IdInvalid for an empty tenant or principal too: it would be nobody's."""
        for field, value in (("tenant", self.tenant), ("principal", self.principal)):
            if value is not None:
                check_id(field, value)

    async def check(self, action: str, id: str) -> None:  # noqa: A002 - the field's name
        """Raises: NotAllowed."""
        if self.authorize is None:
            return
        allowed = self.authorize(Asked(action=action, id=id, tenant=self.tenant, principal=self.principal))
        if inspect.isawaitable(allowed):
            allowed = await allowed
        if not allowed:
            raise NotAllowed(action, id, self.principal)
