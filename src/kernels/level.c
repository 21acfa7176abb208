/*
** level.c - what this machine can run.
*/
#include "kernels/level.h"

#ifdef RNLI_X86
#include <cpuid.h>
#endif

const char *const rnli_level_name[RNLI_NLEVEL] = {
  [RNLI_PORTABLE] = "portable",
  [RNLI_AVX2] = "avx2",
  [RNLI_AVX512] = "avx512",
  [RNLI_AVX512_BF16] = "avx512bf16",
};


#ifdef RNLI_X86

/* What the system saves of registers when it changes threads (XCR0). */
enum { AVX_SAVED = 0x06, AVX512_SAVED = 0xe6 };

static unsigned saved (void) {
  unsigned low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}


static int all (unsigned bits, unsigned wanted) {
  return (bits & wanted) == wanted;
}

#endif


/*
** By the processor's own words (Intel 64 manual, volume 2, CPUID): a library
** that is to be small cannot have the compiler's tables of all processors.
*/
rnli_Level rnli_level_best (void) {
#ifdef RNLI_X86
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !all(c, bit_OSXSAVE | bit_FMA) ||
      !all(saved(), AVX_SAVED) || !__get_cpuid_count(7, 0, &a, &b, &c, &d) ||
      !all(b, bit_AVX2))
    return RNLI_PORTABLE;
  if (!all(saved(), AVX512_SAVED) ||
      !all(b, bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL))
    return RNLI_AVX2;
#ifdef RNLI_X86_BF16
  if (all(c, bit_AVX512VNNI) && __get_cpuid_count(7, 1, &a, &b, &c, &d) &&
      all(a, bit_AVX512BF16))
    return RNLI_AVX512_BF16;
#endif
  return RNLI_AVX512;
#else
  return RNLI_PORTABLE;
#endif
}
