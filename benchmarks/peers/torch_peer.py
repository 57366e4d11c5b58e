"""PyTorch, by hand: batches cut beforehand, channels last, the fused optimizer; no metric.

Eager, or with the forward pass and the loss compiled.
"""

import sys

import numpy as np
import worker

MOMENTUM = ("resnet20_cifar", "resnet50", "mobilenet_v2")


def _ready():
    import torch

    torch.set_num_threads(worker.THREADS)
    torch.manual_seed(0)
    return torch


def _laid_out(torch, x, sequences=False):
    """Images as views channels first of what lies channels last: what its kernels like best."""
    tensor = torch.from_numpy(x)
    if sequences:
        return tensor
    if tensor.ndim == 4:
        return tensor.permute(0, 3, 1, 2)
    return tensor.permute(0, 2, 1).contiguous() if tensor.ndim == 3 else tensor


def _model(torch, network):
    import torch_attention
    import torch_models

    family = torch_attention if hasattr(torch_attention, network) else torch_models
    model = getattr(family, network)()
    two = any(isinstance(m, torch.nn.Conv2d) for m in model.modules())
    return model.to(memory_format=torch.channels_last) if two else model


def _loss(torch, network):
    """Of logits and labels."""
    from models import NETWORKS

    functional = torch.nn.functional
    loss = NETWORKS[network].loss
    if loss == "mse":
        return functional.mse_loss
    if loss == "binary_crossentropy":
        return functional.binary_cross_entropy_with_logits
    return lambda logits, y: functional.cross_entropy(logits.flatten(0, -2), y.flatten())


def _sequences(network):
    from attention_models import ATTENTION
    from recurrent_models import RECURRENT

    return network in {**RECURRENT, **ATTENTION}


def train(variant, network, batch, x, y):
    """An epoch of the tutorials' loop."""
    torch = _ready()
    model = _model(torch, network)
    if network in MOMENTUM:
        optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, fused=True)
    else:
        optimizer = torch.optim.Adam(model.parameters(), fused=True)
    inputs = [
        _laid_out(torch, np.ascontiguousarray(x[i : i + batch]), _sequences(network))
        for i in range(0, len(x), batch)
    ]
    labels = list(torch.from_numpy(y).split(batch))
    loss = _loss(torch, network)

    def loss_of(rows, truth):
        return loss(model(rows), truth)

    step = torch.compile(loss_of) if variant == "compile" else loss_of

    def epoch(samples):
        total = torch.zeros(())
        steps = samples // batch
        for rows, truth in zip(inputs[:steps], labels[:steps], strict=True):
            optimizer.zero_grad(set_to_none=True)
            value = step(rows, truth)
            value.backward()
            optimizer.step()
            total += value.detach()
        return total.item()

    return epoch


def classifier(network):
    """The network for inference: probabilities out."""
    torch = _ready()
    from models import NETWORKS

    last = torch.nn.Sigmoid() if NETWORKS[network].classes == 1 else torch.nn.Softmax(-1)
    return torch.nn.Sequential(_model(torch, network), last).eval()


def infer(variant, network, x):
    """A call, NumPy in and NumPy out."""
    torch = _ready()
    model = classifier(network)
    if variant == "compile":
        model = torch.compile(model)

    def call(batch):
        with torch.inference_mode():
            return model(_laid_out(torch, batch, _sequences(network))).numpy()

    return call


def script(variant, x, y):
    """A whole small program."""
    torch = _ready()
    model = _model(torch, "mlp_mnist")
    optimizer = torch.optim.Adam(model.parameters())
    inputs, labels = torch.from_numpy(x), torch.from_numpy(y)
    order = torch.randperm(len(inputs))
    for start in range(0, len(inputs), 32):
        rows = order[start : start + 32]
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(model(inputs[rows]), labels[rows])
        loss.backward()
        optimizer.step()
    with torch.inference_mode():
        return (model(inputs).argmax(1) == labels).float().mean().item()


def kernel(variant, what):
    """A call of one kernel, through oneDNN and MKL."""
    _ready()
    import torch_kernels

    return torch_kernels.build(what)


if __name__ == "__main__":
    worker.main(sys.modules[__name__])
