// How positions map along one axis, forward and backward.
#include "deepcore/cpu/conv_gather_axis.h"

#include <utility>

namespace deepcore {

GatherAxis::GatherAxis(const ConvShape& shape, ConvDirection direction, std::size_t axis) {
  if (direction == ConvDirection::kForward)
    forward(shape, axis);
  else
    backward(shape, axis);
}

void GatherAxis::set_type(std::vector<std::uint8_t> pattern) {
  std::size_t i = 0;
  while (i < valid.size() && valid[i] != pattern) ++i;
  if (i == valid.size()) valid.push_back(std::move(pattern));
  type.push_back(static_cast<std::uint16_t>(i));
}

bool GatherAxis::contiguous() const {
  for (std::size_t t = 1; t < step.size(); ++t)
    if (step[t] != step[t - 1] + 1) return false;
  return true;
}

void GatherAxis::forward(const ConvShape& shape, std::size_t axis) {
  const std::int64_t size = axis == 0 ? shape.h : shape.w, out = axis == 0 ? shape.oh : shape.ow;
  const std::int64_t taps = axis == 0 ? shape.kh : shape.kw;
  for (std::int64_t t = 0; t < taps; ++t) {
    step.push_back(static_cast<std::int32_t>(t * shape.window.dilation[axis]));
    cell.push_back(static_cast<std::int32_t>(t));
  }
  for (std::int64_t i = 0; i < out; ++i) {
    base.push_back(static_cast<std::int32_t>(input_position(shape.window, axis, i, 0)));
    std::vector<std::uint8_t> pattern;
    for (std::int64_t t = 0; t < taps; ++t) {
      const std::int64_t at = input_position(shape.window, axis, i, t);
      pattern.push_back(at >= 0 && at < size);
    }
    set_type(std::move(pattern));
  }
}

// Input position i got cell k of output q when i + pad = q stride + k dilation. With
// i + pad = Q stride + r and k dilation = A stride + b that is r = b and q = Q - A: again a base
// and a step, and with strides a pattern of taps for each remainder r.
void GatherAxis::backward(const ConvShape& shape, std::size_t axis) {
  const std::int64_t size = axis == 0 ? shape.h : shape.w, out = axis == 0 ? shape.oh : shape.ow;
  const std::int64_t taps = axis == 0 ? shape.kh : shape.kw;
  const std::int64_t stride = shape.window.stride[axis], dilation = shape.window.dilation[axis];
  for (std::int64_t k = taps - 1; k >= 0; --k) {
    step.push_back(static_cast<std::int32_t>(-(k * dilation / stride)));
    cell.push_back(static_cast<std::int32_t>(k));
  }
  for (std::int64_t i = 0; i < size; ++i) {
    const std::int64_t at = i + shape.window.pad_low[axis];
    base.push_back(static_cast<std::int32_t>(at / stride));
    std::vector<std::uint8_t> pattern;
    for (std::int64_t k = taps - 1; k >= 0; --k) {
      const std::int64_t q = at / stride - k * dilation / stride;
      pattern.push_back(at % stride == k * dilation % stride && q >= 0 && q < out);
    }
    set_type(std::move(pattern));
  }
}

}  // namespace deepcore
