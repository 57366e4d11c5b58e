// The Tensor class: attributes, conversions, printing, DLPack.
#include <pybind11/stl.h>

#include <string>

#include "arguments.h"
#include "array_protocol.h"
#include "convert.h"
#include "deepcore/ops/ops.h"
#include "dlpack.h"

namespace deepcore::bind {
namespace {

using namespace py::literals;

Tensor construct(py::handle value, py::handle dtype, std::optional<bool> copy) {
  const std::optional<DType> to = to_optional_dtype(dtype);
  if (!py::isinstance<py::array>(value)) {
    const Tensor made = to_tensor(value, to);
    // Everything but a tensor has been copied by now.
    if (copy == true && !made.is_symbolic() && py::isinstance<Tensor>(value))
      return from_numpy(to_numpy(made, py::cast(made)));
    return made;
  }
  const auto array = py::reinterpret_borrow<py::array>(value);
  const Tensor made = from_numpy(array, copy != true);
  const bool shared = made.buffer().borrowed() && (!to || made.dtype() == *to);
  require(copy != false || shared, "Tensor", "copy=False, but an array of dtype ",
          std::string(py::str(array.dtype())), " and this layout cannot be shared");
  return to ? cast(made, *to) : made;
}

Tensor reshaped(const Tensor& self, const py::args& sizes) {
  const bool one_sequence = sizes.size() == 1 && !PyIndex_Check(py::object(sizes[0]).ptr());
  return reshape(self,
                 to_shape(one_sequence ? py::object(sizes[0]) : py::object(sizes), "reshape"));
}

Tensor reversed(const Tensor& self) {
  Dims perm;
  for (int i = self.rank() - 1; i >= 0; --i) perm.push_back(i);
  return transpose(self, perm);
}

std::string text(py::handle self) {
  const auto& tensor = self.cast<const Tensor&>();
  const std::string head = join("<Tensor: shape=", std::string(py::str(to_tuple(tensor.shape()))),
                                ", dtype=", tensor.dtype());
  if (tensor.is_symbolic()) return head + ", symbolic>";
  const py::array array = to_numpy(tensor, self);
  if (tensor.rank() == 0)
    return join(head, ", numpy=", std::string(py::str(array.attr("item")())), ">");
  return join(head, ", numpy=\n", std::string(py::repr(array)), ">");
}

// f"{loss:.3f}" formats the number; f"{tensor}" is str(tensor).
py::object format(py::handle self, const py::str& spec) {
  const auto& tensor = self.cast<const Tensor&>();
  if (py::len(spec) == 0) return py::str(self);
  require<TypeError>(tensor.elements() == 1, "format", "'", std::string(spec),
                     "' formats one number, the tensor has shape ", tensor.shape());
  return py::reinterpret_steal<py::object>(PyObject_Format(item_of(tensor).ptr(), spec.ptr()));
}

// Pickled as its array.
py::tuple reduced(py::handle self) {
  const auto& tensor = self.cast<const Tensor&>();
  return py::make_tuple(
      py::type::of<Tensor>(),
      py::make_tuple(to_numpy(tensor, self), std::string(name_of(tensor.dtype())), true));
}

py::buffer_info buffer_of(const Tensor& self) {
  require_value(self, "buffer");
  if (self.dtype() == DType::kBFloat16)
    throw py::buffer_error(
        "[buffer] bfloat16 has no buffer format: use numpy() or cast to float32");
  const auto size = static_cast<py::ssize_t>(size_of(self.dtype()));
  std::vector<py::ssize_t> shape(self.shape().begin(), self.shape().end()), strides;
  for (std::int64_t s : strides_of(self.shape())) strides.push_back(s * size);
  const std::string format(1, numpy_dtype(self.dtype()).char_());
  return py::buffer_info(self.data(), size, format, self.rank(), std::move(shape),
                         std::move(strides),
                         /*readonly=*/true);
}

}  // namespace

void bind_tensor(py::module_& m) {
  py::class_<Tensor> cls(m, "Tensor", py::buffer_protocol(),
                         "An immutable array: a value, or a symbol while a function is traced.");
  cls.def(py::init(&construct), "value"_a, "dtype"_a = py::none(), "copy"_a = py::none())
      .def_buffer(&buffer_of)
      .def_property_readonly("shape", [](const Tensor& self) { return to_tuple(self.shape()); })
      .def_property_readonly("dtype", [](const Tensor& self) { return name_of(self.dtype()); })
      .def_property_readonly("ndim", [](const Tensor& self) { return self.rank(); })
      .def_property_readonly("size", [](const Tensor& self) { return self.elements(); })
      .def_property_readonly("nbytes", [](const Tensor& self) { return self.type().bytes(); })
      .def_property_readonly("T", &reversed)
      .def_property_readonly("is_symbolic", [](const Tensor& self) { return self.is_symbolic(); })
      .def("numpy", [](py::handle self) { return to_numpy(self.cast<const Tensor&>(), self); })
      .def(
          "astype",
          [](const Tensor& self, py::handle dtype) { return cast(self, to_dtype(dtype)); },
          "dtype"_a)
      .def("reshape", &reshaped)
      .def("__repr__", &text)
      .def("__format__", &format)
      .def("__reduce__", &reduced)
      .def("__copy__", [](py::object self) { return self; })
      .def(
          "__deepcopy__", [](py::object self, py::handle) { return self; }, "memo"_a)
      .def(
          "__dlpack__",
          [](const Tensor& self, py::handle stream, py::handle max_version, py::handle dl_device,
             std::optional<bool> copy) {
            return to_dlpack(self, stream, max_version, dl_device, copy);
          },
          py::kw_only(), "stream"_a = py::none(), "max_version"_a = py::none(),
          "dl_device"_a = py::none(), "copy"_a = py::none())
      .def("__dlpack_device__", [](const Tensor&) { return py::make_tuple(1, 0); });  // the CPU
  add_array_protocol(cls);
  add_operators(cls);
  add_indexing(cls);

  m.def(
      "as_tensor",
      [](py::handle value, py::handle dtype) { return to_tensor(value, to_optional_dtype(dtype)); },
      "value"_a, "dtype"_a = py::none());
  m.def("from_dlpack", &from_dlpack, "value"_a);
}

}  // namespace deepcore::bind
