"""The networks of the workloads, written once for deepcore and for Keras.

Every builder takes the module (`deepcore` or `keras`) and gives a model that is not compiled;
`compiled` adds the workload's optimizer and loss. Those here classify: inputs float32 and channels
last, labels integers, outputs probabilities. `recurrent_models.py` and
`attention_models.py` have those that read sequences.
"""

from __future__ import annotations

from typing import Any

from attention_models import ATTENTION
from network import Network, adam, momentum
from recurrent_models import RECURRENT


def compiled(keras: Any, name: str) -> Any:
    """The network of this name with its optimizer and loss, and accuracy where it classifies."""
    network = NETWORKS[name]
    model = network.build(keras)
    metrics = [] if network.loss == "mse" else ["accuracy"]
    model.compile(network.optimizer(keras), network.loss, metrics=metrics)
    return model


def mlp_mnist(keras: Any) -> Any:
    """Dense 784-64-64-10: 55,050 parameters."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((784,)),
            layers.Dense(64, activation="relu"),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def cnn_mnist(keras: Any) -> Any:
    """Two 3x3 convolutions with pools and two dense layers: 121,930 parameters."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def conv1d_ts(keras: Any) -> Any:
    """Three blocks of Conv1D, BatchNormalization and ReLU over 500 steps of one channel."""
    layers = keras.layers
    stack = [keras.Input((500, 1))]
    for _ in range(3):
        stack += [
            layers.Conv1D(64, 3, padding="same"),
            layers.BatchNormalization(),
            layers.ReLU(),
        ]
    stack += [layers.GlobalAveragePooling1D(), layers.Dense(10, activation="softmax")]
    return keras.Sequential(stack)


def resnet20_cifar(keras: Any) -> Any:
    """ResNet-20 for 32x32 images (He et al. 2015, section 4.2), 1x1 convolutions as shortcuts."""
    layers = keras.layers

    def normed(x: Any, filters: int, kernel: int, strides: int) -> Any:
        x = layers.Conv2D(filters, kernel, strides, padding="same", use_bias=False)(x)
        return layers.BatchNormalization()(x)

    inputs = keras.Input((32, 32, 3))
    x = layers.ReLU()(normed(inputs, 16, 3, 1))
    for filters in (16, 32, 64):
        for block in range(3):
            strides = 2 if filters > 16 and block == 0 else 1
            y = layers.ReLU()(normed(x, filters, 3, strides))
            y = normed(y, filters, 3, 1)
            if strides == 2:
                x = normed(x, filters, 1, 2)
            x = layers.ReLU()(layers.Add()([x, y]))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(x))


def resnet50(keras: Any) -> Any:
    """ResNet-50, layer for layer keras.applications.ResNet50: 25,636,712 parameters."""
    layers = keras.layers

    def normed(x: Any, name: str, filters: int, kernel: int, **options: Any) -> Any:
        x = layers.Conv2D(filters, kernel, name=f"{name}_conv", **options)(x)
        return layers.BatchNormalization(epsilon=1.001e-5, name=f"{name}_bn")(x)

    def relu(x: Any, name: str) -> Any:
        return layers.Activation("relu", name=name)(x)

    inputs = keras.Input((224, 224, 3))
    x = layers.ZeroPadding2D(3, name="conv1_pad")(inputs)
    x = relu(normed(x, "conv1", 64, 7, strides=2), "conv1_relu")
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
    stages = [("conv2", 64, 3, 1), ("conv3", 128, 4, 2), ("conv4", 256, 6, 2), ("conv5", 512, 3, 2)]
    for stage, filters, blocks, first in stages:
        for block in range(1, blocks + 1):
            name = f"{stage}_block{block}"
            strides = first if block == 1 else 1
            shortcut = normed(x, f"{name}_0", 4 * filters, 1, strides=strides) if block == 1 else x
            y = relu(normed(x, f"{name}_1", filters, 1, strides=strides), f"{name}_1_relu")
            y = relu(normed(y, f"{name}_2", filters, 3, padding="same"), f"{name}_2_relu")
            y = normed(y, f"{name}_3", 4 * filters, 1)
            x = relu(layers.Add(name=f"{name}_add")([shortcut, y]), f"{name}_out")
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    outputs = layers.Dense(1000, activation="softmax", name="predictions")(x)
    return keras.Model(inputs, outputs, name="resnet50")


def mobilenet_v2(keras: Any) -> Any:
    """MobileNetV2, layer for layer keras.applications.MobileNetV2: 3,538,984 parameters."""
    layers = keras.layers

    def conv(x: Any, name: str, norm: str, filters: int, kernel: int = 1, strides: int = 1) -> Any:
        x = layers.Conv2D(filters, kernel, strides, "same", use_bias=False, name=name)(x)
        return layers.BatchNormalization(momentum=0.999, name=norm)(x)

    def relu(x: Any, name: str) -> Any:
        return layers.ReLU(6.0, name=name)(x)

    def block(x: Any, number: int, expansion: int, filters: int, strides: int) -> Any:
        name = f"block_{number}" if number else "expanded_conv"
        channels, y = x.shape[-1], x
        if number:
            y = conv(y, f"{name}_expand", f"{name}_expand_BN", expansion * channels)
            y = relu(y, f"{name}_expand_relu")
        if strides == 2:
            odd = y.shape[1] % 2  # as Keras pads: more below and to the right of even images
            y = layers.ZeroPadding2D(((odd, 1), (odd, 1)), name=f"{name}_pad")(y)
        y = layers.DepthwiseConv2D(
            3,
            strides=strides,
            padding="same" if strides == 1 else "valid",
            use_bias=False,
            name=f"{name}_depthwise",
        )(y)
        y = layers.BatchNormalization(momentum=0.999, name=f"{name}_depthwise_BN")(y)
        y = relu(y, f"{name}_depthwise_relu")
        y = conv(y, f"{name}_project", f"{name}_project_BN", filters)
        if strides == 1 and channels == filters:
            return layers.Add(name=f"{name}_add")([x, y])
        return y

    inputs = keras.Input((224, 224, 3))
    x = relu(conv(inputs, "Conv1", "bn_Conv1", 32, 3, 2), "Conv1_relu")
    number = 0
    # Table 2 of the paper: expansion, channels, repeats, first stride.
    for expansion, filters, repeats, first in (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ):
        for repeat in range(repeats):
            x = block(x, number, expansion, filters, first if repeat == 0 else 1)
            number += 1
    x = layers.Conv2D(1280, 1, use_bias=False, name="Conv_1")(x)
    x = relu(layers.BatchNormalization(momentum=0.999, name="Conv_1_bn")(x), "out_relu")
    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(1000, activation="softmax", name="predictions")(x)
    return keras.Model(inputs, outputs, name="mobilenetv2")


NETWORKS = {
    "mlp_mnist": Network(mlp_mnist, (784,), 10, adam),
    "cnn_mnist": Network(cnn_mnist, (28, 28, 1), 10, adam),
    "conv1d_ts": Network(conv1d_ts, (500, 1), 10, adam),
    "resnet20_cifar": Network(resnet20_cifar, (32, 32, 3), 10, momentum),
    "resnet50": Network(resnet50, (224, 224, 3), 1000, momentum),
    "mobilenet_v2": Network(mobilenet_v2, (224, 224, 3), 1000, momentum),
    **RECURRENT,
    **ATTENTION,
}
