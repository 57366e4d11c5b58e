#include "dlpack.h"

#include <cstring>
#include <memory>
#include <string>

#include "convert.h"

namespace deepcore::bind {
namespace {

// The binary interface of DLPack 1.0 (dmlc.github.io/dlpack), as plain structs.
enum DeviceType : std::int32_t { kCpu = 1, kCudaHost = 3 };
enum TypeCode : std::uint8_t { kInt = 0, kUInt = 1, kFloat = 2, kBfloat = 4, kBool = 6 };
struct DlTensor {
  void* data;
  struct {
    std::int32_t type, id;
  } device;
  std::int32_t ndim;
  struct {
    std::uint8_t code, bits;
    std::uint16_t lanes;
  } dtype;
  std::int64_t* shape;
  std::int64_t* strides;  // in elements; null: row-major
  std::uint64_t byte_offset;
};
struct Managed {
  static constexpr const char* kName = "dltensor";
  static constexpr const char* kUsed = "used_dltensor";
  DlTensor tensor;
  void* context;
  void (*deleter)(Managed*);
};
struct ManagedVersioned {
  static constexpr const char* kName = "dltensor_versioned";
  static constexpr const char* kUsed = "used_dltensor_versioned";
  std::uint32_t major, minor;
  void* context;
  void (*deleter)(ManagedVersioned*);
  std::uint64_t flags;
  DlTensor tensor;
};
constexpr std::uint64_t kReadOnly = 1, kCopied = 2;

struct Code {
  std::uint8_t code, bits;
};
Code code_of(DType dtype) {
  const auto bits = static_cast<std::uint8_t>(8 * size_of(dtype));
  if (dtype == DType::kBool) return {kBool, bits};
  if (dtype == DType::kUInt8) return {kUInt, bits};
  if (dtype == DType::kBFloat16) return {kBfloat, bits};
  return {is_floating(dtype) ? kFloat : kInt, bits};
}

[[noreturn]] void refuse(const std::string& message) {
  throw py::buffer_error("[dlpack] " + message);
}

// ---- out

// What an exported capsule owns: the tensor, and the arrays that DlTensor points to.
template <class M>
struct Export {
  M managed;
  Tensor tensor;
  Dims shape, strides;
};

template <class M>
M* export_tensor(const Tensor& tensor) {
  auto* out = new Export<M>{{}, tensor, tensor.shape(), strides_of(tensor.shape())};
  const Code code = code_of(tensor.dtype());
  DlTensor& t = out->managed.tensor;
  t.data = tensor.data();
  t.device = {kCpu, 0};
  t.ndim = tensor.rank();
  t.dtype = {code.code, code.bits, 1};
  t.shape = const_cast<std::int64_t*>(out->shape.begin());
  t.strides = const_cast<std::int64_t*>(out->strides.begin());
  t.byte_offset = 0;
  out->managed.context = out;
  out->managed.deleter = [](M* self) { delete static_cast<Export<M>*>(self->context); };
  return &out->managed;
}

// Once consumed, a capsule is renamed and the consumer calls the deleter.
template <class M>
py::capsule in_capsule(M* managed) {
  PyObject* capsule = PyCapsule_New(managed, M::kName, [](PyObject* self) {
    if (!PyCapsule_IsValid(self, M::kName)) return;
    auto* owned = static_cast<M*>(PyCapsule_GetPointer(self, M::kName));
    owned->deleter(owned);
  });
  if (!capsule) throw py::error_already_set();
  return py::reinterpret_steal<py::capsule>(capsule);
}

Tensor copied(const Tensor& tensor) {
  Buffer buffer = Buffer::allocate(tensor.type().bytes());
  std::memcpy(buffer.data(), tensor.data(), buffer.bytes());
  return Tensor(tensor.type(), buffer);
}

// ---- in

std::optional<DType> dtype_of(const DlTensor& t) {
  for (DType dtype : {DType::kBool, DType::kUInt8, DType::kInt32, DType::kInt64, DType::kFloat16,
                      DType::kBFloat16, DType::kFloat32, DType::kFloat64}) {
    const Code code = code_of(dtype);
    if (code.code == t.dtype.code && code.bits == t.dtype.bits) return dtype;
  }
  return std::nullopt;
}

bool is_row_major(const DlTensor& t) {
  if (!t.strides) return true;
  std::int64_t expected = 1;
  for (int i = t.ndim - 1; i >= 0; --i) {
    if (t.shape[i] != 1 && t.strides[i] != expected) return false;
    expected *= t.shape[i];
  }
  return true;
}

// A NumPy view of the memory, for what must be copied: other strides, or dtypes that we lack.
py::array as_numpy(const DlTensor& t, void* data) {
  const char kind = t.dtype.code == kInt     ? 'i'
                    : t.dtype.code == kFloat ? 'f'
                    : t.dtype.code == kBool  ? 'b'
                                             : 'u';
  const py::dtype dtype(std::string(1, kind) + std::to_string(t.dtype.bits / 8));
  std::vector<py::ssize_t> shape(t.shape, t.shape + t.ndim), strides;
  for (int i = 0; t.strides && i < t.ndim; ++i) strides.push_back(t.strides[i] * dtype.itemsize());
  return array_over(dtype, std::move(shape), std::move(strides), data);
}

Tensor view_of(const DlTensor& t, std::shared_ptr<void> owner) {
  if (t.device.type != kCpu && t.device.type != kCudaHost) refuse("only CPU memory can be shared");
  const bool known = t.dtype.code == kInt || t.dtype.code == kUInt || t.dtype.code == kFloat ||
                     t.dtype.code == kBfloat || t.dtype.code == kBool;
  if (!known || t.dtype.lanes != 1 || t.dtype.bits < 8 || t.dtype.bits > 64)
    refuse("dtype code " + std::to_string(t.dtype.code) + " of " + std::to_string(t.dtype.bits) +
           " bits has no counterpart here");
  void* data = static_cast<char*>(t.data) + t.byte_offset;
  const Shape shape(std::span<const std::int64_t>(t.shape, static_cast<std::size_t>(t.ndim)));
  const std::optional<DType> dtype = dtype_of(t);
  if (shape.elements() == 0) return zeros({dtype.value_or(DType::kInt32), shape});
  if (dtype && is_row_major(t)) {
    const Type type{*dtype, shape};
    return Tensor(type, Buffer::borrow(data, type.bytes(), std::move(owner)));
  }
  if (dtype == DType::kBFloat16) {  // NumPy moves its bits
    const Tensor bits = from_numpy(as_numpy(t, data).attr("view")("float16"));
    return Tensor({DType::kBFloat16, shape}, bits.buffer());
  }
  return from_numpy(as_numpy(t, data));
}

template <class M>
Tensor import_capsule(PyObject* capsule) {
  auto* managed = static_cast<M*>(PyCapsule_GetPointer(capsule, M::kName));
  if (!managed) throw py::error_already_set();
  // The producer may free Python objects.
  std::shared_ptr<void> owner(managed, [](void* p) {
    if (!Py_IsInitialized()) return;
    py::gil_scoped_acquire lock;
    auto* m = static_cast<M*>(p);
    if (m->deleter) m->deleter(m);
  });
  PyCapsule_SetName(capsule, M::kUsed);
  return view_of(managed->tensor, std::move(owner));
}

}  // namespace

py::capsule to_dlpack(const Tensor& tensor, py::handle stream, py::handle max_version,
                      py::handle dl_device, std::optional<bool> copy) {
  require_value(tensor, "dlpack");
  if (!stream.is_none()) refuse("a CPU tensor has no stream: stream must be None");
  if (!dl_device.is_none() && !dl_device.equal(py::make_tuple(static_cast<int>(kCpu), 0)))
    refuse("only device (1, 0), the CPU, is available");
  const bool copies = copy.value_or(false);
  const Tensor out = copies ? copied(tensor) : tensor;
  const bool versioned =
      !max_version.is_none() && py::object(max_version[py::int_(0)]).cast<int>() >= 1;
  if (!versioned)
    return in_capsule(export_tensor<Managed>(out));  // cannot say that it is read-only
  auto* managed = export_tensor<ManagedVersioned>(out);
  managed->major = 1;
  managed->minor = 0;
  managed->flags = copies ? kCopied : kReadOnly;
  return in_capsule(managed);
}

Tensor from_dlpack(py::handle value) {
  require<TypeError>(py::hasattr(value, "__dlpack__") && py::hasattr(value, "__dlpack_device__"),
                     "from_dlpack",
                     "expected an object with __dlpack__ and __dlpack_device__, got ",
                     std::string(py::str(py::type::handle_of(value).attr("__name__"))));
  const int device = py::tuple(value.attr("__dlpack_device__")())[0].cast<int>();
  if (device != kCpu && device != kCudaHost) refuse("only CPU memory can be shared");
  py::object capsule;
  try {
    capsule = value.attr("__dlpack__")(py::arg("max_version") = py::make_tuple(1, 0));
  } catch (py::error_already_set& error) {
    if (!error.matches(PyExc_TypeError)) throw;
    capsule = value.attr("__dlpack__")();  // a producer from before DLPack 1.0
  }
  if (PyCapsule_IsValid(capsule.ptr(), ManagedVersioned::kName)) {
    const auto* managed = static_cast<ManagedVersioned*>(
        PyCapsule_GetPointer(capsule.ptr(), ManagedVersioned::kName));
    if (managed->major > 1)
      refuse("version " + std::to_string(managed->major) + " is not known here");
    return import_capsule<ManagedVersioned>(capsule.ptr());
  }
  return import_capsule<Managed>(capsule.ptr());
}

}  // namespace deepcore::bind
