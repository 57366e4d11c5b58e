// SgdUpdate and AdamUpdate in float32: one fused pass a parameter. float64 goes through the
// definition.
#include "deepcore/cpu/update.h"

#include "deepcore/cpu/kernels.h"

namespace deepcore {

namespace {

// Memory sets the pace: a task moves some hundred kilobytes. A small parameter is one task.
constexpr std::int64_t kGrain = 16384;

// Where range `r` is written; a dead output stays null.
float* part(const Call& call, int output, Range r) {
  return call.out[output] ? call.output(output) + r.begin : nullptr;
}

UpdatePart sgd_part(const SgdUpdate& op) {
  if (op.momentum == 0)
    return [](const Call& call, Range r) {
      kernels().update.sgd(call.input(0) + r.begin, call.input(1) + r.begin, *call.input(2),
                           part(call, 0, r), r.end - r.begin);
    };
  return [momentum = static_cast<float>(op.momentum), nesterov = op.nesterov](const Call& call,
                                                                              Range r) {
    kernels().update.sgd_momentum(call.input(0) + r.begin, call.input(1) + r.begin, *call.input(2),
                                  call.input(3) + r.begin, momentum, nesterov, part(call, 0, r),
                                  part(call, 1, r), r.end - r.begin);
  };
}

UpdatePart adam_part(const AdamUpdate& op) {
  const AdamNumbers numbers{static_cast<float>(1 - op.beta1), static_cast<float>(1 - op.beta2),
                            static_cast<float>(op.epsilon)};
  return [numbers](const Call& call, Range r) {
    kernels().update.adam(call.input(0) + r.begin, call.input(1) + r.begin, *call.input(2),
                          call.input(3) + r.begin, call.input(4) + r.begin, numbers,
                          part(call, 0, r), part(call, 1, r), part(call, 2, r), r.end - r.begin);
  };
}

template <class O>
std::optional<Runner> make(const O& op, const Types& in, const Types&) {
  const UpdatePart update = update_part(op, in[0]);
  if (!update) return std::nullopt;
  const std::int64_t count = in[0].elements(), tasks = tasks_for(count, kGrain);
  return Runner{{{tasks, [update, count, tasks](const Call& call, std::int64_t task, void*) {
                    update(call, piece(count, tasks, task));
                  }}}};
}

}  // namespace

UpdatePart update_part(const Op& op, const Type& parameter) {
  if (parameter.dtype != DType::kFloat32) return nullptr;
  if (const auto* sgd = dynamic_cast<const SgdUpdate*>(&op)) return sgd_part(*sgd);
  if (const auto* adam = dynamic_cast<const AdamUpdate*>(&op)) return adam_part(*adam);
  return nullptr;
}

void register_update(CpuBackend& backend) {
  backend.on<SgdUpdate>(make<SgdUpdate>);
  backend.on<AdamUpdate>(make<AdamUpdate>);
}

}  // namespace deepcore
