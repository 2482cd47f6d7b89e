"""A replay server: plays recordings of a real ComfyUI back over real sockets.

    python -m tests.replay txt2img_meta

serves one for a person to try the client on. Tests use `Replay`, which can also misbehave.
"""

from .recording import Recording, load
from .server import Replay

__all__ = ["Recording", "Replay", "load"]
