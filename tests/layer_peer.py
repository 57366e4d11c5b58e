"""What layers compute, with whatever `keras` is: Keras itself, or deepcore under its name.

    python layer_peer.py make FILE.npz     writes outputs, gradients, weights and configs
    python layer_peer.py check FILE.npz    compares with them

The other side of test_layers_like_keras.py. Keras must run on JAX.
"""

import json
import sys
import zlib
from pathlib import Path

import keras
import numpy as np
from keras import layers

STEPS = 3


def masked(*shape):
    """A mask that hides about a third, and never everything."""
    mask = np.random.default_rng(5).random(shape) > 0.35
    mask[:, 0] = True
    return mask


# The layer and the shape of its input; a third entry is passed to the call.
FIRST = {"data_format": "channels_first"}
CASES = {
    # sequences
    "conv1d": (lambda: layers.Conv1D(5, 3), (2, 9, 3)),
    "conv1d_same_even": (lambda: layers.Conv1D(4, 4, strides=2, padding="same"), (3, 7, 2)),
    "conv1d_same_dilated": (
        lambda: layers.Conv1D(4, 3, padding="same", dilation_rate=3, activation="tanh"),
        (2, 11, 3),
    ),
    "conv1d_causal": (lambda: layers.Conv1D(4, 3, padding="causal"), (2, 8, 3)),
    "conv1d_causal_dilated": (
        lambda: layers.Conv1D(4, 2, padding="causal", dilation_rate=4, use_bias=False),
        (2, 7, 3),
    ),
    "conv1d_causal_strided": (lambda: layers.Conv1D(4, 3, 3, padding="causal"), (2, 8, 3)),
    "conv1d_causal_first": (lambda: layers.Conv1D(4, 3, padding="causal", **FIRST), (2, 3, 8)),
    "conv1d_groups": (lambda: layers.Conv1D(6, 3, groups=3), (2, 5, 9)),
    "conv1d_one": (lambda: layers.Conv1D(1, 1), (1, 1, 1)),
    "conv1d_wide_same": (lambda: layers.Conv1D(3, 7, padding="same"), (2, 2, 3)),
    "conv1d_first": (lambda: layers.Conv1D(4, 3, strides=2, **FIRST), (2, 3, 8)),
    "conv1d_float64": (lambda: layers.Conv1D(4, 3, dtype="float64"), (2, 8, 3)),
    "depthwise1d": (lambda: layers.DepthwiseConv1D(3), (2, 9, 5)),
    "depthwise1d_deep": (
        lambda: layers.DepthwiseConv1D(
            2, padding="same", depth_multiplier=3, strides=2, activation="relu"
        ),
        (2, 7, 4),
    ),
    "depthwise1d_dilated": (lambda: layers.DepthwiseConv1D(3, dilation_rate=2), (2, 9, 3)),
    "depthwise1d_first": (lambda: layers.DepthwiseConv1D(3, use_bias=False, **FIRST), (2, 3, 9)),
    "separable1d": (lambda: layers.SeparableConv1D(5, 3), (2, 9, 3)),
    "separable1d_deep": (
        lambda: layers.SeparableConv1D(5, 3, 2, "same", depth_multiplier=2, activation="elu"),
        (2, 8, 3),
    ),
    "separable1d_first": (lambda: layers.SeparableConv1D(5, 3, **FIRST), (2, 3, 9)),
    "max1d": (lambda: layers.MaxPooling1D(), (2, 7, 3)),
    "max1d_same": (lambda: layers.MaxPooling1D(3, 2, "same"), (2, 8, 3)),
    "max1d_first": (lambda: layers.MaxPooling1D(3, 1, **FIRST), (2, 3, 7)),
    "average1d": (lambda: layers.AveragePooling1D(2), (2, 7, 3)),
    "average1d_same": (lambda: layers.AveragePooling1D(3, 2, "same"), (2, 8, 3)),
    "average1d_first": (lambda: layers.AveragePooling1D(2, 3, "same", **FIRST), (2, 3, 8)),
    "global_max1d": (lambda: layers.GlobalMaxPooling1D(), (2, 7, 3)),
    "global_max1d_kept": (lambda: layers.GlobalMaxPooling1D(keepdims=True, **FIRST), (2, 3, 7)),
    "global_average1d": (lambda: layers.GlobalAveragePooling1D(), (2, 7, 3)),
    "global_average1d_masked": (
        lambda: layers.GlobalAveragePooling1D(),
        (3, 7, 2),
        {"mask": masked(3, 7)},
    ),
    "global_average1d_masked_first": (
        lambda: layers.GlobalAveragePooling1D(keepdims=True, **FIRST),
        (3, 2, 7),
        {"mask": masked(3, 7)},
    ),
    "zeros1d": (lambda: layers.ZeroPadding1D(2), (2, 5, 3)),
    "zeros1d_one_end": (lambda: layers.ZeroPadding1D((0, 3), **FIRST), (2, 5, 3)),
    "cropping1d": (lambda: layers.Cropping1D((2, 0)), (2, 5, 3)),
    "cropping1d_both": (lambda: layers.Cropping1D(), (2, 5, 3)),
    "up1d": (lambda: layers.UpSampling1D(3), (2, 5, 3)),
    # images
    "depthwise2d": (lambda: layers.DepthwiseConv2D(3), (2, 7, 6, 5)),
    "depthwise2d_same": (lambda: layers.DepthwiseConv2D((2, 3), padding="same"), (2, 5, 6, 8)),
    "depthwise2d_strided": (
        lambda: layers.DepthwiseConv2D(3, strides=2, use_bias=False),
        (2, 9, 8, 3),
    ),
    "depthwise2d_same_strided": (
        lambda: layers.DepthwiseConv2D(3, strides=2, padding="same"),
        (2, 8, 7, 16),
    ),
    "depthwise2d_deep": (
        lambda: layers.DepthwiseConv2D((3, 2), depth_multiplier=3, activation="relu"),
        (2, 5, 6, 3),
    ),
    "depthwise2d_dilated": (
        lambda: layers.DepthwiseConv2D(2, dilation_rate=(2, 3), padding="same"),
        (2, 7, 8, 3),
    ),
    "depthwise2d_first": (lambda: layers.DepthwiseConv2D(3, strides=2, **FIRST), (2, 3, 7, 8)),
    "depthwise2d_one": (lambda: layers.DepthwiseConv2D(1), (1, 1, 1, 1)),
    "separable2d": (lambda: layers.SeparableConv2D(5, 3), (2, 6, 7, 3)),
    "separable2d_deep": (
        lambda: layers.SeparableConv2D(
            5, (2, 3), 2, "same", depth_multiplier=2, activation="tanh", use_bias=False
        ),
        (2, 6, 7, 3),
    ),
    "separable2d_dilated": (lambda: layers.SeparableConv2D(4, 3, dilation_rate=2), (2, 7, 6, 2)),
    "separable2d_first": (lambda: layers.SeparableConv2D(4, 3, **FIRST), (2, 2, 7, 6)),
    "zeros2d": (lambda: layers.ZeroPadding2D(), (2, 3, 4, 2)),
    "zeros2d_corners": (lambda: layers.ZeroPadding2D(((0, 1), (2, 3))), (2, 3, 4, 2)),
    "zeros2d_first": (lambda: layers.ZeroPadding2D((1, 2), **FIRST), (2, 2, 3, 4)),
    "cropping2d": (lambda: layers.Cropping2D(((1, 0), (0, 2))), (2, 4, 5, 2)),
    "cropping2d_first": (lambda: layers.Cropping2D((1, 2), **FIRST), (2, 2, 3, 5)),
    "up2d": (lambda: layers.UpSampling2D(), (2, 3, 4, 2)),
    "up2d_first": (lambda: layers.UpSampling2D((1, 3), **FIRST), (2, 2, 3, 4)),
    # normalization
    "norm": (lambda: layers.BatchNormalization(), (16, 5)),
    "norm_sequence": (lambda: layers.BatchNormalization(momentum=0.6, epsilon=0.1), (3, 7, 4)),
    "norm_image": (lambda: layers.BatchNormalization(), (3, 5, 4, 7)),
    "norm_image_axis3": (lambda: layers.BatchNormalization(axis=3), (2, 3, 4, 8)),
    "norm_first": (lambda: layers.BatchNormalization(axis=1), (3, 4, 5, 2)),
    "norm_middle": (lambda: layers.BatchNormalization(axis=-2, scale=False), (3, 4, 5)),
    "norm_no_scale": (lambda: layers.BatchNormalization(scale=False), (8, 5)),
    "norm_no_center": (lambda: layers.BatchNormalization(center=False), (8, 5)),
    "norm_bare": (lambda: layers.BatchNormalization(center=False, scale=False), (8, 5)),
    "norm_one_row": (lambda: layers.BatchNormalization(), (1, 5)),
    "norm_one_channel": (lambda: layers.BatchNormalization(), (6, 3, 1)),
    "norm_frozen": (lambda: layers.BatchNormalization(trainable=False), (8, 5)),
    "norm_masked": (lambda: layers.BatchNormalization(), (4, 6, 3), {"mask": masked(4, 6)}),
    "norm_masked_vectors": (lambda: layers.BatchNormalization(), (6, 3), {"mask": masked(1, 6)[0]}),
    "norm_float64": (lambda: layers.BatchNormalization(dtype="float64"), (8, 5)),
    "norm_bfloat16": (lambda: layers.BatchNormalization(dtype="bfloat16"), (8, 5)),
    # small ones
    "leaky": (lambda: layers.LeakyReLU(0.2), (3, 5)),
    "leaky_default": (lambda: layers.LeakyReLU(), (3, 5)),
    "elu": (lambda: layers.ELU(0.7), (3, 5)),
    "prelu": (lambda: layers.PReLU(), (3, 4, 2)),
    "prelu_shared": (lambda: layers.PReLU(shared_axes=[1, 2]), (2, 3, 4, 5)),
    "permute": (lambda: layers.Permute((3, 1, 2)), (2, 3, 4, 5)),
    "repeat": (lambda: layers.RepeatVector(3), (2, 5)),
    "noise": (lambda: layers.GaussianNoise(0.3, seed=1), (2, 5)),
    "gaussian_dropout": (lambda: layers.GaussianDropout(0.3), (2, 5)),
    "spatial1d": (lambda: layers.SpatialDropout1D(0.3, seed=2), (2, 5, 3)),
    "spatial2d": (lambda: layers.SpatialDropout2D(0.3, **FIRST), (2, 5, 3, 4)),
}

