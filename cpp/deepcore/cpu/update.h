// The optimizers' steps on a part of a parameter, for those who make gradients part by part.
#pragma once

#include <functional>

#include "deepcore/cpu/backend.h"

namespace deepcore {

// One step on the elements of a range; the call is that of the whole SgdUpdate or AdamUpdate.
using UpdatePart = std::function<void(const Call& call, Range range)>;

// Null when `op` is no update, or not of float32.
UpdatePart update_part(const Op& op, const Type& parameter);

}  // namespace deepcore
