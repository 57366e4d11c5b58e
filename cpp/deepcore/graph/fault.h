// What a Fault says to people.
#pragma once

#include "deepcore/graph/backend.h"

namespace deepcore {

// Does nothing for Fault::kNone, else throws what the fault of `op` on these input types means.
void raise(Fault fault, const Op& op, const Types& in);

}  // namespace deepcore
