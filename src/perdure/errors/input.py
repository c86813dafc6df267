"""Bad input, refused at the door: nothing was changed."""

from perdure.errors.base import PerdureError


class InputError(PerdureError):
    """A value that was passed in can't be accepted; `field` names it, `reason` says why."""

    code = "input_invalid"

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field, self.reason = field, reason


class NotStorable(InputError):
    """A value has no documented stored form (a cycle, NaN, an open file…)."""

    code = "not_storable"


class TooLarge(InputError):
    """A value is over the size limit of the store or of the setting."""

    code = "too_large"

    def __init__(self, field: str, size: int, limit: int) -> None:
        super().__init__(field, f"{size:,} bytes, the limit is {limit:,}")
        self.size, self.limit = size, limit


class IdInvalid(InputError):
    """An id is empty, over 512 bytes, or holds a character that ids may not have."""

    code = "id_invalid"


class MessageEmpty(InputError):
    """A message has no content."""

    code = "message_empty"


class CursorInvalid(InputError):
    """A cursor is not one that a stream gave out."""

    code = "cursor_invalid"
