// SgdUpdate and AdamUpdate in float32: one fused pass a parameter. float64 goes through the
// definition.
#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/kernels.h"

namespace deepcore {

namespace {

// Memory sets the pace: a task moves some hundred kilobytes. A small parameter is one task.
constexpr std::int64_t kGrain = 16384;

// Where task `r` writes; a dead output stays null.
float* part(const Call& call, int output, Range r) {
  return call.out[output] ? call.output(output) + r.begin : nullptr;
}

// body(call, range) over the elements of a parameter.
template <class F>
Runner over_elements(const Type& parameter, F body) {
  const std::int64_t count = parameter.elements(), tasks = tasks_for(count, kGrain);
  return {{{tasks, [=](const Call& call, std::int64_t task, void*) {
              body(call, piece(count, tasks, task));
            }}}};
}

std::optional<Runner> sgd_runner(const SgdUpdate& op, const Types& in, const Types&) {
  if (in[0].dtype != DType::kFloat32) return std::nullopt;
  if (op.momentum == 0)
    return over_elements(in[0], [](const Call& call, Range r) {
      kernels().update.sgd(call.input(0) + r.begin, call.input(1) + r.begin, *call.input(2),
                           part(call, 0, r), r.end - r.begin);
    });
  return over_elements(in[0], [momentum = static_cast<float>(op.momentum), nesterov = op.nesterov](
                                  const Call& call, Range r) {
    kernels().update.sgd_momentum(call.input(0) + r.begin, call.input(1) + r.begin, *call.input(2),
                                  call.input(3) + r.begin, momentum, nesterov, part(call, 0, r),
                                  part(call, 1, r), r.end - r.begin);
  });
}

std::optional<Runner> adam_runner(const AdamUpdate& op, const Types& in, const Types&) {
  if (in[0].dtype != DType::kFloat32) return std::nullopt;
  const AdamNumbers numbers{static_cast<float>(1 - op.beta1), static_cast<float>(1 - op.beta2),
                            static_cast<float>(op.epsilon)};
  return over_elements(in[0], [numbers](const Call& call, Range r) {
    kernels().update.adam(call.input(0) + r.begin, call.input(1) + r.begin, *call.input(2),
                          call.input(3) + r.begin, call.input(4) + r.begin, numbers,
                          part(call, 0, r), part(call, 1, r), part(call, 2, r), r.end - r.begin);
  });
}

}  // namespace

void register_update(CpuBackend& backend) {
  backend.on<SgdUpdate>(sgd_runner);
  backend.on<AdamUpdate>(adam_runner);
}

}  // namespace deepcore
