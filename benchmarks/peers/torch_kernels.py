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
    if what["kind"] in ("lstm", "gru"):
        return _recurrent(what)
    if what["kind"] != "conv":
        return _step(what)
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


def _recurrent(what):
    """A layer's forward pass and all its gradients."""
    kind = torch.nn.LSTM if what["kind"] == "lstm" else torch.nn.GRU
    layer = kind(what["features"], what["units"], batch_first=True)
    x = torch.rand(what["batch"], what["steps"], what["features"], requires_grad=True)
    weights = torch.rand(what["batch"], what["steps"], what["units"])

    def both():
        return torch.autograd.grad(layer(x)[0], [x, *layer.parameters()], weights)

    return both


def _step(what):
    """A training step of a network that grows."""
    import growing
    from torch import nn

    grown = growing.point(what["kind"], what["size"])
    spatial, channels, layers = len(grown.shape) - 2, grown.shape[-1], []
    x, y = torch.rand(grown.shape), torch.randint(0, 10, grown.shape[:1])
    conv = nn.Conv1d if spatial == 1 else nn.Conv2d
    if grown.lstm:
        return _trained(_LastOfLstm(channels, grown.lstm), x, y)
    for filters in grown.convs:
        layers += [conv(channels, filters, 3, padding=1), nn.ReLU()]
        channels = filters
    if spatial:
        x = x.movedim(-1, 1)
        pool = nn.AdaptiveAvgPool1d(1) if spatial == 1 else nn.AdaptiveAvgPool2d(1)
        layers += [pool, nn.Flatten()]
    for width in grown.widths:
        layers += [nn.Linear(channels, width), nn.ReLU()]
        channels = width
    model = nn.Sequential(*layers, nn.Linear(channels, 10))
    if spatial == 2:
        model = model.to(memory_format=torch.channels_last)
    elif spatial == 1:
        x = x.contiguous()
    return _trained(model, x, y)


def _trained(model, x, y):
    optimizer = torch.optim.Adam(model.parameters(), fused=True)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()

    return step


class _LastOfLstm(torch.nn.Module):
    """10 classes of what an LSTM gives at the last step."""

    def __init__(self, features, units):
        super().__init__()
        self.lstm = torch.nn.LSTM(features, units, batch_first=True)
        self.head = torch.nn.Linear(units, 10)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])
