// Convolutions by plain loops, for the types that have no fast way.
#pragma once

#include <optional>

#include "deepcore/cpu/conv_shape.h"
#include "deepcore/graph/backend.h"

namespace deepcore {

std::optional<Runner> plain_conv(const ConvShape& shape, const Epilogue& epilogue, DType dtype);
std::optional<Runner> plain_conv_grad_input(const ConvShape& shape, DType dtype);
std::optional<Runner> plain_conv_grad_filter(const ConvShape& shape, DType dtype);

}  // namespace deepcore
