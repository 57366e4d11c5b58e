// The walker: derivatives of what a tape recorded, made of ordinary ops.
#pragma once

#include "deepcore/graph/tape.h"

namespace deepcore {

// d(sum of targets * target_grads) / d(sources). Undefined where a source does not matter.
// Undefined target_grads mean ones. The result is made of ordinary ops: record it to differentiate
// again.
Tensors gradients(const std::vector<Record>& records, const Tensors& targets,
                  const Tensors& target_grads, const Tensors& sources);

}  // namespace deepcore
