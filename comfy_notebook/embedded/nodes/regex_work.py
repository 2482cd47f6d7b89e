"""What the regular-expression nodes do; also a program that does one of them in a process of its own.

Standard library only, and run by its path, so that the process starts in a moment: a request
`[function, arguments…]` as JSON on standard input, `{"result": …}` or `{"error": [name, text]}` on standard
output, the name being one of `ERRORS`.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys

_MEMORY = 1 << 30
ERRORS: dict[str, type[Exception]] = {"error": re.error, "IndexError": IndexError, "TypeError": TypeError}


def matches(pattern: str, string: str, flags: int) -> bool:
    """Whether the pattern is found."""
    return re.search(pattern, string, flags) is not None


def extract(pattern: str, string: str, flags: int, mode: str, group: int) -> str:
    """What is found, all finds on lines of their own; "" for nothing. Modes as in RegexExtract."""
    if mode == "First Match":
        found = re.search(pattern, string, flags)
        return found.group(0) if found else ""
    if mode == "All Matches":
        rows = re.findall(pattern, string, flags)
        return "\n".join(row[0] if isinstance(row, tuple) else row for row in rows)
    if mode == "First Group":
        found = re.search(pattern, string, flags)
        return found.group(group) if found and len(found.groups()) >= group else ""
    finds = re.finditer(pattern, string, flags)
    return "\n".join(m.group(group) for m in finds if m.groups() and len(m.groups()) >= group)


def substitute(pattern: str, string: str, flags: int, replace: str, count: int) -> str:
    """The text with finds replaced (all for a count of 0); `replace` may name groups."""
    return re.sub(pattern, replace, string, count=count, flags=flags)


WORK = {work.__name__: work for work in (matches, extract, substitute)}


def main() -> None:
    """Serve the one request."""
    _limit_memory()
    name, *arguments = json.loads(sys.stdin.buffer.read())
    answer: dict[str, object]
    try:
        answer = {"result": WORK[name](*arguments)}
    except tuple(ERRORS.values()) as error:
        kind = next(name for name, kind in ERRORS.items() if isinstance(error, kind))
        answer = {"error": [kind, str(error)]}
    except MemoryError:
        sys.exit(1)
    sys.stdout.buffer.write(json.dumps(answer).encode())


def _limit_memory() -> None:
    """A replacement may multiply: this process ends before the machine runs out (not on Windows)."""
    try:
        import resource
    except ImportError:
        return
    with contextlib.suppress(OSError, ValueError):  # macOS may not let it
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


if __name__ == "__main__":
    main()
