"""Leases: one worker at a time moves a parcel."""

from __future__ import annotations

from dataclasses import dataclass, replace

LEASE_SECONDS = 30.0
_GRACE = 2.0


@dataclass(frozen=True)
class Lease:
    """A worker's right to write, until it expires; the token grows with each takeover."""

    parcel_id: str
    owner: str
    token: int
    expires_at: float


class LeaseLost(Exception):
    """Somebody else holds the lease now; the write was refused."""


def acquire(parcel_id: str, owner: str, now: float, current: Lease | None) -> Lease:
    """Take the lease if nobody has it or it has run out."""
    if current is not None and current.expires_at + _GRACE > now and current.owner != owner:
        raise LeaseLost(f"{current.owner} holds {parcel_id}")
    token = current.token + 1 if current is not None else 1
    return Lease(parcel_id, owner, token, now + LEASE_SECONDS)


def renew(lease: Lease, now: float) -> Lease:
    """Extend the lease by another period, while it still lasts."""
    if lease.expires_at <= now:
        raise LeaseLost(f"the lease on {lease.parcel_id} ran out")
    return replace(lease, expires_at=now + LEASE_SECONDS)


def fence(lease: Lease, token: int) -> None:
    """Refuse a write that carries a stale token."""
    if token != lease.token:
        raise LeaseLost(f"token {token} is stale, {lease.token} is current")
