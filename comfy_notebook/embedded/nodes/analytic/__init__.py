"""The model behind the sampling nodes: a mixture written by hand, whose denoiser has a closed form.

It has learned nothing. There are no weights and there was no training: `scenes` draws a few hundred
backgrounds and objects by code, `mixture` computes E[x0 | x, σ] over all their combinations exactly,
and the words of a prompt (`words`) only shift how probable each of them is. What surrounds it is the
real thing: the noise schedule of Stable Diffusion 1, the published samplers, classifier-free guidance.
"""
