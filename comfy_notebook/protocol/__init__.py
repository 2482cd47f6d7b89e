"""The wire between a ComfyUI server and its clients, as plain data: no I/O happens here."""
