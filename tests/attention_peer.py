"""What attention and row normalization compute, with whatever `keras` is: Keras, or deepcore.

    python attention_peer.py make FILE.npz     writes outputs, gradients, weights and configs
    python attention_peer.py check FILE.npz    compares with them

The other side of test_layers_of_attention.py. Keras must run on JAX.
"""

import sys
import zlib
from pathlib import Path

import keras
import numpy as np
from keras import layers

from layer_peer import as_array, described, same_config


def mask(*shape, whole=False):
    """Hides about a third; with `whole` some rows entirely, else none."""
    made = np.random.default_rng(5).random(shape) > 0.35
    made[..., 0] = True
    if whole:
        made[0, 0] = False
    return made


def mha(heads=2, size=3, **options):
    return lambda: layers.MultiHeadAttention(heads, size, **options)


def gqa(size=3, heads=4, shared=2, **options):
    return lambda: layers.GroupQueryAttention(size, heads, shared, **options)


QUERY, VALUE = (2, 5, 4), (2, 7, 4)
SCORES = {"return_attention_scores": True}
CAUSAL = {"use_causal_mask": True}
# The layer, the shapes of its inputs, what else the call gets; a list is passed as one input.
CASES = {
    "mha": (mha(), (QUERY, VALUE), {}),
    "mha_self": (mha(4, 16), ((2, 9, 8), (2, 9, 8)), {}),
    "mha_key": (mha(3, 5), (QUERY, VALUE, (2, 7, 6)), {}),
    "mha_value_dim": (mha(3, 5, value_dim=2), (QUERY, VALUE), SCORES),
    "mha_no_bias": (mha(use_bias=False, output_shape=6), (QUERY, VALUE), {}),
    "mha_output_shape": (mha(output_shape=(2, 3)), (QUERY, VALUE), {}),
    "mha_scores": (mha(), (QUERY, VALUE), SCORES),
    "mha_causal": (mha(), (QUERY, VALUE), CAUSAL),
    "mha_causal_scores": (mha(), (QUERY, VALUE), {**CAUSAL, **SCORES}),
    "mha_mask": (mha(), (QUERY, VALUE), {"attention_mask": mask(2, 5, 7)}),
    "mha_mask_of_heads": (mha(), (QUERY, VALUE), {"attention_mask": mask(2, 2, 5, 7)}),
    "mha_nothing_seen": (mha(), (QUERY, VALUE), {"attention_mask": mask(2, 5, 7, whole=True)}),
    "mha_nothing_seen_scores": (
        mha(),
        (QUERY, VALUE),
        {"attention_mask": mask(2, 5, 7, whole=True), **SCORES},
    ),
    "mha_value_mask": (mha(), (QUERY, VALUE), {"value_mask": mask(2, 7), **CAUSAL}),
    "mha_all_masks": (
        mha(),
        (QUERY, VALUE),
        {"value_mask": mask(2, 7), "key_mask": mask(2, 7), "attention_mask": mask(2, 5, 7)},
    ),
    "mha_window": (mha(sliding_window=2), (QUERY, VALUE), {}),
    "mha_window_causal": (mha(sliding_window=3), (QUERY, QUERY), CAUSAL),
    "mha_gate": (mha(use_gate=True), (QUERY, VALUE), {}),
    "mha_image": (mha(), ((2, 3, 4, 5), (2, 3, 4, 5)), {}),
    "mha_image_axis": (mha(attention_axes=2), ((2, 3, 4, 5), (2, 3, 4, 5)), SCORES),
    "mha_long": (mha(1, 7), ((1, 30, 4), (1, 61, 4)), CAUSAL),
    "gqa": (gqa(), (QUERY, VALUE), {}),
    "gqa_one": (gqa(5, 3, 1), (QUERY, VALUE), CAUSAL),
    "gqa_scores": (gqa(), (QUERY, VALUE), {"attention_mask": mask(2, 5, 7), **SCORES}),
    "gqa_gate": (gqa(use_gate=True, use_bias=False), (QUERY, VALUE), {}),
    "gqa_window": (gqa(sliding_window=2), (QUERY, VALUE), {}),
    "attention": (lambda: layers.Attention(), ([QUERY, VALUE],), {}),
    "attention_scale": (lambda: layers.Attention(use_scale=True), ([QUERY, VALUE],), {}),
    "attention_key": (lambda: layers.Attention(), ([QUERY, (2, 7, 3), VALUE],), {}),
    "attention_scores": (lambda: layers.Attention(), ([QUERY, VALUE],), SCORES),
    "attention_causal": (lambda: layers.Attention(), ([QUERY, VALUE],), CAUSAL),
    "attention_masks": (
        lambda: layers.Attention(),
        ([QUERY, VALUE],),
        {"mask": [mask(2, 5), mask(2, 7)], **CAUSAL},
    ),
    "attention_concat": (
        lambda: layers.Attention(use_scale=True, score_mode="concat"),
        ([QUERY, VALUE],),
        {"mask": [mask(2, 5), mask(2, 7)]},
    ),
    "additive": (lambda: layers.AdditiveAttention(), ([QUERY, VALUE],), {}),
    "additive_masks": (
        lambda: layers.AdditiveAttention(use_scale=False),
        ([QUERY, VALUE],),
        {"mask": [mask(2, 5), mask(2, 7)], **CAUSAL, **SCORES},
    ),
    "layer_norm": (lambda: layers.LayerNormalization(), ((3, 4, 10),), {}),
    "layer_norm_axes": (lambda: layers.LayerNormalization(axis=[1, 2]), ((3, 4, 5),), {}),
    "layer_norm_first": (lambda: layers.LayerNormalization(axis=1), ((3, 4, 5),), {}),
    "layer_norm_apart": (lambda: layers.LayerNormalization(axis=(-1, 1)), ((2, 3, 4, 5),), {}),
    "layer_norm_plain": (
        lambda: layers.LayerNormalization(center=False, scale=False, epsilon=0.1),
        ((3, 17),),
        {},
    ),
    "layer_norm_rms": (lambda: layers.LayerNormalization(rms_scaling=True), ((3, 9),), {}),
    "layer_norm_float64": (lambda: layers.LayerNormalization(dtype="float64"), ((3, 9),), {}),
    "layer_norm_bfloat16": (lambda: layers.LayerNormalization(dtype="bfloat16"), ((3, 9),), {}),
    "rms_norm": (lambda: layers.RMSNormalization(), ((3, 4, 10),), {}),
    "rms_norm_axes": (lambda: layers.RMSNormalization(axis=[1, 2]), ((3, 4, 5),), {}),
    "einsum": (lambda: layers.EinsumDense("ab,bc->ac", 6, bias_axes="c"), ((3, 4),), {}),
    "einsum_heads": (
        lambda: layers.EinsumDense("abc,cde->abde", (None, 3, 2), bias_axes="de"),
        ((2, 5, 4),),
        {},
    ),
    "einsum_from_heads": (
        lambda: layers.EinsumDense("abcd,cde->abe", (None, 6), activation="relu", bias_axes="e"),
        ((2, 5, 3, 2),),
        {},
    ),
    "einsum_some_bias": (
        lambda: layers.EinsumDense("abc,cde->abde", (None, 3, 2), bias_axes="d"),
        ((2, 5, 4),),
        {},
    ),
    "einsum_left": (
        lambda: layers.EinsumDense("...x,xy->...y", 4, bias_axes="y"),
        ((2, 3, 5),),
        {},
    ),
    "einsum_right": (
        lambda: layers.EinsumDense("ab...,bc->ac...", 4, bias_axes="c"),
        ((2, 3, 5),),
        {},
    ),
    "einsum_turned": (lambda: layers.EinsumDense("abc,bd->adc", (4, None)), ((2, 3, 5),), {}),
}

