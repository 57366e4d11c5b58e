// Elementwise loops as plain functions of pointers and sizes: the Program interpreter.
// Read by the SIMD files too, so nothing here may need the C++ library.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "deepcore/ops/program.h"

namespace deepcore {

// How an input is read at position i of the output.
enum class Pattern : uint8_t {
  kFull,     // data[i]
  kScalar,   // data[0]
  kSuffix,   // data[i % period]: a bias
  kPrefix,   // data[i / period]: a number a row
  kStrided,  // i in the axes `size`, weighed by `stride`
};

struct Operand {
  Pattern pattern;
  Element element;
  uint8_t rank;
  int64_t period;
  int64_t size[8], stride[8];  // outermost first; 0 where broadcast
};

struct ElementwiseKernels {
  // out[k][i] = program(in[0][i], in[1][i], ...) for i in [begin, end), in blocks that stay in L1.
  // An output may be a kFull input of its element type, at the same address; a null output is
  // dropped. The bits of a position depend neither on the range nor on the block that it falls
  // into.
  void (*run)(const Program& program, const Operand* operands, const void* const* in,
              void* const* out, int64_t begin, int64_t end, float* scratch);
};

constexpr int64_t kProgramScratch = 8192;  // floats that run needs

}  // namespace deepcore
