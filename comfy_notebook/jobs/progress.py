"""How much work a job is, and how long the rest takes: from its graph, its steps and earlier runs.

A node that samples counts its steps as work. Other nodes count what they took in an earlier run on the same
server, or a fixed share until one is known. Pure, like `state`: the caller gives the time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..protocol.graph import node_class

Step = tuple[float, float]
Timing = tuple[float, float, float]
"""What a node class took: its seconds, the steps it counted (1 without any), the pixels of the picture."""

_SHARES = {"Loader": 2.0, "Decode": 2.0, "Encode": 0.5, "Upscale": 2.0, "Video": 3.0, "Save": 0.5}
"""The work of a node, by a part of its class, in steps of a sampler."""
_SHARE = 0.2
_SAMPLES = 32
_UNSURE = 0.2  # the largest part of an estimate that may rest on `_SHARES`


@dataclass(frozen=True)
class Work:
    """The work of a job's nodes, and the pace of the current one.

    `planned` holds the steps of nodes whose number the graph gives. `known` and `learned` hold the timings of
    node classes, of earlier runs and of this one; `counted` the `(steps, seconds)` of this run's nodes.
    `samples` are `(time, step)` of the current node.
    """

    classes: Mapping[str, str] = field(default_factory=dict)
    planned: Mapping[str, float] = field(default_factory=dict)
    pixels: float = 1.0
    known: Mapping[str, Timing] = field(default_factory=dict)
    learned: Mapping[str, Timing] = field(default_factory=dict)
    spent: Mapping[str, float] = field(default_factory=dict)
    counted: Mapping[str, Step] = field(default_factory=dict)
    node: str | None = None
    began: float = 0.0
    most: float = 1.0
    samples: tuple[tuple[float, float], ...] = ()

    @classmethod
    def of(cls, graph: Mapping[str, Any], known: Mapping[str, Timing]) -> Work:
        """The work of a graph in the API's format; `known` are the timings of the server's node classes."""
        classes = {node_id: node_class(node) or "" for node_id, node in graph.items()}
        planned = {node_id: steps for node_id in graph if (steps := _steps(graph, node_id, classes))}
        return cls(classes=classes, planned=planned, pixels=_pixels(graph), known=dict(known))

    def after(self, node: str | None, step: Step | None, at: float) -> Work:
        """The work once `node` is current and at `step`."""
        work = self
        if node != self.node:
            work = replace(self._left(at), node=node, began=at, samples=(), most=1.0)
        if node is None or step is None or (work.samples and step[0] == work.samples[-1][1]):
            return work
        if step[0] <= 0:  # the first step also loads the model
            return work if step[1] == work.most else replace(work, most=step[1])
        samples = work.samples if not work.samples or step[0] > work.samples[-1][1] else ()
        samples = (*samples, (at, step[0]))
        if len(samples) > _SAMPLES:
            samples = (*samples[:-1:2], samples[-1])
        return replace(work, samples=samples, most=step[1])

    def fraction(self, done: Collection[str], cached: Collection[str], step: Step | None) -> float:
        """The part of the work that is done, 0–1. `step` is the current node's."""
        total = ready = 0.0
        pace = self._pace() or 1.0
        for node_id in self.classes:
            if node_id in cached:
                continue
            cost = self._known(node_id)
            cost = self._share(node_id) * pace if cost is None else cost
            total += cost
            if node_id in done:
                ready += cost
            elif node_id == self.node and step is not None:
                ready += cost * min(max(step[0] / step[1], 0.0), 1.0)
        return min(ready / total, 1.0) if total else 0.0

    def rate(self, now: float) -> float | None:
        """Recent steps a second of the current node, once two more than the first have been counted."""
        if not self.samples:
            return None
        first = self.samples[len(self.samples) // 2 if len(self.samples) >= 6 else 0]
        last = self.samples[-1]
        counted, spent = last[1] - first[1], last[0] - first[0]
        if counted < 2:
            return None
        # Longer without a step than three steps took: the node has become slower.
        spent = now - first[0] if (now - last[0]) * counted > 3 * spent else spent
        return counted / spent if spent > 0 else None

    def remaining(
        self, done: Collection[str], cached: Collection[str], step: Step | None, now: float
    ) -> float | None:
        """Seconds left; None while too much of the rest is unknown."""
        rate = self.rate(now) if step is not None else None
        pace = 1 / rate if rate else self._pace()
        sure = unsure = 0.0
        for node_id, class_type in self.classes.items():
            if node_id in cached or node_id in done:
                continue
            current = node_id == self.node
            if current and step is not None and rate and self.samples:
                since = min(now - self.samples[-1][0], 1 / rate)
                sure += max((step[1] - step[0]) / rate - since, 0.0)
                continue
            if rate and node_id in self.planned and class_type == self.classes.get(self.node or ""):
                sure += self.planned[node_id] / rate
                continue
            cost = self._known(node_id)
            if cost is None and pace is None:
                return None
            if cost is None:
                unsure += self._share(node_id) * (pace or 0.0)
            elif not current:
                sure += cost
            else:
                spent = now - self.began + self.spent.get(node_id, 0.0)
                if spent > 1.5 * cost:
                    return None
                sure += max(cost - spent, 0.0)
        return None if unsure > _UNSURE * (sure + unsure) else sure + unsure

    def _left(self, at: float) -> Work:
        """The work with the timing of the node that ends now."""
        if self.node is None or self.node not in self.classes:
            return self
        spent = {**self.spent, self.node: self.spent.get(self.node, 0.0) + at - self.began}
        timing: Timing = (spent[self.node], 1.0, self.pixels)
        first, last = (self.samples[0], self.samples[-1]) if len(self.samples) > 2 else ((0.0, 0.0),) * 2
        if last[1] > first[1]:
            # From step to step, without what came before the first: loading a model.
            timing = ((last[0] - first[0]) / (last[1] - first[1]) * self.most, self.most, self.pixels)
        learned = {**self.learned, self.classes[self.node]: timing}
        counted = {**self.counted, self.node: timing[1::-1]} if timing[1] > 1 else self.counted
        return replace(self, spent=spent, learned=learned, counted=counted)

    @property
    def pace(self) -> tuple[int, float] | None:
        """The steps that the nodes of this run have counted, and how many a second; None without any."""
        steps = sum(steps for steps, _ in self.counted.values())
        seconds = sum(seconds for _, seconds in self.counted.values())
        return (round(steps), steps / seconds) if seconds > 0 else None

    def _known(self, node_id: str) -> float | None:
        """The seconds of a node by the timing of its class; None without one."""
        class_type = self.classes[node_id]
        timing = self.learned.get(class_type) or self.known.get(class_type)
        if timing is None:
            return None
        seconds, steps, pixels = timing
        if node_id in self.planned and steps > 1:
            seconds *= self.planned[node_id] / steps
        if "Loader" not in class_type and "Encode" not in class_type:
            seconds *= self.pixels / pixels
        return seconds

    def _share(self, node_id: str) -> float:
        if node_id in self.planned:
            return self.planned[node_id]
        if node_id == self.node and self.most > 1:
            return max(self.most, _SHARE)
        class_type = self.classes[node_id]
        return next((share for part, share in _SHARES.items() if part in class_type), _SHARE)

    def _pace(self) -> float | None:
        """Seconds a share of work takes, by the nodes whose timing is known."""
        seconds = shares = 0.0
        for node_id in self.classes:
            if (known := self._known(node_id)) is not None:
                seconds += known
                shares += self._share(node_id)
        return seconds / shares if shares and seconds else None


def _steps(graph: Mapping[str, Any], node_id: str, classes: Mapping[str, str]) -> float | None:
    """The steps a node will count, where the graph gives them."""
    inputs = _inputs(graph, node_id)
    if "Scheduler" in classes[node_id] or "Sigmas" in classes[node_id]:
        return None  # it only computes the steps that another node takes
    sigmas = inputs.get("sigmas")
    if isinstance(sigmas, (list, tuple)) and sigmas and str(sigmas[0]) in graph:
        return _number(_inputs(graph, str(sigmas[0])).get("steps"))
    steps = _number(inputs.get("steps"))
    if steps is None:
        return None
    first = _number(inputs.get("start_at_step")) or 0.0
    last = min(_number(inputs.get("end_at_step")) or steps, steps)
    return max(last - first, 1.0)


def _pixels(graph: Mapping[str, Any]) -> float:
    """The pixels that the largest declared picture, batch or video has; 1 where none is declared."""
    most = 1.0
    for node_id in graph:
        inputs = _inputs(graph, node_id)
        width, height = _number(inputs.get("width")), _number(inputs.get("height"))
        if width and height:
            count = _number(inputs.get("batch_size")) or 1.0
            most = max(most, width * height * count * (_number(inputs.get("length")) or 1.0))
    return most


def _inputs(graph: Mapping[str, Any], node_id: str) -> Mapping[str, Any]:
    node = graph[node_id]
    inputs = node.get("inputs") if isinstance(node, Mapping) else None
    return inputs if isinstance(inputs, Mapping) else {}


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
