/*
** stream.c - how fast this machine reads: stream BYTES THREADS prints GB/s of
** reading so many bytes again and again, each thread its own part. The limit
** of sampling, which reads all weights for each token.
*/
#define _DEFAULT_SOURCE

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_THREADS = 64, STRIDE = 8, PASSES = 5 };

typedef float Lanes __attribute__((vector_size(64)));

typedef struct Part {
  const Lanes *at;
  size_t n;           /* of Lanes, a multiple of STRIDE */
  size_t times;
  Lanes sum;
} Part;


static double now (void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}


static void *read_part (void *arg) {
  Part *p = arg;
  Lanes sum[STRIDE];
  memset(sum, 0, sizeof sum);
  for (size_t k = 0; k < p->times; k++)
    for (size_t i = 0; i < p->n; i += STRIDE)
      for (int j = 0; j < STRIDE; j++) sum[j] += p->at[i + (size_t)j];
  for (int j = 1; j < STRIDE; j++) sum[0] += sum[j];
  p->sum = sum[0];
  return NULL;
}


/* Seconds of reading all parts 'times' times. */
static double pass (Part *part, int threads) {
  pthread_t thread[MAX_THREADS];
  double start = now();
  for (int i = 1; i < threads; i++)
    if (pthread_create(&thread[i], NULL, read_part, &part[i]) != 0) exit(1);
  read_part(&part[0]);
  for (int i = 1; i < threads; i++) pthread_join(thread[i], NULL);
  return now() - start;
}


int main (int argc, char **argv) {
  size_t bytes = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
  int threads = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 1;
  if (bytes < 4096 || threads < 1 || threads > MAX_THREADS) {
    fputs("usage: stream BYTES THREADS\n", stderr);
    return 2;
  }
  size_t n = bytes / sizeof(Lanes) / (size_t)threads / STRIDE * STRIDE;
  Lanes *all = aligned_alloc(64, n * (size_t)threads * sizeof *all);
  if (!all) return 1;
  memset(all, 0, n * (size_t)threads * sizeof *all);
  Part part[MAX_THREADS];
  for (int i = 0; i < threads; i++)
    part[i] = (Part){.at = all + (size_t)i * n, .n = n,
                     .times = 1 + ((size_t)1 << 30) / bytes};
  double best = 0;
  for (int k = 0; k < PASSES; k++) {
    double seconds = pass(part, threads);
    double rate = (double)(part[0].times * n * (size_t)threads *
                           sizeof *all) / seconds;
    if (rate > best) best = rate;
  }
  printf("%.4g\n", best / 1e9);
  free(all);
  return 0;
}
