"""scikit-learn's MLP, for the whole script alone."""

import sys

import worker


def script(variant, x, y):
    """A whole small program."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    warnings.simplefilter("ignore", ConvergenceWarning)
    model = MLPClassifier((64, 64), batch_size=32, max_iter=1)
    return model.fit(x, y).score(x, y)


if __name__ == "__main__":
    worker.main(sys.modules[__name__])
