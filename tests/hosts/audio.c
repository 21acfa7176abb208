/*
** audio.c - a model that reads one number and gives one, in a loop that must
** not wait: blocks of samples are processed in place, and no step takes memory,
** a lock or a call of the system. Prints how long steps took.
** Usage: audio MODEL BLOCKS   (a model {rnn = LSTM(1,16), out = Linear(16,1)})
*/
#define _POSIX_C_SOURCE 200809L   /* clock_gettime */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "rnnlua_infer.h"

enum { BLOCK = 64 };

/* {== Memory ============================================================= */

/* malloc and free, with a count of what was asked for. */
static void *counting_alloc (void *ud, void *ptr, size_t osize, size_t nsize) {
  long *calls = ud;
  (void)osize;
  if (nsize == 0) {
    free(ptr);
    return NULL;
  }
  ++*calls;
  return malloc(nsize);
}

/* }====================================================================== */

/* {== Time =============================================================== */

static double microseconds (void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}


static int by_value (const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

/* }====================================================================== */

/* Each sample becomes what the model makes of it. */
static int process (rnl_State *s, float *sample, float *took) {
  for (int i = 0; i < BLOCK; i++) {
    double start = microseconds();
    int status = rnl_state_put(s, &sample[i]);
    if (status != RNL_OK) return status;
    sample[i] = *rnl_state_outputs(s, 0);
    took[i] = (float)(microseconds() - start);
  }
  return RNL_OK;
}


static int process_all (rnl_State *s, long blocks, float *took) {
  float block[BLOCK];
  for (long b = 0; b < blocks; b++) {
    for (int i = 0; i < BLOCK; i++)   /* a tone, in the place of a microphone */
      block[i] = sinf(0.05f * (float)(b * BLOCK + i));
    int status = process(s, block, took + b * BLOCK);
    if (status != RNL_OK) return status;
  }
  return RNL_OK;
}


/* A model, a state of it, and what they have taken. */
typedef struct Session {
  rnl_Model *model;
  rnl_State *s;
  long calls;                   /* for memory */
  char why[RNL_MAX_ERROR];
} Session;


static int open_session (Session *o, const char *path) {
  rnl_Load load = RNL_LOAD;
  rnl_Sizes sizes;
  load.alloc = counting_alloc;
  load.ud = &o->calls;
  int status = rnl_model_load(path, &load, &o->model, o->why);
  if (status != RNL_OK) return status;
  rnl_model_sizes(o->model, &sizes);
  if (sizes.inputs == 1 && sizes.outputs == 1)
    return rnl_state_new(o->model, NULL, &o->s);
  snprintf(o->why, sizeof o->why, "the model must read one number and give "
           "one");
  return RNL_EARG;
}


static void report (float *took, size_t n, long calls) {
  qsort(took, n, sizeof *took, by_value);
  printf("%zu steps: median %.2f us, 99.9%% below %.2f us; memory taken %ld "
         "times\n", n, (double)took[n / 2], (double)took[n - 1 - n / 1000],
         calls);
}


int main (int argc, char **argv) {
  long blocks = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
  Session o = {NULL, NULL, 0, "not enough memory"};
  if (blocks < 1) {
    fprintf(stderr, "usage: audio MODEL BLOCKS\n");
    return 2;
  }
  size_t n = (size_t)blocks * BLOCK;
  float *took = malloc(n * sizeof *took);
  for (size_t i = 0; took && i < n; i++) took[i] = -1;   /* pages are there */
  int status = took ? open_session(&o, argv[1]) : RNL_ENOMEM;
  long before = o.calls;
  if (status == RNL_OK) status = process_all(o.s, blocks, took);
  if (status == RNL_OK) report(took, n, o.calls - before);
  else fprintf(stderr, "audio: %s\n", o.s ? rnl_state_error(o.s) : o.why);
  rnl_state_free(o.s);
  rnl_model_release(o.model);
  free(took);
  return status == RNL_OK ? 0 : 1;
}
