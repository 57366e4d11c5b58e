#include "deepcore/graph/variable.h"

#include "deepcore/graph/tape.h"
#include "deepcore/graph/trace.h"

namespace deepcore {

Variable::Variable(Tensor value, std::string n, bool t)
    : name(std::move(n)), trainable(t), type_(value.type()), value_(std::move(value)) {
  require(!value_.is_symbolic(), "variable", "'", name,
          "' was given a value that exists only while a function is traced; make variables outside "
          "of it");
}

Tensor Variable::read() {
  Trace* trace = Trace::current();
  Tensor value = trace ? trace->read(*this) : value_;
  Tape::on_read(*this, value);
  return value;
}

void Variable::assign(const Tensor& value) {
  require(value.type() == type_, "assign", "variable '", name, "' holds ", type_, ", got ",
          value.type());
  if (Trace* trace = Trace::current()) {
    trace->write(*this, value);
  } else {
    require(!value.is_symbolic(), "assign", "variable '", name,
            "' was assigned a value of a trace that is suspended or has ended");
    store(value);
  }
}

}  // namespace deepcore
