"""One streaming step: a producer whose chunks are forwarded, sealed, salvaged and committed with the step.

May import `runs`, `streams` and below; does not know which producer it drives. Read next: `streaming`.
"""

from perdure.turns.streaming import Produced, Producer, StreamingStep

__all__ = ["Produced", "Producer", "StreamingStep"]
