// Runs one op of the CPU backend on vectors, phase after phase and task after task, in this thread:
// outputs, workspace and scratch stand between canaries, so that nothing is written past their
// ends.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "deepcore/cpu/backend.h"

namespace deepcore::test {

class Guarded {
 public:
  static constexpr std::size_t kGuard = 256;  // keeps the middle 64-byte aligned
  explicit Guarded(std::size_t bytes)
      : bytes_(bytes), buffer_(Buffer::allocate(bytes + 2 * kGuard)) {
    std::memset(buffer_.data(), 0xcd, bytes + 2 * kGuard);
  }
  void* data() const { return static_cast<char*>(buffer_.data()) + kGuard; }
  void expect_intact(const char* what) const {
    const auto* p = static_cast<const unsigned char*>(buffer_.data());
    const auto whole = [](unsigned char c) { return c == 0xcd; };
    EXPECT_TRUE(std::all_of(p, p + kGuard, whole)) << what << " was written before its begin";
    EXPECT_TRUE(std::all_of(p + kGuard + bytes_, p + bytes_ + 2 * kGuard, whole))
        << what << " was written past its end";
  }

 private:
  std::size_t bytes_;
  Buffer buffer_;
};

// The only output of a runner on these inputs, its setup run first. `backwards` runs the tasks of
// each phase the other way.
template <class T>
std::vector<T> run_runner(const Runner& runner, const Type& out,
                          const std::vector<std::vector<T>>& values, bool backwards = false) {
  const Guarded y(out.bytes()), workspace(runner.workspace), scratch(runner.scratch);
  std::vector<const void*> inputs;
  for (const auto& v : values) inputs.push_back(v.data());
  void* output = y.data();
  std::atomic<int> fault{0};
  const Call call{inputs.data(), &output, workspace.data(), &fault};
  const auto run = [&](const std::vector<Phase>& phases) {
    for (const Phase& phase : phases)
      for (std::int64_t i = 0; i < phase.tasks; ++i)
        phase.run(call, backwards ? phase.tasks - 1 - i : i, scratch.data());
  };
  run(runner.setup);
  for (std::size_t i = 0; i < inputs.size(); ++i)  // what the setup absorbed is gone
    if (runner.absorbed >> i & 1) inputs[i] = nullptr;
  run(runner.phases);
  y.expect_intact("the output");
  workspace.expect_intact("the workspace");
  scratch.expect_intact("the scratch");
  const T* first = static_cast<const T*>(y.data());
  return std::vector<T>(first, first + out.elements());
}

// The only output of `op`.
template <class T>
std::vector<T> run_op(const Op& op, const Types& in, const Types& out,
                      const std::vector<std::vector<T>>& values, bool backwards = false) {
  const auto runner = CpuBackend::instance().runner(op, in, out);
  EXPECT_TRUE(runner.has_value()) << op.str();
  return runner ? run_runner(*runner, out[0], values, backwards) : std::vector<T>{};
}
template <class T>
std::vector<T> run_op(const Op& op, const Types& in, const std::vector<std::vector<T>>& values,
                      bool backwards = false) {
  return run_op(op, in, op.infer(in), values, backwards);
}

}  // namespace deepcore::test
