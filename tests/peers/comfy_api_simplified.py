"""comfy_api_simplified: upload, a run whose images come back, and their bytes."""

from __future__ import annotations

import os
import sys

# This file has the package's name: its folder must not be searched.
sys.path.pop(0)
from comfy_api_simplified import ComfyApiWrapper, ComfyWorkflowWrapper

api = ComfyApiWrapper(os.environ["COMFY_URL"] + "/")
workflow = ComfyWorkflowWrapper(os.environ["COMFY_WORKFLOW"])
sampler = next(node_id for node_id, node in workflow.items() if node["class_type"] == "KSampler")
title = workflow[sampler].get("_meta", {}).get("title", "KSampler")
workflow.set_node_param(title, "steps", 3)
saver = next(node for node in workflow.values() if node["class_type"] == "SaveImage")
images = api.queue_and_wait_images(workflow, saver["_meta"]["title"])
assert len(images) == 1, images
assert next(iter(images.values())).startswith(b"\x89PNG")
