"""Callbacks: which hooks are called when, the built-in ones, and the progress display."""

from __future__ import annotations

import csv
import io
import re

import numpy as np
import pytest

import deepcore as dc
from deepcore import callbacks, layers, progress

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 4)).astype("float32")
Y = X.sum(-1)


def model(**compiled) -> dc.Sequential:
    found = dc.Sequential([dc.Input((4,)), layers.Dense(1, kernel_initializer="zeros")])
    found.compile(**{"optimizer": "sgd", "loss": "mse", **compiled})
    return found


class Recorder(callbacks.Callback):
    """Notes every hook."""

    def __init__(self):
        super().__init__()
        self.calls = []
        self.logs = []


def _noting(name):
    def hook(self, *args, logs=None):
        index = [a for a in args if isinstance(a, int)]
        logs = logs if logs is not None else next((a for a in args if isinstance(a, dict)), None)
        self.calls.append((name, *index))
        self.logs.append(logs)

    return hook


for _hook in [n for n in dir(callbacks.Callback) if n.startswith("on_") and "_batch_" not in n]:
    setattr(Recorder, _hook, _noting(_hook))
for _kind in ("train", "test", "predict"):
    for _when in ("begin", "end"):
        setattr(Recorder, f"on_{_kind}_batch_{_when}", _noting(f"on_{_kind}_batch_{_when}"))


def test_the_order_of_hooks():
    recorder = Recorder()
    model().fit(
        X, Y, batch_size=12, validation_split=0.2, verbose=0, callbacks=[recorder], epochs=1
    )
    assert recorder.calls == [
        ("on_train_begin",),
        ("on_epoch_begin", 0),
        ("on_train_batch_begin", 0),
        ("on_train_batch_end", 0),
        ("on_train_batch_begin", 1),
        ("on_train_batch_end", 1),
        ("on_test_begin",),
        ("on_test_batch_begin", 0),
        ("on_test_batch_end", 0),
        ("on_test_end",),
        ("on_epoch_end", 0),
        ("on_train_end",),
    ]
    assert recorder.params == {"verbose": 0, "epochs": 1, "steps": 2}
    assert set(recorder.logs[-2]) == {"loss", "val_loss"}


def test_hooks_of_predict_and_evaluate():
    found, recorder = model(), Recorder()
    found.predict(X, batch_size=10, verbose=0, callbacks=[recorder])
    assert [c[0] for c in recorder.calls] == [
        "on_predict_begin",
        *["on_predict_batch_begin", "on_predict_batch_end"] * 2,
        "on_predict_end",
    ]
    recorder = Recorder()
    found.evaluate(X, Y, batch_size=10, verbose=0, callbacks=recorder)
    assert recorder.calls[0] == ("on_test_begin",)
    assert recorder.calls[-1] == ("on_test_end",)
    assert "loss" in recorder.logs[-1]


def test_batch_logs_are_running_means():
    seen = []
    hook = callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(logs["loss"])
    )
    history = model().fit(X, Y, batch_size=5, shuffle=False, verbose=0, callbacks=[hook])
    assert len(seen) == 4
    assert abs(seen[-1] - history.history["loss"][0]) < 1e-6


@pytest.mark.parametrize("eager", [False, True])
def test_predicted_batches_come_with_their_outputs(eager):
    class Outputs(callbacks.Callback):
        def on_predict_batch_end(self, batch, logs=None):
            seen.append(np.array(logs["outputs"]))

    seen = []
    trained = model(run_eagerly=eager)
    whole = trained.predict(X, batch_size=6, verbose=0, callbacks=[Outputs()])
    assert [len(part) for part in seen] == [6, 6, 6, 2]
    np.testing.assert_array_equal(np.concatenate(seen), whole)
    seen.clear()
    trained.predict((X[i : i + 5] for i in (0, 5)), verbose=0, callbacks=[Outputs()])
    np.testing.assert_array_equal(np.concatenate(seen), whole[:10])


def test_a_class_is_no_callback():
    with pytest.raises(TypeError, match="must be instances"):
        model().fit(X, Y, verbose=0, callbacks=[callbacks.EarlyStopping])


def test_hooks_are_not_entered_for_nothing():
    quiet = callbacks.CallbackList([callbacks.History(), callbacks.TerminateOnNaN()])
    assert not quiet.wants_batches("train")
    loud = callbacks.CallbackList([callbacks.LambdaCallback(on_batch_end=print)])
    assert loud.wants_batches("train")
    assert not loud.wants_batches("test")


def test_steps_per_execution_thins_out_batch_hooks():
    seen = []
    hook = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(batch))
    model(steps_per_execution=3).fit(X, Y, batch_size=2, verbose=0, callbacks=[hook])
    assert seen == [2, 5, 8, 9]


