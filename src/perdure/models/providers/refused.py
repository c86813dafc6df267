"""An error that came as an answer."""

from __future__ import annotations


class RefusedInBody(Exception):
    """An error that came as the body of a 200, or in its stream; `body` is what it holds."""

    def __init__(self, body: object) -> None:
        super().__init__("the provider answered with an error")
        self.body = body
