"""Python values on a magic's line: `{expr}` and `$name`, looked up where the magic was called."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Any

from IPython.core.error import UsageError

from ..text import did_you_mean, redact
from .line import Expression


def resolve(value: Any, names: Mapping[str, Any]) -> Any:
    """The object an `Expression` stands for; anything else is itself.

    Raises `UsageError`, one line, when there is no such name or the expression raises.
    """
    if not isinstance(value, Expression):
        return value
    source = value.source
    try:
        return eval(compile(source, "<%comfy>", "eval"), dict(names))
    except NameError as error:
        name = error.name or source
        near = did_you_mean(name, [*names, *dir(builtins)])
        where = "" if source == name else f" (in {{{source}}})"
        what = [f"there is no variable {name!r}{where}.", near, "As text it needs quotes."]
        raise UsageError(" ".join(filter(None, what))) from None
    except SyntaxError as error:
        raise UsageError(
            f"{{{source}}} is not a Python expression ({error.msg}); as text it needs quotes"
        ) from None
    except Exception as error:
        raise UsageError(redact(f"{{{source}}} raised {type(error).__name__}: {error}")) from None
