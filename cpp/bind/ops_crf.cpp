// Linear-chain conditional random fields.
#include <pybind11/stl.h>

#include "deepcore/ops/crf.h"
#include "doors.h"

namespace deepcore::bind {
namespace {

using namespace py::literals;

// The chain in the dtype of its scores, tags as integers, the mask as bool.
struct ChainArguments {
  DType dtype;
  Tensors chain;
  Tensor tags, mask;

  ChainArguments(py::handle scores, py::handle transitions, py::handle first, py::handle last,
                 py::handle tags_given, py::handle mask_given) {
    const Tensor given = to_tensor(scores);
    dtype = float_of(given.dtype());
    chain.push_back(cast(given, compute_dtype(dtype)));
    for (py::handle array : {transitions, first, last})
      chain.push_back(cast(to_tensor(array), compute_dtype(dtype)));
    if (!tags_given.is_none()) {
      tags = to_tensor(tags_given);
      if (tags.dtype() == DType::kUInt8) tags = cast(tags, DType::kInt32);
    }
    if (!mask_given.is_none()) mask = cast(to_tensor(mask_given), DType::kBool);
  }
};

Tensor crf_loss_door(py::handle scores, py::handle transitions, py::handle first, py::handle last,
                     py::handle tags, py::handle mask) {
  const ChainArguments a(scores, transitions, first, last, tags, mask);
  const Unlocked unlocked(work_of(a.chain));
  return cast(crf_loss(a.chain[0], a.chain[1], a.chain[2], a.chain[3], a.tags, a.mask), a.dtype);
}

Tensor crf_marginals_door(py::handle scores, py::handle transitions, py::handle first,
                          py::handle last, py::handle mask) {
  const ChainArguments a(scores, transitions, first, last, py::none(), mask);
  const Unlocked unlocked(work_of(a.chain));
  return cast(crf_marginals(a.chain[0], a.chain[1], a.chain[2], a.chain[3], a.mask), a.dtype);
}

Tensors viterbi_door(py::handle scores, py::handle transitions, py::handle first, py::handle last,
                     py::handle mask) {
  const ChainArguments a(scores, transitions, first, last, py::none(), mask);
  const Unlocked unlocked(work_of(a.chain));
  Tensors out = viterbi(a.chain[0], a.chain[1], a.chain[2], a.chain[3], a.mask);
  out[1] = cast(out[1], a.dtype);
  return out;
}

}  // namespace

void bind_crf(py::module_& m) {
  m.def("crf_loss", crf_loss_door, "scores"_a, "transitions"_a, "first"_a, "last"_a, "tags"_a,
        "mask"_a);
  m.def("crf_marginals", crf_marginals_door, "scores"_a, "transitions"_a, "first"_a, "last"_a,
        "mask"_a);
  m.def("viterbi", viterbi_door, "scores"_a, "transitions"_a, "first"_a, "last"_a, "mask"_a);
}

}  // namespace deepcore::bind
