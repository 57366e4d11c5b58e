"""Models, compiled ways and objects that keras_peer.py makes and checks, of whatever `keras` is."""

import keras
import numpy as np
from keras import constraints, initializers, layers, losses, metrics, optimizers, regularizers

schedules = optimizers.schedules


# ---- classes of the user


@keras.saving.register_keras_serializable("peer")
class Scale(layers.Layer):
    """A layer with a weight of its own and sublayers as attribute, list, tuple and dict."""

    def __init__(self, width, **kwargs):
        super().__init__(**kwargs)
        self.width = width
        self.first = layers.Dense(width, activation="tanh")
        self.many = [layers.Dense(width) for _ in range(2)]
        self.many.append(layers.Conv2D(2, 1))
        self.many.append(layers.Dense(width))
        self.named = {"b": layers.Dense(width), "a": layers.Dense(width)}
        self.nested = [[layers.Dense(width)], (layers.Dense(width), [layers.Dense(width)])]
        self._hidden = layers.Dense(width)
        self.same = self.first

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(self.width,), initializer="ones", name="scale")
        self.steps = self.add_weight(shape=(), initializer="zeros", trainable=False, name="steps")
        for layer in self._dense():
            layer.build((*input_shape[:-1], self.width))
        self.many[2].build((None, 4, 4, 3))

    def _dense(self):
        first, (second, (third,)) = self.nested
        return [
            self.first,
            self.many[0],
            self.many[1],
            self.many[3],
            self.named["b"],
            self.named["a"],
            first[0],
            second,
            third,
            self._hidden,
        ]

    def call(self, x):
        for layer in self._dense():
            x = layer(x)
        return x * self.scale + 0 * keras.ops.sum(self.many[2](keras.ops.ones((1, 4, 4, 3))))

    def get_config(self):
        return {**super().get_config(), "width": self.width}


@keras.saving.register_keras_serializable("peer")
class Net(keras.Model):
    """A subclassed model; its attributes are not in the order of their names."""

    def __init__(self, width=3, **kwargs):
        super().__init__(**kwargs)
        self.width = width
        self.out = layers.Dense(2)
        self.blocks = [Scale(width), Scale(width)]
        self.inner = keras.Sequential([layers.Dense(width, activation="relu"), layers.Dense(3)])

    def call(self, x):
        x = self.inner(x)
        for block in self.blocks:
            x = block(x)
        return self.out(x)

    def get_config(self):
        return {**super().get_config(), "width": self.width}


@keras.saving.register_keras_serializable("peer")
def halve(x):
    """An activation of the user."""
    return x * 0.5


# ---- models


def built(net, shape):
    net(np.zeros((1, *shape), "float32"))
    return net


def small(*more, width=3):
    return keras.Sequential([keras.Input((4,)), layers.Dense(width, activation="tanh"), *more])


def images():
    return keras.Sequential(
        [
            keras.Input((9, 7, 3)),
            layers.Rescaling(1 / 8, offset=-0.5),
            layers.Conv2D(
                4,
                (3, 2),
                padding="same",
                strides=(2, 1),
                activation="relu",
                kernel_initializer="he_normal",
                kernel_regularizer=regularizers.L2(0.01),
                bias_regularizer="l1",
                kernel_constraint=constraints.MaxNorm(2),
            ),
            layers.MaxPooling2D((2, 2), padding="same"),
            layers.Conv2D(6, 2, dilation_rate=2, padding="same", groups=2, use_bias=False),
            layers.AveragePooling2D(2, strides=1, padding="same"),
            layers.ReLU(max_value=6, negative_slope=0.1, threshold=0.05),
            layers.Dropout(0.0, seed=3),
            layers.Reshape((-1, 6)),
            layers.Activation("gelu"),
            layers.Softmax(axis=-1),
            layers.Flatten(),
            layers.Dense(5, activity_regularizer=regularizers.L1L2(0.01, 0.02)),
            layers.Activation(halve),
        ]
    )


def sequences():
    return keras.Sequential(
        [
            keras.Input((11, 3)),
            layers.ZeroPadding1D((1, 2)),
            layers.Conv1D(6, 3, padding="causal", dilation_rate=2, kernel_regularizer="l2"),
            layers.BatchNormalization(momentum=0.8, gamma_regularizer="l2"),
            layers.LeakyReLU(0.1),
            layers.MaxPooling1D(2, padding="same"),
            layers.SeparableConv1D(5, 3, depth_multiplier=2, pointwise_constraint="unit_norm"),
            layers.BatchNormalization(center=False),
            layers.PReLU(shared_axes=[1]),
            layers.UpSampling1D(2),
            layers.DepthwiseConv1D(2, strides=2, use_bias=False),
            layers.Cropping1D((1, 0)),
            layers.AveragePooling1D(2, strides=1),
            layers.SpatialDropout1D(0.0),
            layers.Permute((2, 1)),
            layers.GlobalAveragePooling1D("channels_first"),
            layers.RepeatVector(2),
            layers.GlobalMaxPooling1D(),
            layers.GaussianNoise(0.0),
            layers.Dense(2),
        ]
    )


