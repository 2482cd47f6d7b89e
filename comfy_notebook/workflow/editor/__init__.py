"""The editor's live graph, rebuilt from its save format: what `workflow.convert` walks to export it.

The editor exports what its page holds in memory, not what the file says, so conversion is loading
first and exporting second. Loading: `reading` (nodes, links), `plans` (which inputs are widgets),
`values` (saved values onto widgets), `groups` and `subgraphs` (nested graphs), `primitives`.
Exporting: `resolve` (sockets to sources), `texts` (prompts and file names), `export`.
Rules were observed on ComfyUI frontends 1.27.10 and 1.58.1; where they differ 1.58.1 is followed.
"""
