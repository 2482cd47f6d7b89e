"""ComfyScript: nodes as functions, made from object_info; a run, and its image."""

from __future__ import annotations

import os
import sys

# This file has the package's name: its folder must not be searched.
sys.path.pop(0)
from comfy_script.runtime import load

load(os.environ["COMFY_URL"])
from comfy_script.runtime import Workflow  # noqa: E402
from comfy_script.runtime import nodes as n  # noqa: E402

with Workflow(wait=True):
    model, clip, vae = n.CheckpointLoaderSimple("analytic-scenes.safetensors")
    positive, negative = n.CLIPTextEncode("a boat on the sea", clip), n.CLIPTextEncode("", clip)
    latent = n.EmptyLatentImage(256, 256, 1)
    latent = n.KSampler(model, 7, 3, 5.0, "euler", "normal", positive, negative, latent, 1.0)
    saved = n.SaveImage(n.VAEDecode(latent, vae), "script")
(image,) = saved.wait()
assert image.size == (256, 256)
