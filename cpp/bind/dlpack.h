// DLPack: tensors exchanged with other libraries without a copy.
#pragma once

#include "bind.h"

namespace deepcore::bind {

// A "dltensor" capsule, or "dltensor_versioned" when the consumer's max_version is (1, 0) or newer.
py::capsule to_dlpack(const Tensor& tensor, py::handle stream, py::handle max_version,
                      py::handle dl_device, std::optional<bool> copy);
// From anything with __dlpack__ and __dlpack_device__, on the CPU.
Tensor from_dlpack(py::handle value);

}  // namespace deepcore::bind
