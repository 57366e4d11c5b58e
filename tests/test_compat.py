"""`python -m deepcore script.py`: scripts for Keras and TensorFlow, unchanged."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import deepcore
from deepcore import compat

DENSE = """\
import tensorflow as tf
model = tf.keras.Sequential([
    tf.keras.layers.Dense(64, activation='relu', input_shape=(784,)),
    tf.keras.layers.Dense(64, activation='relu'),
    tf.keras.layers.Dense(10, activation='softmax')
])
model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'])
model.fit(x_train, y_train, epochs=5)
"""

CONV = """\
import tensorflow as tf
model = tf.keras.Sequential([
    tf.keras.layers.Conv2D(32, (3, 3), activation='relu', input_shape=(28, 28, 1)),
    tf.keras.layers.MaxPooling2D((2, 2)),
    tf.keras.layers.Conv2D(64, (3, 3), activation='relu'),
    tf.keras.layers.MaxPooling2D((2, 2)),
    tf.keras.layers.Flatten(),
    tf.keras.layers.Dense(64, activation='relu'),
    tf.keras.layers.Dense(10, activation='softmax')
])
model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'])
model.fit(x_train, y_train, epochs=5)
"""

# Ten kinds of blurred stripes, which both networks learn.
GIVEN = """\
import numpy as np
rng = np.random.default_rng(0)
y_train = rng.integers(0, 10, 400)
x_train = np.zeros((400, 28, 28, 1), "float32")
for image, label in zip(x_train, y_train):
    image[2 * label + 3 : 2 * label + 6] = 1
x_train += rng.uniform(0, 0.3, x_train.shape).astype("float32")
"""


@pytest.fixture
def run(tmp_path):
    """Runs a script's text under `python -m deepcore`."""

    def run(text, *arguments, name="script.py", **options):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "deepcore", str(path), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)

    return run


def prints(done):
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split("\n")[:-1]


# ---- whole programs


@pytest.mark.parametrize(
    ("program", "shape", "parameters"),
    [(DENSE, "(400, 784)", 55_050), (CONV, "(400, 28, 28, 1)", 121_930)],
    ids=["dense", "conv"],
)
def test_the_founding_programs_run_verbatim(run, program, shape, parameters):
    given = f"{GIVEN}x_train = x_train.reshape({shape})\n"
    check = (
        f"\nassert model.count_params() == {parameters}\n"
        "losses = model.history.history['loss']\n"
        "assert len(losses) == 5\n"
        "assert losses[-1] < 0.5 * losses[0], losses\n"
        "print('learned', model.evaluate(x_train, y_train, verbose=0)[1])\n"
    )
    lines = prints(run(given + program + check))
    assert any(line.startswith("Epoch 5/5") for line in lines)
    name, accuracy = lines[-1].split()
    assert name == "learned"
    assert float(accuracy) > 0.9


def test_the_same_script_with_keras_alone(run):
    script = DENSE.replace("import tensorflow as tf", "import keras").replace("tf.keras", "keras")
    assert "tensorflow" not in script
    done = run(f"{GIVEN}x_train = x_train.reshape(400, 784)\n{script}")
    assert done.returncode == 0, done.stderr


# ---- imports


@pytest.mark.parametrize(
    "lines",
    [
        "import keras\nDense = keras.layers.Dense",
        "import keras.layers as L\nDense = L.Dense",
        "from keras import layers\nDense = layers.Dense",
        "from keras.layers import Dense",
        "from keras.layers import *",
        "from tensorflow import keras\nDense = keras.layers.Dense",
        "from tensorflow.keras import layers\nDense = layers.Dense",
        "from tensorflow.keras.layers import Dense, Dropout",
        "from tensorflow.keras.layers import *",
        "import tensorflow\nDense = tensorflow.keras.layers.Dense",
        "import tensorflow.keras.layers\nDense = tensorflow.keras.layers.Dense",
        "import tensorflow.keras.backend as K\nfrom keras.layers import Dense\nK.clear_session()",
        "import importlib\nDense = importlib.import_module('keras.layers').Dense",
    ],
)
def test_ways_to_import(run, lines):
    script = (
        f"{lines}\nfrom keras.models import Sequential\n"
        "import deepcore\n"
        "assert Dense is deepcore.layers.Dense\n"
        "assert Sequential is deepcore.Sequential\n"
    )
    prints(run(script))