def separable():
    return keras.Sequential(
        [
            keras.Input((9, 8, 3)),
            layers.ZeroPadding2D(((0, 1), (1, 0))),
            layers.DepthwiseConv2D(3, strides=2, depth_multiplier=2, bias_regularizer="l1"),
            layers.BatchNormalization(scale=False, beta_constraint="non_neg"),
            layers.ELU(0.5),
            layers.SeparableConv2D(4, 2, padding="same", depthwise_initializer="he_normal"),
            layers.BatchNormalization(trainable=False),
            layers.UpSampling2D((1, 2)),
            layers.Cropping2D(((1, 0), (0, 1))),
            layers.GaussianDropout(0.0),
            layers.SpatialDropout2D(0.0),
            layers.BatchNormalization(axis=1),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2),
        ]
    )


def recurrent():
    stack = [layers.LSTMCell(4, "elu"), layers.GRUCell(3, reset_after=False)]
    return keras.Sequential(
        [
            keras.Input((7, 3)),
            layers.Masking(),
            layers.Bidirectional(layers.LSTM(3, return_sequences=True, kernel_regularizer="l2")),
            layers.GRU(4, return_sequences=True, go_backwards=True, bias_constraint="max_norm"),
            layers.SimpleRNN(4, return_sequences=True, zero_output_for_mask=True),
            layers.Bidirectional(
                layers.GRU(2, return_sequences=True),
                "sum",
                backward_layer=layers.SimpleRNN(2, return_sequences=True, go_backwards=True),
            ),
            layers.RNN(stack),
            layers.RepeatVector(4),
            layers.Reshape((4, 3, 1)),
            layers.ConvLSTM1D(2, 2, padding="same", recurrent_dropout=0.0),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )


def pooled(layer):
    return keras.Sequential([keras.Input((6, 5, 2)), layers.Conv2D(3, 3), layer, layers.Dense(2)])


MODELS = {
    "images": images,
    "sequences": sequences,
    "separable": separable,
    "recurrent": recurrent,
    "global_max": lambda: pooled(layers.GlobalMaxPooling2D()),
    "global_average": lambda: pooled(layers.GlobalAveragePooling2D(keepdims=True)),
    "nested": lambda: keras.Sequential(
        [keras.Input((4,)), small(layers.Dense(4), width=2), small(width=4), small(layers.Dense(2))]
    ),
    "first_call": lambda: built(
        keras.Sequential([layers.Dense(3, name="first"), layers.Dense(2)]), (4,)
    ),
    "subclassed": lambda: built(Net(), (3,)),
    "frozen": lambda: keras.Sequential(
        [keras.Input((4,)), layers.Dense(3, trainable=False), layers.Dense(2)]
    ),
    "float64": lambda: keras.Sequential(
        [keras.Input((4,), dtype="float64"), layers.Dense(3, dtype="float64")]
    ),
}

# The shapes of their samples; (4,) for the rest.
MODEL_INPUTS = {
    "images": (9, 7, 3),
    "sequences": (11, 3),
    "separable": (9, 8, 3),
    "recurrent": (7, 3),
    "global_max": (6, 5, 2),
    "global_average": (6, 5, 2),
    "subclassed": (3,),
}

OPTIMIZERS = {
    "sgd": lambda: optimizers.SGD(0.05),
    "momentum": lambda: optimizers.SGD(0.05, momentum=0.9, nesterov=True, clipnorm=1.0),
    "adam": lambda: optimizers.Adam(0.01),
    "amsgrad": lambda: optimizers.Adam(0.01, amsgrad=True, beta_1=0.8, clipvalue=0.5),
    "ema": lambda: optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9, weight_decay=0.01),
    "exponential": lambda: optimizers.Adam(schedules.ExponentialDecay(0.01, 2, 0.5)),
    "accumulating": lambda: optimizers.SGD(0.05, gradient_accumulation_steps=2),
    "rmsprop": lambda: optimizers.RMSprop(0.01, momentum=0.5, centered=True),
    "adamw": lambda: optimizers.AdamW(0.01),
    "nadam": lambda: optimizers.Nadam(0.01),
    "adagrad": lambda: optimizers.Adagrad(0.01),
    "adadelta": lambda: optimizers.Adadelta(0.01),
    "adamax": lambda: optimizers.Adamax(0.01),
    "lion": lambda: optimizers.Lion(0.01),
}

