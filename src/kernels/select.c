/*
** select.c - the kernels of a level, and packing that all levels share. Built
** once per type.
*/
#include "kernels/unit.h"

#ifdef RNLI_F64
#define TYPE f64
#else
#define TYPE f32
#endif

#define NAME_(level, factor) rnli_table_##level##_##factor
#define NAME(level, factor) NAME_(level, factor)

#ifdef RNLI_X86
#define DECLARE(factor) \
  extern const rnli_Kernels NAME(portable, factor), NAME(avx2, factor), \
                            NAME(avx512, factor)
#define LEVELS(factor) \
  {&NAME(portable, factor), &NAME(avx2, factor), &NAME(avx512, factor), \
   &NAME(avx512, factor)}
#else
#define DECLARE(factor) extern const rnli_Kernels NAME(portable, factor)
#define LEVELS(factor) {&NAME(portable, factor)}
#endif

DECLARE(TYPE);
#ifndef RNLI_F64
DECLARE(bf16);
DECLARE(i8);
#ifdef RNLI_X86
extern const rnli_Kernels NAME(avx512bf16, bf16), NAME(avx512bf16, i8);
#endif
#endif


const rnli_Kernels *rnli_kernels (rnli_Level level, rnli_Factor factor) {
  static const rnli_Kernels *const table[RNLI_NFACTOR][RNLI_NLEVEL] = {
    [RNLI_REAL] = LEVELS(TYPE),
#ifndef RNLI_F64
    [RNLI_BFLOAT] = LEVELS(bf16),
    [RNLI_INT8] = LEVELS(i8),
#endif
  };
#if defined(RNLI_X86) && !defined(RNLI_F64)
  if (level == RNLI_AVX512_BF16 && factor == RNLI_BFLOAT)
    return &NAME(avx512bf16, bf16);
  if (level == RNLI_AVX512_BF16 && factor == RNLI_INT8)
    return &NAME(avx512bf16, i8);
#endif
  return table[factor][level];
}


void rnli_pack_gates (const rnli_Kernels *k, const rnli_Unit *u,
                      const rnli_Product *product, int H, const real *w, int n,
                      int p, void *to) {
  const real *col[RNLI_VECS * RNLI_MAX_LANES];
  int cols = product->vecs * k->lanes;
  for (int j = 0; j < cols; j++) {
    int row = rnli_unit_row(u, product->gate, H, k->lanes, p, j);
    col[j] = row < 0 ? NULL : w + (size_t)row * (size_t)n;
  }
  k->pack_cols(col, (size_t)n, (size_t)cols, to);
}
