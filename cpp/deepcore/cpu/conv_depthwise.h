// Depthwise convolution and its gradient for the input: every channel alone, line by line.
#pragma once

#include "deepcore/core/switches.h"
#include "deepcore/cpu/conv_gather_axis.h"
#include "deepcore/graph/backend.h"

namespace deepcore {

// Can rows of pixels share what they read?
bool depthwise_rows_fit(const ConvShape& shape, ConvDirection direction);

// Inputs: what is read, the kernel, and the epilogue's. `by_rows`: where rows fit; the bits are the
// same.
Runner depthwise_runner(const ConvShape& shape, ConvDirection direction, const Epilogue& epilogue,
                        bool by_rows = enabled(FastPath::kDepthwiseRows));

}  // namespace deepcore