def test_modules_are_the_same_however_they_are_reached(run):
    prints(
        run(
            "import keras, sys, keras.layers, tensorflow as tf, tensorflow.keras as tk\n"
            "assert keras.layers is sys.modules['keras.layers']\n"
            "assert tf.keras is tk is sys.modules['tensorflow.keras']\n"
            "assert tk.layers.Dense is keras.layers.Dense\n"
            "assert 'Dense' in dir(keras.layers)\n"
            "assert hasattr(keras, 'saving') and not hasattr(keras, 'savings')\n"
            "assert hasattr(keras.models, 'load_model')\n"
            "assert not hasattr(tf, 'ops') and getattr(tf, 'data', None) is None\n"
        )
    )


@pytest.mark.parametrize(
    ("line", "error", "text"),
    [
        ("from keras.layers import NoSuch", "ImportError", "has no keras.layers.NoSuch"),
        ("import keras; keras.layers.NoSuch", "AttributeError", "has no keras.layers.NoSuch"),
        ("from tensorflow import NoSuch", "ImportError", "has no tensorflow.NoSuch"),
        ("import tensorflow as tf; tf.NoSuch", "AttributeError", "has no tensorflow.NoSuch"),
        (
            "import tensorflow as tf; tf.keras.optimizers.NoSuch()",
            "AttributeError",
            "has no tensorflow.keras.optimizers.NoSuch",
        ),
        ("import keras.no_such", "MissingModule", "has no module keras.no_such"),
        (
            "from tensorflow.keras.no_such.image import Data",
            "MissingModule",
            "has no module tensorflow.keras.no_such",
        ),
        ("import tensorflow.compat.v1 as tf", "MissingModule", "has no module tensorflow.compat"),
        ("import keras._core", "MissingModule", "has no module keras._core"),
    ],
)
def test_what_is_missing_is_told(run, line, error, text):
    done = run(f"\n\n{line}\n")
    assert done.returncode == 1
    told = done.stderr.strip().split("\n")
    assert told[0] == "Traceback (most recent call last):"
    assert told[1].endswith('script.py", line 3, in <module>')
    assert error in told[-1]
    assert f"deepcore {deepcore.__version__} {text}" in told[-1]


def test_what_is_missing_can_be_caught(run):
    prints(
        run(
            "try:\n    from keras.layers import NoSuch\nexcept ImportError:\n    pass\n"
            "try:\n    import tensorflow.no_such\nexcept ImportError as error:\n"
            "    assert error.name == 'tensorflow.no_such'\n"
        )
    )


# ---- what scripts touch beside Keras


def test_names_of_tensorflow(run):
    script = """
import numpy as np
import tensorflow as tf
print("TensorFlow", tf.__version__)
assert int(tf.__version__.split(".")[0]) >= 2 and int(tf.keras.__version__[0]) >= 3
tf.get_logger().setLevel("ERROR")
tf.random.set_seed(1)
tf.keras.backend.clear_session()
tf.keras.utils.set_random_seed(2)
gpus = tf.config.list_physical_devices("GPU")
for gpu in tf.config.experimental.list_physical_devices("GPU"):
    tf.config.experimental.set_memory_growth(gpu, True)
assert not gpus and len(tf.config.list_physical_devices()) == 1
assert not tf.test.is_gpu_available()
x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
assert tf.reduce_mean(tf.square(x)).numpy() == 7.5
assert tf.math.reduce_sum(x, axis=0).numpy().tolist() == [4, 6]
assert tf.argmax(x, axis=1).numpy().tolist() == [1, 1]
assert tf.cast(x, tf.int32).dtype == tf.int32
assert tf.one_hot([1], 3).shape == (1, 3)
assert tf.is_tensor(x) and not tf.is_tensor(np.ones(2))
v = tf.Variable(3.0)
with tf.device("/CPU:0"), tf.GradientTape() as tape:
    y = v * v
assert tape.gradient(y, v).numpy() == 6
@tf.function
def double(x):
    return 2 * x
assert double(x)[0, 0] == 2
assert tf.nn.relu(tf.constant([-1.0, 1.0])).numpy().tolist() == [0, 1]
"""
    assert prints(run(script)) == [
        f"TensorFlow 2.16.0+deepcore.{deepcore.__version__}",
    ]


