/*
** kernels.c - the kernels of every level, in one translation unit, and packing
** that all levels share. Built once per type; with RNLI_INFER without what only
** training needs.
**
** No option of the compiler is needed, and none changes a bit, as long as
** arithmetic is that of IEEE 754: a level's instructions are asked for below,
** vectors are explicit, and so is every fused product and sum.
*/
#include "kernels/exact.h"
#include "kernels/unit.h"

#ifdef RNLI_X86
#include <immintrin.h>
#endif

#include "kernels/names.h"

/* Functions between the two may use these instructions. */
#define RNLI_PRAGMA(x) _Pragma(#x)
#if defined(__clang__)
#define RNLI_TARGET(list) \
  RNLI_PRAGMA(clang attribute push (__attribute__((target(list))), \
                                    apply_to = function))
#define RNLI_TARGET_END RNLI_PRAGMA(clang attribute pop)
#else
#define RNLI_TARGET(list) \
  RNLI_PRAGMA(GCC push_options) RNLI_PRAGMA(GCC target(list))
#define RNLI_TARGET_END RNLI_PRAGMA(GCC pop_options)
#endif

/*
** A loop over rows or vectors of a tile, whose sums are to be in registers:
** clang unrolls it by itself, and being told keeps it from doing so in time.
*/
#if defined(__clang__)
#define RNLI_UNROLL
#else
#define RNLI_UNROLL RNLI_PRAGMA(GCC unroll 8)
#endif

/*
** Keeps a vector in its register: a compiler that is to make small code reads
** it from memory once more for each product.
*/
#if defined(RNLI_X86) && defined(RNLI_INFER)
#define RNLI_HOLD(v) __asm__("" : "+v"(v))
#else
#define RNLI_HOLD(v) (void)(v)
#endif

/* The intrinsics of a vector length for this type. */
#ifdef RNLI_F64
#define RNLI_MM(bits, name) _mm##bits##_##name##_pd
#else
#define RNLI_MM(bits, name) _mm##bits##_##name##_ps
#endif

/*
** Rows of a tile: as many as have their sums in registers; or, where a library
** is to be small, as many as make a few streams nearly as fast.
*/
#ifdef RNLI_INFER
#define RNLI_FEWER(rows, few) few
#define RNLI_CHUNKS(t) 1      /* only gradients of weights have more */
#define RNLI_PACKING static __attribute__((cold))   /* done once */
#define RNLI_SHARED static __attribute__((noinline))
#else
#define RNLI_FEWER(rows, few) rows
#define RNLI_CHUNKS(t) (t)->chunks
#define RNLI_PACKING static
#define RNLI_SHARED RNLI_INLINE
#endif

/* Where a sum of products begins unless it is told. */
static const real rnli_zeros[RNLI_VECS * RNLI_MAX_LANES];

/* Levels have bf16 and int8; a library that is to be small, AVX-512 only where
   there are instructions for their products. */
#ifndef RNLI_F64
#define RNLI_NARROW
#ifdef RNLI_X86_BF16
#define RNLI_DOTS
#endif
#endif

/* {== Levels ============================================================= */

#define RNLI_LEVEL portable
#define RNLI_BYTES 16
#ifdef RNLI_X86
#define RNLI_ROWS RNLI_FEWER(3, 1)   /* what few machines are left with */
#else
#define RNLI_ROWS RNLI_FEWER(3, 2)
#endif
#if defined(RNLI_X86)
#define RNLI_OP(name) RNLI_MM(, name)
#elif defined(__FP_FAST_FMAF)
#define RNLI_FUSED RNLI_M(__builtin_fma)
#endif
#define RNLI_COLUMNS          /* columns are packed alike at all levels */
#include "kernels/pass.h"
#ifndef RNLI_F64
#include "kernels/exps.h"
#endif
#undef RNLI_COLUMNS
#undef RNLI_OP
#undef RNLI_ROWS
#undef RNLI_BYTES
#undef RNLI_LEVEL

#ifdef RNLI_X86

RNLI_TARGET("avx2,fma")
#define RNLI_LEVEL avx2
#define RNLI_BYTES 32
#define RNLI_ROWS RNLI_FEWER(3, 2)   /* 12 sums in 16 registers */
#define RNLI_OP(name) RNLI_MM(256, name)
#include "kernels/pass.h"
#undef RNLI_OP
#undef RNLI_ROWS
#undef RNLI_BYTES
#undef RNLI_LEVEL
RNLI_TARGET_END

#define RNLI_LEVEL avx512
#define RNLI_BYTES 64
#define RNLI_ROWS RNLI_FEWER(7, 4)   /* 28 in 32 */
#define RNLI_OP(name) RNLI_MM(512, name)
#ifdef RNLI_INFER
#undef RNLI_NARROW
#endif
RNLI_TARGET("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")
#include "kernels/pass.h"
RNLI_TARGET_END

#ifdef RNLI_DOTS
RNLI_TARGET("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx512vnni")
#define RNLI_DOT
#ifdef RNLI_INFER
#define RNLI_PACK             /* nobody else has packed at this level */
#endif
#define RNLI_FACTOR bf16
#define RNLI_TILE dot_bf16
#define RNLI_BF16
#include "kernels/product.h"
#undef RNLI_BF16
#undef RNLI_TILE
#undef RNLI_FACTOR
#define RNLI_FACTOR int8
#define RNLI_TILE dot_int8
#include "kernels/int8.h"
#undef RNLI_TILE
#undef RNLI_FACTOR
#undef RNLI_PACK
#undef RNLI_DOT
RNLI_TARGET_END
#endif

#endif

/* }====================================================================== */

#define TABLE(level, factor) &rnli_table_##level##_##factor

#ifdef RNLI_X86
#define LEVELS(factor, wide) \
  {TABLE(portable, factor), TABLE(avx2, factor), TABLE(wide, factor), \
   TABLE(wide, factor)}
#else
#define LEVELS(factor, wide) {TABLE(portable, factor)}
#endif

#ifdef RNLI_NARROW
#define RNLI_WIDEST avx512
#else
#define RNLI_WIDEST avx2
#endif


const rnli_Kernels *rnli_kernels (rnli_Level level, rnli_Factor factor) {
  static const rnli_Kernels *const table[RNLI_NFACTOR][RNLI_NLEVEL] = {
    [RNLI_REAL] = LEVELS(real, avx512),
#ifndef RNLI_F64
    [RNLI_BFLOAT] = LEVELS(bf16, RNLI_WIDEST),
    [RNLI_INT8] = LEVELS(int8, RNLI_WIDEST),
#endif
  };
#ifdef RNLI_DOTS
  if (level == RNLI_AVX512_BF16 && factor == RNLI_BFLOAT)
    return TABLE(avx512, dot_bf16);
  if (level == RNLI_AVX512_BF16 && factor == RNLI_INT8)
    return TABLE(avx512, dot_int8);
#endif
  return table[factor][level];
}


#ifndef RNLI_INFER

void rnli_pack_gates (const rnli_Kernels *k, const rnli_Unit *u,
                      const rnli_Product *product, int H, const real *w, int n,
                      int p, void *to) {
  const real *col[RNLI_VECS * RNLI_MAX_LANES];
  int cols = product->vecs * k->lanes;
  for (int j = 0; j < cols; j++) {
    int row = rnli_unit_row(u, product->gate, H, k->lanes, p, j);
    col[j] = row < 0 ? NULL : w + (size_t)row * (size_t)n;
  }
  k->pack_cols(col, (size_t)cols, (size_t)n, (size_t)cols, to);
}

#endif
