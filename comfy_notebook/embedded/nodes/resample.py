"""Sound at another sample rate: windowed-sinc interpolation, with torchaudio's settings."""

from __future__ import annotations

import math

import numpy as np

from .pixels import Array

_ZEROS = 6  # zero crossings of the sinc on either side
_ROLLOFF = 0.99  # the cut-off, as part of the lower of the two Nyquist frequencies


def resample(waveform: Array, old: int, new: int) -> Array:
    """(…, samples) at `new` samples a second in place of `old`."""
    if old == new:
        return waveform
    common = math.gcd(old, new)
    old, new = old // common, new // common
    cutoff = min(old, new) * _ROLLOFF
    reach = math.ceil(_ZEROS * old / cutoff)
    at = np.arange(-reach, reach + old) / old - np.arange(new)[:, None] / new
    at = np.clip(at * cutoff, -_ZEROS, _ZEROS)
    kernels = np.sinc(at) * np.cos(at * math.pi / _ZEROS / 2) ** 2 * (cutoff / old)
    margin = [(0, 0)] * (waveform.ndim - 1) + [(reach, reach + old)]
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(waveform, margin), kernels.shape[1], axis=-1)
    phases = windows[..., ::old, :] @ kernels.T.astype(np.float32)
    length = math.ceil(new * waveform.shape[-1] / old)
    return phases.reshape(*waveform.shape[:-1], -1)[..., :length]
