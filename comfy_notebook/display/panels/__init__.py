"""Panels over a server: its queue, its jobs, its nodes and models. Each is a widget, or text without one."""
