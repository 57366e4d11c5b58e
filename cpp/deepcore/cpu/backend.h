// The CPU backend: a table from the type of an op to the function that makes its runner.
#pragma once

#include <type_traits>
#include <typeindex>
#include <unordered_map>

#include "deepcore/graph/backend.h"
#include "deepcore/ops/kinds.h"

namespace deepcore {

class CpuBackend final : public Backend {
 public:
  static const CpuBackend& instance();

  using Backend::runner;
  std::optional<Runner> runner(const Op& op, const Types& in, const Types& out,
                               Constants constants) const override;
  Stop execute(std::span<const Step> steps, const std::function<bool()>& next, bool alone = false,
               Pace* pace = nullptr) const override;
  Buffer allocate(std::size_t bytes) const override;

  // on<Softmax>([](const Softmax& op, const Types& in, const Types& out) -> std::optional<Runner>
  // {...}); one that can make use of constants takes them as well.
  template <class O, class F>
  void on(F make) {
    table_[typeid(O)] = [make](const Op& op, const Types& in, const Types& out,
                               [[maybe_unused]] Constants constants) -> std::optional<Runner> {
      if constexpr (std::is_invocable_v<F, const O&, const Types&, const Types&, Constants>)
        return make(static_cast<const O&>(op), in, out, constants);
      else
        return make(static_cast<const O&>(op), in, out);
    };
  }

 private:
  CpuBackend();
  using Make =
      std::function<std::optional<Runner>(const Op&, const Types&, const Types&, Constants)>;
  std::unordered_map<std::type_index, Make> table_;
};

// Makes this the backend of concrete ops.
void use_cpu_backend();

// One function a family, each in the file of its name; backend.cpp calls them all.
void register_elementwise(CpuBackend& backend);  // Unary, Binary, Select, Cast, Fused: f32 by
                                                 // Program, the rest by plain loops
void register_fused_sum(CpuBackend& backend);
void register_reduce(CpuBackend& backend);
void register_moments(CpuBackend& backend);
void register_shaping(CpuBackend& backend);
void register_indexing(CpuBackend& backend);
void register_scatter(CpuBackend& backend);
void register_matmul(CpuBackend& backend);
void register_conv(CpuBackend& backend);
void register_pool(CpuBackend& backend);
void register_softmax(CpuBackend& backend);
void register_random(CpuBackend& backend);
void register_update(CpuBackend& backend);
void register_sparse_update(CpuBackend& backend);
void register_simple_rnn(CpuBackend& backend);
void register_lstm(CpuBackend& backend);
void register_gru(CpuBackend& backend);
void register_kernel_grads(CpuBackend& backend);
void register_crf(CpuBackend& backend);
void register_normalization(CpuBackend& backend);
void register_attention(CpuBackend& backend);
void register_ctc(CpuBackend& backend);

// Cuts [0, count) into tasks of at least `grain`: how many. By shape alone.
inline std::int64_t tasks_for(std::int64_t count, std::int64_t grain, std::int64_t most = 64) {
  if (count <= 0) return 0;
  std::int64_t n = (count + grain - 1) / grain;
  return n < 1 ? 1 : (n > most ? most : n);
}
struct Range {
  std::int64_t begin, end;
};
inline Range piece(std::int64_t count, std::int64_t tasks, std::int64_t task) {
  return {count * task / tasks, count * (task + 1) / tasks};
}

}  // namespace deepcore
