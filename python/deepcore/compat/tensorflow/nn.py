"""`tensorflow.nn`: activations under TensorFlow's names."""

from deepcore import ops

elu = ops.elu
gelu = ops.gelu
leaky_relu = ops.leaky_relu
log_softmax = ops.log_softmax
relu = ops.relu
selu = ops.selu
sigmoid = ops.sigmoid
silu = ops.silu
softmax = ops.softmax
softplus = ops.softplus
tanh = ops.tanh
