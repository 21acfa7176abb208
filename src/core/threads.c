/*
** threads.c - the context's workers: rnli_parallel over a counter of chunks.
**
** Workers are started when there is first something to share and then wait,
** spinning for some microseconds before they sleep, because the next time
** step is usually that near. Results cannot depend on the number of workers:
** a chunk's place and order of summation are fixed by whoever cuts the work.
*/
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "core/core.h"

enum { MAX_THREADS = 256, SPINS = 4000 };

struct rnli_Pool {
  rnl_Context *ctx;
  int workers;                  /* beside the caller */
  pid_t pid;                    /* a forked child has no workers */
  pthread_mutex_t lock;
  pthread_cond_t wake;
  void (*fn) (void *, int);
  void *arg;
  int n;
  _Alignas(64) atomic_int next;     /* chunk to take */
  _Alignas(64) atomic_int busy;     /* workers not yet through */
  _Alignas(64) atomic_uint round;   /* goes up with each parallel call */
  atomic_int sleepers;
  atomic_int quit;
  pthread_t thread[MAX_THREADS];
};


static void relax (void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}


static void take_chunks (rnli_Pool *p) {
  for (;;) {
    int i = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed);
    if (i >= p->n) return;
    p->fn(p->arg, i);
  }
}


/* Waits for a round other than 'seen' and returns it. */
static unsigned wait_round (rnli_Pool *p, unsigned seen) {
  for (int i = 0; i < SPINS; i++) {
    unsigned now = atomic_load_explicit(&p->round, memory_order_acquire);
    if (now != seen) return now;
    relax();
  }
  pthread_mutex_lock(&p->lock);
  atomic_fetch_add(&p->sleepers, 1);
  while (atomic_load(&p->round) == seen)
    pthread_cond_wait(&p->wake, &p->lock);
  atomic_fetch_sub(&p->sleepers, 1);
  pthread_mutex_unlock(&p->lock);
  return atomic_load(&p->round);
}


static void *worker (void *arg) {
  rnli_Pool *p = arg;
  unsigned seen = 0;
  for (;;) {
    seen = wait_round(p, seen);
    if (atomic_load(&p->quit)) return NULL;
    take_chunks(p);
    atomic_fetch_sub_explicit(&p->busy, 1, memory_order_acq_rel);
  }
}


static void start_round (rnli_Pool *p) {
  atomic_fetch_add(&p->round, 1);
  if (atomic_load(&p->sleepers) == 0) return;
  pthread_mutex_lock(&p->lock);
  pthread_cond_broadcast(&p->wake);
  pthread_mutex_unlock(&p->lock);
}


/* Workers that cannot be started are done without. */
static rnli_Pool *pool_new (rnl_Context *ctx) {
  rnli_Pool *p = rnli_get(ctx, sizeof *p);
  if (!p) return NULL;
  *p = (rnli_Pool){.ctx = ctx, .pid = getpid()};
  pthread_mutex_init(&p->lock, NULL);
  pthread_cond_init(&p->wake, NULL);
  int want = rnl_threads(ctx) - 1;
  while (p->workers < want &&
         pthread_create(&p->thread[p->workers], NULL, worker, p) == 0)
    p->workers++;
  return p;
}


void rnli_pool_free (rnl_Context *ctx) {
  rnli_Pool *p = ctx->pool;
  if (!p) return;
  ctx->pool = NULL;
  if (p->pid == getpid()) {
    atomic_store(&p->quit, 1);
    start_round(p);
    for (int i = 0; i < p->workers; i++) pthread_join(p->thread[i], NULL);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->wake);
  }
  rnli_put(ctx, p);
}


static rnli_Pool *pool_for (rnl_Context *ctx) {
  if (rnl_threads(ctx) == 1) return NULL;
  if (ctx->pool && ctx->pool->pid != getpid()) rnli_pool_free(ctx);
  if (!ctx->pool) ctx->pool = pool_new(ctx);
  return ctx->pool;
}


void rnli_parallel (rnl_Context *ctx, int n, void (*fn) (void *, int),
                    void *arg) {
  rnli_Pool *p = n > 1 ? pool_for(ctx) : NULL;
  if (!p || p->workers == 0) {
    for (int i = 0; i < n; i++) fn(arg, i);
    return;
  }
  p->fn = fn;
  p->arg = arg;
  p->n = n;
  atomic_store_explicit(&p->next, 0, memory_order_relaxed);
  atomic_store_explicit(&p->busy, p->workers, memory_order_relaxed);
  start_round(p);
  take_chunks(p);
  for (int i = 0; atomic_load_explicit(&p->busy, memory_order_acquire); i++) {
    if (i < SPINS) relax();
    else sched_yield();
  }
}


int rnl_set_threads (rnl_Context *ctx, int n) {
  if (n < 0 || n > MAX_THREADS)
    return rnli_error(ctx, RNL_EARG, "threads must be 0 to %d, got %d",
                      MAX_THREADS, n);
  rnli_pool_free(ctx);
  ctx->threads = n;
  return RNL_OK;
}


int rnl_threads (const rnl_Context *ctx) {
  if (ctx->threads) return ctx->threads;
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  return cores < 1 ? 1 : cores > MAX_THREADS ? MAX_THREADS : (int)cores;
}
