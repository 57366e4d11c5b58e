#include "deepcore/ops/update_product.h"

#include "deepcore/graph/apply.h"
#include "deepcore/ops/check.h"

namespace deepcore {

Types UpdateProduct::infer(const Types& in) const {
  require(in.size() >= 4, kName, "expected the product's operands, a parameter and a rate, got ",
          in.size(), " inputs");
  require(!(in[0] == in[2]) && !(in[1] == in[2]), kName,
          "an operand of the product has the parameter's type ", in[2]);
  return update->infer(update_inputs(product().infer({in[0], in[1]})[0], in));
}

Tensors UpdateProduct::compose(const Tensors& in) const {
  return deepcore::apply(update, update_inputs(apply1(product(), {in[0], in[1]}), in));
}

std::int64_t UpdateProduct::flops(const Types& in, const Types&) const {
  return product().flops({in[0], in[1]}, {in[2]});
}

bool UpdateProduct::equal(const Op& other) const {
  const auto* o = dynamic_cast<const UpdateProduct*>(&other);
  return o && o->ta == ta && o->tb == tb && o->update->equal(*update);
}

std::string UpdateProduct::str() const {
  return join(kName, "(", field_text(ta), ", ", field_text(tb), ", ", update->str(), ")");
}

}  // namespace deepcore
