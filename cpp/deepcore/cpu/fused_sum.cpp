// FusedSum: a Program over chunks of rows that stay in cache, and the sums of its columns on the
// way.
#include <algorithm>

#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/column_pieces.h"
#include "deepcore/cpu/kernels.h"
#include "deepcore/cpu/operand_of.h"

namespace deepcore {

namespace {

struct SummedProgram {
  Program program;
  int sums;
  std::vector<Operand> operands;
  ColumnPieces pieces;

  int plain() const { return program.outputs - sums; }
  int reg(int sum) const { return program.output_register[plain() + sum]; }
  // The input that is added up as it lies in memory, or -1.
  int direct(int sum) const {
    const int r = reg(sum);
    const bool lies = r < program.inputs &&
                      operands[static_cast<std::size_t>(r)].pattern == Pattern::kFull &&
                      program.input_element[r] == Element::kF32;
    return lies ? r : -1;
  }
  std::int64_t chunk_elements() const { return pieces.chunk * pieces.cols; }

  // Scratch: the interpreter's, then a chunk a sum.
  std::size_t scratch() const {
    return (static_cast<std::size_t>(kProgramScratch) +
            static_cast<std::size_t>(sums * chunk_elements())) *
           sizeof(float);
  }

  // totals: (sums, cols), zeroed here.
  void run(const Call& call, std::int64_t piece, void* scratch, double* totals) const {
    auto* interpreter = static_cast<float*>(scratch);
    float* chunks = interpreter + kProgramScratch;
    const std::int64_t cols = pieces.cols, count = pieces.rows * cols;
    std::fill_n(totals, sums * cols, 0.0);
    const auto add = kernels().reduce.columns[ReduceKernels::kSum];
    void* out[Program::kMaxOutputs];
    std::copy_n(call.out, plain(), out);
    const std::int64_t end = pieces.last(piece);
    for (std::int64_t row = pieces.first(piece); row < end; row += pieces.chunk) {
      const std::int64_t rows = std::min(pieces.chunk, end - row), at = row * cols;
      for (int s = 0; s < sums; ++s) {
        out[plain() + s] = nullptr;
        // Before the program runs: an output may lie over its input.
        if (const int input = direct(s); input >= 0)
          add(call.input(input) + at, rows, cols, cols, count - at, totals + s * cols);
        else  // the interpreter writes position i to out[i]
          out[plain() + s] = reinterpret_cast<void*>(
              reinterpret_cast<std::uintptr_t>(chunks + s * chunk_elements()) -
              static_cast<std::uintptr_t>(at) * sizeof(float));
      }
      kernels().elementwise.run(program, operands.data(), call.in, out, at, at + rows * cols,
                                interpreter);
      for (int s = 0; s < sums; ++s)
        if (out[plain() + s] != nullptr)
          add(chunks + s * chunk_elements(), rows, cols, cols, rows * cols, totals + s * cols);
    }
  }

  void finish(const Call& call, const double* totals) const {
    for (int s = 0; s < sums; ++s)
      if (auto* y = call.output(plain() + s))
        for (std::int64_t c = 0; c < pieces.cols; ++c)
          y[c] = static_cast<float>(totals[s * pieces.cols + c]);
  }
};

std::optional<Runner> fused_sum_runner(const FusedSum& op, const Types& in, const Types&) {
  Shape shape;
  for (const Type& x : in) shape = broadcast(FusedSum::kName, shape, x.shape);
  if (shape.rank() < 2 || shape.elements() == 0) return std::nullopt;
  const std::int64_t cols = shape.back();
  SummedProgram job{op.program, op.sums, {}, ColumnPieces(shape.elements() / cols, cols)};
  for (std::size_t i = 0; i < in.size(); ++i)
    job.operands.push_back(operand_of(in[i].shape, op.program.input_element[i], shape));

  Runner runner;
  const std::int64_t width = op.sums * cols, pieces = job.pieces.pieces;
  runner.workspace = static_cast<std::size_t>(pieces * width) * sizeof(double);
  runner.scratch = job.scratch();
  runner.phases.push_back({pieces, [job, width](const Call& call, std::int64_t p, void* scratch) {
                             job.run(call, p, scratch,
                                     static_cast<double*>(call.workspace) + p * width);
                           }});
  runner.phases.push_back({1, [job, width, pieces](const Call& call, std::int64_t, void*) {
                             auto* totals = static_cast<double*>(call.workspace);
                             for (std::int64_t p = 1; p < pieces; ++p)
                               for (std::int64_t i = 0; i < width; ++i)
                                 totals[i] += totals[p * width + i];
                             job.finish(call, totals);
                           }});
  return runner;
}

}  // namespace

void register_fused_sum(CpuBackend& backend) { backend.on<FusedSum>(fused_sum_runner); }

}  // namespace deepcore
