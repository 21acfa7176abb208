/*
** infer_text.c - what a language model writes: infer_text MODEL LENGTH SEED
** PRECISION TEMPERATURE STREAMS < prime. Texts are separated by a line of "--".
*/
#include <stdio.h>
#include <stdlib.h>

#include "rnnlua_infer.h"

enum { MOST = 1 << 16, STREAMS = 8 };

static rnl_State *s;


static int fail (const char *text) {
  fprintf(stderr, "%s\n", text);
  return 1;
}


/* Text of stream n of ids (T,N). */
static int print (const int32_t *ids, int T, int N, int n) {
  const char *text;
  size_t len;
  rnl_state_reset(s);
  for (int t = 0; t < T; t++) {
    if (rnl_state_text(s, ids + t * N + n, 1, &text, &len) != RNL_OK) return 0;
    fwrite(text, 1, len, stdout);
  }
  if (rnl_state_text(s, NULL, 0, &text, &len) != RNL_OK) return 0;
  fwrite(text, 1, len, stdout);
  return 1;
}


int main (int argc, char **argv) {
  static char prime[MOST];
  static int32_t ids[MOST * STREAMS];
  char why[RNL_MAX_ERROR];
  rnl_Load load = RNL_LOAD;
  rnl_Streams streams = RNL_STREAMS;
  rnl_Draw draw = RNL_DRAW;
  rnl_Rng rng[STREAMS];
  rnl_Model *model;
  if (argc != 7) return fail("wrong arguments");
  int T = atoi(argv[2]), N = atoi(argv[6]);
  load.precision = argv[4];
  draw.temperature = atof(argv[5]);
  streams.streams = N;
  if (rnl_model_load(argv[1], &load, &model, why) != RNL_OK) return fail(why);
  if (rnl_state_new(model, &streams, &s) != RNL_OK) return fail("no memory");
  for (int n = 0; n < N; n++)
    rnl_rng_seed(&rng[n], (uint64_t)(atoi(argv[3]) + n));
  size_t n = fread(prime, 1, sizeof prime, stdin);
  if (rnl_state_prime(s, prime, n) != RNL_OK ||
      rnl_state_sample(s, &draw, rng, T, ids) != RNL_OK)
    return fail(rnl_state_error(s));
  for (int i = 0; i < N; i++) {
    if (i > 0) printf("\n--\n");
    if (!print(ids, T, N, i)) return fail(rnl_state_error(s));
  }
  rnl_state_free(s);
  rnl_model_release(model);
  return 0;
}
