#include "deepcore/graph/fault.h"

namespace deepcore {

void raise(Fault fault, const Op& op, const Types& in) {
  switch (fault) {
    case Fault::kNone:
      return;
    case Fault::kLabelOutOfRange:
      throw ValueError(join("[", op.name(), "] a label is outside the range [0, ",
                            in[0].shape.back(), ") of the ", in[0].shape.back(), " classes"));
    case Fault::kIndexOutOfRange:
      throw IndexError(
          join("[", op.name(), "] an index is out of range for a tensor of shape ", in[0].shape));
  }
}

}  // namespace deepcore
