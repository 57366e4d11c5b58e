#include "deepcore/plan/hazards.h"

#include <algorithm>

namespace deepcore {

void Access::add(const Place& place, std::size_t bytes, bool write) {
  if (bytes == 0 || place.kind == Place::Kind::kConstant) return;
  const bool arena = place.kind == Place::Kind::kArena;
  spans_.push_back({place.kind, place.at, place.at + (arena ? bytes : 1), write});
  if (place.kind == Place::Kind::kInput) input_bytes_.push_back(bytes);
}

Access Access::with_inputs_at(const std::vector<std::size_t>& offsets) const {
  Access moved = *this;
  std::size_t next = 0;
  for (Span& span : moved.spans_)
    if (span.kind == Place::Kind::kInput) {
      const std::size_t begin = offsets[span.begin];
      span = {Place::Kind::kArena, begin, begin + input_bytes_[next++], span.write};
    }
  return moved;
}

bool Access::conflicts(const Access& other) const {
  for (const Span& a : spans_)
    for (const Span& b : other.spans_)
      if ((a.write || b.write) && a.kind == b.kind && a.begin < b.end && b.begin < a.end)
        return true;
  return false;
}

void set_waits(std::vector<Step>& steps, const std::vector<Access>& accesses) {
  std::vector<std::size_t> running;  // since the last barrier
  for (std::size_t i = 0; i < steps.size(); ++i) {
    steps[i].wait = false;
    if (steps[i].loop && !steps[i].solo()) {  // it begins and ends with a barrier
      running.clear();
      continue;
    }
    const auto last = std::find_if(running.rbegin(), running.rend(), [&](std::size_t before) {
      return !(steps[i].solo() && steps[before].ends_solo()) &&
             accesses[i].conflicts(accesses[before]);
    });
    if (last != running.rend()) {
      // The steps of one thread right before this one need not be waited for: that thread does them
      // while the others begin this step.
      std::size_t first = i;
      while (first - 1 > *last && steps[first - 1].solo()) --first;
      steps[first].wait = true;
      running.clear();
      for (std::size_t k = first; k < i; ++k) running.push_back(k);
    }
    // A step of several phases has barriers inside: after it nothing earlier is running.
    if (steps[i].runner.phases.size() > 1 && !steps[i].solo()) running.clear();
    running.push_back(i);
  }
}

}  // namespace deepcore
