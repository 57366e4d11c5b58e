"""Kernels as PyTorch has them: MKL's and oneDNN's."""

import torch


def build(what):
    """A call that runs the kernel once."""
    if what["kind"] == "matmul":
        m, k, n = what["m"], what["k"], what["n"]
        pairs = [(torch.rand(m, k), torch.rand(k, n)) for _ in range(what["calls"])]
        outs = [torch.empty(m, n) for _ in pairs]

        def products():
            for (a, b), out in zip(pairs, outs, strict=True):
                torch.mm(a, b, out=out)

        return products
    batch, size, c, f, k = (what[key] for key in ("batch", "size", "c", "f", "k"))
    groups = what["groups"]
    last = torch.channels_last
    x = torch.rand(batch, c, size, size).to(memory_format=last)
    y = torch.rand(batch, f, size, size).to(memory_format=last)
    kernel = torch.rand(f, c // groups, k, k).to(memory_format=last)
    pad = k // 2
    if what["pass"] == "forward":

        def forward():
            with torch.inference_mode():
                torch.nn.functional.conv2d(x, kernel, None, 1, pad, 1, groups)

        return forward
    mask = [what["pass"] == "input", what["pass"] == "filter", False]

    def backward():
        torch.ops.aten.convolution_backward(
            y, x, kernel, None, [1, 1], [pad, pad], [1, 1], False, [0, 0], groups, mask
        )

    return backward
