"""Functions that take `**options: Unpack[SomeOptions]`: their signatures, and the check of their keywords."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

from .text import did_you_mean

F = TypeVar("F", bound=Callable[..., Any])


def shows_options(options: type, *, more: str = "", **defaults: Any) -> Callable[[F], F]:
    """Have a function's signature list the keys of a `TypedDict` in place of `**options`.

    An option without an entry in `defaults` is shown with the default None. Any other keyword raises
    `TypeError`, as it would if the options were written out; with `more`, the function takes any, and the
    signature ends in `**more`.
    """

    def decorate(function: F) -> F:
        signature = inspect.signature(function)
        kept = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        named = {p.name for p in kept}
        added = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=defaults.get(name),
                annotation=getattr(annotation, "__forward_arg__", annotation),
            )
            for name, annotation in options.__annotations__.items()
            if name not in named
        ]
        if more:
            added.append(inspect.Parameter(more, inspect.Parameter.VAR_KEYWORD, annotation="Any"))
            function.__signature__ = signature.replace(parameters=[*kept, *added])  # type: ignore[attr-defined]
            return function
        known = {*named, *options.__annotations__}

        def check(given: dict[str, Any]) -> None:
            for name in given.keys() - known:
                meant = did_you_mean(name, known)
                raise TypeError(
                    f"{function.__name__}() got an unexpected keyword argument {name!r}. {meant}".strip()
                )

        @functools.wraps(function)
        def call(*args: Any, **given: Any) -> Any:
            check(given)
            return function(*args, **given)

        @functools.wraps(function)
        async def call_async(*args: Any, **given: Any) -> Any:
            check(given)
            return await function(*args, **given)

        wrapped: Any = call_async if inspect.iscoroutinefunction(function) else call
        wrapped.__signature__ = signature.replace(parameters=[*kept, *added])
        return cast(F, wrapped)

    return decorate
