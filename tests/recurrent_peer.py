"""What recurrent layers compute, with whatever `keras` is: Keras, or deepcore under its name.

    python recurrent_peer.py make FILE.npz     writes outputs, states, gradients, weights, configs
    python recurrent_peer.py check FILE.npz    compares with them

The other side of test_recurrent_like_keras.py. Keras must run on JAX.
"""

import sys
import zlib
from pathlib import Path

import keras
import numpy as np
from keras import layers

from layer_peer import as_array, described, same_config
from recurrent_cases import CASES, TRAINED, Case

tree = keras.tree


def differentiated(layer, x, states, call, weigh):
    """Flat outputs, and d(sum(output * weigh)) by trainable weights, x and initial states."""
    given = {} if states is None else {"initial_state": states}
    if keras.backend.backend() == "jax":
        import jax

        def loss(trainable, x, given):
            y, _ = layer.stateless_call(
                trainable, [v.value for v in layer.non_trainable_variables], x, **given, **call
            )
            flat = tree.flatten(y)
            return sum((a * w).sum() for a, w in zip(flat, weigh, strict=True)), flat

        values = [v.value for v in layer.trainable_variables]
        gradients, flat = jax.grad(loss, (0, 1, 2), has_aux=True)(values, x, given)
        return flat, tree.flatten(gradients)
    from deepcore.transforms import GradientTape

    x, given = tree.map_structure(keras.ops.convert_to_tensor, (x, given))
    with GradientTape() as tape:
        tape.watch([x, *tree.flatten(given)])
        flat = tree.flatten(layer(x, **given, **call))
        loss = sum(keras.ops.sum(a * w) for a, w in zip(flat, weigh, strict=True))
    return flat, tape.gradient(loss, [*layer.trainable_variables, x, *tree.flatten(given)])


def computed(name):
    """Everything to compare of one case, by name."""
    make, shape, states, call = Case(*CASES[name])
    layer = make()
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    dtype = "float64" if "float64" in name else "float32"

    def draw(*dims):
        return rng.normal(size=dims).astype(dtype)

    x = draw(*shape)

    def drawn(dims):
        return [drawn(d) for d in dims] if isinstance(dims, list) else draw(*dims)

    states = None if states is None else drawn(states)
    layer(x, **call)
    layer.set_weights([draw(*w.shape) * 0.5 for w in layer.weights])
    given = {} if states is None else {"initial_state": states}
    plain = tree.flatten(layer(x, **given, **call))
    spec = tree.flatten(layer(keras.Input(batch_shape=shape), **call))
    shapes = [[tuple(y.shape) for y in found] for found in (spec, plain)]
    assert shapes[0] == shapes[1], shapes
    weigh = [draw(*y.shape) for y in plain]
    flat, gradients = differentiated(layer, x, states, call, weigh)
    found = {"layer": layer}
    found.update({f"output{i}": y for i, y in enumerate(flat)})
    found.update({f"gradient{i}": g for i, g in enumerate(gradients)})
    names = np.array([w.path.split("/", 1)[1] for w in layer.weights])
    return {**{k: as_array(v) for k, v in found.items()}, "names": names}


def trained(name):
    """Weights and losses of a model after a few steps."""
    make, shape = TRAINED[name]
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    inputs = keras.Input(shape[1:])
    outputs = layers.Dense(2)(make()(inputs))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    model.set_weights([rng.normal(size=w.shape).astype("float32") * 0.5 for w in model.weights])
    x = rng.normal(size=shape).astype("float32")
    if name == "padded":
        x[1::2, 3:] = 0
        x[2] = 0
    y = rng.normal(size=(shape[0], *model.output_shape[1:])).astype("float32")
    logs = model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0).history
    found = {f"weight{i}": w for i, w in enumerate(model.get_weights())}
    return {**found, "loss": np.array(logs["loss"]), "predicted": model.predict(x, verbose=0)}


def everything():
    for name in CASES:
        yield name, lambda name=name: computed(name)
    for name in TRAINED:
        yield f"trained_{name}", lambda name=name: trained(name)


def make(file):
    found = {f"{case}/{key}": v for case, run in everything() for key, v in run().items()}
    found = {k: described(v) if k.endswith("/layer") else v for k, v in found.items()}
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(file, **found)


def check(file):
    told = dict(np.load(file))
    bad, count = [], 0
    for case, run in everything():
        count += 1
        try:
            found = run()
            wanted = {k.split("/")[1]: v for k, v in told.items() if k.startswith(f"{case}/")}
            assert found.keys() == wanted.keys(), (list(found), list(wanted))
            for key, value in found.items():
                if key == "layer":
                    same_config(wanted[key], value)
                elif key == "names":
                    assert list(value) == list(wanted[key]), (list(value), list(wanted[key]))
                else:
                    compare(key, value, wanted[key])
        except Exception as error:
            bad.append(f"{case}: {type(error).__name__}: {error}")
    print(f"{count} cases, {len(bad)} differences", *bad, sep="\n")
    return 1 if bad else 0


def compare(key, found, wanted):
    if key != "loss":
        assert found.dtype == wanted.dtype, (key, found.dtype, wanted.dtype)
    # Keras's float64 layers lose half of their digits on the way; test_recurrent.py has all.
    tolerance = 1e-6 if found.dtype == "float64" and key != "loss" else 2e-5
    scale = max(1.0, np.abs(wanted).max(initial=0))
    np.testing.assert_allclose(found / scale, wanted / scale, 0, tolerance, err_msg=key)


if __name__ == "__main__":
    sys.exit({"make": make, "check": check}[sys.argv[1]](Path(sys.argv[2])))
