// What the files of the extension share: one function a subject, called by module.cpp.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <optional>

#include "deepcore/graph/tensor.h"

namespace deepcore::bind {

namespace py = pybind11;

void bind_tensor(py::module_& m);
void bind_variable(py::module_& m);
void bind_transforms(py::module_& m);
void bind_plan(py::module_& m);
void bind_signature(py::module_& m);
void bind_profile(py::module_& m);
void bind_elementwise(py::module_& m);
void bind_reduce(py::module_& m);
void bind_shaping(py::module_& m);
void bind_nn(py::module_& m);
void bind_random(py::module_& m);
void bind_recurrent(py::module_& m);
void bind_control(py::module_& m);
void bind_crf(py::module_& m);
void bind_attention(py::module_& m);
void bind_ctc(py::module_& m);

// Operators, indexing and the NumPy protocol, for Tensor and Variable alike.
void add_operators(py::handle cls);
void add_indexing(py::handle cls);
void add_array_protocol(py::handle cls);

// Adds a method to a class whose C++ type the caller does not need to know.
template <class F, class... Extra>
void add_method(py::handle cls, const char* name, F&& f, const Extra&... extra) {
  py::setattr(cls, name,
              py::cpp_function(std::forward<F>(f), py::name(name), py::is_method(cls), extra...));
}

// Lets other Python threads run during large eager ops; small ones are over sooner than the lock
// changes hands.
class Unlocked {
 public:
  explicit Unlocked(std::int64_t elements) {
    if (elements > kLarge) release_.emplace();
  }

 private:
  static constexpr std::int64_t kLarge = 100'000;
  std::optional<py::gil_scoped_release> release_;
};

}  // namespace deepcore::bind
