// Profile: the record behind deepcore.profile.
#include "deepcore/graph/profile.h"

#include <string>

#include "bind.h"

namespace deepcore::bind {
namespace {

std::string text(const Types& types) {
  std::string all;
  for (const Type& type : types) all += join(all.empty() ? "" : ", ", type);
  return all;
}

// (name, op, types, flops, bytes, calls, seconds); flops and bytes are a call's.
py::list rows(const Profile& self) {
  py::list out;
  for (const Profile::Row& row : self.rows())
    out.append(py::make_tuple(row.name, row.op, text(row.in) + " -> " + text(row.out), row.flops,
                              row.bytes, row.calls, static_cast<double>(row.nanoseconds) * 1e-9));
  return out;
}

// (row, thread, begin, end), in nanoseconds.
py::list events(const Profile& self) {
  py::list out;
  for (const Profile::Event& event : self.events())
    out.append(py::make_tuple(event.row, event.thread, event.begin, event.end));
  return out;
}

}  // namespace

void bind_profile(py::module_& m) {
  py::class_<Profile, std::shared_ptr<Profile>>(m, "Profile",
                                                "What ran while it was open, op by op.")
      .def(py::init<>())
      .def("open", &Profile::open)
      .def("close", &Profile::close)
      .def("rows", &rows)
      .def("events", &events)
      .def_property_readonly("seconds", [](const Profile& self) {
        return static_cast<double>(self.nanoseconds()) * 1e-9;
      });
}

}  // namespace deepcore::bind
