"""deepcore: `fit` with shuffling and accuracy, `predict`, `model(x)` and the frozen callable."""

import sys

import worker


def train(variant, network, batch, x, y):
    """An epoch of `fit`, as users call it."""
    import models

    import deepcore

    deepcore.set_num_threads(worker.THREADS)
    model = models.compiled(deepcore, network)
    return lambda n: model.fit(x[:n], y[:n], batch_size=batch, verbose=0)


def flops(network):
    """Multiplies and adds of a training step a sample, counted from the graph."""
    import models

    import deepcore

    model = models.compiled(deepcore, network)
    return model.count_flops(2, training=True) / 2


def infer(variant, network, x):
    """A call of the trained model, NumPy in and NumPy out."""
    import models
    import numpy as np

    import deepcore

    deepcore.set_num_threads(worker.THREADS)
    model = models.NETWORKS[network].build(deepcore)
    if variant == "frozen":
        return model.freeze()
    if variant == "call":
        return lambda batch: np.asarray(model(batch))
    rows = len(x)
    return lambda batch: model.predict(batch, batch_size=rows, verbose=0)


def script(variant, x, y):
    """A whole small program."""
    import models

    import deepcore

    model = models.compiled(deepcore, "mlp_mnist")
    model.fit(x, y, batch_size=32, verbose=0)
    return model.evaluate(x, y, verbose=0)[1]


def kernel(variant, what):
    """A compiled plan of one kernel."""
    import deepcore_kernels

    import deepcore

    deepcore.set_num_threads(worker.THREADS)
    return deepcore_kernels.build(what)


if __name__ == "__main__":
    worker.main(sys.modules[__name__])
