// FusedSum: down the columns, or along the rows.
#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/summed_program.h"

namespace deepcore {
namespace {

std::optional<Runner> fused_sum_runner(const FusedSum& op, const Types& in, const Types&) {
  Shape shape;
  for (const Type& x : in) shape = broadcast(FusedSum::kName, shape, x.shape);
  if (shape.elements() == 0) return std::nullopt;
  if (op.trailing > 0) return fused_row_sums(op, in, shape);
  if (shape.rank() < 2) return std::nullopt;
  return fused_column_sums(op, in, shape);
}

}  // namespace

void register_fused_sum(CpuBackend& backend) { backend.on<FusedSum>(fused_sum_runner); }

}  // namespace deepcore
