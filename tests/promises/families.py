"""A row for each family of ops: arrays in, arrays out. Sizes are odd and large enough to be shared
among threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from networks import attentive, residual

import deepcore as dc
from deepcore import layers, ops
from deepcore.ops.nn import batch_normalization_training

_RNG = np.random.default_rng(5)
LONG = _RNG.normal(size=100_003).astype("float32")
WIDE = _RNG.normal(size=(131, 517)).astype("float32")
CUBE = _RNG.normal(size=(13, 37, 71)).astype("float32")
IMAGES = _RNG.normal(size=(9, 23, 19, 6)).astype("float32")
LABELS = _RNG.integers(0, 517, 131)


def _elementwise() -> list[Any]:
    x = dc.ops.convert_to_tensor(LONG)
    return [
        ops.exp(x),
        ops.log1p(ops.abs(x)),
        ops.tanh(x) * ops.sigmoid(x) + ops.erf(x),
        ops.sin(x) - ops.arctan2(x, 0.3),
        ops.where(x > 0, ops.sqrt(ops.abs(x)), x**2) // 0.7,
        ops.floor_divide(ops.cast(x * 100, "int32"), 7),
        ops.logical_xor(x > 0.5, ops.isfinite(x)),
    ]


def _broadcasting() -> list[Any]:
    return [ops.maximum(CUBE[:, :1], CUBE[:, :, :1]) * CUBE[0], CUBE[0] + CUBE.astype("float64")]


def _reductions() -> list[Any]:
    found = []
    for axis in (None, 0, 1, 2, (0, 2), (1, 2)):
        for f in (ops.sum, ops.mean, ops.max, ops.std, ops.logsumexp):
            found.append(f(CUBE, axis=axis))
    found += [ops.sum(LONG), ops.var(LONG), ops.argmax(LONG), ops.prod(CUBE[0, 0])]
    return [*found, ops.any(WIDE > 4, axis=0), ops.all(WIDE > -4, axis=1), ops.argmin(WIDE, axis=0)]


def _shaping() -> list[Any]:
    x = ops.convert_to_tensor(CUBE)
    return [
        ops.transpose(x, (2, 0, 1)),
        ops.concatenate([x, x[:, ::-2], x[:, 3:4]], axis=1),
        ops.stack([x, x], axis=2),
        *ops.split(x, [5, 6], axis=1),
        ops.pad(x, ((1, 2), (0, 3), (4, 0)), mode="reflect"),
        ops.tile(x, (2, 1, 3)),
        ops.flip(x, 1),
        ops.expand_dims(x, 1),
        ops.squeeze(x[:, :1], 1),
        ops.broadcast_to(x[0], (3, 37, 71)),
    ]


def _indexing() -> list[Any]:
    x = ops.convert_to_tensor(WIDE)
    return [
        x[5:90:3, ::-2],
        x[..., None, 7],
        ops.take(x, LABELS[:60] % 131, axis=0),
        ops.one_hot(LABELS, 517),
        ops.take_along_axis(x, LABELS[:, None], axis=1),
    ]


def _matmul() -> list[Any]:
    return [
        ops.matmul(WIDE, WIDE.T),
        ops.matmul(WIDE[:1], WIDE.T),
        ops.matmul(CUBE, np.swapaxes(CUBE, 1, 2)),
        ops.tensordot(CUBE, CUBE, axes=((0, 2), (0, 2))),
        ops.matmul(WIDE.astype("float64"), WIDE.T.astype("float64")),
    ]


def _softmax() -> list[Any]:
    probabilities = ops.softmax(WIDE)
    return [
        probabilities,
        ops.log_softmax(CUBE, axis=1),
        ops.sparse_categorical_crossentropy(LABELS, WIDE, from_logits=True),
        ops.categorical_crossentropy(ops.one_hot(LABELS, 517), probabilities),
        ops.binary_crossentropy(WIDE > 0, ops.sigmoid(WIDE)),
    ]


def _convolution() -> list[Any]:
    def kernel(*shape: int) -> Any:
        return np.random.default_rng(1).normal(size=shape).astype("float32")

    return [
        ops.conv(IMAGES, kernel(3, 3, 6, 11), padding="same"),
        ops.conv(IMAGES, kernel(5, 2, 6, 64), strides=(2, 3)),
        ops.conv(IMAGES, kernel(3, 3, 2, 9), dilation_rate=2),
        ops.conv(IMAGES, kernel(3, 3, 1, 12), strides=2, padding="same"),
        ops.conv(IMAGES, kernel(1, 1, 6, 33)),
    ]


def _pooling() -> list[Any]:
    return [
        ops.max_pool(IMAGES, 2),
        ops.max_pool(IMAGES, (3, 2), strides=(2, 1), padding="same"),
        ops.average_pool(IMAGES, 3, strides=2, padding="same"),
    ]


def _normalization() -> list[Any]:
    rng = np.random.default_rng(4)
    found = []
    for x in (IMAGES, CUBE, WIDE):
        width = x.shape[-1]
        scale, shift = (dc.Variable(rng.normal(size=width).astype("float32")) for _ in range(2))
        weigh = rng.normal(size=x.shape).astype("float32")
        with dc.GradientTape() as tape:
            v = ops.convert_to_tensor(x)
            tape.watch(v)
            y, mean, variance = batch_normalization_training(v, scale, shift, 1e-3)
            loss = ops.sum(y * weigh)
        found += [y, mean, variance, *tape.gradient(loss, [v, scale, shift])]
        found += [ops.batch_normalization(x, mean, variance, -1, shift, scale), *ops.moments(x, 1)]
    return found


def _depthwise() -> list[Any]:
    kernel = np.random.default_rng(6).normal(size=(3, 3, 6, 3)).astype("float32")
    found = []
    for strides, padding, taken in ((1, "same", kernel[..., :1]), (2, "valid", kernel)):
        with dc.GradientTape() as tape:
            x, k = ops.convert_to_tensor(IMAGES), ops.convert_to_tensor(taken)
            tape.watch([x, k])
            y = ops.depthwise_conv(x, k, strides, padding)
            loss = ops.sum(ops.square(y))
        found += [y, *tape.gradient(loss, [x, k])]
    return found


def _random() -> list[Any]:
    def seed() -> dc.SeedGenerator:
        return dc.SeedGenerator(11)

    shape = (101, 57)
    return [
        dc.random.uniform(shape, seed=seed()),
        dc.random.normal(shape, seed=seed()),
        dc.random.truncated_normal(shape, seed=seed()),
        dc.random.categorical(WIDE, 7, seed=seed()),
        dc.random.dropout(WIDE, 0.4, seed=seed()),
    ]


def _gradients() -> list[Any]:
    kernel = dc.Variable(np.random.default_rng(2).normal(size=(3, 3, 6, 17)).astype("float32"))
    bias = dc.Variable(np.zeros(17, "float32"))
    x = ops.convert_to_tensor(IMAGES)
    with dc.GradientTape() as tape:
        tape.watch(x)
        y = ops.relu(ops.conv(x, kernel, strides=2, padding="same") + bias)
        y = ops.average_pool(ops.max_pool(y, 2), 2, padding="same")
        loss = ops.mean(ops.square(ops.softmax(ops.reshape(y, (9, -1)))))
    return [loss, *tape.gradient(loss, [x, kernel, bias])]


def _updates() -> list[Any]:
    found = []
    for optimizer in (dc.optimizers.SGD(0.1, 0.9, nesterov=True), dc.optimizers.Adam(0.01)):
        v = dc.Variable(WIDE)
        for _ in range(3):
            optimizer.apply([v.value * 0.1 + 1], [v])
        found.append(v.numpy())
    return found


def _functions() -> list[Any]:
    f = dc.function(lambda a, b: ops.sum(ops.tanh(a @ b) ** 2, axis=0))
    return [f(WIDE, WIDE.T), f(WIDE[:7], WIDE.T), dc.grad(lambda a: ops.sum(f(a, WIDE.T)))(WIDE)]


def _training() -> list[Any]:
    """Every layer, odd sizes, a partial batch, regularizers and momentum."""
    dc.utils.set_random_seed(3)
    model = dc.Sequential(
        [
            layers.Input((23, 19, 6)),
            layers.Rescaling(0.5, 0.1),
            layers.Conv2D(7, (3, 2), strides=2, padding="same", activation="gelu"),
            layers.Conv2D(14, 3, dilation_rate=2, groups=7, kernel_regularizer="l1"),
            layers.AveragePooling2D(2, strides=1, padding="same"),
            layers.MaxPooling2D((3, 2), strides=1),
            layers.Dropout(0.3),
            layers.Activation("tanh"),
            layers.Conv2D(33, 1),
            layers.ReLU(max_value=3, negative_slope=0.1),
            layers.Flatten(),
            layers.Dense(30, activation="selu", kernel_regularizer="l2"),
            layers.Reshape((5, 2, 3)),
            layers.GlobalAveragePooling2D(),
            layers.Dense(5),
            layers.Softmax(),
        ]
    )
    sgd = dc.optimizers.SGD(0.01, momentum=0.9, nesterov=True, clipnorm=1.0)
    model.compile(sgd, "sparse_categorical_crossentropy", metrics=["accuracy"])
    x = np.concatenate([IMAGES] * 3)
    logs = model.fit(x, LABELS[:27] % 5, batch_size=8, epochs=2, verbose=0).history
    evaluated = model.evaluate(x, LABELS[:27] % 5, verbose=0)
    return [*model.get_weights(), *logs.values(), evaluated, model.predict(x, verbose=0)]


def _residual() -> list[Any]:
    """Normalization, depthwise convolutions and branches, in training."""
    model = residual((23, 19, 6))
    x = np.concatenate([IMAGES] * 3)
    logs = model.fit(x, LABELS[:27] % 10, batch_size=8, epochs=2, verbose=0).history
    return [*model.get_weights(), *logs.values(), model.predict(x, verbose=0)]


def _chains() -> list[Any]:
    """A conditional random field in training, and what its functions give."""
    dc.utils.set_random_seed(3)
    model = dc.Sequential([layers.Input((37, 71)), layers.CRF(17, decode="marginals")])
    model.compile("adam", metrics=["accuracy"])
    tags = LABELS[:37] % 17 + np.zeros((13, 1), "int32")
    logs = model.fit(CUBE, tags, batch_size=9, epochs=2, verbose=0).history
    mask = CUBE[..., 0] > -1
    potentials, transitions = CUBE[..., :17], CUBE[0, :17, :17]
    decoded = ops.viterbi_decode(potentials, transitions, mask=mask)
    return [*model.get_weights(), *logs.values(), model.predict(CUBE, verbose=0), *decoded]


def _masked() -> list[Any]:
    """Padded tokens in training: a table of vectors, masks that merge, a layer on each step."""
    dc.utils.set_random_seed(3)
    tokens = layers.Input((37,), dtype="int32")
    x = layers.Embedding(517, 23, mask_zero=True)(tokens)
    y = layers.TimeDistributed(layers.Dense(23, activation="tanh"))(x)
    x = layers.Maximum()([layers.BatchNormalization()(x), layers.Dropout(0.2)(y)])
    tags = layers.Dense(7, activation="softmax")(layers.Concatenate()([x, y]))
    model = dc.Model(tokens, [tags, layers.Dense(3)(layers.GlobalAveragePooling1D()(x))])
    model.compile("adam", ["sparse_categorical_crossentropy", "mse"], metrics=[["accuracy"], []])
    rows = WIDE[:, :37]
    ids = np.where(rows > 0.3, 0, np.abs(rows * 200) % 517).astype("int32")
    targets = [LABELS[:, None] % 7 + np.zeros((1, 37), "int32"), WIDE[:, :3]]
    logs = model.fit(ids, targets, batch_size=48, epochs=2, verbose=0).history
    return [*model.get_weights(), *logs.values(), *model.predict(ids, verbose=0)]


def _recurrent() -> list[Any]:
    """Fused sequences, a stack and images step by step, with masks and dropout, in training."""
    dc.utils.set_random_seed(3)
    x = CUBE[:, :11, :23].copy()
    x[::2, 7:] = 0
    stack = [layers.LSTMCell(5, "elu", recurrent_dropout=0.2), layers.GRUCell(12)]
    model = dc.Sequential(
        [
            layers.Input((11, 23)),
            layers.Masking(),
            layers.Bidirectional(layers.LSTM(17, return_sequences=True, dropout=0.2)),
            layers.GRU(9, return_sequences=True, reset_after=False),
            layers.RNN([*stack, layers.SimpleRNNCell(6)], return_sequences=True),
            layers.Lambda(lambda y: ops.expand_dims(y, -1), mask=lambda _, mask: mask),
            layers.ConvLSTM1D(3, 2),
        ]
    )
    model.compile("adam", "mse")
    y = np.zeros((13, 5, 3), "float32")
    logs = model.fit(x, y, batch_size=9, epochs=2, verbose=0).history
    return [*model.get_weights(), *logs.values(), model.predict(x, verbose=0)]


def _attention() -> list[Any]:
    """Attention and row normalization in training, over more than a block of keys."""
    model = attentive(300, 16)
    x = np.resize(LONG, (13, 300, 16))
    logs = model.fit(x, LABELS[:13] % 5, batch_size=5, epochs=2, verbose=0).history
    return [*model.get_weights(), *logs.values(), model.predict(x, verbose=0)]


def _loops() -> list[Any]:
    """A scan and its gradient, and a loop that ends by its values."""
    rng = np.random.default_rng(8)
    w = ops.convert_to_tensor(rng.normal(size=(71, 71)).astype("float32") / 9)

    def total(w: Any) -> Any:
        def step(h: Any, x: Any) -> Any:
            h = ops.tanh(ops.matmul(h, w) + x)
            return h, ops.sum(h * h, axis=0)

        last, ys = ops.scan(step, CUBE[0], CUBE, checkpoint=4)
        return ops.sum(last * last) + ops.sum(ys)

    def grow(x: Any) -> Any:
        return ops.while_loop(lambda x: ops.sum(x * x) < 1e6, lambda x: x + ops.tanh(x @ w), x)

    return [*dc.transforms.value_and_grad(total)(w), dc.function(grow)(CUBE[0])]


def _texts() -> list[Any]:
    """Texts, categories and numbers before and inside the step, in training."""
    dc.utils.set_random_seed(3)
    texts = np.array([" ".join(f"w{n % 97}" for n in row) for row in LABELS[:117].reshape(13, 9)])
    words, weighed = layers.TextVectorization(), layers.TextVectorization(output_mode="tf_idf")
    normal, bins = layers.Normalization(), layers.Discretization(num_bins=7, output_mode="one_hot")
    words.adapt(texts)
    weighed.adapt(texts)
    normal.adapt(WIDE[:13])
    bins.adapt(WIDE[:13])
    text, number = layers.Input((1,), dtype="string"), layers.Input((517,))
    mean = layers.GlobalAveragePooling1D()(layers.Embedding(100, 19, mask_zero=True)(words(text)))
    ranges = layers.Flatten()(bins(number))
    hashed = layers.Hashing(11, output_mode="count")(text)
    joined = layers.concatenate([mean, weighed(text), normal(number), ranges, hashed])
    model = dc.Model([text, number], layers.Dense(5)(joined))
    model.compile("adam", "mse")
    x = [texts, WIDE[:13]]
    logs = model.fit(x, WIDE[:13, :5], batch_size=5, epochs=2, verbose=0).history
    short = model.fit(x, WIDE[:13, :5], batch_size=5, verbose=0, bucket_by_length=[5]).history
    given = [*logs.values(), *short.values(), model.predict(x, verbose=0)]
    return [*model.get_weights(), *given, layers.CategoryEncoding(517)(LABELS.reshape(-1, 1))]


FAMILIES: dict[str, Callable[[], list[Any]]] = {
    "elementwise": _elementwise,
    "broadcasting": _broadcasting,
    "reductions": _reductions,
    "shaping": _shaping,
    "indexing": _indexing,
    "matmul": _matmul,
    "softmax": _softmax,
    "convolution": _convolution,
    "pooling": _pooling,
    "normalization": _normalization,
    "depthwise": _depthwise,
    "random": _random,
    "gradients": _gradients,
    "updates": _updates,
    "functions": _functions,
    "training": _training,
    "residual": _residual,
    "chains": _chains,
    "recurrent": _recurrent,
    "masked": _masked,
    "attention": _attention,
    "loops": _loops,
    "texts": _texts,
}
# These set the global seed.
SEEDED = (
    "training",
    "residual",
    "random",
    "chains",
    "masked",
    "recurrent",
    "attention",
    "texts",
)
