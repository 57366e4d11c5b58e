#include "deepcore/graph/tape.h"

#include <algorithm>
#include <utility>

namespace deepcore {

namespace {
thread_local std::vector<Tape*> open_tapes;
thread_local int suspended = 0;
}  // namespace

bool Tape::records_now() const { return depth_ == suspended; }

bool Tape::any_open() {
  return std::any_of(open_tapes.begin(), open_tapes.end(),
                     [](const Tape* tape) { return tape->records_now(); });
}

void Tape::start() {
  depth_ = suspended;
  open_tapes.push_back(this);
}

void Tape::stop() { std::erase(open_tapes, this); }

void Tape::watch(const Tensor& tensor) { tracked_.emplace(tensor.id(), tensor); }

void Tape::clear() {
  records_.clear();
  tracked_.clear();
  reads_.clear();
  variables_.clear();
}

Tensors Tape::reads(const Variable& variable) const {
  auto found = reads_.find(&variable);
  return found == reads_.end() ? Tensors{} : found->second;
}

void Tape::on_apply(const OpPtr& op, const Tensors& in, const Tensors& out) {
  for (Tape* tape : open_tapes) {
    if (!tape->records_now()) continue;
    const bool matters = std::any_of(
        in.begin(), in.end(), [&](const Tensor& t) { return tape->tracked_.contains(t.id()); });
    if (!matters) continue;
    bool floating = false;  // nothing flows through integers
    for (const Tensor& t : out)
      if (is_floating(t.dtype())) {
        tape->tracked_.emplace(t.id(), t);
        floating = true;
      }
    if (floating) tape->records_.push_back({op, in, out});
  }
}

void Tape::on_read(Variable& variable, const Tensor& value) {
  for (Tape* tape : open_tapes) {
    if (!tape->records_now()) continue;
    if (tape->watch_variables && variable.trainable && is_floating(value.dtype()))
      tape->watch(value);
    if (!tape->tracked_.contains(value.id())) continue;
    auto [entry, first] = tape->reads_.try_emplace(&variable);
    if (first)
      if (VariablePtr owned = variable.weak_from_this().lock())
        tape->variables_.push_back(std::move(owned));
    Tensors& reads = entry->second;
    const bool known = std::any_of(reads.begin(), reads.end(),
                                   [&](const Tensor& t) { return t.id() == value.id(); });
    if (!known) reads.push_back(value);
  }
}

bool Tape::suspended_follows(const Tensor& tensor) {
  return std::any_of(open_tapes.begin(), open_tapes.end(), [&](const Tape* tape) {
    return tape->depth_ < suspended && tape->tracked_.contains(tensor.id());
  });
}

SuspendTapes::SuspendTapes() : found_(suspended++) {}
SuspendTapes::~SuspendTapes() { --suspended; }
void SuspendTapes::lift() { inside_ = std::exchange(suspended, found_); }
void SuspendTapes::lower() { suspended = inside_; }

}  // namespace deepcore
