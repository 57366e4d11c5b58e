// The gradients of kernels: A' B over thousands of rows, whose result is small. Cut along K, every
// task packs rows that no other one needs, and all threads have work whatever the result's size.
#include <algorithm>

#include "deepcore/core/switches.h"
#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/gemm.h"

namespace deepcore {
namespace {

// Rows that a piece has at least, and how many pieces there may be.
constexpr std::int64_t kPieceRows = 448, kMostPieces = 16;
// Elements of the result, and of all the pieces' results: those cost a pass through memory.
constexpr std::int64_t kMostResult = 1 << 16, kMostResults = 1 << 19;
// Elements that one task adds up.
constexpr std::int64_t kSumGrain = 8192;

// A power of two, by the shape alone.
std::int64_t pieces_of(const Gemm& gemm) {
  std::int64_t pieces = 1;
  while (2 * pieces <= kMostPieces && gemm.k >= 2 * pieces * kPieceRows &&
         2 * pieces * gemm.m * gemm.n <= kMostResults)
    pieces *= 2;
  return pieces;
}

// The phases of a runner that writes to `at` floats of the workspace, and has its own memory from
// `memory` on.
void append(Runner& all, Runner part, std::int64_t a_at, std::int64_t b_at, std::int64_t at,
            std::int64_t memory) {
  for (Phase& phase : part.phases)
    all.phases.push_back({phase.tasks, [run = std::move(phase.run), a_at, b_at, at, memory](
                                           const Call& call, std::int64_t task, void* scratch) {
                            float* workspace = static_cast<float*>(call.workspace);
                            const void* in[] = {call.input(0) + a_at, call.input(1) + b_at};
                            void* out[] = {workspace + at};
                            run({in, out, workspace + memory, call.fault}, task, scratch);
                          }});
  all.scratch = std::max(all.scratch, part.scratch);
}

}  // namespace

std::optional<Runner> split_gemm_runner(const Gemm& gemm, const Kernels& table) {
  const std::int64_t result = gemm.m * gemm.n, pieces = pieces_of(gemm);
  if (!enabled(FastPath::kSplitProducts) || !gemm.ta || gemm.tb || gemm.batch.rank() > 0 ||
      !(gemm.epilogue == Epilogue{}) || result == 0 || result > kMostResult || pieces < 2)
    return std::nullopt;
  Gemm piece_of = gemm, rest = gemm;
  piece_of.k = gemm.k / pieces;
  piece_of.batch = Shape{pieces};
  piece_of.a_strides = Dims{piece_of.k * gemm.m};
  piece_of.b_strides = Dims{piece_of.k * gemm.n};
  piece_of.whole = true;
  const std::int64_t done = pieces * piece_of.k;
  rest.k = gemm.k - done;
  const std::int64_t results = pieces + (rest.k > 0 ? 1 : 0), memory = results * result;

  Runner runner;
  Runner of_pieces = gemm_runner(piece_of, table);
  std::size_t bytes = of_pieces.workspace;
  append(runner, std::move(of_pieces), 0, 0, 0, memory);
  if (rest.k > 0) {
    Runner of_rest = gemm_runner(rest, table);
    bytes = std::max(bytes, of_rest.workspace);
    append(runner, std::move(of_rest), done * gemm.m, done * gemm.n, pieces * result, memory);
  }
  runner.workspace = static_cast<std::size_t>(memory) * sizeof(float) + bytes;
  const std::int64_t tasks = tasks_for(result, kSumGrain);
  runner.phases.push_back({tasks, [=](const Call& call, std::int64_t task, void*) {
                             const Range r = piece(result, tasks, task);
                             const float* from = static_cast<const float*>(call.workspace);
                             float* to = call.output(0);
                             std::copy(from + r.begin, from + r.end, to + r.begin);
                             for (std::int64_t p = 1; p < results; ++p)
                               for (std::int64_t i = r.begin; i < r.end; ++i)
                                 to[i] += from[p * result + i];
                           }});
  return runner;
}

}  // namespace deepcore
