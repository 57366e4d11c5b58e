#include "deepcore/plan/loops.h"

#include <algorithm>
#include <cstring>

#include "deepcore/core/switches.h"

namespace deepcore {

namespace {

constexpr std::size_t kAlign = 64;

std::byte* bytes(const void* p) { return static_cast<std::byte*>(const_cast<void*>(p)); }

void copy(void* to, const void* from, std::size_t count) {
  if (count > 0 && to != from) std::memcpy(to, from, count);
}

// The memory of carries: round after round in turn in the result's and in one aside.
class Carries {
 public:
  Carries(const Types& types, std::size_t count) {
    for (std::size_t k = 0; k < count; ++k) {
      bytes_.push_back(types[k].bytes());
      offsets_.push_back(total_);
      total_ += (types[k].bytes() + kAlign - 1) / kAlign * kAlign;
    }
  }
  std::size_t total() const { return total_; }
  std::size_t size() const { return bytes_.size(); }

  // Written in an even number of rounds from the last of all: the result's.
  void* at(const Call& call, std::size_t k, bool result) const {
    return result ? call.out[k] : bytes(call.workspace) + offsets_[k];
  }
  void finish(const Call& call, const void* const* from) const {
    for (std::size_t k = 0; k < size(); ++k) copy(call.out[k], from[k], bytes_[k]);
  }
  void finish_from_aside(const Call& call) const {
    for (std::size_t k = 0; k < size(); ++k) copy(call.out[k], at(call, k, false), bytes_[k]);
  }
  std::size_t bytes_of(std::size_t k) const { return bytes_[k]; }

 private:
  std::vector<std::size_t> bytes_, offsets_;
  std::size_t total_ = 0;
};

[[noreturn]] void* no_variable(std::size_t) {
  throw std::logic_error("plan: a body reads a variable");
}

std::function<bool(const Call&, std::int64_t)> rounds_of(const Scan& op, Lowered& body) {
  const Carries carries(body.inputs(), op.carries);
  return [op, carries, &body](const Call& call, std::int64_t round) {
    if (round == op.length) {
      if (round == 0) carries.finish(call, call.in);
      return false;
    }
    const std::int64_t step = op.step(round);
    const auto row = [step](const void* all, const Type& type) -> void* {
      return bytes(all) + type.bytes() * static_cast<std::size_t>(step);
    };
    const bool to_result = (op.length - 1 - round) % 2 == 0;
    const auto input = [&](std::size_t i) -> void* {
      if (i < op.carries) return round == 0 ? bytes(call.in[i]) : carries.at(call, i, !to_result);
      return i < op.carries + op.sliced ? row(call.in[i], body.inputs()[i]) : bytes(call.in[i]);
    };
    const auto result = [&](std::size_t k) -> void* {
      return k < op.carries ? carries.at(call, k, to_result) : row(call.out[k], body.results()[k]);
    };
    if (op.keep > 0 && round % op.keep == 0) {
      const std::int64_t number = round / op.keep;
      const auto place = static_cast<std::size_t>(op.reverse ? op.kept() - 1 - number : number);
      for (std::size_t k = 0; k < op.carries; ++k)
        copy(bytes(call.out[body.results().size() + k]) + carries.bytes_of(k) * place, input(k),
             carries.bytes_of(k));
    }
    body.resolve(input, result, no_variable);
    return true;
  };
}

std::function<bool(const Call&, std::int64_t)> rounds_of(const While& op, Lowered& body) {
  // Its body gives (go, state) and takes the state; all are carried here.
  const Carries carries(body.results(), op.state() + 1);
  return [op, carries, &body](const Call& call, std::int64_t round) {
    const bool to_result = round % 2 == 0;
    const auto before = [&](std::size_t k) -> void* {
      return round == 0 ? bytes(call.in[k]) : carries.at(call, k, !to_result);
    };
    if (!*static_cast<const bool*>(before(0)) || (op.most && round == *op.most)) {
      if (round == 0)
        carries.finish(call, call.in);
      else if (to_result)
        carries.finish_from_aside(call);
      return false;
    }
    body.resolve(
        [&](std::size_t i) -> void* {
          return i < op.state() ? before(i + 1) : bytes(call.in[i + 1]);
        },
        [&](std::size_t k) { return carries.at(call, k, to_result); }, no_variable);
    return true;
  };
}

std::function<bool(const Call&, std::int64_t)> rounds_of(const Cond& op, bool yes, Lowered& body) {
  const std::size_t first = 1 + (yes ? 0 : op.yes->inputs.size());
  return [yes, first, &body](const Call& call, std::int64_t round) {
    if (round > 0 || *static_cast<const bool*>(call.in[0]) != yes) return false;
    body.resolve([&](std::size_t i) -> void* { return bytes(call.in[first + i]); },
                 [&](std::size_t k) { return call.out[k]; }, no_variable);
    return true;
  };
}

}  // namespace

bool runs_bodies(const Op& op) {
  const auto* loop = dynamic_cast<const While*>(&op);
  return op.traits().bodies && (enabled(FastPath::kLoops) || (loop && !loop->most));
}

std::vector<GraphPtr> bodies_of(const Op& op) {
  if (const auto* scan = dynamic_cast<const Scan*>(&op)) return {scan->body};
  if (const auto* loop = dynamic_cast<const While*>(&op)) return {loop->body};
  const auto& cond = dynamic_cast<const Cond&>(op);
  return {cond.yes, cond.no};
}

std::size_t aside_bytes(const Op& op, const Types& in) {
  if (const auto* scan = dynamic_cast<const Scan*>(&op)) return Carries(in, scan->carries).total();
  if (const auto* loop = dynamic_cast<const While*>(&op))
    return Carries(in, loop->state() + 1).total();
  return 0;
}

std::shared_ptr<const Loop> make_loop(const Op& op, std::size_t number, Lowered& body) {
  auto loop = std::make_shared<Loop>();
  if (const auto* scan = dynamic_cast<const Scan*>(&op)) {
    loop->next = rounds_of(*scan, body);
    loop->rounds = scan->length;
  } else if (const auto* loop_op = dynamic_cast<const While*>(&op)) {
    loop->next = rounds_of(*loop_op, body);
    loop->rounds = loop_op->most.value_or(1);
  } else {
    loop->next = rounds_of(dynamic_cast<const Cond&>(op), number == 0, body);
  }
  loop->steps = body.steps();
  for (const Step& step : loop->steps) {
    loop->all_steps += 1 + (step.loop ? step.loop->all_steps : 0);
    loop->scratch = std::max(loop->scratch, step.loop ? step.loop->scratch : step.runner.scratch);
    loop->solo = loop->solo && step.solo();
  }
  return loop;
}

}  // namespace deepcore
