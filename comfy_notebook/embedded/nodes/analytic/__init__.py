"""The model behind the sampling nodes: a mixture written by hand, whose denoiser has a closed form.

It has learned nothing. There are no weights and there was no training: `grounds`, `objects` and `light`
draw scenes by code, `mixture` computes E[x0 | x, σ] over all their combinations exactly, and the words of
a prompt (`words`) only shift how probable each of them is. What surrounds it is the real thing: the noise
schedule of Stable Diffusion 1, PyTorch's noise, the published samplers, classifier-free guidance.

So it can draw what has been drawn for it and nothing else. A run settles on its scene in the first half of
its steps. Image-to-image keeps a scene at a low denoise and swaps its parts at a higher one; any other
picture it knows only as a smooth one, and gives back soft at a low denoise and as a scene at a high one.
"""
