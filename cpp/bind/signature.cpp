// The signature of a call: what decides which plan serves it. Looked at in every call of a compiled
// function, so not in Python.
#include <string>

#include "convert.h"

namespace deepcore::bind {
namespace {

// A container in itself ends in a RecursionError.
struct Deeper {
  Deeper() {
    if (Py_EnterRecursiveCall(" in the arguments of a function") != 0)
      throw py::error_already_set();
  }
  ~Deeper() { Py_LeaveRecursiveCall(); }
  Deeper(const Deeper&) = delete;
};

// Walks arguments as deepcore.tree does. Containers, and the dtypes and shapes of tensors, become
// bytes; what only Python can compare is listed beside them.
class Signature {
 public:
  explicit Signature(const py::function& static_key) : static_key_(static_key) {}

  void add(py::handle value) {
    const Deeper deeper;
    PyObject* o = value.ptr();
    if (PyTuple_CheckExact(o) || PyList_CheckExact(o)) {
      add_items(PyTuple_CheckExact(o) ? 't' : 'l', value);
    } else if (PyTuple_Check(o) || PyList_Check(o)) {  // which may iterate in its own way
      others_.append(py::type::of(value));
      add_items('o', items_of(value));
    } else if (PyDict_Check(o)) {
      add_dict(py::reinterpret_borrow<py::dict>(value));
    } else if (py::isinstance<Tensor>(value)) {
      add_tensor(value, value.cast<const Tensor&>());
    } else if (py::isinstance<py::array>(value) || is_numpy_scalar(value)) {
      const Tensor tensor = to_tensor(value);
      add_tensor(py::cast(tensor), tensor);
    } else {
      bytes_ += 's';
      others_.append(static_key_(value));
    }
  }

  py::tuple key() const { return py::make_tuple(py::bytes(bytes_), py::tuple(others_)); }
  const py::list& inputs() const { return inputs_; }

 private:
  // A new list, as list(value) makes it.
  static py::list items_of(py::handle value) {
    PyObject* list = PySequence_List(value.ptr());
    if (!list) throw py::error_already_set();
    return py::reinterpret_steal<py::list>(list);
  }

  void add_items(char kind, py::handle sequence) {
    bytes_ += {'(', kind};
    // A static key may run Python code, and that may change a list.
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(sequence.ptr()); ++i)
      add(py::reinterpret_borrow<py::object>(PySequence_Fast_GET_ITEM(sequence.ptr(), i)));
    bytes_ += ')';
  }

  void add_dict(const py::dict& dict) {
    bytes_ += {'(', 'd'};
    py::list keys = items_of(dict);
    if (PyList_Sort(keys.ptr()) != 0) {  // keys that don't compare keep their order
      if (!PyErr_ExceptionMatches(PyExc_TypeError)) throw py::error_already_set();
      PyErr_Clear();
      keys = items_of(dict);
    }
    const py::tuple in_order(keys);
    others_.append(in_order);
    for (const py::handle key : in_order) add(py::object(dict[key]));
    bytes_ += ')';
  }

  void add_tensor(py::handle object, const Tensor& tensor) {
    const Shape& shape = tensor.shape();
    bytes_ += {'x', static_cast<char>(tensor.dtype()), static_cast<char>(shape.rank())};
    for (const std::int64_t size : shape)
      bytes_.append(reinterpret_cast<const char*>(&size), sizeof size);
    inputs_.append(object);
  }

  const py::function& static_key_;
  std::string bytes_;
  py::list others_, inputs_;
};

py::tuple signature(const py::tuple& args, const py::dict& kwargs, const py::function& static_key) {
  Signature found(static_key);
  found.add(args);
  found.add(kwargs);
  return py::make_tuple(found.key(), found.inputs());
}

}  // namespace

void bind_signature(py::module_& m) { m.def("signature", &signature); }

}  // namespace deepcore::bind
