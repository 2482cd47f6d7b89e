"""The nodes of the embedded server: one file per family, the families listed in `registry.FAMILIES`.

A new node is one class in its family's file, put into that file's `NODES`: what it declares gives
object_info, validation and coercion (`base.Node`). What families share is in files without nodes:

    pixels         floats, bytes and PIL images, and frames read from files
    linear         weighted sums along an axis: what resizing and blurring have in common
    resize         PyTorch's interpolation and PIL's Lanczos
    windows        minima and maxima over sliding windows
    metadata       the workflow in saved files, and the fields of their names
    resample       sound at another rate
    sound_files, video_files    PyAV
    regular_expressions   patterns, with a limit on time and memory
    analytic/      the model, samplers and schedules
"""
