"""Functional models with whatever `keras` is: Keras itself, or deepcore under its name.

    python functional_peer.py make FOLDER     saves models, what they compute and how they train
    python functional_peer.py check FOLDER    loads them, compares, and trains on

The other side of the live tests of test_functional.py. Keras must run on JAX.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

# ---- models


def shared():
    """A layer called twice, operations, a Sequential model as a layer, a dict of outputs."""
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    dense = layers.Dense(4, name="dense")
    x, y = dense(a), dense(b)
    z = ops.reshape((x + y * 2.0)[:, 1:], (-1, 3))
    z = ops.concatenate([ops.relu(z), ops.tanh(z)], axis=-1)
    z = ops.softmax(ops.clip(z, 0.0, 3.0))
    z = ops.matmul(1.0 - ops.mean(z, axis=-1, keepdims=True), ops.ones((1, 3)))
    w = layers.Dropout(0.5, name="drop")(layers.Add(name="sum")([x, y]), training=True)
    w = keras.Sequential([keras.Input((4,)), layers.Dense(2)], name="inner")(w)
    return keras.Model([a, b], {"z": z, "w": w}, name="shared")


def nested():
    """A model as a layer, called three times; a dict of inputs."""
    i = keras.Input((3,), name="i")
    heads = [layers.Dense(2, name="p")(i), layers.Dense(3, name="q")(i)]
    inner = keras.Model(i, heads, name="inner")
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    p, q = inner(a)
    difference = layers.Subtract(name="difference")([p, inner(b)[0]])
    product = layers.Multiply(name="product")([q, a])
    outputs = [difference, product, inner(product)[0]]
    return keras.Model({"a": a, "b": b}, outputs, name="nested")


def piece():
    """The calls between two tensors inside a model."""
    a = keras.Input((4,), name="a")
    x = layers.Dense(5, name="one")(a)
    return keras.Model(x, layers.Dense(2, name="two")(layers.ReLU(name="bend")(x)), name="piece")


def merged():
    """All merging layers and many operations."""
    a, b = keras.Input((3, 4), name="a"), keras.Input((3, 4), name="b")
    c = keras.Input((4,), name="c")
    found = [
        layers.Add(name="add_all")([a, b, c]),
        layers.Average(name="mean_of")([a, b]),
        layers.Maximum(name="largest")([a, c]),
        layers.Minimum(name="smallest")([a, b]),
        layers.Concatenate(axis=1, name="joined")([a, b]),
        layers.Dot(axes=2, name="dots")([a, b]),
        layers.Dot(axes=(2, 1), normalize=True, name="angles")([a, c]),
        layers.Identity(name="same")(c),
        ops.sum(a, axis=(1, 2)),
        ops.take(a, np.array([0, 2]), axis=1),
        ops.where(a > b, a, b),
        ops.transpose(a, (0, 2, 1)),
        ops.expand_dims(c, 1),
        -abs(a),
        a[..., 0],
        a[:, None, ::2],
        ops.split(a, 2, axis=-1)[1],
        ops.stack([a, b], axis=1),
        ops.max(a, axis=1),
        ops.cast(a, "int32"),
        ops.argmax(a, axis=-1),
        c**2 / 3 // 1 % 5,
        ops.log_softmax(c),
        ops.leaky_relu(c),
        ops.logsumexp(c, axis=1),
        ops.top_k(c, 2)[0],
        keras.activations.gelu(c),
    ]
    return keras.Model([a, b, c], found, name="merged")


def trained(outputs=list):
    """Two inputs and two outputs with losses."""
    a, b = keras.Input((4,), name="a"), keras.Input((6,), name="b")
    x = layers.Dense(5, activation="relu", name="da")(a)
    y = layers.Dense(5, activation="tanh", name="db")(b)
    z = layers.Add(name="sum")([x, y])
    cls = layers.Dense(3, activation="softmax", name="cls")(layers.Concatenate(name="both")([z, x]))
    reg = layers.Dense(1, name="reg")(z)
    found = {"cls": cls, "reg": reg} if outputs is dict else [cls, reg]
    return keras.Model([a, b], found, name="trained")


MODELS = {"shared": shared, "nested": nested, "piece": piece, "merged": merged, "trained": trained}


def data(shapes, rows=5):
    rng = np.random.default_rng(11)
    return [rng.uniform(-1, 1, (rows, *shape[1:])).astype("float32") for shape in shapes]


def outputs_of(model):
    x = data([t.shape for t in model.inputs])
    given = dict(zip(model.input, x, strict=True)) if isinstance(model.input, dict) else x
    found = model(given if len(x) > 1 else x[0], training=False)
    return [keras.ops.convert_to_numpy(t) for t in keras.tree.flatten(found)]


# ---- training

A, B = data([(None, 4), (None, 6)], 20)
CLASSES = np.random.default_rng(1).integers(0, 3, 20)
NUMBERS = np.random.default_rng(2).normal(size=(20, 1)).astype("float32")
FALLING, RISING = np.linspace(1, 0, 20), np.linspace(0, 1, 20)
SPARSE = "sparse_categorical_crossentropy"

# The outputs' structure, the arguments of compile, and of fit.
FITS = {
    "lists": (
        list,
        {"loss": [SPARSE, "mse"], "loss_weights": [1.0, 0.5], "metrics": [["accuracy"], ["mae"]]},
        {"x": [A, B], "y": [CLASSES, NUMBERS]},
    ),
    "dicts": (
        list,
        {
            "loss": {"cls": SPARSE, "reg": "mse"},
            "loss_weights": {"cls": 1.0, "reg": 0.5},
            "metrics": {"cls": "accuracy"},
            "weighted_metrics": {"reg": ["mae"], "cls": ["accuracy"]},
        },
        {"x": {"a": A, "b": B}, "y": {"cls": CLASSES, "reg": NUMBERS}},
    ),
    "weights": (
        list,
        {"loss": [SPARSE, "mse"], "weighted_metrics": [["accuracy"], ["mae", "mse"]]},
        {"x": [A, B], "y": [CLASSES, NUMBERS], "sample_weight": [FALLING, RISING]},
    ),
    "dict_of_outputs": (
        dict,
        {"loss": {"cls": SPARSE, "reg": "mae"}, "metrics": {"reg": ["mse"]}},
        {"x": [A, B], "y": {"cls": CLASSES, "reg": NUMBERS}},
    ),
    "one_loss": (list, {"loss": "mse"}, {"x": [A, B], "y": [np.eye(3)[CLASSES], NUMBERS]}),
    "split": (
        list,
        {"loss": [SPARSE, "mse"]},
        {"x": [A, B], "y": [CLASSES, NUMBERS], "validation_split": 0.25},
    ),
}


def fitted(name):
    """The history and the evaluation of a model, by name and as `evaluate` lists it."""
    outputs, compiled, arguments = FITS[name]
    model = trained(outputs)
    rng = np.random.default_rng(3)
    model.set_weights([rng.normal(0, 0.3, w.shape).astype("float32") for w in model.get_weights()])
    model.compile(keras.optimizers.SGD(0.1), **compiled, jit_compile=False)
    options = {"batch_size": 8, "verbose": 0}
    told = model.fit(**arguments, epochs=2, shuffle=False, **options).history
    given = {k: v for k, v in arguments.items() if k != "validation_split"}
    listed = model.evaluate(**given, **options)
    named = model.evaluate(**given, return_dict=True, **options)
    plain = {
        "history": {k: [float(v) for v in told[k]] for k in sorted(told)},
        "listed": [float(v) for v in listed],
        "named": {k: float(named[k]) for k in sorted(named)},
    }
    return json.loads(json.dumps(plain))


# ---- making and checking

# What other versions of a config may lack.
OPTIONAL = {"input_axes", "output_axes", "quantization_config", "constant_values", "dtype"}


def simple(config):
    """A config without what may differ: optional keys, names that count up."""
    if isinstance(config, dict):
        return {k: simple(v) for k, v in config.items() if k not in OPTIONAL}
    if isinstance(config, list):
        return [simple(item) for item in config]
    return config


def config_of(model):
    return json.loads(json.dumps(keras.saving.serialize_keras_object(model)))


def seeded(name):
    if hasattr(keras.utils, "clear_session"):
        keras.utils.clear_session()
    model = MODELS[name]()
    rng = np.random.default_rng(9)
    model.set_weights([rng.normal(size=w.shape).astype("float32") for w in model.get_weights()])
    return model


def make(folder):
    folder.mkdir(parents=True, exist_ok=True)
    told = {"configs": {}, "fits": {name: fitted(name) for name in FITS}}
    for name in MODELS:
        model = seeded(name)
        model.save(folder / f"{name}.keras")
        model.save_weights(folder / f"{name}.weights.h5")
        np.savez(folder / f"{name}.npz", *outputs_of(model))
        told["configs"][name] = config_of(model)
    (folder / "told.json").write_text(json.dumps(told))


def check(folder):
    bad = []
    told = json.loads((folder / "told.json").read_text())
    close = {"rtol": 1e-4, "atol": 1e-5}
    for name in MODELS:
        try:
            expected = list(np.load(folder / f"{name}.npz").values())
            loaded = keras.models.load_model(folder / f"{name}.keras")
            mine = seeded(name)
            mine.set_weights([0 * w for w in mine.get_weights()])
            mine.load_weights(folder / f"{name}.weights.h5")
            cloned = keras.models.clone_model(loaded)
            cloned.set_weights(loaded.get_weights())
            for model in (loaded, mine, cloned):
                for found, want in zip(outputs_of(model), expected, strict=True):
                    np.testing.assert_allclose(found, want, **close)
            ours, theirs = simple(config_of(seeded(name))), simple(told["configs"][name])
            assert ours == theirs, "the configs differ"
        except Exception as error:
            bad.append(f"{name}: {type(error).__name__}: {error}")
    for name in FITS:
        try:
            found, want = fitted(name), told["fits"][name]
            for key in ("history", "named"):
                assert list(found[key]) == list(want[key]), (list(found[key]), list(want[key]))
                for k in want[key]:
                    np.testing.assert_allclose(found[key][k], want[key][k], err_msg=k, **close)
            np.testing.assert_allclose(found["listed"], want["listed"], **close)
        except Exception as error:
            bad.append(f"fit {name}: {type(error).__name__}: {error}")
    print(f"{len(MODELS)} models, {len(FITS)} fits, {len(bad)} differences", *bad, sep="\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit({"make": make, "check": check}[sys.argv[1]](Path(sys.argv[2])))
