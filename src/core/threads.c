/*
** threads.c - the context's workers: rnli_parallel over a counter of chunks.
**
** Workers are started when there is first something to share and then wait,
** spinning for some microseconds before they sleep, because the next time
** step is usually that near. Whoever is free takes the next chunk, and a round
** ends when its chunks are done, not when every worker has come by: one that
** another program keeps off its core holds nobody up unless it has a chunk.
** Results cannot depend on the number of workers: a chunk's place and order of
** summation are fixed by whoever cuts the work.
*/
#define _GNU_SOURCE   /* sched_getaffinity */

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "core/core.h"

enum { MAX_THREADS = 256, SPINS = 4000 };

/*
** 'ticket' holds the number of the round in its upper half and the chunks not
** yet taken in its lower one. Taking a chunk keeps the round open, so what a
** taker then reads of 'fn', 'arg' and 'n' is of that round.
*/
struct rnli_Pool {
  int workers;                  /* beside the caller */
  pid_t pid;                    /* a forked child has no workers */
  pthread_mutex_t lock;
  pthread_cond_t wake;
  void (*fn) (void *, int);
  void *arg;
  int n;
  _Alignas(64) _Atomic uint64_t ticket;
  _Alignas(64) atomic_int done;     /* chunks of this round */
  atomic_int sleepers;
  atomic_int quit;
  pthread_t thread[MAX_THREADS];
};

static const uint64_t CHUNKS = UINT32_MAX;   /* the lower half */


static void relax (void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}


/* Takes the next chunk of the open round; its number, or -1. */
static int take_chunk (rnli_Pool *p) {
  uint64_t t = atomic_load(&p->ticket);
  while (t & CHUNKS)
    if (atomic_compare_exchange_weak(&p->ticket, &t, t - 1))
      return p->n - (int)(t & CHUNKS);
  return -1;
}


static void do_chunks (rnli_Pool *p) {
  for (int i = take_chunk(p); i >= 0; i = take_chunk(p)) {
    p->fn(p->arg, i);
    atomic_fetch_add(&p->done, 1);
  }
}


static int idle (rnli_Pool *p) {
  return !(atomic_load(&p->ticket) & CHUNKS) && !atomic_load(&p->quit);
}


/* Returns when there is a chunk to take, or the pool is to end. */
static void wait_for_work (rnli_Pool *p) {
  for (int i = 0; i < SPINS; i++) {
    if (!idle(p)) return;
    relax();
  }
  pthread_mutex_lock(&p->lock);
  atomic_fetch_add(&p->sleepers, 1);
  while (idle(p)) pthread_cond_wait(&p->wake, &p->lock);
  atomic_fetch_sub(&p->sleepers, 1);
  pthread_mutex_unlock(&p->lock);
}


static void *worker (void *arg) {
  rnli_Pool *p = arg;
  for (;;) {
    wait_for_work(p);
    if (atomic_load(&p->quit)) return NULL;
    do_chunks(p);
  }
}


/* Wakes who sleeps, after the ticket or 'quit' was set. */
static void wake_all (rnli_Pool *p) {
  if (atomic_load(&p->sleepers) == 0) return;
  pthread_mutex_lock(&p->lock);
  pthread_cond_broadcast(&p->wake);
  pthread_mutex_unlock(&p->lock);
}


/* Workers that cannot be started are done without. */
static void start_workers (rnli_Pool *p, int want) {
  sigset_t all, before;   /* signals are for the host's threads */
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  while (p->workers < want &&
         pthread_create(&p->thread[p->workers], NULL, worker, p) == 0)
    p->workers++;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}


static rnli_Pool *pool_new (rnl_Context *ctx) {
  rnli_Pool *p = rnli_get(ctx, sizeof *p);
  if (!p) return NULL;
  *p = (rnli_Pool){.pid = getpid()};
  pthread_mutex_init(&p->lock, NULL);
  pthread_cond_init(&p->wake, NULL);
  start_workers(p, rnl_threads(ctx) - 1);
  return p;
}


void rnli_pool_free (rnl_Context *ctx) {
  rnli_Pool *p = ctx->pool;
  if (!p) return;
  ctx->pool = NULL;
  if (p->pid == getpid()) {
    atomic_store(&p->quit, 1);
    wake_all(p);
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
  atomic_store(&p->done, 0);
  uint64_t round = (atomic_load(&p->ticket) | CHUNKS) + 1;
  atomic_store(&p->ticket, round | (uint64_t)n);
  wake_all(p);
  do_chunks(p);
  for (int i = 0; atomic_load(&p->done) < n; i++) {
    if (i < SPINS) relax();
    else sched_yield();
  }
}


enum { CLEAR = 1 << 18 };   /* bytes that are worth a chunk */

typedef struct Clear {
  char *at;
  size_t bytes;
} Clear;


static void clear_chunk (void *arg, int i) {
  const Clear *c = arg;
  size_t from = (size_t)i * CLEAR;
  memset(c->at + from, 0, c->bytes - from < CLEAR ? c->bytes - from : CLEAR);
}


void rnli_clear (rnl_Context *ctx, void *p, size_t bytes) {
  Clear c = {p, bytes};
  rnli_parallel(ctx, (int)((bytes + CLEAR - 1) / CLEAR), clear_chunk, &c);
}


/* Cores this process may run on: taskset and containers allow fewer. */
static int allowed_cores (void) {
  long n = sysconf(_SC_NPROCESSORS_ONLN);
#ifdef CPU_COUNT
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0)
    n = CPU_COUNT(&allowed);
#endif
  return n < 1 ? 1 : n > MAX_THREADS ? MAX_THREADS : (int)n;
}


int rnl_set_threads (rnl_Context *ctx, int n) {
  if (n < 0 || n > MAX_THREADS)
    return rnli_error(ctx, RNL_EARG, "threads must be 0 to %d, got %d",
                      MAX_THREADS, n);
  rnli_pool_free(ctx);
  ctx->threads = n ? n : allowed_cores();
  return RNL_OK;
}


int rnl_threads (const rnl_Context *ctx) {
  return ctx->threads;
}
