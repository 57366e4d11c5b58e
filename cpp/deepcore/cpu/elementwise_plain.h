// Elementwise ops of the types beside float32: correct, in plain loops.
#pragma once

#include "deepcore/graph/backend.h"
#include "deepcore/ops/program.h"

namespace deepcore {

// nullopt for types that can't be computed with.
std::optional<Runner> plain_unary(Kind kind, const Types& in, const Type& out);
std::optional<Runner> plain_binary(Kind kind, const Types& in, const Type& out);
std::optional<Runner> plain_select(const Types& in, const Type& out);
std::optional<Runner> plain_cast(const Types& in, const Type& out);

}  // namespace deepcore
