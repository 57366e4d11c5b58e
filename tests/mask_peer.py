"""Masks with whatever `keras` is: Keras itself, or deepcore under its name.

    python mask_peer.py make FOLDER     saves masks of layers, training under masks, and models
    python mask_peer.py check FOLDER    compares with them, and loads the models

The other side of test_masks_like_keras.py. Keras must run on JAX.
"""

import sys
import warnings
from pathlib import Path

import keras
import numpy as np
from keras import layers, losses, ops

STEPS = np.random.default_rng(1).normal(size=(3, 6, 4)).astype("float32")
STEPS[0, 4:], STEPS[1, 2], STEPS[2, 1:] = 0, 0, 0
TOKENS = np.array([[3, 1, 4, 1, 0, 0], [5, 0, 2, 6, 5, 3], [4, 0, 0, 0, 0, 0]])


def mask_of(y):
    if keras.backend.backend() == "jax":
        from keras.src.backend import get_keras_mask

        return get_keras_mask(y)
    return y._keras_mask


# ---- what becomes of the mask of one input, (3, 6, 4)

THROUGH = {
    "activation": lambda: layers.Activation("tanh"),
    "average_pool": lambda: layers.AveragePooling1D(2),
    "conv": lambda: layers.Conv1D(2, 3, kernel_initializer="ones"),
    "crop": lambda: layers.Cropping1D(1),
    "dense": lambda: layers.Dense(3, kernel_initializer="ones"),
    "dropout": lambda: layers.Dropout(0.5),
    "elu": lambda: layers.ELU(),
    "flatten": lambda: layers.Flatten(),
    "gaussian_dropout": lambda: layers.GaussianDropout(0.5),
    "gaussian_noise": lambda: layers.GaussianNoise(0.5),
    "global_average": lambda: layers.GlobalAveragePooling1D(),
    "global_max": lambda: layers.GlobalMaxPooling1D(),
    "identity": lambda: layers.Identity(),
    "leaky": lambda: layers.LeakyReLU(),
    "masking_again": lambda: layers.Masking(mask_value=STEPS[1, 0, 0]),
    "max_pool": lambda: layers.MaxPooling1D(2),
    "norm": lambda: layers.BatchNormalization(),
    "permute": lambda: layers.Permute((2, 1)),
    "prelu": lambda: layers.PReLU(),
    "relu": lambda: layers.ReLU(),
    "rescaling": lambda: layers.Rescaling(2.0),
    "reshape": lambda: layers.Reshape((3, 8)),
    "softmax": lambda: layers.Softmax(axis=1),
    "spatial_dropout": lambda: layers.SpatialDropout1D(0.5),
    "up": lambda: layers.UpSampling1D(2),
    "zeros": lambda: layers.ZeroPadding1D(1),
    "model": lambda: keras.Sequential([keras.Input((6, 4)), layers.ReLU()]),
    "stack": lambda: keras.Sequential([layers.ReLU(), layers.GlobalAveragePooling1D()]),
    "user": lambda: Halved(),
    "user_mask": lambda: Thinned(),
    "user_takes_mask": lambda: Told(),
}
# Softmax takes no mask of (N, T) for (N, T, F), in either.
ALONE = {"softmax"}


class Halved(layers.Layer):
    def call(self, inputs):
        return inputs / 2


class Thinned(layers.Layer):
    """Every second step."""

    def call(self, inputs):
        return inputs[:, ::2]

    def compute_mask(self, inputs, mask=None):
        return None if mask is None else mask[:, ::2]


