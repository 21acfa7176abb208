/*
** generate.c - text from a language model: a whole host.
** Usage: generate MODEL PRIME LENGTH [SEED]
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rnnlua_infer.h"

static int generate (rnl_State *s, const char *prime, long length,
                     uint64_t seed) {
  rnl_Draw draw = RNL_DRAW;
  rnl_Rng rng;
  int32_t id;
  const char *text;
  size_t n;
  draw.temperature = 0.8;
  rnl_rng_seed(&rng, seed);
  int status = rnl_state_prime(s, prime, strlen(prime));
  for (long i = 0; status == RNL_OK && i < length; i++) {
    status = rnl_state_sample(s, &draw, &rng, 1, &id);
    if (status == RNL_OK) status = rnl_state_text(s, &id, 1, &text, &n);
    if (status == RNL_OK) fwrite(text, 1, n, stdout);
  }
  if (status == RNL_OK) status = rnl_state_text(s, NULL, 0, &text, &n);
  if (status == RNL_OK) fwrite(text, 1, n, stdout);   /* what was held back */
  return status;
}


int main (int argc, char **argv) {
  char why[RNL_MAX_ERROR] = "not enough memory";
  rnl_Model *model;
  rnl_State *s = NULL;
  if (argc < 4) {
    fprintf(stderr, "usage: generate MODEL PRIME LENGTH [SEED]\n");
    return 2;
  }
  int status = rnl_model_load(argv[1], NULL, &model, why);
  if (status == RNL_OK) status = rnl_state_new(model, NULL, &s);
  if (status == RNL_OK)
    status = generate(s, argv[2], strtol(argv[3], NULL, 10),
                      argc > 4 ? strtoull(argv[4], NULL, 10) : 1);
  if (status != RNL_OK)
    fprintf(stderr, "generate: %s\n", s ? rnl_state_error(s) : why);
  rnl_state_free(s);
  rnl_model_release(model);
  return status == RNL_OK ? 0 : 1;
}