COMPILED = {
    "sparse": (
        lambda: "sparse_categorical_crossentropy",
        lambda: ["accuracy", metrics.SparseTopKCategoricalAccuracy(2)],
    ),
    "plain": (
        lambda: losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1),
        lambda: ["accuracy", "mse"],
    ),
    "huber": (lambda: losses.Huber(), lambda: [metrics.MeanAbsoluteError(name="off")]),
}

# ---- objects without a model

ACTIVATIONS = [
    "celu",
    "elu",
    "exponential",
    "gelu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "soft_shrink",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "tanh",
    "tanh_shrink",
    "threshold",
]

OBJECTS = {
    "initializers": [
        initializers.Zeros(),
        initializers.Ones(),
        initializers.Constant(0.3),
        initializers.RandomNormal(0.1, 0.2, seed=1),
        initializers.RandomUniform(-0.1, 0.2, seed=1),
        initializers.TruncatedNormal(0.1, 0.2, seed=1),
        initializers.GlorotNormal(seed=1),
        initializers.GlorotUniform(),
        initializers.HeNormal(seed=2),
        initializers.HeUniform(),
        initializers.LecunNormal(),
        initializers.LecunUniform(seed=3),
        initializers.Orthogonal(0.5, seed=4),
        initializers.Identity(),
        initializers.VarianceScaling(2.0, "fan_avg", "uniform", seed=5),
    ],
    "regularizers": [
        regularizers.L1(0.1),
        regularizers.L2(0.1),
        regularizers.L1L2(0.1, 0.2),
        regularizers.OrthogonalRegularizer(0.1, "columns"),
    ],
    "constraints": [
        constraints.MaxNorm(2, axis=1),
        constraints.MinMaxNorm(0.5, 1, 0.9, 1),
        constraints.NonNeg(),
        constraints.UnitNorm(0),
    ],
    "losses": [
        losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=1),
        losses.CategoricalCrossentropy(True, 0.1, axis=1),
        losses.BinaryCrossentropy(True, 0.1, reduction="sum"),
        losses.MeanSquaredError(),
        losses.MeanAbsoluteError(name="mine"),
        losses.Huber(reduction=None),
    ],
    "metrics": [
        metrics.Accuracy(),
        metrics.BinaryAccuracy(threshold=0.3),
        metrics.CategoricalAccuracy(name="acc"),
        metrics.SparseCategoricalAccuracy(),
        metrics.Mean(),
        metrics.MeanSquaredError(),
        metrics.MeanAbsoluteError(),
        metrics.TopKCategoricalAccuracy(3),
        metrics.SparseTopKCategoricalAccuracy(2),
        metrics.BinaryCrossentropy(from_logits=True),
        metrics.CategoricalCrossentropy(label_smoothing=0.1),
        metrics.SparseCategoricalCrossentropy(),
    ],
    "schedules": [
        schedules.ExponentialDecay(0.1, 10, 0.5, staircase=True),
        schedules.InverseTimeDecay(0.1, 10, 0.5),
        schedules.PiecewiseConstantDecay([1, 5], [0.1, 0.2, 0.3]),
        schedules.PolynomialDecay(0.1, 10),
        schedules.CosineDecay(0.1, 10, warmup_target=0.2, warmup_steps=3),
        schedules.CosineDecayRestarts(0.1, 10),
    ],
    "layers": [
        layers.Activation("relu"),
        layers.AveragePooling2D((2, 3), 1, "same"),
        layers.Conv2D(3, 2, kernel_initializer=initializers.HeNormal(seed=1)),
        layers.Dense(2, activation="swish", bias_constraint="non_neg"),
        layers.Dropout(0.3, noise_shape=(None, 1), seed=1),
        layers.Flatten(),
        layers.GlobalAveragePooling2D(),
        layers.GlobalMaxPooling2D(keepdims=True),
        layers.InputLayer(shape=(3,), dtype="int32"),
        layers.MaxPooling2D(),
        layers.ReLU(1.0),
        layers.Rescaling(0.5),
        layers.Reshape((2, -1)),
        layers.Softmax(),
        layers.BatchNormalization(1, 0.9, beta_regularizer=regularizers.L2(0.1), scale=False),
        layers.Conv1D(3, 2, padding="causal", groups=3),
        layers.DepthwiseConv2D(3, depthwise_initializer=initializers.HeNormal(seed=1)),
        layers.SeparableConv1D(3, 2, pointwise_regularizer=regularizers.L2(0.1)),
        layers.ZeroPadding2D((1, 2)),
        layers.Cropping2D(((1, 2), (3, 4))),
        layers.UpSampling2D(3, "channels_first"),
        layers.AveragePooling1D(2, 3, "same"),
        layers.GlobalAveragePooling1D(keepdims=True),
        layers.PReLU("ones", shared_axes=2),
        layers.SpatialDropout2D(0.2, seed=3),
    ],
    "activations": [layers.Activation(name) for name in ACTIVATIONS],
    "optimizers": [make() for make in OPTIMIZERS.values()],
}
