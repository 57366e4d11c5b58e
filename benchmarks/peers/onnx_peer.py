"""ONNX Runtime, inference alone: the PyTorch networks, exported with any batch size."""

import sys
import tempfile
import warnings
from pathlib import Path

import worker


def infer(variant, network, x):
    """A call of the session, NumPy in and NumPy out (channels first, as such models are)."""
    import numpy as np
    import onnxruntime
    import torch_peer

    path = _exported(network, x)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = worker.THREADS
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    # Its input lies ready: turning it is no part of a call.
    turned = x.ndim > 2 and not torch_peer._sequences(network)
    feed = {name: np.ascontiguousarray(np.moveaxis(x, -1, 1) if turned else x)}
    return lambda batch: session.run(None, feed)[0]


def _exported(network, x):
    import torch
    import torch_peer

    model = torch_peer.classifier(network).to(memory_format=torch.contiguous_format)
    path = str(Path(tempfile.mkdtemp(prefix="onnx-")) / f"{network}.onnx")
    example = torch_peer._laid_out(torch, x, torch_peer._sequences(network)).contiguous()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            (example,),
            path,
            dynamo=False,
            input_names=["x"],
            dynamic_axes={"x": {0: "batch"}},
        )
    return path


if __name__ == "__main__":
    worker.main(sys.modules[__name__])
