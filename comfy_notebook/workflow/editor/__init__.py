"""Conversion from the editor's save format: its live graph rebuilt from the file, then exported.

The editor exports what its page holds in memory, not what the file says, so conversion is loading first and
exporting second. In the order in which they work:

- `javascript`: how the editor reads ids, numbers and texts. `packs`: what only node packs know.
- `plans`: the widgets, saved values and sockets of a class. `graph`: the records that loading fills.
- `dynamic`, `values`: saved values onto widgets. `reading`: nodes and links of one graph.
- `groups`, `subgraphs`, `everywhere`, `texts`, `primitives`: what spans nodes. `loading`: all in order.
- `resolve`: from a socket to what feeds it. `export`: the API's graph, and where each value is saved.

`saved` reads an editor file without node definitions; `compose` writes one. The rules were observed on
ComfyUI frontends 1.27.10 and 1.58.1; where they differ 1.58.1 is followed.
"""