CONFIGS = {
    "mha_config": lambda: layers.MultiHeadAttention(
        2, 3, 4, 0.1, False, 5, (1, -2), name="m", kernel_initializer="ones", use_gate=True, seed=3
    ),
    "gqa_config": lambda: layers.GroupQueryAttention(
        2, 4, 2, 0.1, name="g", bias_regularizer="l2", kernel_constraint="non_neg", sliding_window=3
    ),
    "attention_config": lambda: layers.Attention(True, "concat", 0.2, 4, name="a"),
    "additive_config": lambda: layers.AdditiveAttention(False, 0.2, seed=4, name="a"),
    "layer_norm_config": lambda: layers.LayerNormalization(
        (1, 2), 1e-5, False, gamma_regularizer="l1", beta_initializer="ones", name="l"
    ),
    "rms_norm_config": lambda: layers.RMSNormalization([1, 2], 1e-3, name="r"),
    "einsum_config": lambda: layers.EinsumDense(
        "abc,cd->abd", (None, 3), "gelu", "d", "zeros", kernel_regularizer="l2", name="e"
    ),
}


def differentiated(layer, inputs, call, weigh):
    """All outputs, and d(sum(first output * weigh)) by weights and by inputs."""
    flat = [x for i in inputs for x in (i if isinstance(i, list) else [i])]

    def nested(flat):
        rest = list(flat)
        return [[rest.pop(0) for _ in i] if isinstance(i, list) else rest.pop(0) for i in inputs]

    def first(y):
        return y[0] if isinstance(y, list | tuple) else y

    if keras.backend.backend() == "jax":
        import jax

        def loss(trainable, flat):
            held = [v.value for v in layer.non_trainable_variables]
            y, _ = layer.stateless_call(trainable, held, *nested(flat), **call)
            return (first(y).astype(weigh.dtype) * weigh).sum(), y

        values = [v.value for v in layer.trainable_variables]
        (by_weights, by_inputs), y = jax.grad(loss, (0, 1), has_aux=True)(values, flat)
        return y, [*by_weights, *by_inputs]
    from deepcore.transforms import GradientTape

    flat = [keras.ops.convert_to_tensor(x) for x in flat]
    with GradientTape() as tape:
        tape.watch(flat)
        y = layer(*nested(flat), **call)
        loss = keras.ops.sum(keras.ops.cast(first(y), str(weigh.dtype)) * weigh)
    return y, tape.gradient(loss, [*layer.trainable_variables, *flat])


