// Control flow: ops that hold graphs, their bodies. The planner makes steps of them that run inside
// its own; what a body needs from outside are inputs of the op.
#pragma once

#include <memory>
#include <optional>

#include "deepcore/graph/op.h"
#include "deepcore/graph/trace.h"

namespace deepcore {

using GraphPtr = std::shared_ptr<const Graph>;

#define DEEPCORE_CONTROL_OP(NAME)                                                         \
  static constexpr std::string_view kName = NAME;                                         \
  Types infer(const Types& in) const override;                                            \
  Tensors vjp(const Tensors& in, const Tensors& out, const Tensors& grad) const override; \
  Tensors compose(const Tensors& in) const override;                                      \
  std::int64_t flops(const Types& in, const Types& out) const override;                   \
  std::string str() const override

// ---- scan.cpp, scan_grad.cpp: carry, y[t] = body(carry, x[t], captured) for t = 0 ... length - 1,
// with `reverse` from the last to the first

// (carries, xs: (length, ...), captured) -> (last carries, ys: (length, ...)[, kept carries]) with
// a body (carries, slices of xs, captured) -> (carries, slices of ys)
struct Scan final : OpOf<Scan> {
  DEEPCORE_CONTROL_OP("scan");
  Traits traits() const override { return {.bodies = true, .partial = true}; }
  auto fields() const {
    return std::tie(body, base, carries, sliced, length, reverse, segment, keep);
  }
  GraphPtr body;
  // The body that this one continues: the same inputs, the outputs and more. The planner runs but
  // the longer one of two such scans of the same inputs.
  GraphPtr base;
  std::size_t carries = 0, sliced = 0;
  std::int64_t length = 0;
  bool reverse = false;
  // 0: the gradient keeps what it needs of each step. Else: the carries before every so many steps
  // alone, and computes the steps between again (Chen et al. 2016, "Training deep nets with
  // sublinear memory cost").
  std::int64_t segment = 0;
  // Not 0: also gives the carries before every so many steps, (ceil(length / keep), ...), in the
  // order of xs.
  std::int64_t keep = 0;

  std::size_t ys() const { return body->outputs.size() - carries; }
  std::int64_t kept() const { return keep > 0 ? (length + keep - 1) / keep : 0; }
  // The step of round r.
  std::int64_t step(std::int64_t r) const { return reverse ? length - 1 - r : r; }
};

// ---- while.cpp: while go: go, state = body(state, captured); at most `most` times

// (bool go, state, captured) -> (go, state). It has a derivative when `most` is known.
struct While final : OpOf<While> {
  DEEPCORE_CONTROL_OP("while_loop");
  Traits traits() const override { return {.bodies = true}; }
  auto fields() const { return std::tie(body, most); }
  GraphPtr body;
  std::optional<std::int64_t> most;

  std::size_t state() const { return body->outputs.size() - 1; }
};

// ---- cond.cpp: yes(a) or no(b), of which one runs

// (bool predicate, a, b) -> outputs of either
struct Cond final : OpOf<Cond> {
  DEEPCORE_CONTROL_OP("cond");
  Traits traits() const override { return {.bodies = true}; }
  auto fields() const { return std::tie(yes, no); }
  GraphPtr yes, no;
};

#undef DEEPCORE_CONTROL_OP

// ---- functions on bodies as they were traced. Variables assigned in a body are assigned after it.

// The body's own inputs: carries and slices; its own outputs: carries and slices of ys.
Tensors scan(const Body& body, const Tensors& init, const Tensors& xs, std::int64_t length,
             bool reverse, std::int64_t segment = 0);
// The body's own inputs: the state; its own outputs: go, and the state.
Tensors while_loop(const Body& body, const Tensor& go, const Tensors& init,
                   std::optional<std::int64_t> most);
// Bodies without inputs of their own.
Tensors cond(const Tensor& predicate, Body yes, Body no);

// ---- body.cpp

// Applies the ops of a graph without variables to other inputs.
Tensors replay(const Graph& graph, const Tensors& inputs);
// The graph with these of its values as inputs and outputs.
GraphPtr with_ends(const Graph& graph, std::vector<Value> inputs, std::vector<Value> outputs);

// A value of zeros; it keeps no memory.
Value add_zeros(Graph& graph, const Type& type);

// A body's derivative, in one graph: first the nodes of the body, then those of the gradient.
struct Derivative {
  std::shared_ptr<Graph> graph;
  std::size_t forward = 0;      // nodes of the body
  std::vector<Value> in, out;   // of the body
  std::vector<Value> grads;     // of each output, -1 where it is not asked for
  std::vector<Value> start;     // of each input, what its gradient is added to; else -1
  std::vector<Value> in_grads;  // of each input; -1 where there is none
};
// `wanted`: the outputs whose gradients are inputs. `started`: the inputs whose gradients are added
// to something.
Derivative derivative(const Graph& body, const std::vector<bool>& wanted,
                      const std::vector<bool>& started);

}  // namespace deepcore
