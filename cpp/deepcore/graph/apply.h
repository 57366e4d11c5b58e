// apply: the only door to an op. It infers, then appends to the graph or runs at once; open tapes
// see it.
#pragma once

#include "deepcore/graph/op.h"

namespace deepcore {

class Backend;

Tensors apply(const OpPtr& op, const Tensors& in);

// The first output of an op given by value: apply1(Reduce{...}, {x}).
template <class T>
Tensor apply1(T op, const Tensors& in) {
  return deepcore::apply(std::make_shared<const T>(std::move(op)), in)[0];
}
template <class T>
Tensors apply_all(T op, const Tensors& in) {
  return deepcore::apply(std::make_shared<const T>(std::move(op)), in);
}

// The backend that runs concrete ops; bind/ registers it once.
void set_backend(const Backend* backend);
const Backend& backend();

// What runs an op with bodies on concrete tensors: the planner's; without it, its definition.
using RunBodies = Tensors (*)(const OpPtr& op, const Tensors& in);
void set_run_bodies(RunBodies run);

}  // namespace deepcore
