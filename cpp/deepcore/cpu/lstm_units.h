// An LSTM over few sequences, such as a single one that is predicted: its units are cut into parts
// instead of its rows, and every step is a phase. The bits are the same.
#pragma once

#include "deepcore/graph/backend.h"
#include "deepcore/ops/recurrent.h"

namespace deepcore {

bool lstm_goes_by_units(std::int64_t batch, std::int64_t units);

Runner lstm_by_units(const Lstm& op, const Types& in, bool constant_weights);

}  // namespace deepcore
