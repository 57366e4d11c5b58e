// How one axis of what a convolution writes reaches what it reads: positions, taps, and which taps
// are inside the image. Forward it writes y and reads x, backward it writes gx and reads gy.
#pragma once

#include <cstdint>
#include <vector>

#include "deepcore/cpu/conv_shape.h"

namespace deepcore {

enum class ConvDirection { kForward, kBackward };

struct GatherAxis {
  std::vector<std::int32_t> base;   // of each written position
  std::vector<std::int32_t> step;   // of each tap; taps are in rising order of what they read
  std::vector<std::int32_t> cell;   // the row or column of the kernel that is this tap
  std::vector<std::uint16_t> type;  // of each written position: which pattern of taps it has
  std::vector<std::vector<std::uint8_t>> valid;  // [pattern][tap]: is it inside the image?

  GatherAxis(const ConvShape& shape, ConvDirection direction, std::size_t axis);
  bool contiguous() const;
  std::int64_t taps() const { return static_cast<std::int64_t>(step.size()); }

 private:
  void forward(const ConvShape& shape, std::size_t axis);
  void backward(const ConvShape& shape, std::size_t axis);
  void set_type(std::vector<std::uint8_t> pattern);
};

}  // namespace deepcore
