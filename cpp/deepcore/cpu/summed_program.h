// A Program run over chunks that stay in cache, some of its outputs there to be added up alone.
#pragma once

#include <algorithm>
#include <vector>

#include "deepcore/cpu/kernels.h"
#include "deepcore/cpu/operand_of.h"
#include "deepcore/cpu/past_caches.h"
#include "deepcore/graph/backend.h"
#include "deepcore/ops/kinds.h"

namespace deepcore {

struct SummedProgram {
  Program program;
  int sums;  // of its outputs, the last ones
  std::vector<Operand> operands;
  std::int64_t chunk;  // elements at a time, at most

  SummedProgram(const FusedSum& op, const Types& in, const Shape& shape, std::int64_t most)
      : program(op.program), sums(op.sums), chunk(most) {
    for (std::size_t i = 0; i < in.size(); ++i)
      operands.push_back(operand_of(in[i].shape, program.input_element[i], shape));
  }

  int plain() const { return program.outputs - sums; }  // outputs that are written
  // Bytes of scratch: the interpreter's, then a chunk a sum.
  std::size_t scratch() const {
    return static_cast<std::size_t>(kProgramScratch + sums * chunk) * sizeof(float);
  }

  // Positions [at, at + n), at most a chunk. add(sum, values, readable) gets what is to be added,
  // of which so many elements may be read.
  template <class Add>
  void run(const Call& call, std::int64_t count, std::int64_t at, std::int64_t n, void* scratch,
           const Add& add) const {
    auto* interpreter = static_cast<float*>(scratch);
    float* chunks = interpreter + kProgramScratch;
    void* out[Program::kMaxOutputs];
    std::copy_n(call.out, plain(), out);
    for (int s = 0; s < sums; ++s) {
      // Before the program runs: an output may lie over its input.
      if (const int input = direct(s); input >= 0) {
        out[plain() + s] = nullptr;
        add(s, call.input(input) + at, count - at);
      } else {  // the interpreter writes position i to out[i]
        out[plain() + s] =
            reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(chunks + s * chunk) -
                                    static_cast<std::uintptr_t>(at) * sizeof(float));
      }
    }
    kernels().elementwise.run(program, operands.data(), call.in, out, at, at + n, interpreter);
    for (int s = 0; s < sums; ++s)
      if (out[plain() + s] != nullptr) add(s, chunks + s * chunk, n);
  }

  // Brings [begin, end) of what is read as it lies into L2.
  void fetch(const Call& call, std::int64_t begin, std::int64_t end) const {
    for (int r = 0; r < program.inputs; ++r)
      for (std::int64_t i = begin; lies(r) && i < end; i += kFloatsALine)
        prefetch_line(reinterpret_cast<const std::byte*>(call.input(r) + i));
  }

 private:
  // Is it read as it lies in memory?
  bool lies(int input) const {
    return operands[static_cast<std::size_t>(input)].pattern == Pattern::kFull &&
           program.input_element[input] == Element::kF32;
  }
  // The input that is added up as it lies in memory, or -1.
  int direct(int sum) const {
    const int r = program.output_register[plain() + sum];
    return r < program.inputs && lies(r) ? r : -1;
  }
};

Runner fused_column_sums(const FusedSum& op, const Types& in, const Shape& shape);
Runner fused_row_sums(const FusedSum& op, const Types& in, const Shape& shape);

}  // namespace deepcore