class Told(layers.Layer):
    """The number of steps that count, in each step."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs, mask=None):
        return inputs if mask is None else inputs * 0 + ops.sum(ops.cast(mask, inputs.dtype))


class Pair(layers.Layer):
    """Two tensor arguments, each with a mask of its own name."""

    def call(self, query, value, query_mask=None, value_mask=None):
        q, v = (ops.cast(ops.expand_dims(m, -1), query.dtype) for m in (query_mask, value_mask))
        return query * q + value * v


MERGING = {
    "add": lambda: layers.Add(),
    "average": lambda: layers.Average(),
    "concatenate": lambda: layers.Concatenate(),
    "concatenate_steps": lambda: layers.Concatenate(axis=1),
    "dot": lambda: layers.Dot(axes=2),
    "maximum": lambda: layers.Maximum(),
    "minimum": lambda: layers.Minimum(),
    "multiply": lambda: layers.Multiply(),
    "subtract": lambda: layers.Subtract(),
}


def propagated():
    """Outputs, masks, and whether a warning told that one was lost."""
    found = {}

    def note(name, layer, *inputs):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            y = layer(*inputs)
        found[f"{name}/output"] = y
        mask = mask_of(y)
        found[f"{name}/mask"] = np.array([]) if mask is None else mask
        # Keras tells so of models, too, though the layers inside do get the mask.
        lost = not isinstance(layer, keras.Model) and any(
            "destroy the mask" in str(w.message) for w in told
        )
        found[f"{name}/lost"] = np.array(lost)

    for name, make in THROUGH.items():
        if name not in ALONE:
            note(name, make(), layers.Masking()(STEPS))
        note(f"{name}_unmasked", make(), ops.convert_to_tensor(STEPS))
    plain, other = ops.convert_to_tensor(STEPS), STEPS[::-1].copy()
    for name, make in MERGING.items():
        note(name, make(), [layers.Masking()(STEPS), layers.Masking()(other)])
        note(f"{name}_one", make(), [layers.Masking()(STEPS), plain])
        note(f"{name}_second", make(), [plain, layers.Masking()(other)])
        note(f"{name}_none", make(), [plain, plain])
    note("pair", Pair(), layers.Masking()(STEPS), layers.Masking()(other))
    note("embedding", layers.Embedding(7, 2, "ones", mask_zero=True), TOKENS)
    note("embedding_plain", layers.Embedding(7, 2, "ones"), TOKENS)
    note("embedding_floats", layers.Embedding(7, 2, "ones", mask_zero=True), TOKENS.astype("f4"))
    note("half", layers.Dense(2, "relu", dtype="bfloat16"), layers.Masking()(STEPS))
    found["half/output"] = ops.cast(ops.ones_like(found["half/output"]), "float32")
    return found


# ---- training


def tagger():
    """A class for each step."""
    return keras.Sequential(
        [
            keras.Input((6,), dtype="int32"),
            layers.Embedding(7, 5, mask_zero=True),
            layers.Dense(4, activation="tanh"),
            layers.Dense(3, activation="softmax"),
        ]
    )


def deferred():
    """The same, built by its first batch."""
    return keras.Sequential(
        [
            layers.Embedding(7, 5, mask_zero=True, embeddings_regularizer="l2"),
            layers.Dense(3, activation="softmax"),
        ]
    )


def branches():
    """Masks through a graph, in arguments, merged, and lost; two outputs."""
    tokens, steps = keras.Input((6,), dtype="int32"), keras.Input((6, 4))
    x = layers.Embedding(7, 4, mask_zero=True)(tokens)
    y = layers.Masking()(steps)
    x = layers.BatchNormalization()(x)
    both = layers.Concatenate()([layers.Add()([x, y]), layers.Multiply()([x, y])])
    tags = layers.Dense(3, activation="softmax", name="tags")(both)
    inner = keras.Sequential([keras.Input((6, 8)), layers.Dense(4)], name="inner")
    whole = layers.GlobalAveragePooling1D()(inner(both))
    return keras.Model([tokens, steps], [tags, layers.Dense(2, name="whole")(whole)])


def pooled():
    """The mean of what counts."""
    return keras.Sequential(
        [
            keras.Input((6, 4)),
            layers.Masking(),
            layers.TimeDistributed(layers.Dense(3)),
            layers.GlobalAveragePooling1D(),
            layers.Dense(3, activation="softmax"),
        ]
    )


RNG = np.random.default_rng(2)
TAGS, CLASSES = RNG.integers(0, 3, (3, 6)), RNG.integers(0, 3, 3)
WHOLE = RNG.normal(size=(3, 2)).astype("float32")
EACH, EVERY = RNG.uniform(0, 2, 3).astype("f4"), RNG.uniform(0, 2, (3, 6)).astype("f4")
HOT = np.eye(3, dtype="float32")[TAGS]
SPARSE = "sparse_categorical_crossentropy"
TWO = {"loss": {"tags": SPARSE, "whole": "mse"}, "metrics": {"tags": ["accuracy"]}}

# A model, data, targets, weights and arguments of `compile`.
TRAINING = {
    "tagger": (tagger, TOKENS, TAGS, None, {"loss": SPARSE, "metrics": ["accuracy"]}),
    "mse": (tagger, TOKENS, HOT, None, {"loss": "mse", "metrics": ["mae", "mse"]}),
    "weighted_steps": (
        tagger,
        TOKENS,
        TAGS,
        EVERY,
        {"loss": SPARSE, "weighted_metrics": ["accuracy", SPARSE]},
    ),
    "ignored": (
        tagger,
        TOKENS,
        TAGS,
        None,
        {"loss": lambda: losses.SparseCategoricalCrossentropy(ignore_class=1)},
    ),
    "sum": (
        tagger,
        TOKENS,
        HOT,
        EVERY,
        {"loss": lambda: losses.CategoricalCrossentropy(reduction="sum")},
    ),
    "by_weight": (
        tagger,
        TOKENS,
        HOT,
        EVERY,
        {"loss": lambda: losses.MeanSquaredError(reduction="mean_with_sample_weight")},
    ),
    "all_hidden": (tagger, TOKENS * 0, TAGS, None, {"loss": SPARSE, "metrics": ["accuracy"]}),
    "deferred": (deferred, TOKENS, TAGS, None, {"loss": SPARSE}),
    "branches": (branches, [TOKENS, STEPS], [TAGS, WHOLE], None, TWO),
    "branches_weighted": (branches, [TOKENS, STEPS], [TAGS, WHOLE], [EVERY, EACH], TWO),
    "pooled": (pooled, STEPS, CLASSES, None, {"loss": SPARSE, "metrics": ["accuracy"]}),
}


def compiled(name):
    make, x, *_, arguments = TRAINING[name]
    model = make()
    model(x[0:1] if not isinstance(x, list) else [a[0:1] for a in x])
    rng = np.random.default_rng(3)
    model.set_weights(
        [rng.uniform(-0.5, 0.5, w.shape) + (w.ndim == 1) for w in model.get_weights()]
    )
    arguments = {k: v() if callable(v) else v for k, v in arguments.items()}
    model.compile(keras.optimizers.SGD(0.2), **arguments, jit_compile=False)
    return model


def trained(name, model=None):
    """Losses and metrics of training, of evaluation and of one batch, and the weights."""
    _, x, y, weights, _ = TRAINING[name]
    model = model or compiled(name)
    told = {"batch_size": 2, "epochs": 3, "shuffle": False, "verbose": 0}
    history = model.fit(x, y, sample_weight=weights, **told).history
    # Losses alone: on JAX, Keras loses the mask between the gradient and the metrics of training.
    found = {f"history_{key}": value for key, value in history.items() if "loss" in key}
    found["evaluated"] = model.evaluate(x, y, sample_weight=weights, verbose=0)
    batch = model.train_on_batch(x, y, sample_weight=weights, return_dict=True)
    found.update({f"batch_{key}": value for key, value in batch.items() if "loss" in key})
    for i, w in enumerate(model.get_weights()):
        found[f"weight{i}"] = w
    for i, p in enumerate(predictions(model, x)):
        found[f"prediction{i}"] = p
    return found


def predictions(model, x):
    y = model.predict(x, verbose=0)
    return y if isinstance(y, list) else [y]


# ---- files


def arrays(found):
    return {k: np.asarray(ops.convert_to_numpy(v)) for k, v in found.items()}


def numbers():
    found = propagated()
    for name in TRAINING:
        found.update({f"{name}/{key}": value for key, value in trained(name).items()})
    return arrays(found)


SAVED = ("tagger", "branches", "pooled", "deferred")


def make(folder):
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / "numbers.npz", **numbers())
    for name in SAVED:
        model = compiled(name)
        trained(name, model)
        model.save(folder / f"{name}.keras")
        np.savez_compressed(folder / f"{name}.npz", **arrays(trained(name, model)))


def check(folder):
    wanted, found = dict(np.load(folder / "numbers.npz")), numbers()
    assert wanted.keys() == found.keys(), wanted.keys() ^ found.keys()
    bad = [told for key in wanted if (told := difference(key, found[key], wanted[key]))]
    for name in SAVED:
        model = keras.models.load_model(folder / f"{name}.keras")
        wanted, again = dict(np.load(folder / f"{name}.npz")), arrays(trained(name, model))
        bad += [
            told
            for key in wanted
            if (told := difference(f"{name}: {key}", again[key], wanted[key]))
        ]
    print(f"{len(found)} values, {len(bad)} differences", *bad, sep="\n")
    return 1 if bad else 0


def difference(key, found, wanted):
    if found.shape != wanted.shape:
        return f"{key}: {found.shape}, not {wanted.shape}"
    try:
        np.testing.assert_allclose(found, wanted, 2e-5, 2e-6, err_msg=key)
    except AssertionError as error:
        return str(error)
    return None


if __name__ == "__main__":
    warnings.filterwarnings("ignore", message=".*destroy the mask.*")
    sys.exit({"make": make, "check": check}[sys.argv[1]](Path(sys.argv[2])))
