/*
** select.c - the kernels of a level. Built once per type.
*/
#include "kernels/kernels.h"

#ifdef RNLI_F64
#define TYPE f64
#else
#define TYPE f32
#endif

#define NAME_(level, factor) rnli_table_##level##_##factor
#define NAME(level, factor) NAME_(level, factor)

extern const rnli_Kernels NAME(portable, TYPE);
#ifdef RNLI_X86
extern const rnli_Kernels NAME(avx2, TYPE), NAME(avx512, TYPE);
#endif
#ifndef RNLI_F64
extern const rnli_Kernels NAME(portable, bf16);
#ifdef RNLI_X86
extern const rnli_Kernels NAME(avx2, bf16), NAME(avx512, bf16),
                          NAME(avx512bf16, bf16);
#endif
#endif


#ifndef RNLI_F64
static const rnli_Kernels *bf16_kernels (rnli_Level level) {
#ifdef RNLI_X86
  if (level == RNLI_AVX512_BF16) return &NAME(avx512bf16, bf16);
  if (level == RNLI_AVX512) return &NAME(avx512, bf16);
  if (level == RNLI_AVX2) return &NAME(avx2, bf16);
#else
  (void)level;
#endif
  return &NAME(portable, bf16);
}
#endif


const rnli_Kernels *rnli_kernels (rnli_Level level, int bf16) {
#ifndef RNLI_F64
  if (bf16) return bf16_kernels(level);
#else
  (void)bf16;
#endif
#ifdef RNLI_X86
  if (level >= RNLI_AVX512) return &NAME(avx512, TYPE);
  if (level == RNLI_AVX2) return &NAME(avx2, TYPE);
#else
  (void)level;
#endif
  return &NAME(portable, TYPE);
}
