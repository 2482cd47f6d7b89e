"""The published contract of Comfy Cloud, tried on the embedded server by schemathesis."""
