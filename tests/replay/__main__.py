"""`python -m tests.replay RECORDING [--port N] [--speed X]`: serve a recording for a person to try."""

from __future__ import annotations

import argparse
import threading

from .recording import load, names
from .server import Replay


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.replay", description=__doc__)
    parser.add_argument("recording", help=f"a file, or one of: {', '.join(names())}")
    parser.add_argument("--port", type=int, default=8188)
    parser.add_argument("--speed", type=float, default=1.0, help="2 plays twice as fast; 0 all at once")
    args = parser.parse_args()
    with Replay(load(args.recording), speed=args.speed, port=args.port) as server:
        print(f"{args.recording} plays at {server.url}: any workflow submitted gets the recorded run.")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print("stopped")


if __name__ == "__main__":
    main()