def test_names_of_the_old_backend(run):
    script = """
import numpy as np
from tensorflow.keras import backend as K
from keras.utils import to_categorical
import keras
assert (K.floatx(), K.epsilon(), K.image_data_format()) == ("float32", 1e-7, "channels_last")
K.set_floatx("float64")
assert K.zeros((2,)).dtype == "float64"
K.set_floatx("float32")
K.set_epsilon(1e-6)
K.set_image_data_format("channels_last")
K.clear_session()
assert K.backend() == "deepcore"
x = K.constant([[1, 2], [3, 4]])
assert K.get_value(K.mean(K.square(x))) == 7.5
assert K.eval(K.sum(x, axis=-1)).tolist() == [3, 7]
assert K.int_shape(x) == (2, 2) and K.ndim(x) == 2 and K.count_params(x) == 4
assert K.get_value(K.argmax(x)).tolist() == [1, 1]
assert K.concatenate([x, x]).shape == (2, 4)
assert K.expand_dims(x).shape == (2, 2, 1) and K.flatten(x).shape == (4,)
assert K.is_keras_tensor(keras.Input((2,))) and not K.is_keras_tensor(x)
def rmse(y_true, y_pred):
    return K.sqrt(K.mean(K.square(y_pred - y_true), axis=-1))
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
model.compile("adam", loss=rmse)
K.set_value(model.optimizer.learning_rate, 0.5)
assert K.get_value(model.optimizer.learning_rate) == 0.5
model.fit(np.ones((4, 2)), to_categorical([0, 1, 2, 0]), verbose=0)
"""
    assert prints(run(script)) == []


def test_every_name_of_the_backend_is_there():
    for name in deepcore.backend.__all__:
        assert hasattr(deepcore.backend, name), name


# ---- a script among others


def test_arguments_name_and_folder(run, tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "helper.py").write_text("import keras\nwidth = 3\nmake = keras.layers.Dense\n")
    (folder / "data.txt").write_text("7")
    script = """
import os, sys
import helper
from pathlib import Path
print(sys.argv[1:], __name__, helper.make(helper.width).units)
print(Path(__file__).with_name("data.txt").read_text(), Path("data.txt").exists())
print(sys.path[0] == os.path.dirname(os.path.abspath(__file__)), sys.argv[0] == __file__)
if __name__ == "__main__":
    import argparse
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int)
    print(parser.parse_args().epochs)
"""
    lines = prints(run(script, "--epochs", "4", name="project/script.py", cwd=tmp_path))
    assert lines == ["['--epochs', '4'] __main__ 3", "7 False", "True True", "4"]
    # The folder of the script is no other than with `python script.py`: files are found from it.
    lines = prints(run(script, "--epochs", "4", name="project/script.py", cwd=folder))
    assert lines[1] == "7 True"


def test_pickles_find_what_the_script_defines(run):
    script = """
import pickle, sys
class Thing:
    pass
assert isinstance(pickle.loads(pickle.dumps(Thing())), Thing)
assert sys.modules["__main__"].Thing is Thing
"""
    prints(run(script))


@pytest.mark.parametrize(
    ("script", "code", "text"),
    [
        ("raise SystemExit(3)", 3, ""),
        ("import sys; sys.exit('stopped')", 1, "stopped"),
        ("import sys; sys.exit()", 0, ""),
        ("def f():\n    1 / 0\nf()", 1, "ZeroDivisionError: division by zero"),
        ("x = (", 1, "SyntaxError: '(' was never closed"),
        ("raise KeyboardInterrupt", None, "KeyboardInterrupt"),
    ],
)
def test_exit_codes_and_errors(run, script, code, text):
    done = run(script)
    assert done.returncode == code if code is not None else done.returncode != 0
    assert text in done.stderr


def test_tracebacks_show_the_script_alone(run):
    done = run("def f():\n    return 1 / 0\n\nf()\n")
    assert "deepcore" not in done.stderr
    assert "runpy" not in done.stderr
    assert 'script.py", line 4, in <module>' in done.stderr
    assert "return 1 / 0" in done.stderr
    done = run("import keras\nkeras.layers.Dense(-1)\n")
    assert 'script.py", line 2, in <module>' in done.stderr
    assert "Dense: units must be a positive integer. Received: units=-1." in done.stderr


def test_usage(run, tmp_path):
    def call(*arguments):
        command = [sys.executable, "-m", "deepcore", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert "usage: python -m deepcore script.py" in call("--help").stdout
    assert call("--help").returncode == 0
    assert call().returncode == 2
    assert "no script given" in call().stderr
    done = call(str(tmp_path / "no.py"))
    assert done.returncode == 2
    assert f"no such file: {tmp_path / 'no.py'}" in done.stderr


# ---- the hook itself


def test_the_hook_comes_and_goes():
    before = set(sys.modules)
    compat.install()
    compat.install()
    try:
        import keras  # type: ignore[import-not-found]

        assert keras.layers.Dense is deepcore.layers.Dense
        assert np.allclose(keras.ops.sum(np.ones(3)), 3)
        assert keras.__version__ == f"3.0.0+deepcore.{deepcore.__version__}"
    finally:
        compat.uninstall()
    left = set(sys.modules) - before
    assert not [name for name in left if name.split(".")[0] in ("keras", "tensorflow")]
