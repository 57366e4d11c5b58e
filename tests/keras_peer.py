"""Makes and checks files with whatever `keras` is: Keras itself, or deepcore under its name.

    python keras_peer.py make FOLDER     saves models, weights and configs, and what they compute
    python keras_peer.py check FOLDER    loads them and compares

The other side of the live tests of test_saving.py, which run it in both and swap the folders.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np

from keras_models import COMPILED, MODEL_INPUTS, MODELS, OBJECTS, OPTIMIZERS


def inputs(model):
    shape = (8, *MODEL_INPUTS.get(model, (4,)))
    return np.random.default_rng(7).uniform(-1, 1, shape).astype("float32")


def targets(model, x, loss):
    rng = np.random.default_rng(8)
    shape = outputs(model, x).shape
    if loss == "sparse":
        return rng.integers(0, shape[-1], shape[:-1])
    if loss == "plain":
        return np.eye(shape[-1], dtype="float32")[rng.integers(0, shape[-1], shape[:-1])]
    return rng.uniform(size=shape).astype("float32")


def outputs(model, x):
    return keras.ops.convert_to_numpy(model(x, training=False))


def train(model, x, y, epochs=2):
    history = model.fit(x, y, batch_size=4, epochs=epochs, shuffle=False, verbose=0).history
    return np.array([history[key] for key in sorted(history)])


def cases():
    """Every model with one optimizer and loss; every optimizer and every loss with one model."""
    for model in MODELS:
        yield model, "adam", "huber"
    for optimizer in OPTIMIZERS:
        yield "nested", optimizer, "huber"
    for loss in COMPILED:
        yield "first_call", "momentum", loss


def make(folder):
    for model, optimizer, loss in dict.fromkeys(cases()):
        name = f"{model}-{optimizer}-{loss}"
        keras.utils.set_random_seed(3)
        net = MODELS[model]()
        x = inputs(model)
        y = targets(net, x, loss)
        make_loss, make_metrics = COMPILED[loss]
        # Without a compiler: Keras's takes minutes.
        net.compile(OPTIMIZERS[optimizer](), make_loss(), metrics=make_metrics(), jit_compile=False)
        train(net, x, y)
        net.save(folder / f"{name}.keras")
        net.save_weights(folder / f"{name}.weights.h5")
        before = outputs(net, x)
        np.savez(folder / f"{name}.npz", x=x, y=y, before=before, later=train(net, x, y))
    configs = {
        kind: [keras.saving.serialize_keras_object(obj) for obj in objects]
        for kind, objects in OBJECTS.items()
    }
    (folder / "objects.json").write_text(json.dumps(configs))


def check(folder):
    bad = []
    for file in sorted(folder.glob("*.npz")):
        name, told = file.stem, np.load(file)
        model = name.split("-")[0]
        tolerance = {"rtol": 1e-3, "atol": 1e-5}
        try:
            net = keras.models.load_model(folder / f"{name}.keras")
            found = outputs(net, told["x"])
            np.testing.assert_allclose(found, told["before"], **tolerance)
            other = MODELS[model]()
            weights = folder / f"{name}.weights.h5"
            other.load_weights(weights if weights.exists() else folder / f"{name}.keras")
            found = outputs(other, told["x"])
            np.testing.assert_allclose(found, told["before"], **tolerance)
            # The optimizer goes on where it stood.
            net.jit_compile = False
            later = train(net, told["x"], told["y"])
            np.testing.assert_allclose(later, told["later"], err_msg="training", **tolerance)
        except Exception as error:
            bad.append(f"{name}: {type(error).__name__}: {error}")
    for kind, told in json.loads((folder / "objects.json").read_text()).items():
        for config, mine in zip(told, OBJECTS[kind], strict=True):
            try:
                again = keras.saving.deserialize_keras_object(config)
                assert type(again) is type(mine), (again, mine)
                differs = difference(again.get_config(), mine.get_config(), kind)
                assert not differs, f"{config['class_name']}: {differs}"
            except Exception as error:
                bad.append(f"{kind} {config}: {type(error).__name__}: {error}")
    checked = len(list(folder.glob("*.npz")))
    print(f"{checked} models, {len(bad)} differences", *bad, sep="\n")
    return 1 if bad else 0


def difference(a, b, kind):
    """The keys in which two configs differ, names that count up and seeds aside."""
    a, b = (json.loads(json.dumps(keras.saving.serialize_keras_object(v))) for v in (a, b))
    skipped = {"name"} if kind in ("layers", "activations", "optimizers", "metrics") else set()
    return {
        key: (a.get(key), b.get(key))
        for key in {*a, *b} - skipped
        if not (a.get(key) == b.get(key) or close(a.get(key), b.get(key)))
    }


def close(a, b):
    return isinstance(a, float) and isinstance(b, float) and abs(a - b) < 1e-6 * abs(a)


if __name__ == "__main__":
    place = Path(sys.argv[2])
    place.mkdir(parents=True, exist_ok=True)
    sys.exit({"make": make, "check": check}[sys.argv[1]](place))
