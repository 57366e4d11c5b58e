// Feeding a plan from arrays that somebody else owns: rows gathered, cast and shuffled by the team.
#pragma once

#include <cstdint>

#include "deepcore/graph/backend.h"

namespace deepcore {

enum class SourceType : std::uint8_t {
  kBool,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUInt8,
  kUInt16,
  kUInt32,
  kUInt64,
  kFloat16,
  kFloat32,
  kFloat64
};

// An array of `rows` rows of shape `row`, with any strides (in bytes; strides[0] steps from row to
// row).
struct Source {
  const void* data = nullptr;
  SourceType type = SourceType::kFloat32;
  std::int64_t rows = 0;
  Shape row;
  Dims strides;  // 1 + row.rank() of them
};

// A C-contiguous array of the result's dtype and row shape.
struct Sink {
  void* data = nullptr;
  std::int64_t rows = 0;
};

// Where the present batch begins; shared by the feeds of a run.
struct Cursor {
  const std::int64_t* order = nullptr;
  std::int64_t row = 0;  // of `order`, or of the sources when order is null
};

// Copies the cursor's batch of `source` into output 0, a tensor of `type`.
Runner feed_runner(const Source& source, const Type& type, const Cursor* cursor);

}  // namespace deepcore
