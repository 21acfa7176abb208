// generate.cpp - the same in C++17: what is made is freed, errors are thrown.
// Usage: generate MODEL PRIME LENGTH [SEED]
#include <cstdlib>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "rnnlua_infer.h"

namespace {

struct Release {
  void operator() (rnl_Model *model) const { rnl_model_release(model); }
  void operator() (rnl_State *s) const { rnl_state_free(s); }
};

using Model = std::unique_ptr<rnl_Model, Release>;

Model load (const char *path) {
  char why[RNL_MAX_ERROR];
  rnl_Model *model;
  if (rnl_model_load(path, nullptr, &model, why) != RNL_OK)
    throw std::runtime_error(why);
  return Model(model);
}


class Writer {
 public:
  Writer (const Model &model, std::uint64_t seed) {
    rnl_State *s;
    if (rnl_state_new(model.get(), nullptr, &s) != RNL_OK)
      throw std::bad_alloc();
    state.reset(s);
    draw.temperature = 0.8;
    rnl_rng_seed(&rng, seed);
  }

  void prime (std::string_view text) {
    check(rnl_state_prime(state.get(), text.data(), text.size()));
  }

  std::string_view next () {   // good until the next call
    std::int32_t id;
    check(rnl_state_sample(state.get(), &draw, &rng, 1, &id));
    return text(&id, 1);
  }

  std::string_view rest () { return text(nullptr, 0); }

 private:
  std::string_view text (const std::int32_t *ids, std::size_t count) {
    const char *s;
    std::size_t n;
    check(rnl_state_text(state.get(), ids, count, &s, &n));
    return {s, n};
  }

  void check (int status) const {
    if (status != RNL_OK) throw std::runtime_error(rnl_state_error(state.get()));
  }

  std::unique_ptr<rnl_State, Release> state;
  rnl_Draw draw = RNL_DRAW;
  rnl_Rng rng;
};

}  // namespace


int main (int argc, char **argv) try {
  if (argc < 4) {
    std::cerr << "usage: generate MODEL PRIME LENGTH [SEED]\n";
    return 2;
  }
  Model model = load(argv[1]);
  Writer writer(model, argc > 4 ? std::strtoull(argv[4], nullptr, 10) : 1);
  writer.prime(argv[2]);
  for (long i = std::strtol(argv[3], nullptr, 10); i > 0; i--)
    std::cout << writer.next();
  std::cout << writer.rest();
  return 0;
} catch (const std::exception &e) {
  std::cerr << "generate: " << e.what() << '\n';
  return 1;
}
