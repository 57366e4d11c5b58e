#include "deepcore/graph/trace.h"

namespace deepcore {

namespace {
thread_local Trace* current_trace = nullptr;
}

Trace* Trace::current() { return current_trace; }

Trace::Trace() : graph_(std::make_shared<Graph>()) {
  require(current_trace == nullptr, "trace", "a function is being traced already on this thread");
  current_trace = this;
}

Trace::~Trace() {
  graph_->open = false;
  if (current_trace == this) current_trace = nullptr;
}

Tensor Trace::input(const Type& type) {
  const Value v = graph_->add_value(type);
  graph_->inputs.push_back(v);
  return Tensor(type, graph_, v);
}

void Trace::fix(Variable& variable, const Tensor& value) {
  require(value.type() == variable.type() && !value.is_symbolic(), "fix", "variable '",
          variable.name, "' holds ", variable.type(), ", got ", value.type());
  require(index_.try_emplace(&variable, seen_.size()).second, "fix", "variable '", variable.name,
          "' has been used already");
  seen_.push_back({variable.shared_from_this(), -1, value, false, true});
}

Value Trace::symbol(const Tensor& tensor) {
  if (tensor.is_symbolic()) {
    require(tensor.graph() == graph_, "trace", "a tensor of another trace (", tensor.type(),
            ") was used: tensors made while tracing have no value after it ends");
    return tensor.value();
  }
  auto [found, fresh] = constants_.try_emplace(tensor.id(), -1);
  if (fresh) {
    found->second = graph_->add_value(tensor.type());
    graph_->constants.emplace_back(found->second, tensor);
  }
  return found->second;
}

Tensors Trace::append(const OpPtr& op, const Tensors& in, const Types& out) {
  Node node{op, {}, {}};
  for (const Tensor& t : in) node.in.push_back(symbol(t));
  Tensors results;
  for (const Type& type : out) {
    node.out.push_back(graph_->add_value(type));
    results.emplace_back(type, graph_, node.out.back());
  }
  graph_->nodes.push_back(std::move(node));
  return results;
}

Tensor Trace::read(Variable& variable) {
  auto [found, fresh] = index_.try_emplace(&variable, seen_.size());
  if (fresh) {
    const Value v = graph_->add_value(variable.type());
    graph_->reads.emplace_back(variable.shared_from_this(), v);
    seen_.push_back({variable.shared_from_this(), v, Tensor(variable.type(), graph_, v)});
  }
  return seen_[found->second].now;
}

void Trace::write(Variable& variable, const Tensor& value) {
  read(variable);  // so that it is known; an unused read costs nothing
  symbol(value);
  Seen& seen = seen_[index_.at(&variable)];
  seen.now = value;
  seen.written = true;
}

std::shared_ptr<Graph> Trace::finish(const Tensors& outputs) {
  for (const Tensor& t : outputs) graph_->outputs.push_back(symbol(t));
  for (const Seen& seen : seen_)
    if (seen.written && !seen.fixed) graph_->writes.emplace_back(seen.variable, symbol(seen.now));
  graph_->open = false;
  if (current_trace == this) current_trace = nullptr;
  return graph_;
}

SuspendTrace::SuspendTrace() : held_(current_trace) { current_trace = nullptr; }
SuspendTrace::~SuspendTrace() { current_trace = held_; }

}  // namespace deepcore
