#include "deepcore/ops/gradients.h"

#include <unordered_map>
#include <unordered_set>

#include "deepcore/ops/ops.h"

namespace deepcore {

namespace {

// Storage dtypes are added in float32.
Tensor add(const Tensor& a, const Tensor& b) {
  const DType dtype = a.dtype();
  if (dtype != DType::kFloat16 && dtype != DType::kBFloat16) return a + b;
  return cast(cast(a, DType::kFloat32) + cast(b, DType::kFloat32), dtype);
}

}  // namespace

Tensors gradients(const std::vector<Record>& records, const Tensors& targets,
                  const Tensors& target_grads, const Tensors& sources) {
  std::unordered_set<const void*> depends;  // on a source
  for (const Tensor& s : sources) depends.insert(s.id());
  auto any_depends = [&](const Tensors& tensors) {
    for (const Tensor& t : tensors)
      if (depends.contains(t.id())) return true;
    return false;
  };
  for (const Record& record : records)
    if (any_depends(record.in))
      for (const Tensor& t : record.out) depends.insert(t.id());

  std::unordered_map<const void*, Tensor> grads;
  auto accumulate = [&](const Tensor& of, const Tensor& grad) {
    Tensor& slot = grads[of.id()];
    slot = slot ? add(slot, grad) : grad;
  };
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (!depends.contains(targets[i].id())) continue;
    const bool given = i < target_grads.size() && target_grads[i];
    accumulate(targets[i],
               given ? sum_to(target_grads[i], targets[i].shape()) : ones(targets[i].type()));
  }

  for (auto record = records.rbegin(); record != records.rend(); ++record) {
    if (!any_depends(record->in)) continue;
    bool reached = false;
    for (const Tensor& t : record->out) reached = reached || grads.contains(t.id());
    if (!reached) continue;
    const bool partial = record->op->traits().partial;
    Tensors out_grads;
    for (const Tensor& t : record->out) {
      auto found = grads.find(t.id());
      out_grads.push_back(found != grads.end() ? found->second
                          : partial            ? Tensor()
                                               : zeros(t.type()));
    }
    const Tensors in_grads = record->op->vjp(record->in, record->out, out_grads);
    for (std::size_t i = 0; i < in_grads.size(); ++i) {
      const Tensor& x = record->in[i];
      if (in_grads[i] && depends.contains(x.id())) accumulate(x, sum_to(in_grads[i], x.shape()));
    }
  }

  Tensors result;
  for (const Tensor& s : sources) {
    auto found = grads.find(s.id());
    result.push_back(found != grads.end() ? found->second : Tensor());
  }
  return result;
}

Tensors Op::vjp(const Tensors& in, const Tensors& /*out*/, const Tensors& grad) const {
  // An input given twice must be told apart, or each place would get the sum of both gradients.
  Tensors distinct;
  std::unordered_set<const void*> seen;
  for (const Tensor& t : in)
    distinct.push_back(seen.insert(t.id()).second ? t : unary(Kind::kIdentity, t));
  Tape tape;
  tape.watch_variables = false;
  tape.start();
  Tensors y;
  try {
    for (const Tensor& t : distinct)
      if (is_floating(t.dtype())) tape.watch(t);
    y = compose(distinct);
  } catch (...) {
    tape.stop();
    throw;
  }
  tape.stop();
  require<TypeError>(!y.empty(), name(), "has no derivative");
  return gradients(tape.records(), y, grad, distinct);
}

}  // namespace deepcore
