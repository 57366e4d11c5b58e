"""deepcore: `fit`, as users call it."""

import sys

from worker import data, serve

import deepcore as keras


def build(workload: str) -> keras.Sequential:
    """The model of a workload, compiled."""
    dense, conv, pool = keras.layers.Dense, keras.layers.Conv2D, keras.layers.MaxPooling2D
    head = [dense(64, activation="relu"), dense(10, activation="softmax")]
    bodies = {
        "mlp_mnist": [keras.Input((784,)), dense(64, activation="relu")],
        "cnn_mnist": [
            keras.Input((28, 28, 1)),
            conv(32, 3, activation="relu"),
            pool(),
            conv(64, 3, activation="relu"),
            pool(),
            keras.layers.Flatten(),
        ],
    }
    model = keras.Sequential(bodies[workload] + head)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main() -> None:
    """Serves one workload."""
    workload, batch = sys.argv[1], int(sys.argv[2])
    x, y = data(workload)
    model = build(workload)
    serve(lambda: model.fit(x, y, batch_size=batch, verbose=0) and None, workload)


main()
