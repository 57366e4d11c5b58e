// Loops and branches as steps: which bodies an op has, and who turns their pages.
#pragma once

#include <memory>
#include <vector>

#include "deepcore/ops/control.h"
#include "deepcore/plan/lowered.h"

namespace deepcore {

// Does the planner make steps of this op's bodies? Else it composes.
bool runs_bodies(const Op& op);

std::vector<GraphPtr> bodies_of(const Op& op);
// The memory beside that of the bodies: the other place of each carry, as a round reads one and
// writes one.
std::size_t aside_bytes(const Op& op, const Types& in);
// Body `number` of the op as a loop whose rounds are those that the op says. It keeps `body`.
std::shared_ptr<const Loop> make_loop(const Op& op, std::size_t number, Lowered& body);

}  // namespace deepcore
