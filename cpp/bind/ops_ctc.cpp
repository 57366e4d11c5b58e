// Connectionist temporal classification.
#include "deepcore/ops/ctc.h"
#include "doors.h"

namespace deepcore::bind {
namespace {

using namespace py::literals;

Tensor ctc_loss_door(py::handle log_probabilities, py::handle labels, py::handle label_lengths,
                     py::handle input_lengths, int blank) {
  const Tensor given = to_tensor(log_probabilities);
  const DType dtype = float_of(given.dtype());
  const Tensor log_p = cast(given, compute_dtype(dtype));
  Tensor names = to_tensor(labels);
  if (names.dtype() == DType::kUInt8) names = cast(names, DType::kInt32);
  const Tensor label_sizes = cast(to_tensor(label_lengths), DType::kInt32),
               input_sizes = cast(to_tensor(input_lengths), DType::kInt32);
  const Unlocked unlocked(work_of({log_p, names}));
  return cast(ctc_loss(log_p, names, label_sizes, input_sizes, blank), dtype);
}

}  // namespace

void bind_ctc(py::module_& m) {
  m.def("ctc_loss", ctc_loss_door, "log_probabilities"_a, "labels"_a, "label_lengths"_a,
        "input_lengths"_a, "blank"_a);
}

}  // namespace deepcore::bind
