"""How a reply ended, from the provider's word for it.

Every provider has words of its own. A word that is in the table means what the table says. Any other means that nobody
knows whether the reply is whole: it stays as it is, and a reply that ends with it counts as cut off (`is_whole`), never
as complete.
"""

from __future__ import annotations

BROKEN = "error"
"""The provider gave up: there may be an answer the next time."""

_TABLE = {
    "stop": """stop stopped end eos eos_token end_turn end_of_turn stop_sequence stop_token stop_str complete completed
        done finish finished normal""",
    "tool_calls": "tool_calls tool_call tool_use function_call function_calls",
    "length": """length max_length max_tokens max_output_tokens max_new_tokens max_completion_tokens token_limit
        limit_reached model_length context_length context_window model_context_window_exceeded
        context_length_exceeded""",
    "content_filter": """content_filter content_filtered filtered refusal refused safety recitation language blocklist
        prohibited_content spii image_safety sensitive guardrail_intervened moderation flagged""",
    BROKEN: """error errored internal_error server_error network_error connection_error failed failure fail abort
        aborted cancel cancelled canceled interrupted incomplete timeout timed_out overloaded unavailable preempted
        evicted insufficient_system_resource malformed_function_call malformed_model_output malformed_tool_use
        unexpected_tool_call""",
}
_MEANING = {word: meaning for meaning, words in _TABLE.items() for word in words.split()}
_PREFIXES = ("finishreason.", "finish_reason_", "stop_reason_")


def finish_of(word: str) -> str:
    """stop, tool_calls, length, content_filter or error; a word that is in no table as it is."""
    plain = word.strip().lower().replace("-", "_").replace(" ", "_")
    for prefix in _PREFIXES:
        plain = plain.removeprefix(prefix)
    return _MEANING.get(plain, word)


def is_whole(finish: str) -> bool:
    """Whether a reply that ended so is all that its model had to say."""
    return finish in {"stop", "tool_calls"}
