/*
** context.c - the context: memory with accounting, recycling and faults on
** demand; error text.
**
** A block is kept in one of RNLI_NCLASS lists by size class (four classes per
** power of two) when it is put back, and given out again for the next request
** of that class: a training loop whose shapes repeat asks the allocator for
** nothing from its second step on. A context that is for loading has 'exact'
** set: nothing repeats there, and no byte is to be taken that is not needed.
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"

/* Sits in the 64 bytes before the memory it describes. */
struct rnli_Block {
  rnli_Block *next;   /* in its list, while recycled */
  void *raw;          /* what the allocator returned */
  size_t raw_size;
  size_t size;        /* usable bytes: the size of its class */
  int class;          /* -1: of exact size */
};

enum { ALIGN = 64, HEADER = 64 };

_Static_assert(sizeof(rnli_Block) <= HEADER, "block header fits");

static const size_t MAX_BYTES = (size_t)1 << 47;

extern inline uint64_t rnli_mix (uint64_t d, uint64_t w);


const char *rnl_version (void) {
  return RNL_VERSION;
}


static void *default_alloc (void *ud, void *ptr, size_t osize, size_t nsize) {
  (void)ud;
  (void)osize;
  if (nsize == 0) {
    free(ptr);
    return NULL;
  }
  return malloc(nsize);
}


int rnl_context_new (rnl_Alloc alloc, void *ud, rnl_Context **out) {
  if (!alloc) alloc = default_alloc;
  *out = NULL;
  rnl_Context *ctx = alloc(ud, NULL, 0, sizeof *ctx);
  if (!ctx) return RNL_ENOMEM;
  memset(ctx, 0, sizeof *ctx);
  ctx->alloc = alloc;
  ctx->ud = ud;
  ctx->refs = 1;
  ctx->level = rnli_level_best();
  rnl_set_threads(ctx, 0);
  rnl_rng_seed(&ctx->rng, 1);
  *out = ctx;
  return RNL_OK;
}


rnl_Alloc rnl_allocator (const rnl_Context *ctx, void **ud) {
  *ud = ctx->ud;
  return ctx->alloc;
}


void rnl_context_retain (rnl_Context *ctx) {
  ctx->refs++;
}


void rnl_context_release (rnl_Context *ctx) {
  if (!ctx || --ctx->refs > 0) return;
  rnli_pool_free(ctx);
  while (ctx->slabs) {
    void *next = *(void **)ctx->slabs;
    rnli_put(ctx, ctx->slabs);
    ctx->slabs = next;
  }
  rnl_trim(ctx);
  ctx->alloc(ctx->ud, ctx, sizeof *ctx, 0);
}


const char *rnl_errmsg (const rnl_Context *ctx) {
  return ctx->err;
}


void rnl_on_error (rnl_Context *ctx, rnl_OnError fn, void *ud) {
  ctx->on_error = fn;
  ctx->on_error_ud = ud;
}


void rnl_set_base (rnl_Context *ctx, int base) {
  ctx->base = base;
}


int rnl_set_kernels (rnl_Context *ctx, const char *name) {
  int best = rnli_level_best(), level = name ? 0 : best;
  if (ctx->tape)
    return rnli_error(ctx, RNL_ESTATE, "kernels cannot change while a tape is "
                      "open");
  while (name && level < RNLI_NLEVEL &&
         strcmp(name, rnli_level_name[level]) != 0)
    level++;
  if (level == RNLI_NLEVEL)
    return rnli_error(ctx, RNL_EARG, "there are no kernels '%s'; there are "
                      "portable, avx2, avx512 and avx512bf16", name);
  if (level > best)
    return rnli_error(ctx, RNL_EARG, "this machine cannot run the kernels "
                      "'%s'; the best it can is %s", name,
                      rnli_level_name[best]);
  ctx->level = (rnli_Level)level;
  return RNL_OK;
}


const char *rnl_kernels (const rnl_Context *ctx) {
  return rnli_level_name[ctx->level];
}


rnl_Rng *rnl_rng (rnl_Context *ctx) {
  return &ctx->rng;
}


int rnli_error (rnl_Context *ctx, int status, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(ctx->err, sizeof ctx->err, fmt, ap);
  va_end(ap);
  if (ctx->on_error) ctx->on_error(ctx->on_error_ud, status, ctx->err);
  return status;
}


