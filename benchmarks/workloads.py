"""What is measured: which networks, at which batch sizes, on how many samples, and our targets."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Training:
    """A network trained at one batch size.

    Attributes:
        network: a name of `models.NETWORKS`.
        batch: samples a step.
        samples: of one measurement; whole batches, so that no peer meets a smaller last one.
        target: the least ratio to the best peer that we are content with.
        flops: multiplies and adds a sample of forward, backward data (not into the first layer's
            input) and backward filter, for peers that run without deepcore.
    """

    network: str
    batch: int
    samples: int
    target: float
    flops: float

    @property
    def name(self) -> str:
        """As it is asked for and printed."""
        return f"{self.network}_b{self.batch}"


TRAININGS = {
    t.name: t
    for t in (
        Training("mlp_mnist", 32, 19200, 3.0, 229e3),
        Training("mlp_mnist", 256, 38400, 2.0, 229e3),
        Training("cnn_mnist", 32, 3200, 2.0, 14.8e6),
        Training("cnn_mnist", 128, 3200, 2.0, 14.8e6),
        Training("resnet20_cifar", 64, 512, 1.6, 245e6),
        Training("conv1d_ts", 32, 960, 1.6, 74e6),
        Training("lstm_text", 32, 960, 1.7, 62.9e6),
        Training("gru_seq", 64, 2560, 2.5, 8.6e6),
        Training("bilstm_tagger", 32, 960, 2.5, 24.5e6),
        Training("transformer_text", 32, 960, 2.0, 90e6),
    )
}


@dataclass(frozen=True)
class Inference:
    """A network called on one batch, NumPy in and NumPy out.

    Attributes:
        network: a name of `models.NETWORKS`.
        batch: samples a call.
        target: the most that a frozen call may take, as a part of the best peer's time.
        predict: microseconds that `predict` may take; 0: no target.
    """

    network: str
    batch: int
    target: float
    predict: float = 0

    @property
    def name(self) -> str:
        """As it is asked for and printed."""
        return f"{self.network}_b{self.batch}"


INFERENCES = {
    i.name: i
    for i in (
        Inference("mlp_mnist", 1, 0.8, 60),
        Inference("cnn_mnist", 1, 0.8, 120),
        Inference("lstm_text", 1, 0.8, 500),
        Inference("resnet20_cifar", 1, 0.9, 800),
        Inference("mobilenet_v2", 1, 1.0),
        Inference("resnet50", 1, 1.0),
        Inference("mlp_mnist", 64, 1.0),
        Inference("cnn_mnist", 64, 1.0),
        Inference("resnet20_cifar", 64, 1.0),
        Inference("mobilenet_v2", 8, 1.0),
        Inference("resnet50", 8, 1.0),
    )
}
