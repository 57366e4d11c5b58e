#include "deepcore/graph/trace.h"

namespace deepcore {

namespace {
thread_local Trace* current_trace = nullptr;
}

Trace* Trace::current() { return current_trace; }

Trace::Trace(Of of) : graph_(std::make_shared<Graph>()), of_(of) {
  require(current_trace == nullptr || of != Of::kFunction, "trace",
          "a function is being traced already on this thread");
  outer_ = current_trace;
  if (of != Of::kFunction) hidden_.emplace();
  current_trace = this;
}

Trace::~Trace() { end(); }

void Trace::end() {
  graph_->open = false;
  hidden_.reset();
  if (current_trace == this) current_trace = outer_;
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
  if (tensor.is_symbolic() && tensor.graph() == graph_) return tensor.value();
  if (tensor.is_symbolic())
    require(of_ == Of::kBody && tensor.graph()->open, "trace", "a tensor of another trace (",
            tensor.type(), ") was used: tensors made while tracing have no value after it ends");
  if (const auto known = known_.find(tensor.id()); known != known_.end()) return known->second;
  if (tensor.is_symbolic() || takes({tensor})) return take(tensor);
  auto [found, fresh] = known_.try_emplace(tensor.id(), -1);
  if (fresh) {
    found->second = graph_->add_value(tensor.type());
    graph_->constants.emplace_back(found->second, tensor);
  }
  return found->second;
}

Value Trace::take(const Tensor& outside) {
  const Value v = graph_->add_value(outside.type());
  known_.emplace(outside.id(), v);
  taken_.push_back(outside);
  taken_as_.push_back(v);
  return v;
}

bool Trace::takes(const Tensors& tensors) const {
  if (of_ != Of::kBody) return false;
  for (const Tensor& t : tensors)
    if (t.is_symbolic() || Tape::suspended_follows(t)) return true;
  return false;
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
  const std::size_t place = found->second;
  if (!fresh) return seen_[place].now;
  const Value v = graph_->add_value(variable.type());
  seen_.push_back({variable.shared_from_this(), v, Tensor(variable.type(), graph_, v)});
  if (of_ == Of::kBody) {
    hidden_->lift();
    current_trace = outer_;
    taken_.push_back(variable.read());
    current_trace = this;
    hidden_->lower();
    seen_[place].taken = taken_as_.size();
    taken_as_.push_back(v);
  } else {
    graph_->reads.emplace_back(variable.shared_from_this(), v);
  }
  return seen_[place].now;
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
  end();
  return graph_;
}

Body Trace::finish_body(const Tensors& outputs) {
  Body body;
  body.asked = graph_->inputs.size();
  body.given = outputs.size();
  for (const Tensor& t : outputs) graph_->outputs.push_back(symbol(t));
  for (const Seen& seen : seen_)
    if (seen.written) {
      graph_->outputs.push_back(symbol(seen.now));
      body.assigned.push_back({seen.variable, seen.taken});
    }
  graph_->inputs.insert(graph_->inputs.end(), taken_as_.begin(), taken_as_.end());
  body.taken = taken_;
  end();
  body.graph = graph_;
  return body;
}

SuspendTrace::SuspendTrace() : held_(current_trace) { current_trace = nullptr; }
SuspendTrace::~SuspendTrace() { current_trace = held_; }

}  // namespace deepcore
