// The door from Python: values of any kind become tensors, and agree on a dtype as Keras's do.
#pragma once

#include <pybind11/numpy.h>

#include <optional>
#include <span>
#include <vector>

#include "bind.h"

namespace deepcore::bind {

// One operand of an op. Python numbers are weak: they take the dtype of the tensors they meet.
struct Operand {
  enum class Kind { kTensor, kBool, kInt, kHugeInt, kFloat };
  Kind kind = Kind::kTensor;
  Tensor tensor;             // kTensor
  std::int64_t integer = 0;  // kBool, kInt
  double real = 0;           // all numbers
};
using Operands = std::vector<Operand>;

// Tensors, Variables, NumPy arrays and scalars, Python numbers, nested lists, and whatever has
// __array__. NumPy data is copied; Tensors pass through. Throws TypeError for the rest.
Operand to_operand(py::handle value);
Tensor to_tensor(py::handle value, std::optional<DType> dtype = {});
bool is_numpy_scalar(py::handle value);
// For operators: nullopt for what Python should offer to the other side first.
std::optional<Operand> try_operand(py::handle value);

// keras.backend.result_type of the operands.
DType common_dtype(std::span<const Operand> operands);
Tensor as_dtype(const Operand& operand, DType dtype);
Tensor as_dtype(const Operand& operand);  // its own: int32 (or int64) for ints, float32 for floats
// All operands as tensors of their common dtype.
Tensors promoted(std::span<const Operand> operands);
Operands to_operands(py::handle sequence, const char* op);

// A copy, or with `share` the array's own memory where dtype, layout and alignment allow.
Tensor from_numpy(const py::array& array, bool share = false);
// True when from_numpy(array, share) would not copy.
bool can_share(const py::array& array);
// An array over memory that outlives it; no strides: row-major.
py::array array_over(const py::dtype& dtype, std::vector<py::ssize_t> shape,
                     std::vector<py::ssize_t> strides, void* data);
// Memory that a Python object owns.
Buffer borrow(void* data, std::size_t bytes, py::object owner);

// The NumPy dtype with the same bytes; bfloat16, which NumPy lacks, is uint16's.
py::dtype numpy_dtype(DType dtype);
// Read-only view; bfloat16 as a float32 copy. `owner` keeps the memory alive.
py::array to_numpy(const Tensor& tensor, py::handle owner);

// Throws when the tensor is a symbol, naming the attempt.
void require_value(const Tensor& tensor, const char* what);

}  // namespace deepcore::bind