int rnli_nomem (rnl_Context *ctx, const char *what, size_t bytes) {
  static const char unit[][6] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  if (bytes >= MAX_BYTES)
    return rnli_error(ctx, RNL_ENOMEM,
                      "not enough memory: %s is larger than any memory", what);
  double size = (double)bytes;
  int u = 0;
  for (; size >= 1024 && u < 4; u++) size /= 1024;
  return rnli_error(ctx, RNL_ENOMEM, "not enough memory: %s needs %.*f %s",
                    what, u ? 1 : 0, size, unit[u]);
}


size_t rnli_mul (size_t a, size_t b) {
  return b && a > SIZE_MAX / b ? SIZE_MAX : a * b;
}


size_t rnli_add (size_t a, size_t b) {
  return a > SIZE_MAX - b ? SIZE_MAX : a + b;
}

/* {== Blocks ============================================================= */

/* The class of a request, and the size that class has. */
static int size_class (size_t bytes, size_t *size) {
  int k = 0;
  size_t low = ALIGN;
  while (low <= bytes / 2) {
    low *= 2;
    k += 4;
  }
  size_t step = low / 4;
  size_t over = bytes > low ? (bytes - low + step - 1) / step : 0;
  *size = low + over * step;
  return k + (int)over;
}


/* Counts a request; says whether a test wants it to fail. */
static int must_fail (rnl_Context *ctx) {
  if (ctx->fail_at == 0) return 0;
  if (ctx->fail_at > 1) {
    ctx->fail_at--;
    return 0;
  }
  if (!ctx->fail_forever) ctx->fail_at = 0;
  return 1;
}


static rnli_Block *block_of (void *p) {
  return (rnli_Block *)(void *)((char *)p - HEADER);
}


/* A new block from the allocator; tries again without the recycled ones. */
static rnli_Block *block_new (rnl_Context *ctx, int class, size_t size) {
  size_t raw_size = size + HEADER + ALIGN;
  void *raw = ctx->alloc(ctx->ud, NULL, 0, raw_size);
  if (!raw) {
    rnl_trim(ctx);
    raw = ctx->alloc(ctx->ud, NULL, 0, raw_size);
    if (!raw) return NULL;
  }
  ctx->mem.mallocs++;
  uintptr_t at = ((uintptr_t)raw + HEADER + ALIGN - 1) / ALIGN * ALIGN;
  rnli_Block *b = block_of((char *)raw + (at - (uintptr_t)raw));
  *b = (rnli_Block){NULL, raw, raw_size, size, class};
  return b;
}


void *rnli_get (rnl_Context *ctx, size_t bytes) {
  if (bytes > MAX_BYTES || must_fail(ctx)) return NULL;
  size_t size = bytes;
  int class = ctx->exact ? -1 : size_class(bytes, &size);
  rnli_Block *b = class < 0 ? NULL : ctx->recycled[class];
  if (b) {
    ctx->recycled[class] = b->next;
    ctx->mem.cached -= b->size;
  } else {
    b = block_new(ctx, class, size);
    if (!b) return NULL;
  }
  ctx->mem.live += size;
  if (ctx->mem.live > ctx->mem.peak) ctx->mem.peak = ctx->mem.live;
  void *p = (char *)b + HEADER;
#ifdef RNLI_POISON
  memset(p, 0xff, size);   /* NaN in every float type */
#endif
  return p;
}


static void give_back (rnl_Context *ctx, rnli_Block *b) {
  ctx->alloc(ctx->ud, b->raw, b->raw_size, 0);
}


void rnli_put (rnl_Context *ctx, void *p) {
  if (!p) return;
  rnli_Block *b = block_of(p);
#ifdef RNLI_POISON
  memset(p, 0xff, b->size);
#endif
  ctx->mem.live -= b->size;
  if (b->class < 0) {
    give_back(ctx, b);
    return;
  }
  ctx->mem.cached += b->size;
  b->next = ctx->recycled[b->class];
  ctx->recycled[b->class] = b;
}


void rnl_trim (rnl_Context *ctx) {
  for (int class = 0; class < RNLI_NCLASS; class++) {
    for (rnli_Block *b = ctx->recycled[class]; b;) {
      rnli_Block *next = b->next;
      ctx->mem.cached -= b->size;
      give_back(ctx, b);
      b = next;
    }
    ctx->recycled[class] = NULL;
  }
}


void rnl_memory (const rnl_Context *ctx, rnl_Memory *out) {
  *out = ctx->mem;
}


void rnl_memory_reset (rnl_Context *ctx) {
  ctx->mem.peak = ctx->mem.live;
}


void rnl_fail_alloc (rnl_Context *ctx, uint64_t k, int forever) {
  ctx->fail_at = k;
  ctx->fail_forever = forever;
}

/* }====================================================================== */