# Arguments of other layers, for their configs alone.
CONFIGS = {
    "conv1d": lambda: layers.Conv1D(
        4,
        3,
        name="c",
        kernel_initializer="he_normal",
        kernel_regularizer="l2",
        bias_constraint="non_neg",
    ),
    "depthwise1d": lambda: layers.DepthwiseConv1D(
        3, name="d", depthwise_initializer="zeros", depthwise_constraint="max_norm"
    ),
    "depthwise2d": lambda: layers.DepthwiseConv2D(
        3, name="d", depthwise_regularizer="l1", bias_initializer="ones"
    ),
    "separable1d": lambda: layers.SeparableConv1D(
        3, 3, name="s", pointwise_initializer="ones", depthwise_regularizer="l1"
    ),
    "separable2d": lambda: layers.SeparableConv2D(
        3, 3, name="s", pointwise_constraint="unit_norm", activity_regularizer="l2"
    ),
    "prelu": lambda: layers.PReLU("ones", "l2", "non_neg", [1]),
    "norm": lambda: layers.BatchNormalization(
        name="b",
        gamma_regularizer="l2",
        beta_constraint="non_neg",
        moving_mean_initializer="ones",
        gamma_initializer="zeros",
    ),
}


def described(layer):
    """The layer as files hold it."""
    return np.array(json.dumps(keras.saving.serialize_keras_object(layer), sort_keys=True))