def test_stopping_in_a_batch():
    found = model()

    class Stop(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                self.model.stop_training = True

    recorder = Recorder()
    history = found.fit(X, Y, batch_size=5, epochs=9, verbose=0, callbacks=[Stop(), recorder])
    assert history.epoch == [0]
    assert ("on_train_batch_end", 1) in recorder.calls
    assert ("on_train_batch_end", 2) not in recorder.calls


def test_early_stopping_restores_the_best():
    found = model(optimizer=dc.optimizers.SGD(0.0))
    losses = iter([5.0, 3.0, 4.0, 4.0, 1.0])
    weights = []

    class Fake(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.set_weights([w + 1 for w in self.model.get_weights()])
            weights.append(self.model.get_weights())
            logs["val_loss"] = next(losses)

    stop = callbacks.EarlyStopping(patience=2, restore_best_weights=True)
    history = found.fit(X, Y, epochs=5, verbose=0, callbacks=[Fake(), stop])
    assert history.epoch == [0, 1, 2, 3]
    assert stop.stopped_epoch == 3
    assert stop.best == 3.0
    assert stop.best_epoch == 1
    np.testing.assert_array_equal(found.get_weights()[0], weights[1][0])


@pytest.mark.parametrize(
    ("arguments", "values", "epochs"),
    [
        ({"patience": 0}, [3, 4, 1], 2),
        ({"patience": 1, "start_from_epoch": 2}, [1, 2, 3, 4, 5], 4),
        ({"patience": 1, "mode": "max"}, [1, 2, 2, 2], 3),
        ({"patience": 1, "min_delta": 1.0}, [5, 4.5, 4.2, 4], 2),
        ({"patience": 2, "baseline": 1.0}, [5, 5, 5, 5], 2),
    ],
)
def test_early_stopping_rules(arguments, values, epochs):
    class Fake(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["it"] = values[epoch]

    if "mode" not in arguments:
        arguments = {**arguments, "mode": "min"}
    stop = callbacks.EarlyStopping("it", **arguments)
    history = model().fit(X, Y, epochs=len(values), verbose=0, callbacks=[Fake(), stop])
    assert len(history.epoch) == epochs


def test_early_stopping_tells_directions_by_the_metric():
    found = model(metrics=["mae", "accuracy"])
    for monitor in ("loss", "mae", "accuracy"):
        found.fit(X, Y, verbose=0, callbacks=[callbacks.EarlyStopping(monitor)])
    with pytest.warns(UserWarning, match="not available"):
        found.fit(X, Y, verbose=0, callbacks=[callbacks.EarlyStopping("val_loss")])
    add = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(odd=1.0))
    with pytest.raises(ValueError, match="mode='max'"):
        found.fit(X, Y, verbose=0, callbacks=[add, callbacks.EarlyStopping("odd")])


def test_csv_logger(tmp_path):
    path = tmp_path / "log.csv"
    found = model()
    found.fit(X, Y, epochs=2, verbose=0, callbacks=[callbacks.CSVLogger(path)])
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [r["epoch"] for r in rows] == ["0", "1"]
    assert float(rows[1]["loss"]) > 0
    assert rows[1]["val_loss"] == "NA"
    more = callbacks.CSVLogger(path, append=True)
    found.fit(X, Y, epochs=1, verbose=0, callbacks=[more])
    assert path.read_text().count("epoch") == 1
    assert len(path.read_text().splitlines()[1:]) == 3


def test_terminate_on_nan(capsys):
    x = X.copy()
    x[5] = np.nan
    history = model().fit(x, Y, epochs=9, verbose=0, callbacks=[callbacks.TerminateOnNaN()])
    assert history.epoch == [0]
    assert "Invalid loss" in capsys.readouterr().out


def test_unknown_hooks_and_non_callbacks():
    with pytest.raises(TypeError, match="name of a hook"):
        callbacks.LambdaCallback(on_epock_end=print)
    with pytest.raises(TypeError, match="instances of"):
        model().fit(X, Y, verbose=0, callbacks=[print])


def test_history_is_the_models_too():
    found = model()
    history = found.fit(X, Y, epochs=2, verbose=0)
    assert found.history is history
    assert history.model is found
    assert history.params["epochs"] == 2


# ---- the display


@pytest.mark.parametrize("verbose", [1, 2, "auto"])
def test_log_files_get_a_line_an_epoch(capsys, verbose):
    model(metrics=["mae"]).fit(X, Y, epochs=2, batch_size=5, verbose=verbose, validation_split=0.2)
    out = capsys.readouterr().out
    assert "\r" not in out
    first, second = out.splitlines()
    assert re.fullmatch(
        r"Epoch 1/2 - 4/4 - 0s - [\dum]+s/step - loss: [\d.e-]+ - mae: [\d.e-]+ "
        r"- val_loss: [\d.e-]+ - val_mae: [\d.e-]+",
        first,
    )
    assert second.startswith("Epoch 2/2 - 4/4")


def test_silence(capsys):
    found = model()
    found.fit(X, Y, verbose=0)
    found.evaluate(X, Y, verbose=0)
    found.predict(X, verbose=0)
    found.predict(X)  # nothing to say in a log file
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_terminals_get_a_bar(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    model(metrics=["mae", "mse"]).fit(X, Y, epochs=2, batch_size=5, validation_data=(X, Y))
    text = terminal.getvalue()
    assert re.search(r"\rEpoch 1/2 0/4 \|", text)
    lines = [line.split("\r")[-1] for line in text.split("\n") if line.strip()]
    assert len(lines) == 2
    # The line that stays is not cut off at the terminal's width.
    assert re.match(r"Epoch 1/2 - 4/4 - 0s - \d+.s/step - loss: [\d.e-]+ - mae: ", lines[0])
    assert "val_mse: " in lines[0]


def test_an_interrupted_bar_is_closed(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)

    def stop(batch, logs):
        raise KeyboardInterrupt

    found = model()
    with pytest.raises(KeyboardInterrupt):
        found.fit(X, Y, callbacks=[callbacks.LambdaCallback(on_train_batch_end=stop)])
    assert terminal.getvalue().endswith("\n")
    found.fit(X, Y, verbose=0)


@pytest.mark.parametrize(
    ("value", "text"), [(0.5, "0.5000"), (0, "0.0000"), (12.34567, "12.3457"), (1e-5, "1.0000e-05")]
)
def test_numbers(value, text):
    assert progress.number(value) == text
