"""What `import comfy_notebook` costs over bare Python."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from common import median


def one(code: str) -> float:
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).resolve().parents[1])
    return 1e3 * (time.perf_counter() - begin)


def main(rounds: int = 15) -> None:
    bare: list[float] = []
    ours: list[float] = []
    for _ in range(rounds):
        bare.append(one("pass"))
        ours.append(one("import comfy_notebook"))
    over = median(ours) - median(bare)
    print(f"import comfy_notebook: {over:.1f} ms over bare Python's {median(bare):.1f} (goal 60)")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
