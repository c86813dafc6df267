"""Values come back as they were: the one rule at the door, the same in every store.

A value is encoded as JSON and decoded to an annotation, on the first execution too, so that a crash changes no type.
The forms: None, bool, int, float, str, list, dict as themselves; tuple, set and frozenset as lists; bytes as base64;
datetime, date, time and timedelta as ISO 8601; Decimal and UUID as text; an Enum as its value; dataclasses, msgspec
and pydantic models as objects. Without an annotation a value comes back as plain JSON. NaN and the infinities, cycles,
integers beyond 64 bits (below -2**63, above 2**64 - 1), lone surrogates and objects of any other class are refused.

A value of a type that may lose something is read back before it is stored, and refused, with the path of the field,
where it is not equal: a pydantic model (by alias where that comes back, by the names of its fields otherwise), an
object of a subclass of the annotated class, a key that a TypedDict does not have, a union whose members can't be told
apart. A secret (pydantic's SecretStr and the like) is never stored. Without loss a union of models or dataclasses is
decoded to the member that gives the same JSON again; where several do, to the same one in every process.

An event is what its emitter passed in; `as_` is how the receiver reads it, and may leave out what it does not know.

Read next: `codec`, then `models` (pydantic, without importing it), `forms` and `reading` (annotations), `storable`,
`losing` and `comparing`.
"""

from perdure.core.values.codec import convert, decode, decode_by, decode_strict, decoder, encode, plain, shown
from perdure.core.values.forms import form_of
from perdure.core.values.losing import LossCheck, loss_check
from perdure.core.values.offenders import find_offender
from perdure.core.values.storable import Obstacle, check_storable, obstacle, secret_in
from perdure.core.values.value import MAX_VALUE_BYTES, Decoder, Value

__all__ = [
    "MAX_VALUE_BYTES",
    "Decoder",
    "LossCheck",
    "Obstacle",
    "Value",
    "check_storable",
    "convert",
    "decode",
    "decode_by",
    "decode_strict",
    "decoder",
    "encode",
    "find_offender",
    "form_of",
    "loss_check",
    "obstacle",
    "plain",
    "secret_in",
    "shown",
]
