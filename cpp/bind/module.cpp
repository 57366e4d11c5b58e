// deepcore._core: the table of contents.
#include "bind.h"
#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/kernels.h"
#include "deepcore/cpu/threads.h"
#include "deepcore/graph/apply.h"
#include "deepcore/plan/plan.h"
#include "methods.h"

PYBIND11_MODULE(_core, m) {
  using namespace deepcore;
  namespace py = pybind11;
  using namespace py::literals;

  m.doc() = "The C++ core of deepcore.";
  set_backend(&CpuBackend::instance());
  use_planner();
  py::register_local_exception_translator([](std::exception_ptr p) {
    try {
      if (p) std::rethrow_exception(p);
    } catch (const TypeError& e) {
      py::set_error(PyExc_TypeError, e.what());
    } catch (const ValueError& e) {
      py::set_error(PyExc_ValueError, e.what());
    } catch (const IndexError& e) {
      py::set_error(PyExc_IndexError, e.what());
    }
  });

  bind::bind_tensor(m);
  bind::bind_variable(m);
  bind::bind_transforms(m);
  bind::bind_plan(m);
  bind::bind_signature(m);
  bind::bind_profile(m);

  bind::bind_elementwise(m);
  bind::bind_reduce(m);
  bind::bind_shaping(m);
  bind::bind_nn(m);
  bind::bind_random(m);
  bind::bind_recurrent(m);
  bind::bind_control(m);
  bind::bind_crf(m);
  bind::bind_attention(m);
  bind::bind_ctc(m);
  bind::add_methods(m);

  m.def("num_threads", &num_threads);
  m.def("set_num_threads", &set_num_threads, "threads"_a);
  m.def("force_team_size", &force_team_size, "threads"_a);
  m.def("isa", [] { return kernels().isa; });
  m.def("allocations", &Buffer::allocations);
}