def same_config(told, layer):
    """Keys are the same, and what this side makes of the other's config is the layer."""
    told = json.loads(str(told))
    mine = layer.get_config()
    assert told["config"].keys() == mine.keys(), {*told["config"]} ^ {*mine}
    again = keras.saving.deserialize_keras_object(told)
    assert type(again) is type(layer), again
    theirs = again.get_config()
    for key in mine:
        if key != "name":  # counts up
            a, b = (keras.saving.serialize_keras_object(v) for v in (mine[key], theirs[key]))
            assert near(a, b), (key, a, b)


def near(a, b):
    """Equal but for the rounding of floats, which are float32 in one and float64 in the other.

    Tuples come out of files as lists.
    """
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(near(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(near, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) <= 1e-6 * abs(a)
    return a == b


def differentiated(layer, x, call, weigh):
    """The output in training, and d(sum(output * weigh)) by trainable weights and by x."""
    if keras.backend.backend() == "jax":
        import jax

        def loss(trainable, x):
            y, moved = layer.stateless_call(
                trainable, [v.value for v in layer.non_trainable_variables], x, **call
            )
            return (y.astype(weigh.dtype) * weigh).sum(), (y, moved)

        values = [v.value for v in layer.trainable_variables]
        (by_weights, by_x), (y, moved) = jax.grad(loss, (0, 1), has_aux=True)(values, x)
        for variable, value in zip(layer.non_trainable_variables, moved, strict=True):
            variable.assign(value)
        return y, [*by_weights, by_x]
    from deepcore.transforms import GradientTape

    x = keras.ops.convert_to_tensor(x)
    with GradientTape() as tape:
        tape.watch(x)
        y = layer(x, **call)
        loss = keras.ops.sum(keras.ops.cast(y, str(weigh.dtype)) * weigh)
    return y, tape.gradient(loss, [*layer.trainable_variables, x])


def computed(name):
    """Everything to compare of one case, by name."""
    make, shape, *call = CASES[name]
    call = dict(*call)
    layer = make()
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    dtype = "float64" if "float64" in name else "float32"
    takes_training = "norm" in name
    # Far from zero, so that a variance of x * x - mean * mean shows its error.
    shift = 30 if takes_training else 0
    xs = [(rng.normal(size=shape) * 2 + shift).astype(dtype) for _ in range(STEPS)]
    layer(xs[0], **call)
    layer.set_weights([rng.uniform(0.5, 1.5, w.shape).astype(dtype) for w in layer.weights])
    found = {"layer": layer}
    if takes_training:
        call["training"] = True
    for step, x in enumerate(xs):
        weigh = rng.normal(size=layer.compute_output_shape(shape)).astype(dtype)
        y, gradients = differentiated(layer, x, call, weigh)
        if step == STEPS - 1:
            found["trained"] = y
            found.update({f"gradient{i}": g for i, g in enumerate(gradients)})
    found.update({f"weight{i}": w for i, w in enumerate(layer.weights)})
    call.pop("training", None)
    found["output"] = layer(xs[0], **call)
    assert tuple(layer.compute_output_shape(shape)) == tuple(found["output"].shape)
    if not call:
        assert layer(keras.Input(shape[1:])).shape == (None, *found["output"].shape[1:])
    return {key: as_array(value) for key, value in found.items()}


def as_array(value):
    """As files can hold it; they have no bfloat16."""
    if isinstance(value, layers.Layer):
        return value
    array = value if isinstance(value, np.ndarray) else keras.ops.convert_to_numpy(value)
    return array.astype("float32") if array.dtype.name == "bfloat16" else array


def make(file):
    found = {f"{case}/{key}": v for case in CASES for key, v in computed(case).items()}
    found = {k: described(v) if k.endswith("/layer") else v for k, v in found.items()}
    found.update({f"{name}/config": described(build()) for name, build in CONFIGS.items()})
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(file, **found)


def check(file):
    told = dict(np.load(file))
    bad = []
    for case in CASES:
        try:
            found = computed(case)
            wanted = {k.split("/")[1]: v for k, v in told.items() if k.startswith(f"{case}/")}
            assert found.keys() == wanted.keys() - {"config"}, (list(found), list(wanted))
            same_config(wanted["layer"], found.pop("layer"))
            for key, value in found.items():
                compare(case, key, value, wanted[key])
        except Exception as error:
            bad.append(f"{case}: {type(error).__name__}: {error}")
    for name, build in CONFIGS.items():
        try:
            same_config(told[f"{name}/config"], build())
        except Exception as error:
            bad.append(f"{name}: {type(error).__name__}: {error}")
    print(f"{len(CASES)} layers, {len(bad)} differences", *bad, sep="\n")
    return 1 if bad else 0


def compare(case, key, found, wanted):
    assert found.dtype == wanted.dtype, (key, found.dtype, wanted.dtype)
    if "bfloat16" in case:
        tolerance = 5e-2
    elif case == "norm_float64":  # which Keras computes in float32
        tolerance = 1e-5
    elif case == "norm_one_row":  # Keras adds up numbers of size 1,000 that cancel
        tolerance = 1e-4
    else:
        tolerance = 1e-10 if found.dtype == "float64" else 2e-5
    scale = max(1.0, np.abs(wanted).max())
    np.testing.assert_allclose(found / scale, wanted / scale, 0, tolerance, err_msg=key)


if __name__ == "__main__":
    sys.exit({"make": make, "check": check}[sys.argv[1]](Path(sys.argv[2])))
