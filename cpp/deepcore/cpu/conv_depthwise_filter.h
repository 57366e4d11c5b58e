// The gradient of a depthwise convolution for its kernel.
#pragma once

#include "deepcore/cpu/conv_shape.h"
#include "deepcore/graph/backend.h"

namespace deepcore {

Runner depthwise_filter_runner(const ConvShape& shape);  // (x, gy) -> gW

}  // namespace deepcore
