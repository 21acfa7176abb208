/*
** level.c - what this machine can run.
*/
#include "kernels/level.h"

const char *const rnli_level_name[RNLI_NLEVEL] = {
  [RNLI_PORTABLE] = "portable",
  [RNLI_AVX2] = "avx2",
  [RNLI_AVX512] = "avx512",
  [RNLI_AVX512_BF16] = "avx512bf16",
};


rnli_Level rnli_level_best (void) {
#ifdef RNLI_X86
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
    return RNLI_PORTABLE;
  if (!__builtin_cpu_supports("avx512f") ||
      !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512dq") ||
      !__builtin_cpu_supports("avx512vl"))
    return RNLI_AVX2;
#ifdef RNLI_X86_BF16
  if (__builtin_cpu_supports("avx512bf16") &&
      __builtin_cpu_supports("avx512vnni"))
    return RNLI_AVX512_BF16;
#endif
  return RNLI_AVX512;
#else
  return RNLI_PORTABLE;
#endif
}
