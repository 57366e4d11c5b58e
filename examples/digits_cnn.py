"""Trains a small convolutional network on 1,797 real handwritten digits, in well under a minute.

Prints the test accuracy, and writes the training curves (digits_cnn.png) and the model
(digits_cnn.keras).

    pip install "deepcore[examples]"
    python examples/digits_cnn.py
"""

import argparse
from pathlib import Path

import deepcore as keras
from deepcore.datasets import digits


def build_model() -> keras.Sequential:
    """The network of the MNIST example, one pooling less: the digits have 8x8 pixels."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Rescaling(1 / 16),
            keras.layers.Conv2D(32, (3, 3), activation="relu"),
            keras.layers.MaxPooling2D((2, 2)),
            keras.layers.Conv2D(64, (3, 3), activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


def plot(history: dict[str, list[float]], path: Path) -> None:
    """Loss and accuracy over the epochs, as a PNG."""
    import matplotlib

    matplotlib.use("Agg")  # no screen is needed
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    for axis, name in zip(axes, ("loss", "accuracy"), strict=True):
        axis.plot(history[name], label="training")
        axis.plot(history[f"val_{name}"], label="validation")
        axis.set_xlabel("epoch")
        axis.set_title(name)
        axis.grid(alpha=0.3)
        axis.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    """Loads, trains, tests, draws, saves."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(), help="folder for the files")
    args = parser.parse_args()

    keras.utils.set_random_seed(args.seed)
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    model = build_model()
    model.summary()
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(
        x_train[..., None], y_train, epochs=args.epochs, validation_split=0.1, verbose=2
    )
    _, accuracy = model.evaluate(x_test[..., None], y_test, verbose=0)
    args.out.mkdir(parents=True, exist_ok=True)
    plot(history.history, args.out / "digits_cnn.png")
    model.save(args.out / "digits_cnn.keras")
    print(f"test accuracy: {accuracy:.4f}")
    print(f"wrote {args.out / 'digits_cnn.png'} and {args.out / 'digits_cnn.keras'}")


if __name__ == "__main__":
    main()
