// Depthwise convolution and its gradient for the input: every channel alone, line by line.
#pragma once

#include "deepcore/cpu/conv_gather_axis.h"
#include "deepcore/graph/backend.h"

namespace deepcore {

// Inputs: what is read, the kernel, and with a bias the bias.
Runner depthwise_runner(const ConvShape& shape, ConvDirection direction, const Epilogue& epilogue);

}  // namespace deepcore
