"""Canonical JSON and the hashes made of it.

Source: RFC 8785 (JSON Canonicalization Scheme), so a hash can be recomputed in any language, with one difference:
RFC 8785 takes every number for a double, and can't tell integers beyond 2^53 - 1 apart. Here an integer is its exact
decimal digits, up to 64 bits, as everywhere else (decision 0006). NaN, the infinities and larger integers are refused
with the path of the offender.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

import msgspec
import rfc8785

from perdure.core.values import Value, find_offender
from perdure.core.values.value import NESTING
from perdure.errors import NotStorable

if TYPE_CHECKING:
    from perdure.core.manifest import Manifest

_sorted = msgspec.json.Encoder(order="sorted")
_AS_IT_IS = frozenset[type]({str, bool, type(None)})
_LISTS = frozenset[type]({list, tuple})
_TEXT = frozenset[type]({str})
_INT_MIN, _INT_MAX = -(2**63), 2**64 - 1


def canonical_json(value: Value, field: str = "value") -> bytes:
    """The one JSON text of a value built of None, bool, int, float, str, list, tuple and dict.

    Raises: NotStorable with the path of what has no canonical form.
    """
    try:
        return _sorted.encode(value) if _is_simple(value) else _canonical(value)
    except (rfc8785.CanonicalizationError, RecursionError, ValueError) as error:
        offender = find_offender(value, field, plain=True)
        raise NotStorable(*(offender or (field, str(error)))) from None


def _canonical(value: Value) -> bytes:
    """The library's text, but for integers that it refuses; where there are some, only leaves are the library's."""
    try:
        return rfc8785.dumps(value)
    except rfc8785.IntegerDomainError:
        if isinstance(value, dict):
            members = cast("dict[str, Value]", value)
            names = sorted(members, key=lambda name: name.encode("utf-16-be"))
            return b"{%b}" % b",".join(b"%b:%b" % (rfc8785.dumps(name), _canonical(members[name])) for name in names)
        if isinstance(value, list | tuple):
            return b"[%b]" % b",".join(map(_canonical, cast("list[Value]", value)))
        if not _INT_MIN <= value <= _INT_MAX:
            raise
        return b"%d" % value


def _is_simple(value: Value) -> bool:
    """Whether msgspec's sorted JSON is the canonical one, at a twentieth of the cost: no floats, keys in ASCII.

    A level at a time: every start of a run asks it, and calls of functions cost most of it.
    """
    level: Iterable[Value] = (value,)
    for _ in range(NESTING):
        inside: list[Value] = []
        for one in level:
            kind = cast("type[Value]", type(one))
            if kind in _AS_IT_IS:
                continue
            if kind is int:
                if not _INT_MIN <= one <= _INT_MAX:
                    return False
            elif kind is dict:
                members = cast("dict[Value, Value]", one)
                if not (_TEXT.issuperset(map(type, members)) and "".join(cast("Iterable[str]", members)).isascii()):
                    return False
                inside += members.values()
            elif kind in _LISTS:
                inside += one
            else:
                return False
        if not inside:
            return True
        level = inside
    return False


def canonical_hash(value: Value, field: str = "value") -> str:
    """Lowercase hex SHA-256 of the canonical JSON."""
    return hashlib.sha256(canonical_json(value, field)).hexdigest()


def manifest_hash(manifest: Manifest) -> str:
    """What makes a run the same run: project, scenario, task, input and tenant; absent counts as null."""
    task = manifest.task
    return canonical_hash(
        {
            "project_id": manifest.project_id,
            "scenario_id": manifest.scenario_id,
            "task_id": task.id,
            "task_intent": task.intent,
            "task_domain": task.domain,
            "tenant": manifest.tenant,
            "input": manifest.input,
        },
        "manifest",
    )
