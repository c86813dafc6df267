"""Wrong before anything ran: what a developer fixes in code or settings."""

from perdure.errors.base import PerdureError


class ConfigurationError(PerdureError):
    """A mistake in how the program is put together; nothing was changed."""


class StoreUrlInvalid(ConfigurationError):
    """The store's URL has an unknown scheme, or names a place where a store cannot live."""

    code = "store_url_invalid"

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"store URL {url!r}: {reason}")
        self.url, self.reason = url, reason


class NameTaken(ConfigurationError):
    """Two agents, workflows or tools were given one name; `kind` says which of them, without an article."""

    code = "name_taken"

    def __init__(self, kind: str, name: str) -> None:
        article = "an" if kind[:1] in "aeiou" else "a"
        super().__init__(f"there is already {article} {kind} named {name!r}; give one of them another name")
        self.kind, self.name = kind, name


class NameUnknown(ConfigurationError):
    """A run or a call names a workflow or an agent that this process does not have; `kind` as in NameTaken."""

    code = "name_unknown"

    def __init__(self, kind: str, name: str, known: tuple[str, ...] = ()) -> None:
        super().__init__(f"no {kind} named {name!r} here; known: {', '.join(sorted(known)) or 'none'}")
        self.kind, self.name, self.known = kind, name, known


class AlreadyOpen(ConfigurationError):
    """An App or a Client was entered while it is open; what is open stays as it is."""

    code = "already_open"

    def __init__(self, what: str) -> None:
        super().__init__(f"this {what} is open already, here or in another task, loop or thread; make one for each")
        self.what = what


class SettingInvalid(ConfigurationError):
    """A setting or an argument has a value that can't be used."""

    code = "setting_invalid"

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field, self.reason = field, reason


class ToolSignatureInvalid(ConfigurationError):
    """A function can't be a tool: its signature can't be described to a model."""

    code = "tool_signature_invalid"

    def __init__(self, tool: str, field: str, reason: str) -> None:
        super().__init__(f"tool {tool!r}, {field}: {reason}")
        self.tool, self.field, self.reason = tool, field, reason


class AnnotationUnresolved(ConfigurationError):
    """A return annotation can't be resolved, so a value could not come back with its type."""

    code = "annotation_unresolved"

    def __init__(self, function: str, reason: str) -> None:
        super().__init__(f"the annotations of {function} can't be resolved ({reason}); pass as_=TYPE")
        self.function, self.reason = function, reason


class ModelUnknown(ConfigurationError):
    """A model's name has no known provider."""

    code = "model_unknown"

    def __init__(self, model: str, reason: str) -> None:
        super().__init__(f"model {model!r}: {reason}")
        self.model, self.reason = model, reason


class ExtraMissing(ConfigurationError):
    """A feature needs a package that is not installed."""

    code = "extra_missing"

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs: pip install 'perdure[{extra}]'")
        self.feature, self.extra = feature, extra
