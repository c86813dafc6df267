"""Every exception of perdure, one tree, each leaf with a stable `code`.

May import nothing of perdure. Read next: `base` (what an error carries), then the family you met.

    PerdureError
      ConfigurationError
        StoreUrlInvalid              store_url_invalid
        NameTaken                    name_taken
        NameUnknown                  name_unknown
        AlreadyOpen                  already_open
        SettingInvalid               setting_invalid
        ToolSignatureInvalid         tool_signature_invalid
        AnnotationUnresolved         annotation_unresolved
        ModelUnknown                 model_unknown
        ExtraMissing                 extra_missing
      InputError                     input_invalid
        NotStorable                  not_storable
        TooLarge                     too_large
        IdInvalid                    id_invalid
        MessageEmpty                 message_empty
        CursorInvalid                cursor_invalid
      RunError
        RunNotFound                  run_not_found
        RunInputMismatch             run_input_mismatch
        RunStateWrong                run_state_wrong
        QuestionNotFound             question_not_found
        QuestionAnswered             question_answered
        ThreadNotFound               thread_not_found
        ThreadMismatch               thread_mismatch
        ThreadBusy                   thread_busy
        ThreadChanged                thread_changed
        TurnNotFound                 turn_not_found
        Deleted                      deleted
        NotAllowed                   not_allowed
        TurnSuperseded               turn_superseded
        TurnTooLong                  turn_too_long
        MessageNotFound              message_not_found
        MessageExists                message_exists
      OutcomeError
        RunFailed                    run_failed
        RunCancelled                 run_cancelled
        StepFailed                   step_failed
          StepTimedOut               step_timed_out
          StepInDoubt                step_in_doubt
        EventTimeout                 event_timeout
        ChildFailed                  child_failed
      LeaseError
        LeaseHeld                    lease_held
        LeaseLost                    lease_lost
        WorkerExpired                worker_expired
      WorkflowError
        StepNotAwaited               step_not_awaited
        StepAwaitedTwice             step_awaited_twice
        ForeignTask                  foreign_task
        StepNested                   step_nested
        StepAborted                  step_aborted
          TimeoutNotDurable          timeout_not_durable
      ReplayError
        Divergence                   divergence
          StepInputMismatch          step_input_mismatch
          TypeMismatch               type_mismatch
        RunParked                    run_parked
      StoreError
        StoreUnavailable             store_unavailable
          StoreMoved                 store_moved
        StoreClosed                  store_closed
        StoreInvalid                 store_invalid
        StoreTooNew                  store_too_new
        StoreReplaced                store_replaced
        StoreForked                  store_forked
        StoreLoopWrong               store_loop_wrong
        StoreInUse                   store_in_use
        StoreNotEmpty                store_not_empty
        StepFinal                    step_final
        InboxMoved                   inbox_moved
      StreamError
        SeqConflict                  seq_conflict
      ModelError
        ModelUnavailable             model_unavailable
        ModelRateLimited             model_rate_limited
        ModelCutOff                  model_cut_off
        ModelReplyInvalid            model_reply_invalid
        ModelTimedOut                model_timed_out
        ModelRequestInvalid          model_request_invalid
        ModelContextTooLong          model_context_too_long
        ModelRefused                 model_refused
        ModelCreditsExhausted        model_credits_exhausted
        ModelAuthFailed              model_auth_failed
      ToolError
        ToolNotFound                 tool_not_found
        ToolInputInvalid             tool_input_invalid
        ToolFailed                   tool_failed
        ToolTimedOut                 tool_timed_out
        ToolInDoubt                  tool_in_doubt
      ThreadsExhausted               threads_exhausted
      TerminalError                  terminal
      RetryableError                 retryable
"""