def computed(name):
    """Everything to compare of one case, by name."""
    make, shapes, call = CASES[name]
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    dtype = "float64" if "float64" in name else "float32"

    def drawn(shape):
        if isinstance(shape, list):
            return [drawn(s) for s in shape]
        return rng.normal(size=shape).astype(dtype)

    inputs = [drawn(shape) for shape in shapes]
    layer = make()
    y = layer(*inputs, **call)
    layer.set_weights([rng.uniform(-1, 1, w.shape).astype(dtype) for w in layer.weights])
    several = isinstance(y, list | tuple)
    weigh = rng.normal(size=tuple((y[0] if several else y).shape)).astype(dtype)
    y, gradients = differentiated(layer, inputs, call, weigh)
    found = {"layer": layer}
    found.update({f"output{i}": v for i, v in enumerate(y if several else [y])})
    found.update({f"gradient{i}": g for i, g in enumerate(gradients)})
    found.update({f"weight{i}": w for i, w in enumerate(layer.weights)})
    found["paths"] = np.array([w.path.split("/", 1)[-1] for w in layer.weights])
    return {k: v if k in ("layer", "paths") else as_array(v) for k, v in found.items()}


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
            assert found.keys() == wanted.keys(), (list(found), list(wanted))
            same_config(wanted["layer"], found.pop("layer"))
            assert found.pop("paths").tolist() == wanted["paths"].tolist()
            for key, value in found.items():
                assert value.dtype == wanted[key].dtype, (key, value.dtype, wanted[key].dtype)
                # Keras computes the layer of float64 in float32.
                tolerance = 2e-2 if "bfloat16" in case else 3e-5
                scale = max(1.0, np.abs(wanted[key]).max())
                np.testing.assert_allclose(
                    value / scale, wanted[key] / scale, 0, tolerance, err_msg=key
                )
        except Exception as error:
            bad.append(f"{case}: {type(error).__name__}: {error}")
    for name, build in CONFIGS.items():
        try:
            same_config(told[f"{name}/config"], build())
        except Exception as error:
            bad.append(f"{name}: {type(error).__name__}: {error}")
    print(f"{len(CASES)} layers, {len(bad)} differences", *bad, sep="\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit({"make": make, "check": check}[sys.argv[1]](Path(sys.argv[2])))
