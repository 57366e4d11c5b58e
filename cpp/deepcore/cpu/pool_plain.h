// Pooling by plain loops, for the types that have no fast way.
#pragma once

#include <optional>

#include "deepcore/cpu/pool_shape.h"
#include "deepcore/graph/backend.h"

namespace deepcore {

std::optional<Runner> plain_pool(const PoolShape& shape, PoolKind kind, DType dtype);
std::optional<Runner> plain_max_pool_take(const PoolShape& shape, DType dtype);
std::optional<Runner> plain_max_pool_grad(const PoolShape& shape, DType dtype);
std::optional<Runner> plain_average_pool_grad(const PoolShape& shape, DType dtype);

}  // namespace deepcore