from perdure.errors.base import PerdureError, RetryableError, TerminalError
from perdure.errors.configuration import (
    AlreadyOpen,
    AnnotationUnresolved,
    ConfigurationError,
    ExtraMissing,
    ModelUnknown,
    NameTaken,
    NameUnknown,
    SettingInvalid,
    StoreUrlInvalid,
    ToolSignatureInvalid,
)
from perdure.errors.input import CursorInvalid, IdInvalid, InputError, MessageEmpty, NotStorable, TooLarge
from perdure.errors.models import (
    ModelAuthFailed,
    ModelContextTooLong,
    ModelCreditsExhausted,
    ModelCutOff,
    ModelError,
    ModelRateLimited,
    ModelRefused,
    ModelReplyInvalid,
    ModelRequestInvalid,
    ModelTimedOut,
    ModelUnavailable,
)
from perdure.errors.outcomes import (
    ChildFailed,
    EventTimeout,
    OutcomeError,
    RunCancelled,
    RunFailed,
    StepFailed,
    StepInDoubt,
    StepTimedOut,
)
from perdure.errors.runs import (
    Deleted,
    LeaseError,
    LeaseHeld,
    LeaseLost,
    MessageExists,
    MessageNotFound,
    NotAllowed,
    QuestionAnswered,
    QuestionNotFound,
    RunError,
    RunInputMismatch,
    RunNotFound,
    RunStateWrong,
    ThreadBusy,
    ThreadChanged,
    ThreadMismatch,
    ThreadNotFound,
    TurnNotFound,
    TurnSuperseded,
    TurnTooLong,
    WorkerExpired,
)
from perdure.errors.stores import (
    InboxMoved,
    SeqConflict,
    StepFinal,
    StoreClosed,
    StoreError,
    StoreForked,
    StoreInUse,
    StoreInvalid,
    StoreLoopWrong,
    StoreMoved,
    StoreNotEmpty,
    StoreReplaced,
    StoreTooNew,
    StoreUnavailable,
    StreamError,
)
from perdure.errors.tools import ToolError, ToolFailed, ToolInDoubt, ToolInputInvalid, ToolNotFound, ToolTimedOut
from perdure.errors.workflows import (
    Divergence,
    ForeignTask,
    ReplayError,
    RunParked,
    StepAborted,
    StepAwaitedTwice,
    StepInputMismatch,
    StepNested,
    StepNotAwaited,
    ThreadsExhausted,
    TimeoutNotDurable,
    TypeMismatch,
    WorkflowError,
)

__all__ = [
    "AlreadyOpen",
    "AnnotationUnresolved",
    "ChildFailed",
    "ConfigurationError",
    "CursorInvalid",
    "Deleted",
    "Divergence",
    "EventTimeout",
    "ExtraMissing",
    "ForeignTask",
    "IdInvalid",
    "InboxMoved",
    "InputError",
    "LeaseError",
    "LeaseHeld",
    "LeaseLost",
    "MessageEmpty",
    "MessageExists",
    "MessageNotFound",
    "ModelAuthFailed",
    "ModelContextTooLong",
    "ModelCreditsExhausted",
    "ModelCutOff",
    "ModelError",
    "ModelRateLimited",
    "ModelRefused",
    "ModelReplyInvalid",
    "ModelRequestInvalid",
    "ModelTimedOut",
    "ModelUnavailable",
    "ModelUnknown",
    "NameTaken",
    "NameUnknown",
    "NotAllowed",
    "NotStorable",
    "OutcomeError",
    "PerdureError",
    "QuestionAnswered",
    "QuestionNotFound",
    "ReplayError",
    "RetryableError",
    "RunCancelled",
    "RunError",
    "RunFailed",
    "RunInputMismatch",
    "RunNotFound",
    "RunParked",
    "RunStateWrong",
    "SeqConflict",
    "SettingInvalid",
    "StepAborted",
    "StepAwaitedTwice",
    "StepFailed",
    "StepFinal",
    "StepInDoubt",
    "StepInputMismatch",
    "StepNested",
    "StepNotAwaited",
    "StepTimedOut",
    "StoreClosed",
    "StoreError",
    "StoreForked",
    "StoreInUse",
    "StoreInvalid",
    "StoreLoopWrong",
    "StoreMoved",
    "StoreNotEmpty",
    "StoreReplaced",
    "StoreTooNew",
    "StoreUnavailable",
    "StoreUrlInvalid",
    "StreamError",
    "TerminalError",
    "ThreadBusy",
    "ThreadChanged",
    "ThreadMismatch",
    "ThreadNotFound",
    "ThreadsExhausted",
    "TimeoutNotDurable",
    "TooLarge",
    "ToolError",
    "ToolFailed",
    "ToolInDoubt",
    "ToolInputInvalid",
    "ToolNotFound",
    "ToolSignatureInvalid",
    "ToolTimedOut",
    "TurnNotFound",
    "TurnSuperseded",
    "TurnTooLong",
    "TypeMismatch",
    "WorkerExpired",
    "WorkflowError",
]
