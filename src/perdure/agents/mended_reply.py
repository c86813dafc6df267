"""A model's reply as text that UTF-8 can hold: its parts are mended as the deltas that built them are."""

from __future__ import annotations

import msgspec

from perdure.core.messages import Part
from perdure.core.text import well_formed, well_formed_data
from perdure.core.values import Value
from perdure.models.protocol import ModelReply


def mended_reply(reply: ModelReply) -> ModelReply:
    """The reply with every text in it well formed."""
    return msgspec.structs.replace(
        reply,
        parts=tuple(map(_mended, reply.parts)),
        finish_reason=well_formed(reply.finish_reason),
        model=well_formed(reply.model),
    )


def _mended(part: Part) -> Part:
    fields = {name: getattr(part, name) for name in part.__struct_fields__}
    mended: dict[str, Value] = well_formed_data(fields)
    return part if mended == fields else msgspec.structs.replace(part, **mended)
